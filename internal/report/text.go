package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-runewidth"
)

// cells measures text in terminal columns. It does not follow the locale:
// output is the same on every machine.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// SGR sequences.
const (
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

// paint wraps s in a colour where the console has colours.
func (c Console) paint(sgr, s string) string {
	if !c.Color || s == "" {
		return s
	}
	return sgr + s + reset
}

// size renders bytes, in powers of 1000 like disks and networks.
func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// delta renders a change of size with its sign, or "".
func delta(n int64) string {
	switch {
	case n > 0:
		return "+" + size(n)
	case n < 0:
		return "-" + size(-n)
	}
	return ""
}

func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// count renders a number with its noun, for example "1 file" and "2 files".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// name makes a path or another single word of the user's printable: what does
// not print, or would reorder the line, is escaped as in Go.
func name(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(r):
			q := fmt.Sprintf("%+q", r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }

// line makes one line of foreign text fit to print: without control sequences,
// except colours where they are wanted. Where a program has rewritten the line
// by carriage returns, the last version counts.
func line(s string, colors bool) string {
	s = strings.TrimRight(s, "\r\n")
	s = s[strings.LastIndexByte(s, '\r')+1:]
	if !strings.ContainsFunc(s, isControl) {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	var b strings.Builder
	colored := false
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\x1b':
			n = sequence(s)
			if colors && isSGR(s[:n]) {
				b.WriteString(s[:n])
				colored = true
			}
		case r == '\t' || !isControl(r):
			b.WriteRune(r)
		}
		s = s[n:]
	}
	if colored {
		b.WriteString(reset)
	}
	return b.String()
}

// isControl reports whether a rune may not reach a terminal: control
// characters, and those that reorder text.
func isControl(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// sequence returns the length of the control sequence at the start of s
// (ECMA-48: CSI, the strings that ST or BEL ends, and the short ones).
func sequence(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x7e {
				return i
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(s); i++ {
			if s[i] == '\a' {
				return i + 1
			}
			if s[i] == '\x1b' {
				return min(i+2, len(s))
			}
		}
		return len(s)
	}
	i := 1
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f {
		i++
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return i + n
}

// isSGR reports whether a control sequence sets colours and nothing else.
func isSGR(s string) bool {
	return strings.HasPrefix(s, "\x1b[") && strings.HasSuffix(s, "m") &&
		strings.Trim(s[2:len(s)-1], "0123456789;:") == ""
}

// fit cuts a text at its end to so many columns; 0 is no limit.
func fit(s string, columns int) string {
	if columns <= 0 {
		return s
	}
	return cells.Truncate(s, columns, "…")
}

// fitLeft cuts at the start, so that a path keeps its file name.
func fitLeft(s string, columns int) string {
	over := cells.StringWidth(s) - columns
	if columns <= 0 || over <= 0 {
		return s
	}
	return cells.TruncateLeft(s, over+1, "…")
}
