package cdn

import (
	"math"
	"slices"
	"strings"
)

// dir is a directory with changed URLs in it or below it.
type dir struct {
	url    string // ends in a slash
	parent int    // index; -1: it is a base
	own    int    // changed URLs in it, not in directories below it
	below  int    // changed URLs in it and below it
	stuck  int    // of own, those that no request can name by itself
	bound  int    // of below, likewise
	kept   int    // unchanged files in it and below it
}

// tree is the directories of a change, each after its parent.
type tree struct {
	dirs  []dir
	loose []string // URLs that lie below no base
}

// collapse covers the URLs by prefixes, and by name what they leave. It
// reports whether this is possible.
func (p *planner) collapse() bool {
	t := p.newTree()
	for _, u := range t.loose {
		if !p.nameable(u) {
			return false
		}
	}
	most := math.MaxInt
	if p.Batch == 0 {
		most = len(t.loose)
	} else if p.MaxURLs > 0 {
		most = p.MaxURLs / p.repeat
	}
	picked, ok := p.pick(t, most-len(t.loose))
	switch {
	case !ok:
		return false
	case t.bases(picked) == len(p.bases):
		p.whole()
	default:
		p.cover(t, picked)
	}
	return true
}

// bases counts the bases among directories.
func (t *tree) bases(picked []int) int {
	n := 0
	for _, i := range picked {
		if t.dirs[i].parent < 0 {
			n++
		}
	}
	return n
}

// cover adds the requests for the directories that were picked and for the
// URLs that are in none of them.
func (p *planner) cover(t *tree, picked []int) {
	var prefixes []string
	for _, i := range picked {
		prefixes = append(prefixes, t.dirs[i].url)
		p.plan.Dropped += t.dirs[i].kept
	}
	chosen := make(map[string]bool, len(prefixes))
	for _, dir := range prefixes {
		chosen[p.key(dir)] = true
	}
	var rest []string
	for _, u := range p.urls {
		if !p.inside(u, chosen) {
			rest = append(rest, u)
		}
	}
	p.broad(p.roots(prefixes))
	p.exact(rest)
}

// inside reports whether a URL lies in one of the directories.
func (p *planner) inside(u string, dirs map[string]bool) bool {
	k := p.key(u)
	for i := range len(k) {
		if k[i] == '/' && dirs[k[:i+1]] {
			return true
		}
	}
	return false
}

// newTree sorts the changed URLs and the unchanged files into directories.
func (p *planner) newTree() *tree {
	t := &tree{}
	at := make(map[string]int, len(p.urls))
	for _, b := range p.bases {
		at[p.key(b)] = t.add(b, -1)
	}
	for _, u := range p.urls {
		i := p.place(t, at, u)
		if i < 0 {
			t.loose = append(t.loose, u)
			continue
		}
		t.dirs[i].own++
		if !p.nameable(u) {
			t.dirs[i].stuck++
		}
	}
	p.countKept(t, at)
	for i := len(t.dirs) - 1; i >= 0; i-- {
		d := &t.dirs[i]
		d.below, d.bound = d.below+d.own, d.bound+d.stuck
		if d.parent >= 0 {
			t.dirs[d.parent].below += d.below
			t.dirs[d.parent].bound += d.bound
			t.dirs[d.parent].kept += d.kept
		}
	}
	return t
}

func (t *tree) add(url string, parent int) int {
	t.dirs = append(t.dirs, dir{url: url, parent: parent})
	return len(t.dirs) - 1
}

// place returns the directory of a URL, and makes it and those above it up to
// the base where they are not there yet. -1: no base is above it.
func (p *planner) place(t *tree, at map[string]int, u string) int {
	path, _, _ := strings.Cut(u, "?")
	k := p.key(path)
	cut := len(path) - len(k)
	in := -1
	for i := range len(k) {
		if k[i] != '/' {
			continue
		}
		j, ok := at[k[:i+1]]
		switch {
		case ok:
			in = j
		case in >= 0:
			in = t.add(path[:cut+i+1], in)
			at[k[:i+1]] = in
		}
	}
	return in
}

// countKept counts each unchanged file in the nearest directory of the tree.
// Files of one directory mostly come one after the other.
func (p *planner) countKept(t *tree, at map[string]int) {
	if p.change.Kept == nil {
		return
	}
	for _, b := range p.bases {
		base := p.key(b)
		last, in := "\x00", 0
		for rel := range p.change.Kept {
			folder := rel[:strings.LastIndexByte(rel, '/')+1]
			if folder != last {
				last, in = folder, nearest(at, base, folder)
			}
			t.dirs[in].kept++
		}
	}
}

// nearest returns the deepest directory of the tree that holds a folder.
func nearest(at map[string]int, base, folder string) int {
	for {
		if i, ok := at[base+folder]; ok {
			return i
		}
		folder = folder[:strings.LastIndexByte(strings.TrimSuffix(folder, "/"), '/')+1]
	}
}

// pick returns the directories, at most Prefixes, that drop the fewest
// unchanged files where at most so many URLs may be left outside them.
//
// It is a knapsack over the tree in which each URL that is left has a price in
// unchanged files (a Lagrange multiplier); the lowest price at which few
// enough are left is looked for. With no URL left the result is the best there
// is; else it may miss the best by what one directory drops.
func (p *planner) pick(t *tree, most int) ([]int, bool) {
	if most < 0 {
		return nil, false
	}
	k := newKnapsack(p, t)
	left := func(picked []int) int {
		n := 0
		for _, i := range picked {
			n += t.dirs[i].below
		}
		return len(p.urls) - len(t.loose) - n
	}
	// At the lowest price, no unchanged file is ever dropped to save URLs.
	low, high := 1.0, 0.0
	for i := range t.dirs {
		if t.dirs[i].parent < 0 {
			high += float64(t.dirs[i].kept)
		}
	}
	scale := float64(len(p.urls) + p.Prefixes + 1)
	high = (high + 1) * scale
	best, ok := k.solve(scale, low)
	if ok && left(best) <= most {
		return best, true
	}
	if best, ok = k.solve(scale, high); !ok || left(best) > most {
		return nil, false
	}
	for high-low > 1 && high/low > 1.0001 {
		middle := math.Floor(math.Sqrt(low * high))
		if middle <= low || middle >= high {
			middle = math.Floor((low + high) / 2)
		}
		if picked, ok := k.solve(scale, middle); ok && left(picked) <= most {
			best, high = picked, middle
		} else {
			low = middle
		}
	}
	return p.spare(t, best, most-left(best)), true
}

// spare gives up prefixes that drop unchanged files, the worst first, where
// their URLs can be sent one by one after all.
func (p *planner) spare(t *tree, picked []int, room int) []int {
	slices.SortStableFunc(picked, func(a, b int) int { return t.dirs[b].kept - t.dirs[a].kept })
	return slices.DeleteFunc(picked, func(i int) bool {
		d := t.dirs[i]
		if d.kept == 0 || d.below > room || d.bound > 0 {
			return false
		}
		room -= d.below
		return true
	})
}
