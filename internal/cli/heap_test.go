package cli

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"
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

// TestHeapFollows: the collector's percentage follows the heap, in a process of
// its own, because it does so until the end of it.
func TestHeapFollows(t *testing.T) {
	const child = "PANDASTACK_TEST_HEAP"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHeapFollows$")
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GO") }), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	LimitHeap()
	for _, size := range []uint64{64 << 20, 256 << 20} {
		held := make([]byte, size)
		want, got := uint64(heapPercent(size)), uint64(0)
		for range 100 {
			runtime.GC()
			sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
			if metrics.Read(sample); sample[0].Value.Uint64() <= want {
				got = sample[0].Value.Uint64()
				break
			}
			time.Sleep(10 * time.Millisecond) // finalizers run in the background
		}
		if got == 0 {
			t.Errorf("with %d bytes in use the percentage is above %d", size, want)
		}
		runtime.KeepAlive(held)
	}
}
