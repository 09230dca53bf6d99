package history

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
)

// Difference is what turns one list of objects into another.
type Difference struct {
	Changes []plan.Change // in the order of a deploy
	Counts
}

// Counts are numbers of files.
type Counts struct {
	Created int
	Updated int
	Headers int // the same bytes with other headers
	Deleted int
	Kept    int
}

// Compare returns what turns from into to. Both are sorted by path; the error
// says where they are not.
func Compare(from, to []state.Object) (*Difference, error) {
	// What the storage could not hold at once need not stop a comparison.
	p, err := plan.Diff(plan.Input{Desired: slices.Clone(to), Live: from, MixedPaths: true})
	if err != nil {
		return nil, err
	}
	d := &Difference{Changes: p.Changes, Counts: Counts{Kept: len(to)}}
	for _, c := range p.Changes {
		switch c.Op {
		case plan.Create:
			d.Created++
		case plan.Update:
			d.Updated++
		case plan.Headers:
			d.Headers++
		case plan.Delete:
			d.Deleted++
		}
		if c.New != nil {
			d.Kept--
		}
	}
	return d, nil
}

// HeaderChange is one header that differs. Old is empty where it is new, New
// where it is gone.
type HeaderChange struct{ Name, Old, New string }

// HeaderChanges returns the headers that differ between two objects, by name.
// Nil stands for an object that is not there: nothing is compared.
func HeaderChanges(from, to *state.Object) []HeaderChange {
	if from == nil || to == nil {
		return nil
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(from.Headers)), maps.Keys(to.Headers))
	slices.Sort(names)
	var out []HeaderChange
	for _, n := range slices.Compact(names) {
		if c := (HeaderChange{n, from.Headers[n], to.Headers[n]}); c.Old != c.New {
			out = append(out, c)
		}
	}
	return out
}

// Bytes returns the size of all objects together.
func Bytes(objects []state.Object) int64 {
	var sum int64
	for i := range objects {
		sum += objects[i].Size
	}
	return sum
}

// Largest returns the n largest objects, the largest first.
func Largest(objects []state.Object, n int) []state.Object {
	sorted := slices.SortedFunc(slices.Values(objects), func(a, b state.Object) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path))
	})
	return sorted[:min(n, len(sorted))]
}
