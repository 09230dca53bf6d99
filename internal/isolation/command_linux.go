package isolation

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Conceal keeps other processes of the same user from reading this process's
// memory and its first environment, with the deploy's credentials, through
// /proc: the kernel then asks for CAP_SYS_PTRACE, which a container does not
// have. Where the kernel refuses, the environment that commands are given is
// still without credentials.
// https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
func Conceal() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// Start starts a command as the user, without supplementary groups, and so that
// neither it nor what it starts gains privileges by the files that it executes.
// For nil it is cmd.Start.
// https://docs.kernel.org/userspace-api/no_new_privs.html
func (u *User) Start(cmd *exec.Cmd) error {
	if u == nil {
		return cmd.Start()
	}
	u.assume(cmd)
	// What the command leaves behind becomes ours, to be ended.
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	started := make(chan error)
	go func() {
		// The mark belongs to a thread and its children, and is for ever: the
		// thread ends with this goroutine, because it is never unlocked.
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			started <- fmt.Errorf("no_new_privs: %w", err)
			return
		}
		started <- cmd.Start()
	}()
	return <-started
}

// assume makes the command the user's.
func (u *User) assume(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
}
