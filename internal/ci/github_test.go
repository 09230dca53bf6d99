package ci

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/event"
)

// runner is a runner of GitHub Actions: its log and its files.
type runner struct {
	*Actions
	log  bytes.Buffer
	vars vars
}

func newRunner(t *testing.T) *runner {
	dir := t.TempDir()
	r := &runner{vars: vars{
		"GITHUB_OUTPUT":       filepath.Join(dir, "output"),
		"GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
	}}
	r.Actions = NewActions(&r.log, r.vars.get)
	return r
}

func (r *runner) file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(r.vars[name])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fatal is what both kinds of tests can do.
type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

// outputs reads GITHUB_OUTPUT as the runner does: NAME=VALUE, or NAME<<WORD and
// all lines until WORD.
func outputs(t fatal, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		eq, here := strings.Index(lines[i], "="), strings.Index(lines[i], "<<")
		switch {
		case lines[i] == "":
		case eq >= 0 && (here < 0 || eq < here):
			out[lines[i][:eq]] = lines[i][eq+1:]
		case here >= 0:
			name, word := lines[i][:here], lines[i][here+2:]
			begin := i + 1
			for i++; i < len(lines) && lines[i] != word; i++ {
			}
			if i == len(lines) {
				t.Fatalf("no end %q in %q", word, text)
			}
			out[name] = strings.Join(lines[begin:i], "\n")
		default:
			t.Fatalf("line %q", lines[i])
		}
	}
	return out
}

