//go:build race

package cli

// crashStride: the race detector makes every process several times slower, and
// sees the same code at every fourth request.
const crashStride = 4
