package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// md renders foreign text as Markdown that shows it and does nothing else: no
// link, image, mention, HTML, or end of a table's cell. Lines stay lines.
func md(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = entities(name(strings.TrimRight(l, "\r")))
	}
	return strings.Join(lines, "<br>")
}

// entities writes as entities what Markdown, HTML or GitHub could read more
// into. An entity never is a mark of the syntax.
// https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references
func entities(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r)) && !strings.ContainsRune(",;/%='\"?-", r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code renders a name in the font of code. What could end a code span, or the
// cell of a table around it, is written as entities in an element instead.
func code(s string) string {
	s = name(s)
	if s == "" {
		return ""
	}
	if strings.ContainsAny(s, "`|\\") || s != strings.TrimSpace(s) {
		return "<code>" + entities(s) + "</code>"
	}
	return "`" + s + "`"
}

// link renders a link. The text is Markdown; the URL is one that net/url has
// written, which has no angle brackets and no spaces.
func link(text, url string) string {
	if url == "" || strings.ContainsAny(url, "<> \n\r\\|") {
		return text
	}
	return "[" + text + "](<" + url + ">)"
}

// fence renders a block of code, which its text cannot end.
func fence(language, text string) string {
	ticks := "```"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	return ticks + language + "\n" + strings.TrimRight(text, "\n") + "\n" + ticks + "\n"
}

// folded renders a section that is opened by a click. The title is Markdown
// without code spans, which HTML would not render.
func folded(title, body string) string {
	return "<details><summary>" + title + "</summary>\n\n" + strings.TrimRight(body, "\n") + "\n\n</details>\n\n"
}

// clipped shortens a text to at most n runes.
func clipped(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// usd renders a small amount of money with two significant digits.
func usd(x float64) string {
	if x <= 0 {
		return "$0"
	}
	decimals := max(2, 1-int(math.Floor(math.Log10(x))))
	return "$" + strconv.FormatFloat(x, 'f', decimals, 64)
}
