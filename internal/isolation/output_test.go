//go:build unix

package isolation

import (
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestOutputOfDaemon does not wait for a process that a command leaves behind
// with its output open, and ends it.
func TestOutputOfDaemon(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	var u *User
	cmd := exec.Command("/bin/sh", "-c", "sleep 60 & echo said")
	cmd.ExtraFiles = []*os.File{write} // which the daemon holds open, too
	start := time.Now()
	out, _ := u.Output(cmd) // how it ends is all the same to those who ask
	if took := time.Since(start); took > 30*time.Second || string(out) != "said\n" {
		t.Errorf("it took %s and says %q", took, out)
	}
	write.Close()
	if err := read.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := read.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the daemon is still there: %v", err)
	}
}
