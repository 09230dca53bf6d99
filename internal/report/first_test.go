package report

import (
	"fmt"
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
