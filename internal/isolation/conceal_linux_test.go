package isolation

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestConceal(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	Conceal()
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("dumpable is %d, %v: /proc shows this process's environment to its children", dumpable, err)
	}
}
