package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The heap may grow by this much, in bytes, and by this part of what is live,
// before it is collected again. Go's own default is what is live once more. That
// collects a small heap too often, where a deploy is busy with the garbage of its
// requests, and leaves a large one, the lists of a million files, twice the size
// that it needs. docs/performance.md has what both cost.
const (
	heapRoom  = 12 << 20
	heapShare = 8 // an eighth
)

// LimitHeap makes the garbage collector run when the heap has grown by a fixed
// amount and a part of it, from now to the end of the program. Where the
// environment has settings for the collector, GOGC or GOMEMLIMIT, these hold.
func LimitHeap() {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(name) != "" {
			return
		}
	}
	adjustHeap()
}

// collected is of no use but to be collected. It has a pointer: small objects
// without one share a block, and their finalizers may never run.
type collected struct{ _ *int }

// adjustHeap sets what is right after the last collection, and runs again
// after the next one.
func adjustHeap() {
	debug.SetGCPercent(heapPercent(liveHeap()))
	runtime.SetFinalizer(new(collected), func(*collected) { adjustHeap() })
}

// liveHeap returns how many bytes the last collection found in use; 0 before the
// first.
func liveHeap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// heapPercent returns the value of GOGC that gives a heap of so many live bytes
// its room.
func heapPercent(live uint64) int {
	const least = 4 << 20 // with less, the percentage says nothing: Go has a minimum of its own
	return int(100*heapRoom/max(live, least)) + 100/heapShare
}
