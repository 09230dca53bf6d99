//go:build race

package deploy

// The race detector makes everything slower, and sees the same code at every
// such place. See sample_test.go.
const (
	raceFactor = 25
	killStride = 5
)
