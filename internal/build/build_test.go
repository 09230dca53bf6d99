//go:build unix

package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
)

// recorder keeps events.
type recorder struct {
	mu   sync.Mutex
	all  []event.Event
	line chan string // receives each output line, where it is not nil
	dir  string      // where the command runs, for tests that talk to it
}

func (r *recorder) Emit(e event.Event) {
	r.mu.Lock()
	r.all = append(r.all, e)
	r.mu.Unlock()
	if o, ok := e.(event.Output); ok && r.line != nil {
		r.line <- o.Line
	}
}

func (r *recorder) output() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, e := range r.all {
		if o, ok := e.(event.Output); ok {
			out = append(out, o.Line)
		}
	}
	return out
}

func (r *recorder) messages(s event.Severity) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, e := range r.all {
		if m, ok := e.(event.Message); ok && m.Severity == s {
			out = append(out, m.Text)
		}
	}
	return out
}

// options returns Options for a new directory with these files and an
// environment of its own.
func options(t *testing.T, files map[string]string) (Options, *recorder) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	rec := &recorder{}
	return Options{
		Dir:     dir,
		RepoDir: dir,
		Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir)},
		Sink:    rec,
		CI:      true,
	}, rec
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRunBuild(t *testing.T) {
	o, rec := options(t, nil)
	o.BuildCommand = `echo "in $(basename "$PWD")"; echo oops >&2; read x || echo "no input"; mkdir dist && echo hi > dist/index.html`
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	want := []string{"in " + filepath.Base(o.Dir), "oops", "no input"}
	if diff := cmp.Diff(want, rec.output()); diff != "" {
		t.Errorf("output: %s", diff)
	}
	if b, err := os.ReadFile(filepath.Join(o.Dir, "dist", "index.html")); err != nil || string(b) != "hi\n" {
		t.Errorf("dist/index.html: %q, %v", b, err)
	}
	if e, ok := rec.all[0].(event.PhaseStarted); !ok || e.Phase != event.Build || e.Detail != o.BuildCommand {
		t.Errorf("first event: %#v", rec.all[0])
	}
	if e, ok := rec.all[len(rec.all)-1].(event.PhaseDone); !ok || e.Phase != event.Build || e.Elapsed <= 0 {
		t.Errorf("last event: %#v", rec.all[len(rec.all)-1])
	}
}

func TestRunNothing(t *testing.T) {
	o, rec := options(t, map[string]string{"package.json": "{}", "package-lock.json": "{}"})
	if err := Run(t.Context(), o); err != nil || len(rec.all) > 0 {
		t.Errorf("without a build command: %v, %v", err, rec.all)
	}
}

// failure runs a build command and returns its error.
func failure(t *testing.T, command string) (*Error, *recorder) {
	t.Helper()
	o, rec := options(t, map[string]string{"tool": "echo hi\n"})
	o.BuildCommand = command
	var e *Error
	if err := Run(t.Context(), o); !errors.As(err, &e) {
		t.Fatalf("%q: got %v, want *Error", command, err)
	}
	for _, ev := range rec.all {
		if _, ok := ev.(event.PhaseDone); ok {
			t.Errorf("%q: PhaseDone of a phase that failed", command)
		}
	}
	return e, rec
}

func TestFailure(t *testing.T) {
	const elsewhere = "or run the build in an earlier step and leave buildCommand out."
	tests := []struct {
		command string
		want    Error
		text    string
		hint    string
	}{
		{
			"echo a; echo b >&2; exit 3",
			Error{ExitCode: 3, Tail: []string{"a", "b"}},
			`build command "echo a; echo b >&2; exit 3" failed with exit code 3`, "",
		},
		{
			"no-such-hugo --minify",
			Error{ExitCode: 127, Missing: "no-such-hugo"},
			`build command "no-such-hugo --minify": no-such-hugo: not found (exit code 127)`,
			"Install no-such-hugo first, use an image that has it, " + elsewhere,
		},
		{
			"/usr/bin/env no-such-node x.js",
			Error{ExitCode: 127, Missing: "no-such-node"},
			`build command "/usr/bin/env no-such-node x.js": no-such-node: not found (exit code 127)`,
			"Install no-such-node first, use an image that has it, " + elsewhere,
		},
		{
			"exit 127",
			Error{ExitCode: 127},
			`build command "exit 127" failed with exit code 127`,
			"A program that the command calls was not found: the last lines may say which.",
		},
		{
			"./tool",
			Error{ExitCode: 126},
			`build command "./tool" failed with exit code 126`,
			"The shell found the program but may not execute it: check its permissions (git keeps them: git update-index --chmod=+x FILE) and its first line.",
		},
		{
			"kill -9 $$",
			Error{ExitCode: -1, Signal: "SIGKILL"},
			`build command "kill -9 $$" was ended by SIGKILL`,
			"It was killed from outside, most often for want of memory: use a larger runner or give the build less to do at once.",
		},
		{
			"sh -c 'kill -9 $$'; exit $?",
			Error{ExitCode: 137},
			`build command "sh -c 'kill -9 $$'; exit $?" failed with exit code 137`,
			"It was killed from outside, most often for want of memory: use a larger runner or give the build less to do at once.",
		},
		{
			"kill -SEGV $$",
			Error{ExitCode: -1, Signal: "SIGSEGV"},
			`build command "kill -SEGV $$" was ended by SIGSEGV`, "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.command, func(t *testing.T) {
			got, rec := failure(t, tt.command)
			tt.want.Phase, tt.want.Command = event.Build, tt.command
			if tt.want.Tail == nil {
				tt.want.Tail = rec.output() // words of the shell's own
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.Error() != tt.text || got.Hint() != tt.hint {
				t.Errorf("got %q\nhint %q", got.Error(), got.Hint())
			}
		})
	}
}

