package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

const (
	// stopGrace is how long a command that was told to end may take. GitHub
	// kills a cancelled step ten seconds after the first signal; with the two
	// below, an interrupted run has ended after five.
	stopGrace = 3 * time.Second
	// drainGrace is how long output is still read when the command has ended
	// but a process that it left behind holds the pipe.
	drainGrace = time.Second
	// closeGrace is how long the end of a read is waited for after its pipe was
	// closed.
	closeGrace = 500 * time.Millisecond
)

// stragglerGrace is how long is tried to end what left the command's group. A
// process that nothing ends has at most this long to be killed.
const stragglerGrace = 2 * time.Second

// errStragglers says that processes of a command go on, and may write to the
// output while it is read.
var errStragglers = errors.New("processes that it left behind cannot be ended")

// errTimeout is the cause of a context that Options.Timeout ended.
var errTimeout = errors.New("time limit")

// command runs one line of shell as a phase, in dir and with env.
func (r *run) command(ctx context.Context, phase event.Phase, line, dir string, env []string) error {
	start := time.Now()
	r.Sink.Emit(event.PhaseStarted{Phase: phase, Detail: line})
	lines := newLines(phase, r.Sink, r.Secrets)
	state, err := r.shell(ctx, line, dir, env, lines)
	if failure := r.judge(ctx, phase, line, lines.tail(), state, err); failure != nil {
		return failure
	}
	r.Sink.Emit(event.PhaseDone{Phase: phase, Elapsed: time.Since(start)})
	return nil
}

// shell runs a line of shell in a process group of its own, with no input, and
// copies what it prints to out. When the command has ended, what is left of its
// group is killed; in CI, and where it ran as another user, also what has left
// the group. On a person's machine that may be a daemon that is wanted.
func (r *run) shell(ctx context.Context, line, dir string, env []string, out io.WriteCloser) (*os.ProcessState, error) {
	defer out.Close()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	// One pipe for both streams keeps their lines in order.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := shellCommand(line)
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = write, write // no Stdin is the null device
	isolate(cmd)
	adoptOrphans()
	err = r.As.Start(cmd)
	write.Close()
	if err != nil {
		return nil, err
	}
	sessions.enter(cmd)
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(out, read) // ends with the pipe, or when it is closed below
	}()
	err = r.wait(ctx, cmd)
	sessions.leave(cmd)
	if r.CI || r.As != nil {
		err = errors.Join(err, endStragglers(stragglerGrace))
	}
	r.drainPipe(read, copied)
	return cmd.ProcessState, err
}

// wait waits for the command and for nothing else. When ctx ends first, its
// group is told to end, and killed when it does not.
func (r *run) wait(ctx context.Context, cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		killGroup(cmd)
		return exitOnly(err)
	case <-ctx.Done():
	}
	terminateGroup(cmd)
	timer := time.NewTimer(r.grace)
	defer timer.Stop()
	select {
	case <-done:
		awaitGroup(cmd, timer.C)
		killGroup(cmd)
	case <-timer.C:
		killGroup(cmd)
		<-done
	}
	return context.Cause(ctx)
}

// exitOnly drops the error that says no more than the process state does.
func exitOnly(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// drainPipe waits until all output is read, but not for a process outside the
// group that keeps the pipe open for good.
func (r *run) drainPipe(read *os.File, copied <-chan struct{}) {
	timer := time.NewTimer(r.drain)
	defer timer.Stop()
	select {
	case <-copied:
		return
	case <-timer.C:
	}
	read.Close()
	timer.Reset(closeGrace)
	select {
	case <-copied:
	case <-timer.C: // on Windows closing does not end a read
	}
}

// judge makes an *Error of how a command ended, or nil where it succeeded.
func (r *run) judge(ctx context.Context, phase event.Phase, line string, tail []string, state *os.ProcessState, err error) error {
	if err == nil && state.Success() {
		return nil
	}
	e := &Error{Phase: phase, Command: line, ExitCode: -1, Tail: tail}
	switch {
	case errors.Is(context.Cause(ctx), errTimeout):
		e.TimedOut, e.Limit, e.Err = true, r.Timeout, context.DeadlineExceeded
	case ctx.Err() != nil:
		e.Err = ctx.Err()
	case errors.Is(err, errStragglers):
		e.Err = err
	case err != nil:
		e.Err = fmt.Errorf("cannot start: %w", err)
	default:
		e.ExitCode, e.Signal = exitStatus(state)
		e.Missing = missingTool(e)
	}
	return e
}
