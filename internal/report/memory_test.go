//go:build !race

// The race detector allocates for itself.

package report

import (
	"io"
	"runtime"
	"testing"

	"github.com/pandastack-io/pandastack/internal/event"
)

// TestReportsOfLargePlans: what shows a plan allocates for what it shows, and not
// for what there is. JSON has all of it, one change after the other.
func TestReportsOfLargePlans(t *testing.T) {
	const changes = 100_000
	plan := event.Planned{Created: changes, Changes: event.NewChanges(changes, func(i int) event.Change {
		return event.Change{Op: "create", Path: "index.html", Size: int64(i), Stage: []string{"new pages", "new assets"}[i%2], Reason: "new"}
	})}
	for _, c := range []struct {
		name string
		most float64 // bytes for each change: a list of them takes 112, their text in one piece some 500
		show func() error
	}{
		{"plan", 10, func() error { return WritePlan(Console{W: io.Discard}, plan, Options{}) }},
		{"json", 300, func() error { s := JSON(io.Discard); s.Emit(plan); return s.Close() }},
		{"summary", 10, func() error {
			_ = Summary(Record{Planned: &plan, DryRun: true}, SummaryOptions{Limit: 1 << 20})
			return nil
		}},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.show()
		runtime.ReadMemStats(&after)
		size := float64(after.TotalAlloc-before.TotalAlloc) / changes
		t.Logf("%s: %.1f bytes for each change", c.name, size)
		if err != nil || size > c.most {
			t.Errorf("%s allocates %.1f bytes for each change; it may be %v (%v)", c.name, size, c.most, err)
		}
	}
}
