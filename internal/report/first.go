package report

import (
	"cmp"
	"slices"

	"github.com/pandastack-io/pandastack/internal/event"
)

// first keeps those of many changes that come first in an order, and counts all.
type first struct {
	most  int // that are kept; 0: all
	order func(a, b event.Change) int
	list  []event.Change
	total int
}

func (f *first) add(c event.Change) {
	f.total++
	switch {
	case f.most == 0:
		f.list = append(f.list, c)
	case len(f.list) < f.most || f.order(c, f.list[f.most-1]) < 0:
		i, _ := slices.BinarySearchFunc(f.list, c, f.order)
		f.list = slices.Insert(f.list, i, c)[:min(len(f.list)+1, f.most)]
	}
}

// sorted returns what is kept, in its order.
func (f *first) sorted() []event.Change {
	slices.SortFunc(f.list, f.order)
	return f.list
}

func byPath(a, b event.Change) int { return cmp.Compare(a.Path, b.Path) }

// bySize puts the largest first.
func bySize(a, b event.Change) int { return cmp.Or(cmp.Compare(b.Size, a.Size), byPath(a, b)) }
