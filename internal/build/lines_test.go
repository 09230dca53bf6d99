package build

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/event"
)

type collect []string

func (c *collect) Emit(e event.Event) { *c = append(*c, e.(event.Output).Line) }

// split runs text through a lines in pieces of the given size.
func split(text string, size int, secrets ...string) []string {
	var out collect
	l := newLines(event.Build, &out, secrets)
	for len(text) > 0 {
		n := min(size, len(text))
		_, _ = l.Write([]byte(text[:n]))
		text = text[n:]
	}
	_ = l.Close()
	return []string(out)
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"lines", "a\nb\n", []string{"a", "b"}},
		{"no newline at the end", "a\nb", []string{"a", "b"}},
		{"empty lines", "\n\na\n\n", []string{"", "", "a", ""}},
		{"Windows", "a\r\nb\r\n", []string{"a", "b"}},
		{"progress", "10%\r50%\r100%\nnext\n", []string{"100%", "next"}},
		{"progress that is wiped at the end", "10%\rdone\r", []string{"done"}},
		{"progress, then Windows", "10%\rdone\r\nx", []string{"done", "x"}},
		{"returns in a row", "a\r\r\nb", []string{"a", "b"}},
		{"invalid UTF-8", "a\xffb\xc3\n", []string{"a\uFFFDb\uFFFD"}},
		{"tabs and colours", "\tx \x1b[31mred\x1b[0m\n", []string{"\tx \x1b[31mred\x1b[0m"}},
		{"exactly the bound", long + "\n", []string{long}},
		{"over the bound", long + "yz\n", []string{long, "yz"}},
		{"twice the bound", long + long + "\nb", []string{long, long, "b"}},
		{"a rune across the bound", long[1:] + "é\n", []string{long[1:], "é"}},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 3, 1 << 20} {
			if diff := cmp.Diff(tt.want, split(tt.text, size)); diff != "" {
				t.Errorf("%s, in pieces of %d: %s", tt.name, size, diff)
			}
		}
	}
}

func TestLinesHideSecrets(t *testing.T) {
	got := split("token=hunter22!\nabc\n", 4, "hunter22!", "abc", "  ")
	if diff := cmp.Diff([]string{"token=***", "abc"}, got); diff != "" {
		t.Error(diff)
	}
}

// However the output is cut into writes, the lines are the same, valid and
// bounded; without carriage returns nothing is lost.
func TestLinesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-zé\n]{0,40}|\r|\r\n)*`).Draw(t, "text")
		whole := split(text, len(text)+1)
		if diff := cmp.Diff(whole, split(text, rapid.IntRange(1, 7).Draw(t, "size"))); diff != "" {
			t.Fatal(diff)
		}
		for _, l := range whole {
			if !utf8.ValidString(l) || len(l) > maxLine || strings.ContainsAny(l, "\r\n") {
				t.Fatalf("line %q", l)
			}
		}
		if !strings.Contains(text, "\r") {
			if got := strings.Join(whole, "\n"); got != strings.TrimSuffix(text, "\n") {
				t.Fatalf("got %q of %q", got, text)
			}
		}
	})
}
