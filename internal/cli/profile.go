package cli

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/spf13/cobra"
)

// profiles are the files that a run writes profiles to, for `go tool pprof`.
// Their flags are for those who work on pandastack: help does not show them.
type profiles struct {
	cpu, memory string
	cpuFile     *os.File
}

func (p *profiles) addFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&p.cpu, "cpuprofile", "", "write a CPU profile to this file")
	flags.StringVar(&p.memory, "memprofile", "", "write a profile of all allocations to this file")
	for _, name := range []string{"cpuprofile", "memprofile"} {
		flags.Lookup(name).Hidden = true
	}
}

// start begins what was asked for.
func (p *profiles) start() error {
	runtime.MemProfileRate = 0 // else each run would pay for what few ask for
	if p.memory != "" {
		runtime.MemProfileRate = 64 << 10 // bytes between samples: a run is short
	}
	if p.cpu == "" {
		return nil
	}
	f, err := os.Create(p.cpu)
	if err != nil {
		return err
	}
	p.cpuFile = f
	return pprof.StartCPUProfile(f)
}

// stop writes the profiles, also of a run that failed.
func (p *profiles) stop() error {
	var err error
	if p.cpuFile != nil {
		pprof.StopCPUProfile()
		err = p.cpuFile.Close()
	}
	if p.memory == "" {
		return err
	}
	f, createErr := os.Create(p.memory)
	if createErr != nil {
		return errors.Join(err, createErr)
	}
	return errors.Join(err, pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
