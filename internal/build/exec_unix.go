//go:build unix

package build

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// shellCommand is the line as POSIX's shell runs it.
func shellCommand(line string) *exec.Cmd { return exec.Command("/bin/sh", "-c", line) }

// isolate gives the command a session, and with it a process group, of its own.
// Without a terminal a tool that wants to ask (git, ssh) fails instead of
// waiting for an answer that cannot come.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// terminateGroup asks all processes of the command's group to end.
func terminateGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

// killGroup ends what is left of the command's group. The kernel does not give
// the group's number away while a process of it lives; when none does, there is
// nobody to be hit.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	reapGroup(cmd)
}

// awaitGroup waits until the group of a command that has ended is empty, or
// until timeout.
func awaitGroup(cmd *exec.Cmd, timeout <-chan time.Time) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		reapGroup(cmd)
		if syscall.Kill(-cmd.Process.Pid, 0) != nil {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			return
		}
	}
}

// reapGroup collects the group's dead processes that have become our children.
// The command itself has been waited for.
func reapGroup(cmd *exec.Cmd) {
	for {
		pid, err := syscall.Wait4(-cmd.Process.Pid, nil, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

// exitStatus returns the exit code, or -1 and the signal's name.
func exitStatus(state *os.ProcessState) (code int, signal string) {
	ws, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		return state.ExitCode(), ""
	}
	return -1, signalName(ws.Signal())
}

// signalNames are the signals that end builds in practice.
var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE",
	syscall.SIGHUP: "SIGHUP", syscall.SIGILL: "SIGILL", syscall.SIGINT: "SIGINT",
	syscall.SIGKILL: "SIGKILL", syscall.SIGPIPE: "SIGPIPE", syscall.SIGQUIT: "SIGQUIT",
	syscall.SIGSEGV: "SIGSEGV", syscall.SIGTERM: "SIGTERM", syscall.SIGXCPU: "SIGXCPU",
}

func signalName(s syscall.Signal) string {
	if name, ok := signalNames[s]; ok {
		return name
	}
	return s.String()
}

// quote makes one word of s for the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
