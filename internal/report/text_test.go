package report

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"index.html":       "index.html",
		"a b/é/日本.html":    "a b/é/日本.html",
		"a\nb":             `a\nb`,
		"\x1b[2J":          `\x1b[2J`,
		"a\xffb":           `a\xffb`,
		"gpj.\u202eexe":    `gpj.\u202eexe`,
		"a\u200bb":         `a\u200bb`,
		"\uFFFD":           "\uFFFD",
		"\uFFFD\n":         "\uFFFD" + `\n`,
		"tab\there":        `tab\there`,
		"\u00a0":           `\u00a0`,
		"emoji-\U0001F43C": "emoji-\U0001F43C",
	} {
		if got := name(in); got != want {
			t.Errorf("name(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct{ in, plain, color string }{
		{"plain", "plain", "plain"},
		{"a\tb", "a\tb", "a\tb"},
		{"\x1b[1;32mok\x1b[0m", "ok", "\x1b[1;32mok\x1b[0m\x1b[0m"},
		{"\x1b[2J\x1b[Hgone", "gone", "gone"},
		{"10%\r50%\r100%", "100%", "100%"},
		{"dos\r\n", "dos", "dos"},
		{"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", "link"},
		{"\x1b]0;title\atext", "text", "text"},
		{"\x1b(Btext", "text", "text"},
		{"cut\x1b[", "cut", "cut"},
		{"cut\x1b", "cut", "cut"},
		{"cut\x1b]0;open", "cut", "cut"},
		{"bell\a\b\x00", "bell", "bell"},
		{"c1\u009b31m", "c131m", "c131m"},
		{"bad\xff", "bad\uFFFD", "bad\uFFFD"},
		{"rtl\u202eexe", "rtlexe", "rtlexe"},
		{"\x1b[?25lhide", "hide", "hide"},
	} {
		if got := line(c.in, false); got != c.plain {
			t.Errorf("line(%q) = %q, want %q", c.in, got, c.plain)
		}
		if got := line(c.in, true); got != c.color {
			t.Errorf("line(%q) with colours = %q, want %q", c.in, got, c.color)
		}
	}
}

// hostile draws text made of the pieces that terminals and runners act on.
var hostile = rapid.Custom(func(t *rapid.T) string {
	return strings.Join(rapid.SliceOf(rapid.OneOf(
		rapid.SampledFrom([]string{"\x1b", "\x1b[", "\x1b]", "\x1b[31m", "\r", "\n", "::", "##[", "\a", "\x9b", "\xff", "\u202e", "世", "é", "e\u0301", "\u200d", "m", "0;"}),
		rapid.String(),
	)).Draw(t, "pieces"), "")
})

func TestNothingHostilePasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := hostile.Draw(t, "s")
		for _, got := range []string{name(s), strings.ReplaceAll(line(s, false), "\t", "")} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return isControl(r) }) {
				t.Fatalf("%q became %q", s, got)
			}
		}
		colored := line(s, true)
		for rest := colored; rest != ""; {
			i := strings.IndexByte(rest, '\x1b')
			if i < 0 {
				break
			}
			n := sequence(rest[i:])
			if !isSGR(rest[i : i+n]) {
				t.Fatalf("%q became %q with %q", s, colored, rest[i:i+n])
			}
			rest = rest[i+n:]
		}
	})
}

func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := name(hostile.Draw(t, "s"))
		n := rapid.IntRange(1, 40).Draw(t, "columns")
		for _, got := range []string{fit(s, n), fitLeft(s, n)} {
			if w := cells.StringWidth(got); w > n {
				t.Fatalf("%q has %d columns, not %d", got, w, n)
			}
		}
		if cells.StringWidth(s) <= n && (fit(s, n) != s || fitLeft(s, n) != s) {
			t.Fatalf("%q was cut to %d columns, but fits", s, n)
		}
	})
	if got := fitLeft("docs/a/b/index.html", 12); got != "…/index.html" {
		t.Errorf("fitLeft = %q", got)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		size(0): "0 B", size(999): "999 B", size(4_211): "4.2 kB", size(-5): "0 B",
		delta(0): "", delta(120): "+120 B", delta(-2_000_000): "-2.0 MB",
		elapsed(0) + ".": "0.0s.", elapsed(3210 * time.Millisecond): "3.2s", elapsed(125 * time.Second): "2m5s",
		count(1, "URL"): "1 URL", count(0, "URL"): "0 URLs", count(2, "file"): "2 files",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if strings.ContainsFunc(size(1234), unicode.IsControl) {
		t.Error("a size has control characters")
	}
}
