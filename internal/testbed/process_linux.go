package testbed

import "syscall"

// childAttr makes the kernel kill a child whose parent died, and keeps the
// terminal's Ctrl-C from it: cleanup stops it.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
