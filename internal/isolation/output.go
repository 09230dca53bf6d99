package isolation

import (
	"bytes"
	"os/exec"
)

// Output runs a command as Start does and returns what it prints, as
// exec.Cmd.Output. The error of one that failed is an *exec.ExitError without
// what it said.
func (u *User) Output(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := u.Start(cmd); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	return out.Bytes(), err
}
