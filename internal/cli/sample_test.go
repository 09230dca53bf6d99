//go:build !e2e && !race

package cli

// How many of the places where something can go wrong lie between two that are
// tried; the tag e2e tries them all. Odd strides meet each kind of place both
// before and after, and faultStride has no factor in common with the number of
// faults, so that each request meets some, and each fault some request.
const (
	crashStride     = 5 // requests at which a process is killed, before and after
	faultStride     = 41
	interruptStride = 11 // requests at which a signal comes
	repairStride    = 5  // writes at which a repair is killed
	promoteStride   = 9  // writes of a promote that meet a deploy of the other site
)
