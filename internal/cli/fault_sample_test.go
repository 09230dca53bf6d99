//go:build !e2e

package cli

// faultStride is how many cells of the fault matrix lie between two that are
// run. It has no factor in common with the number of faults, so that each
// request meets some, and each fault some request. The tag e2e runs them all.
const faultStride = 29 + 20*(crashStride-1)

// interruptStride is the same for the moments of a signal.
const interruptStride = 7
