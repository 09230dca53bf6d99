package build

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestRunConcealsTheEnvironment(t *testing.T) {
	o, _ := options(t, nil)
	o.BuildCommand = "true"
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("dumpable is %d, %v: /proc shows this process's environment to its children", dumpable, err)
	}
}
