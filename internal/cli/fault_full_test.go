//go:build e2e

package cli

// faultStride is 1: each request meets each fault.
const faultStride = 1

// interruptStride is 1: the signal comes at each request.
const interruptStride = 1
