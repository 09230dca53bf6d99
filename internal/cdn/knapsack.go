package cdn

import (
	"math"
	"slices"
)

// knapsack picks directories of a tree. best[i][n] is the least cost of
// directory i and all below it with n prefixes at most.
type knapsack struct {
	dirs     []dir
	most     int    // prefixes
	allowed  []bool // directories that can be a prefix
	children [][]int
	roots    []int
	best     [][]float64
	took     [][]bool  // that best is the directory itself
	split    [][]uint8 // by child: how many prefixes it and those after it get; see merge
}

// widest bounds the prefixes of a plan, so that their number fits a byte.
const widest = 255

func newKnapsack(p *planner, t *tree) *knapsack {
	n := len(t.dirs)
	k := &knapsack{
		dirs: t.dirs, most: min(p.Prefixes, widest), allowed: make([]bool, n), children: make([][]int, n),
		best: make([][]float64, n), took: make([][]bool, n), split: make([][]uint8, n),
	}
	for i, d := range t.dirs {
		k.allowed[i] = p.wide(d.url)
		if d.parent < 0 {
			k.roots = append(k.roots, i)
		} else {
			k.children[d.parent] = append(k.children[d.parent], i)
		}
	}
	return k
}

// wide reports whether all below a directory can be purged at once, as a
// prefix or as a host.
func (p *planner) wide(dir string) bool {
	hosts, _ := p.roots([]string{dir})
	return len(hosts) == 1 || p.prefixable(dir)
}

// solve returns the directories with the least cost: scale for each unchanged
// file in them, price for each of them and for each URL outside. It fails
// where a URL that no request can name stays outside.
func (k *knapsack) solve(scale, price float64) ([]int, bool) {
	for i := len(k.dirs) - 1; i >= 0; i-- {
		k.visit(i, scale, price)
	}
	total := []float64{0}
	for _, r := range k.roots {
		total, k.split[r] = merge(total, k.best[r], k.most, k.split[r])
	}
	if math.IsInf(total[len(total)-1], 1) {
		return nil, false
	}
	return k.trace(k.roots, len(total)-1, nil), true
}

func (k *knapsack) visit(i int, scale, price float64) {
	d := &k.dirs[i]
	cost := price * float64(d.own)
	if d.stuck > 0 {
		cost = math.Inf(1)
	}
	best := append(k.best[i][:0], cost)
	for _, c := range k.children[i] {
		best, k.split[c] = merge(best, k.best[c], k.most, k.split[c])
	}
	took := k.took[i][:0]
	if k.allowed[i] {
		if len(best) == 1 {
			best = append(best, best[0])
		}
		alone := scale*float64(d.kept) + price
		took = append(took, false)
		for n := 1; n < len(best); n++ {
			took = append(took, alone < best[n])
			best[n] = min(best[n], alone)
		}
	}
	k.best[i], k.took[i] = best, took
}

// merge adds a child to the costs of its siblings before it. split[n] is how
// many of n prefixes the child gets. It works in place: from the end, because a
// cost depends on those before it.
func merge(best, child []float64, most int, split []uint8) ([]float64, []uint8) {
	before := len(best)
	size := min(before+len(child)-1, most+1)
	best, split = slices.Grow(best, size-before)[:size], slices.Grow(split[:0], size)[:size]
	for n := size - 1; n >= 0; n-- {
		least, gets := math.Inf(1), max(0, n-before+1)
		for m := gets; m < len(child) && m <= n; m++ {
			if c := best[n-m] + child[m]; c < least {
				least, gets = c, m
			}
		}
		best[n], split[n] = least, uint8(gets)
	}
	return best, split
}

// trace follows the choices of siblings that have n prefixes together.
func (k *knapsack) trace(siblings []int, n int, picked []int) []int {
	for s := len(siblings) - 1; s >= 0; s-- {
		i := siblings[s]
		gets := int(k.split[i][min(n, len(k.split[i])-1)])
		n = min(n, len(k.split[i])-1) - gets
		if len(k.took[i]) > gets && k.took[i][gets] {
			picked = append(picked, i)
		} else {
			picked = k.trace(k.children[i], gets, picked)
		}
	}
	return picked
}