func TestInput(t *testing.T) {
	r := newRunner(t)
	r.vars["INPUT_AWS-ACCESS-KEY-ID"] = " AKIA \n"
	r.vars["INPUT_EMPTY"] = ""
	for name, want := range map[string]string{"aws-access-key-id": "AKIA", "empty": "", "unset": ""} {
		if got := r.Input(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestSetOutput(t *testing.T) {
	r := newRunner(t)
	inject := "x\n_GitHubActionsFileCommandDelimeter_\nevil=1\nevil<<E\n1\nE"
	set := [][2]string{{"url", "https://example.com/?a=b<<c"}, {"empty", ""}, {"release-id", inject}, {"crlf", "a\r\nb\rc\x00"}, {"lines", "a\n\nb\n"}}
	for _, kv := range set {
		if err := r.SetOutput(kv[0], kv[1]); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"url": "https://example.com/?a=b<<c", "empty": "", "release-id": inject, "crlf": "a\nb c ", "lines": "a\n\nb\n"}
	if diff := cmp.Diff(want, outputs(t, r.file(t, "GITHUB_OUTPUT"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, name := range []string{"", "a b", "a=b", "a<<b", "a\nb", "1a"} {
		if err := r.SetOutput(name, "x"); !errors.Is(err, ErrOutputName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if r.log.Len() > 0 {
		t.Errorf("log: %q", r.log.String())
	}
}

func TestSetOutputProperty(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "output")
		_ = os.Remove(path)
		a := NewActions(&bytes.Buffer{}, vars{"GITHUB_OUTPUT": path}.get)
		want := rapid.MapOf(rapid.StringMatching(`[a-z_][a-z0-9-]{0,5}`), rapid.StringMatching(`([a-z=<]{0,3}\n?)*`)).Draw(t, "outputs")
		for k, v := range want {
			if err := a.SetOutput(k, v); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(path)
		if err != nil && len(want) > 0 {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, outputs(t, string(b))); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Outside the runner there are no files to write to; a file that cannot be
// written is an error, not a panic.
func TestWithoutFiles(t *testing.T) {
	var log bytes.Buffer
	a := NewActions(&log, vars{}.get)
	if err := errors.Join(a.SetOutput("a", "b"), a.Summary(func(int) string { return "# x" })); err != nil || log.Len() > 0 {
		t.Errorf("%v, log %q", err, log.String())
	}
	none := filepath.Join(t.TempDir(), "none", "file")
	a = NewActions(&log, vars{"GITHUB_OUTPUT": none, "GITHUB_STEP_SUMMARY": none}.get)
	for what, err := range map[string]error{"output": a.SetOutput("a", "b"), "summary": a.Summary(func(int) string { return "# x" })} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestBrokenLog(t *testing.T) {
	a := NewActions(brokenWriter{}, vars{}.get)
	for what, err := range map[string]error{
		"AddMask": a.AddMask("x"), "Group": a.Group("x"), "EndGroup": a.EndGroup(), "StopCommands": a.StopCommands(),
		"Print": a.Print("x"), "Annotate": a.Annotate(event.Message{Text: "x"}),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestMasks(t *testing.T) {
	r := newRunner(t)
	if err := r.AddMask(" s3cret\n", "", " ", "two\nlines%"); err != nil {
		t.Fatal(err)
	}
	want := "::add-mask::s3cret\n::add-mask::733363726574\n::add-mask::czNjcmV0\n::add-mask::two%0Alines%25\n::add-mask::lines%25\n::add-mask::two\\nlines%25\n"
	if !strings.HasPrefix(r.log.String(), want) {
		t.Errorf("got %q, want %q at first", r.log.String(), want)
	}
}

func TestStopCommands(t *testing.T) {
	r := newRunner(t)
	steps := []func() error{
		r.ResumeCommands, // nothing to resume
		r.StopCommands, r.StopCommands,
		func() error { return r.Print("::error::forged") },
		func() error { return r.AddMask("late") },
		func() error { return r.Annotate(event.Message{Severity: event.Warning, Text: "during"}) },
		r.ResumeCommands, r.ResumeCommands,
		func() error { return r.Annotate(event.Message{Severity: event.Warning, Text: "after"}) },
		r.StopCommands, r.ResumeCommands,
	}
	for _, f := range steps {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	m := regexp.MustCompile(`^::stop-commands::(pandastack-\w{26})
:\x{200b}:error::forged
warning: during
::(pandastack-\w{26})::
::add-mask::late
(?:::add-mask::\S+
)+::warning::after
::stop-commands::(pandastack-\w{26})
::(pandastack-\w{26})::
$`).FindStringSubmatch(r.log.String())
	if m == nil {
		t.Fatalf("log:\n%s", r.log.String())
	}
	if m[1] != m[2] || m[3] != m[4] || m[1] == m[3] {
		t.Errorf("tokens: %q", m[1:])
	}
}

func TestGroups(t *testing.T) {
	r := newRunner(t)
	if err := errors.Join(r.Group("Build\n::error::x"), r.Print("a\nb\n"), r.Print(""), r.EndGroup()); err != nil {
		t.Fatal(err)
	}
	if want := "::group::Build%0A::error::x\na\nb\n\n::endgroup::\n"; r.log.String() != want {
		t.Errorf("got %q, want %q", r.log.String(), want)
	}
}

func TestSummary(t *testing.T) {
	r := newRunner(t)
	says := func(text string) func(int) string { return func(int) string { return text } }
	if err := errors.Join(r.Summary(says("# One")), r.Summary(says("")), r.Summary(says("two"))); err != nil {
		t.Fatal(err)
	}
	if got := r.file(t, "GITHUB_STEP_SUMMARY"); got != "# One\n\n\ntwo\n" {
		t.Errorf("got %q", got)
	}
	fill := func(room int) string { return strings.Repeat("x", room) }
	if err := r.Summary(fill); err != nil {
		t.Fatal(err)
	}
	if n := len(r.file(t, "GITHUB_STEP_SUMMARY")); n != summaryLimit {
		t.Errorf("%d bytes, limit %d", n, summaryLimit)
	}
	for _, more := range []func(int) string{fill, says("x")} {
		if err := r.Summary(more); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.file(t, "GITHUB_STEP_SUMMARY")); n != summaryLimit {
		t.Errorf("%d bytes, limit %d", n, summaryLimit)
	}
}
