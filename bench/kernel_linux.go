package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// resident returns the most memory that a running process had resident, in
// bytes (proc_pid_status(5), VmHWM); 0 where it has ended.
func resident(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return kilobytes(status, "VmHWM:")
}

// kilobytes returns the value of a line such as "VmHWM: 1234 kB", in bytes.
func kilobytes(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		if f := strings.Fields(string(line)); len(f) > 1 && f[0] == name {
			n, _ := strconv.ParseInt(f[1], 10, 64) // 0: not known
			return n << 10
		}
	}
	return 0
}

// ownCPU returns the CPU time that this process has taken.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// describe fills in what only the kernel knows.
func (m *Machine) describe() {
	memory, _ := os.ReadFile("/proc/meminfo")
	m.Memory = kilobytes(memory, "MemTotal:")
	load, _ := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(load)); len(f) > 0 {
		m.Load, _ = strconv.ParseFloat(f[0], 64)
	}
}
