package build

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What has left the group and ignores the request to end is ended all the same,
// after a command that succeeded and after one that was cancelled.
func TestDaemonIsEnded(t *testing.T) {
	setsid(t)
	const daemon = `setsid sh -c 'trap "" TERM HUP INT; echo $$; touch up; while :; do sleep 1; done' & until [ -e up ]; do sleep 0.05; done; `
	rec, done := start(t, t.Context(), daemon+"echo done", time.Minute)
	pid := await(t, rec)
	if err := result(t, done); err != nil {
		t.Errorf("got %v", err)
	}
	gone(t, pid)

	ctx, cancel := context.WithCancel(t.Context())
	rec, done = start(t, ctx, daemon+"sleep 600", 100*time.Millisecond)
	pid = await(t, rec)
	cancel()
	if err := result(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gone(t, pid)
}

// What goes on starting others, each in a session of its own, is ended with
// them.
func TestChainIsEnded(t *testing.T) {
	setsid(t)
	rec, done := start(t, t.Context(), `setsid sh -c 'while :; do setsid sh -c "sleep 0.02; touch alive" & sleep 0.005; done' & until [ -e alive ]; do sleep 0.05; done; echo done`, time.Minute)
	await(t, rec)
	if err := result(t, done); err != nil {
		t.Fatalf("got %v", err)
	}
	if left := stragglers(); len(left) > 0 {
		t.Errorf("%v still run", left)
	}
}

// Our own commands, which are in our session, go on while a build ends.
func TestOwnCommandGoesOn(t *testing.T) {
	own := exec.CommandContext(t.Context(), "sleep", "600")
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	_, done := start(t, t.Context(), "true", time.Minute)
	if err := result(t, done); err != nil {
		t.Errorf("got %v", err)
	}
	if unix.Kill(own.Process.Pid, 0) != nil {
		t.Error("it was ended")
	}
	_ = own.Process.Kill()
	_ = own.Wait()
}
