//go:build !race

package cli

// crashStride is 1: processes are killed at every request.
const crashStride = 1
