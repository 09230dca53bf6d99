package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// usage is what a command took.
type usage struct {
	wall, cpu time.Duration
	memory    int64 // bytes; 0: not known
}

// pollEvery is how often a command is asked for its memory. What the kernel
// reports at its end would be no less than the memory of the process that
// started it.
const pollEvery = 5 * time.Millisecond

// execute runs a command to its end. The error has the end of what it printed.
func execute(ctx context.Context, program string, args, env []string) (usage, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &out
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	peak, ended := make(chan int64), make(chan struct{})
	go func() { peak <- watch(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	u := usage{wall: time.Since(started), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	close(ended)
	u.memory = <-peak
	if err != nil {
		printed := bytes.TrimSpace(out.Bytes())
		return u, fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, printed[max(0, len(printed)-2000):])
	}
	return u, nil
}

// watch returns the most memory that a process had resident, in bytes.
func watch(pid int, ended <-chan struct{}) int64 {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var most int64
	for {
		most = max(most, resident(pid))
		select {
		case <-ended:
			return most
		case <-tick.C:
		}
	}
}

// buildProgram builds pandastack as a release is built.
func buildProgram(t testing.TB, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "pandastack")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Dir = ".." // the root of the module: tests run in the folder of their package
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// starts is how often the program is started to find out how long that takes.
const starts = 21

// measureProgram measures what the program costs before it does anything.
func (b *bed) measureProgram() Program {
	b.Helper()
	info, err := os.Stat(b.program)
	if err != nil {
		b.Fatal(err)
	}
	var walls []float64
	for range starts {
		u, err := execute(b.Context(), b.program, []string{"version"}, nil)
		if err != nil {
			b.Fatal(err)
		}
		walls = append(walls, u.wall.Seconds())
	}
	return Program{Bytes: info.Size(), Start: median(walls)}
}

// askVersion returns the first line of what a program says about itself.
func (b *bed) askVersion(program string) string {
	out, err := exec.CommandContext(b.Context(), program, "--version").CombinedOutput()
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), " Linux/") // no more of the machine than needed
	return strings.TrimSpace(strings.SplitN(first, "\n", 2)[0])
}

func removeAll(t testing.TB, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}
