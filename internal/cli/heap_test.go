package cli

import (
	"runtime/debug"
	"testing"
)

// TestHeapPercent: a heap of any size gets its room and an eighth of it.
func TestHeapPercent(t *testing.T) {
	for _, live := range []uint64{4 << 20, 40 << 20, 400 << 20, 4 << 30} {
		room := live * uint64(heapPercent(live)) / 100
		if want := heapRoom + live/heapShare; room > want || room < want-live/50 { // whole per cent
			t.Errorf("%d live bytes have room for %d more, want %d", live, room, want)
		}
	}
	if heapPercent(0) != heapPercent(4<<20) {
		t.Error("a heap of which nothing is known has another room than a small one")
	}
}

// TestLimitHeap: what the user has set for the collector holds.
func TestLimitHeap(t *testing.T) {
	const own = 77
	defer debug.SetGCPercent(debug.SetGCPercent(own))
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "77")
			LimitHeap()
			if got := debug.SetGCPercent(own); got != own {
				t.Errorf("GOGC is %d", got)
			}
		})
	}
}
