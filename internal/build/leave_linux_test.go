//go:build e2e

package build

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/isolation"
)

// TestEndStragglers ends a daemon that git, which runs what a build has told it
// to, leaves behind in a session of its own.
func TestEndStragglers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this needs root: only root gives commands another user")
	}
	u := &isolation.User{UID: 64646, GID: 64646}
	cmd := exec.Command("/bin/sh", "-c", "setsid sleep 60 >/dev/null & echo $!; sleep 0.2")
	cmd.Dir = "/"
	out, err := u.Output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || syscall.Kill(pid, 0) != nil {
		t.Fatalf("the daemon is not there: %q, %v", out, err)
	}
	start := time.Now()
	if err := EndStragglers(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("process %d is still there %s later: %v", pid, time.Since(start), err)
	}
}
