//go:build e2e

package cli

// All places. See sample_test.go.
const (
	crashStride     = 1
	faultStride     = 1
	interruptStride = 1
	repairStride    = 1
	promoteStride   = 1
)
