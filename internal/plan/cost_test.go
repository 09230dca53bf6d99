//go:build !race

// The race detector allocates for itself.

package plan

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"

	"github.com/pandastack-io/pandastack/internal/state"
)

// costFiles is how many objects the sites have by which costs are judged.
const costFiles = 10_000

// costSite is a site of pages, of which every nth is another one in the given
// version. 0: none is.
func costSite(version string, nth int) []state.Object {
	objects := make([]state.Object, costFiles)
	for i := range objects {
		content := fmt.Append(nil, i)
		if nth > 0 && i%nth == 0 {
			content = fmt.Append(content, version)
		}
		objects[i] = state.Object{Path: fmt.Sprintf("docs/%05d/index.html", i), Size: 7919, SHA256: sha256.Sum256(content), Headers: html, ETag: "e"}
	}
	return objects
}

// costs are the plans that are measured. Their budgets, in bytes for each file
// of the site, are half as much again as what was needed when they were written, and
// at least 20, which is less than a copy of anything takes: the tests allocate, too.
var costs = []struct {
	name  string
	in    Input
	bytes float64
}{
	{"nothing", Input{Desired: costSite("", 0), Live: costSite("", 0), MixedPaths: true}, 20},
	{"one per cent", Input{Desired: costSite("b", 100), Live: costSite("", 0), MixedPaths: true}, 20},
	{"all", Input{Desired: costSite("b", 1), Live: costSite("", 0), MixedPaths: true}, 510},
	{"nothing, by folders", Input{Desired: costSite("", 0), Live: costSite("", 0)}, 205},
}

// maxAllocs is how many allocations a plan may take for each file: lists that
// grow, and nothing for a file by itself.
const maxAllocs = 0.02

// TestDiffCosts holds what a plan allocates to the budgets.
func TestDiffCosts(t *testing.T) {
	for _, c := range costs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Diff(c.in)
		runtime.ReadMemStats(&after)
		allocs, size := float64(after.Mallocs-before.Mallocs)/costFiles, float64(after.TotalAlloc-before.TotalAlloc)/costFiles
		t.Logf("%s: %.4f allocations and %.0f bytes for each file", c.name, allocs, size)
		if err != nil || allocs > maxAllocs || size > c.bytes {
			t.Errorf("%s: %.4f allocations and %.0f bytes for each file; it may take %v and %v (%v)", c.name, allocs, size, maxAllocs, c.bytes, err)
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	for _, c := range costs {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Diff(c.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
