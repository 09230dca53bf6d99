//go:build !race

package deploy

// How much is left out of what repeats for many histories or kills.
const (
	raceFactor = 1 // how many times fewer histories there are
	// killStride is the distance between the requests at which a process is
	// stopped. It is odd, so that a sample meets them before and after they are
	// done; what is tried several times begins each time at another one.
	killStride = 1
)
