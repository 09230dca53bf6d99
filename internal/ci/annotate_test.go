package ci

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/event"
)

func TestAnnotate(t *testing.T) {
	tests := []struct {
		m    event.Message
		want string
	}{
		{event.Message{Severity: event.Error, Text: "broken"}, "::error::broken\n"},
		{event.Message{Severity: event.Warning, Text: "two\nlines, 100%", Hint: "Do: it."}, "::warning::two%0Alines, 100%25%0ADo: it.\n"},
		{event.Message{Severity: event.Notice, Text: "x"}, "::notice::x\n"},
		{event.Message{Severity: event.Debug, Text: "x"}, "::debug::x\n"},
		{event.Message{Severity: event.Error, Text: "x", File: "a,b:c.json", Line: 3, Column: 7}, "::error col=7,file=a%2Cb%3Ac.json,line=3::x\n"},
		{event.Message{Severity: event.Error, Text: "x", File: "a.json", Column: 7}, "::error file=a.json::x\n"},
	}
	for _, tt := range tests {
		r := newRunner(t)
		if err := r.Annotate(tt.m); err != nil {
			t.Fatal(err)
		}
		if got := r.log.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestAnnotateIsCapped(t *testing.T) {
	r := newRunner(t)
	for i := range 12 {
		m := event.Message{Severity: event.Warning, Text: fmt.Sprint("w", i), File: "f", Line: 1, Column: 2}
		if err := r.Annotate(m); err != nil {
			t.Fatal(err)
		}
	}
	for range 12 {
		if err := r.Annotate(event.Message{Severity: event.Debug, Text: "d"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Annotate(event.Message{Severity: event.Error, Text: "e"}); err != nil {
		t.Fatal(err)
	}
	log := r.log.String()
	if n := strings.Count(log, "::warning "); n != 10 {
		t.Errorf("%d warnings", n)
	}
	if !strings.Contains(log, "\nwarning: f:1:2: w10\nwarning: f:1:2: w11\n::debug::d\n") {
		t.Errorf("the rest is not in the log:\n%s", log)
	}
	if strings.Count(log, "::debug::") != 12 || !strings.HasSuffix(log, "::error::e\n") {
		t.Errorf("other types are capped, too:\n%s", log)
	}
}

func TestAnnotateIsClipped(t *testing.T) {
	r := newRunner(t)
	if err := r.Annotate(event.Message{Severity: event.Error, Text: "x" + strings.Repeat("é", 3000)}); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimPrefix(strings.TrimSuffix(r.log.String(), "\n"), "::error::")
	if utf8.RuneCountInString(text) > 4096 || !utf8.ValidString(text) || !strings.HasSuffix(text, "é…") {
		t.Errorf("%d bytes, end %q", len(text), text[len(text)-10:])
	}
}

// isCommand is how the runner finds a command in a line of its log: "::name" at
// the begin after white space, or "##[name" anywhere. Lines end with a line
// feed, a carriage return or both.
var isCommand = regexp.MustCompile(`(?:^|[\r\n])[\s\x{85}\p{Z}]*::|##\[`)

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"plain":                 "plain",
		"a::b":                  "a::b",
		"::error::x":            ":\u200b:error::x",
		"  \t::set-output::x":   "  \t:\u200b:set-output::x",
		"a\n::error::x\nb":      "a\n:\u200b:error::x\nb",
		"a\r::error::x":         "a\r:\u200b:error::x",
		"a\r\n::error::x\r\n":   "a\r\n:\u200b:error::x\r\n",
		"\u00a0\u2003::error::": "\u00a0\u2003:\u200b:error::",
		"x ##[error]y ##[z]":    "x ##\u200b[error]y ##\u200b[z]",
		"std::vector\n::":       "std::vector\n:\u200b:",
	} {
		if got := Escape(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestEscapeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([ :#\[\]\r\n\t\x{a0}\x{2028}\x{feff}a-c]|::|##\[)*`).Draw(t, "text")
		got := Escape(text)
		if isCommand.MatchString(got) {
			t.Fatalf("%q has a command", got)
		}
		if strings.ReplaceAll(got, "\u200b", "") != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
