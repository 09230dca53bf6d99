package report

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/event"
)

// TestFirst compares what is kept with what a sorted list begins with.
func TestFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 12).Draw(t, "sizes")
		f := first{most: rapid.IntRange(0, 5).Draw(t, "most"), order: bySize}
		var want []event.Change
		for i, size := range sizes {
			c := event.Change{Path: fmt.Sprint(i), Size: size}
			want = append(want, c)
			f.add(c)
		}
		slices.SortFunc(want, bySize)
		if f.most > 0 {
			want = want[:min(len(want), f.most)]
		}
		if diff := cmp.Diff(want, f.sorted()); diff != "" || f.total != len(sizes) {
			t.Fatalf("%d of %d (-want +got):\n%s", f.total, len(sizes), diff)
		}
	})
}

// TestReportsOfLargePlans allocate for what they show, and not for what there is.
func TestReportsOfLargePlans(t *testing.T) {
	const changes, most = 100_000, 10 // bytes for each change; a list of them takes a hundred
	plan := event.Planned{Created: changes, Changes: event.NewChanges(changes, func(i int) event.Change {
		return event.Change{Op: "create", Path: "index.html", Size: int64(i), Stage: []string{"new pages", "new assets"}[i%2], Reason: "new"}
	})}
	for name, show := range map[string]func() error{
		"plan": func() error { return WritePlan(Console{W: io.Discard}, plan, Options{}) },
		"summary": func() error {
			_ = Summary(Record{Planned: &plan, DryRun: true}, SummaryOptions{Limit: 1 << 20})
			return nil
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := show()
		runtime.ReadMemStats(&after)
		size := float64(after.TotalAlloc-before.TotalAlloc) / changes
		t.Logf("%s: %.1f bytes for each change", name, size)
		if err != nil || size > most {
			t.Errorf("%s allocates %.1f bytes for each change; it may be %d (%v)", name, size, most, err)
		}
	}
}
