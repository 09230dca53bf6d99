//go:build unix

package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pandastack-io/pandastack/internal/event"
)

// start runs a build in the background with short grace times and returns a
// channel that gives its error. The caller reads rec.line.
func start(t *testing.T, ctx context.Context, command string, grace time.Duration) (*recorder, <-chan error) {
	t.Helper()
	return startWhere(t, ctx, true, command, grace)
}

// startWhere is start, in CI or not.
func startWhere(t *testing.T, ctx context.Context, inCI bool, command string, grace time.Duration) (*recorder, <-chan error) {
	t.Helper()
	o, rec := options(t, nil)
	o.CI = inCI
	rec.line, rec.dir = make(chan string, 100), o.Dir
	o.BuildCommand = command
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	r := &run{Options: o, grace: grace, drain: 200 * time.Millisecond, env: o.Environ}
	done := make(chan error, 1)
	go func() { done <- r.command(ctx, event.Build, command, o.Dir, r.env) }()
	return rec, done
}

// await returns the next line of output, or fails where the command ends or
// the test's patience does.
func await(t *testing.T, rec *recorder) string {
	t.Helper()
	select {
	case line := <-rec.line:
		return line
	case <-time.After(30 * time.Second):
		t.Fatal("no output")
		return ""
	}
}

// result returns the command's error; it is a failure when there is none in
// half a minute, which is what a hang looks like.
func result(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("the command hangs")
		return nil
	}
}

// gone waits until the process has ended. A zombie, whose parent has not asked
// for it yet, has ended.
func gone(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if !running(n) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = syscall.Kill(n, syscall.SIGKILL)
	t.Errorf("process %d still runs", n)
}

func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return !exists("/proc/self/stat") // gone meanwhile, or a system without /proc
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestCancelEndsTheGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	// The child of the shell takes part in the signal.
	rec, done := start(t, ctx, `trap 'echo asked; exit 9' TERM; sh -c 'echo $$; exec sleep 600' & wait`, 20*time.Second)
	child := await(t, rec)
	cancel()
	err := result(t, done)
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, context.Canceled) || e.TimedOut || e.ExitCode != -1 {
		t.Errorf("got %#v", err)
	}
	if out := rec.output(); out[len(out)-1] != "asked" {
		t.Errorf("the command was not asked to end: %q", out)
	}
	gone(t, child)
}

func TestCancelKillsWhatIgnoresTheSignal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rec, done := start(t, ctx, `trap '' TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & wait`, 100*time.Millisecond)
	grandchild := await(t, rec)
	cancel()
	if err := result(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gone(t, grandchild)
}

// The shell obeys at once; its child, which does not, gets its time and is
// killed then.
func TestCancelWaitsForTheGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rec, done := start(t, ctx, `sh -c 'trap "sleep 0.3; echo cleaned; exit" TERM; echo $$; while :; do sleep 0.05; done' & wait`, 20*time.Second)
	child := await(t, rec)
	cancel()
	if err := result(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if out := rec.output(); out[len(out)-1] != "cleaned" {
		t.Errorf("the child had no time to clean up: %q", out)
	}
	gone(t, child)
}

func TestLeftoversAreKilled(t *testing.T) {
	rec, done := start(t, t.Context(), `sh -c 'trap "" TERM HUP; echo $$; touch up; while :; do sleep 1; done' & until [ -e up ]; do sleep 0.05; done; echo done`, time.Minute)
	left := await(t, rec)
	if err := result(t, done); err != nil {
		t.Errorf("got %v", err)
	}
	if out := rec.output(); out[len(out)-1] != "done" {
		t.Errorf("output: %q", out)
	}
	gone(t, left)
}

// A daemon leaves the group; on a person's machine it may live on, and its hold
// on the output must not keep us.
func TestDaemonThatHoldsTheOutput(t *testing.T) {
	setsid(t)
	rec, done := startWhere(t, t.Context(), false, `setsid sh -c 'echo $$; touch up; exec sleep 600' & until [ -e up ]; do sleep 0.05; done; echo done`, time.Minute)
	daemon := await(t, rec)
	defer func() {
		n, _ := strconv.Atoi(daemon)
		_ = syscall.Kill(n, syscall.SIGKILL)
	}()
	if err := result(t, done); err != nil {
		t.Errorf("got %v", err)
	}
	if out := rec.output(); out[len(out)-1] != "done" {
		t.Errorf("output: %q", out)
	}
}

// setsid puts a program of this name on the PATH, as not every system has one:
// this test binary, which then starts its arguments in a session of their own.
func setsid(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(dir, "setsid")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "setsid" {
		os.Exit(m.Run())
	}
	_, err := syscall.Setsid()
	if err == nil {
		err = syscall.Exec("/bin/sh", os.Args[1:], os.Environ())
	}
	println("setsid:", err.Error())
	os.Exit(1)
}

func TestTimeout(t *testing.T) {
	o, _ := options(t, nil)
	o.BuildCommand = "sleep 600"
	o.Timeout = 300 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- Run(t.Context(), o) }()
	err := result(t, done)
	var e *Error
	if !errors.As(err, &e) || !e.TimedOut || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %#v", err)
	}
	if want := `build command "sleep 600" did not end within 300ms`; e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
}

// A command has a session of its own, and so no terminal: what would ask there
// fails at once.
func TestNoTerminal(t *testing.T) {
	rec, done := start(t, t.Context(), `if (exec </dev/tty) 2>/dev/null; then exit 1; fi; echo $$; until [ -e seen ]; do sleep 0.05; done`, time.Minute)
	pid, err := strconv.Atoi(await(t, rec))
	if err != nil {
		t.Fatal(err)
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("the command is in session %d, %v", sid, err)
	}
	write(t, rec.dir, map[string]string{"seen": ""})
	if err := result(t, done); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestCannotStart(t *testing.T) {
	o, _ := options(t, nil)
	r := &run{Options: o, grace: time.Second, drain: time.Second}
	err := r.command(t.Context(), event.Build, "true", filepath.Join(o.Dir, "none"), nil)
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
	if !strings.HasPrefix(e.Error(), `build command "true": cannot start: `) {
		t.Errorf("got %q", e.Error())
	}
}