func TestTailIsBounded(t *testing.T) {
	e, rec := failure(t, "i=1; while [ $i -le 100 ]; do echo line $i; i=$((i+1)); done; exit 1")
	if len(rec.output()) != 100 {
		t.Errorf("%d lines of output", len(rec.output()))
	}
	if len(e.Tail) != 20 || e.Tail[0] != "line 81" || e.Tail[19] != "line 100" {
		t.Errorf("tail: %q", e.Tail)
	}
}

func TestHints(t *testing.T) {
	tests := []struct {
		err  Error
		want string
	}{
		{Error{Missing: "npm", ExitCode: 127}, "npm comes with Node.js: install Node.js, use an image that has it, or run the build in an earlier step and leave buildCommand out."},
		{Error{Missing: "pnpm", ExitCode: 127}, "Name pnpm with its version in package.json's packageManager and have corepack installed, use an image that has pnpm, or run the build in an earlier step and leave buildCommand out."},
		{Error{Missing: "vite", ExitCode: 127}, "vite is a package of the site: list it in package.json and let the install run (--install always)."},
		{Error{Missing: "hugo", ExitCode: 127}, "Install hugo first, use an image that has it, or run the build in an earlier step and leave buildCommand out."},
		{Error{TimedOut: true, Limit: time.Minute}, "Raise buildTimeout, or look in the output for what it waits for."},
		{Error{Phase: event.Install, ExitCode: 1, Tail: []string{"x", "npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync."}}, "The lock file and package.json disagree: run the package manager on your machine and commit the lock file."},
		{Error{Phase: event.Build, ExitCode: 1, Tail: []string{"ERR_PNPM_OUTDATED_LOCKFILE"}}, ""},
	}
	for _, tt := range tests {
		if got := tt.err.Hint(); got != tt.want {
			t.Errorf("%+v:\ngot  %q\nwant %q", tt.err, got, tt.want)
		}
	}
}

func TestMissingTool(t *testing.T) {
	tests := []struct {
		code int
		line string
		want string
	}{
		{127, "sh: 1: hugo: not found", "hugo"},
		{127, "/bin/sh: 1: hugo: not found", "hugo"},
		{127, "sh: line 1: hugo: command not found", "hugo"},
		{127, "bash: hugo: command not found", "hugo"},
		{127, "sh: hugo: not found", "hugo"},
		{127, "env: ‘node’: No such file or directory", "node"},
		{127, "/usr/bin/env: 'node': No such file or directory", "node"},
		{127, "env: node: No such file or directory", "node"},
		{127, "sh: 1: ./make.sh: not found", "./make.sh"},
		{127, "sh: line 1: /opt/hugo: No such file or directory", "/opt/hugo"},
		{9009, "'hugo' is not recognized as an internal or external command,", "hugo"},
		{127, "page not found", ""},
		{1, "sh: 1: hugo: not found", ""},
	}
	for _, tt := range tests {
		e := &Error{Command: "first word", ExitCode: tt.code, Tail: []string{"before", tt.line, ""}}
		if got := missingTool(e); got != tt.want {
			t.Errorf("%d %q: got %q, want %q", tt.code, tt.line, got, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"file": ""})
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Dir: filepath.Join(dir, "none")}, "rootDir: stat " + filepath.Join(dir, "none") + ": no such file or directory"},
		{Options{Dir: filepath.Join(dir, "file")}, "rootDir: " + filepath.Join(dir, "file") + " is not a directory"},
		{Options{Dir: "site"}, `build: "site" is not an absolute path`},
		{Options{Dir: dir, Install: "sometimes"}, `install "sometimes": not one of auto, always, never`},
	} {
		err := Run(t.Context(), tt.o)
		if err == nil || err.Error() != tt.want {
			t.Errorf("got %v\nwant %s", err, tt.want)
		}
	}
	if _, err := ParseMode("x"); !errors.Is(err, ErrMode) {
		t.Errorf("ParseMode: %v", err)
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, _ := options(t, nil)
	o.BuildCommand = "touch ran"
	err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if exists(filepath.Join(o.Dir, "ran")) {
		t.Error("the command ran")
	}
}
