package history

import (
	"cmp"
	"iter"
	"slices"

	"github.com/pandastack-io/pandastack/internal/state"
)

// described yields all objects that a release says are in the bucket: its own,
// then the retired ones.
func described(rel *state.Release) iter.Seq[*state.Object] {
	return func(yield func(*state.Object) bool) {
		for i := range rel.Objects {
			if !yield(&rel.Objects[i]) {
				return
			}
		}
		for i := range rel.Retired {
			if !yield(&rel.Retired[i].Object) {
				return
			}
		}
	}
}

// retiredAt returns what a release, which may be nil, retains at a path, or
// nil.
func retiredAt(rel *state.Release, path string) *state.Retired {
	if rel == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(rel.Retired, path, func(t state.Retired, path string) int { return cmp.Compare(t.Path, path) })
	if !ok {
		return nil
	}
	return &rel.Retired[i]
}

// compareRetired notes the retired objects that are not as they were: no page
// of the site refers to them any more, and the next deploy that has to do with
// them finds out by itself.
func (s *survey) compareRetired(rel *state.Release) {
	for i := range rel.Retired {
		o := &rel.Retired[i].Object
		detail := "retired, and something else has changed it"
		switch s.kindAt(o) {
		case "", Rewritten:
			continue
		case Missing:
			detail = "retired, and already gone"
		}
		s.find(Finding{Kind: Retired, Note: true, Path: o.Path, Detail: detail})
	}
}
