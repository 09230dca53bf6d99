package isolation

import (
	"bytes"
	"os/exec"
	"time"
)

// outputGrace is how long output is read that a process holds open which its
// command has left behind.
const outputGrace = time.Second

// Output runs a command as Start does and returns what it prints, as
// exec.Cmd.Output. The error of one that failed is an *exec.ExitError without
// what it said. The command has a session of its own: it cannot ask anybody,
// and what is left of its process group is ended with it. A build may have told
// git to run programs, and they get no further than the command does.
func (u *User) Output(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = outputGrace
	}
	detach(cmd)
	if err := u.Start(cmd); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	endGroup(cmd)
	return out.Bytes(), err
}
