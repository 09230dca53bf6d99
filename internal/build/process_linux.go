package build

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes us the parent of processes whose own parent has ended, as
// process 1 is, so that reapGroup can collect those of a group: the dead would
// count as the living where process 1 does not care.
// https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
func adoptOrphans() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// EndStragglers ends what commands in a world have left behind, also those of
// git that a build told it to run. No command must be running. It must come
// before anything is opened again that was closed to the build.
func EndStragglers() error { return endStragglers(stragglerGrace) }

// endStragglers kills what commands that have ended left behind, and waits
// until it is gone. All of it descends from us, because we adopt orphans, and
// is in another session than ours: a process can leave its session for a new
// one, never for another's. Our own git commands do not run meanwhile. The error
// wraps errStragglers where some is there after the grace time.
func endStragglers(grace time.Duration) error {
	for deadline := time.Now().Add(grace); ; time.Sleep(2 * time.Millisecond) {
		left := stragglers()
		if len(left) == 0 {
			return nil
		}
		for _, p := range left {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
			if p.parent == os.Getpid() {
				_, _ = syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: process %d", errStragglers, left[0].pid)
		}
	}
}

// process is a row of the table of processes.
type process struct{ pid, parent, session int }

// stragglers returns our descendants outside our session, but not those of
// commands that go on.
func stragglers() []process {
	own, err := unix.Getsid(0)
	if err != nil {
		return nil
	}
	table := processes()
	var out []process
	for _, p := range table {
		if p.session != own && !sessions.live(p.session) && descends(table, p) {
			out = append(out, p)
		}
	}
	return out
}

// descends reports whether p is a child of ours, or of one. The table is no
// snapshot: a chain that does not end in us says no.
func descends(table map[int]process, p process) bool {
	for range len(table) {
		if p.parent == os.Getpid() {
			return true
		}
		next, ok := table[p.parent]
		if !ok {
			return false
		}
		p = next
	}
	return false
}

// processes reads the table of processes.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func processes() map[int]process {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	table := map[int]process{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything.
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(fields) < 4 {
			continue
		}
		pid, err1 := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, err2 := strconv.Atoi(string(fields[1]))
		session, err3 := strconv.Atoi(string(fields[3]))
		if err1 == nil && err2 == nil && err3 == nil {
			table[pid] = process{pid, parent, session}
		}
	}
	return table
}
