package build

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// shellCommand is the line as the command interpreter runs it. It is passed as
// it stands: cmd.exe does not follow the quoting that Go would apply.
func shellCommand(line string) *exec.Cmd {
	cmd := exec.Command("cmd.exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /d /s /c "` + line + `"`}
	return cmd
}

// isolate keeps a Ctrl-C of our console from the command: we end it ourselves.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr.CreationFlags = syscall.CREATE_NEW_PROCESS_GROUP }

// terminateGroup ends the command: a console program without a window has no
// request to end that it would receive.
func terminateGroup(cmd *exec.Cmd) { killGroup(cmd) }

// killGroup ends the command with all that it started; output that others hold
// is given up after drainGrace.
func killGroup(cmd *exec.Cmd) {
	_ = exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run()
	_ = cmd.Process.Kill()
}

func awaitGroup(*exec.Cmd, <-chan time.Time) {}

func exitStatus(state *os.ProcessState) (code int, signal string) { return state.ExitCode(), "" }

// quote makes one word of a path, which cannot hold a quotation mark.
func quote(s string) string { return `"` + s + `"` }
