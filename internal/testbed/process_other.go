//go:build !linux

package testbed

import "syscall"

// childAttr is nothing here: Ctrl-C reaches the children of a test as it
// reaches the test.
func childAttr() *syscall.SysProcAttr { return nil }
