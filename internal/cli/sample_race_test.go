//go:build !e2e && race

package cli

// The race detector makes every process several times slower, and sees the
// same code at every such place. See sample_test.go.
const (
	crashStride     = 17
	faultStride     = 149
	interruptStride = 23
	repairStride    = 11
	promoteStride   = 13
)
