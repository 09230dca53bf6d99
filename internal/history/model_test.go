package history

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/storage"
)

var (
	paths  = []string{"a", "a/b", "c", "d.html", "é"}
	values = []string{"", "1", "2", "1|x", "2|x"} // the first: it is not there
)

func drawTree(t *rapid.T) tree {
	files := tree{}
	for _, p := range paths {
		if v := rapid.SampledFrom(values).Draw(t, p); v != "" {
			files[p] = v
		}
	}
	return files
}

// opOf says what turns one value of a tree into another.
func opOf(from, to string) plan.Op {
	content := func(v string) byte { return v[0] }
	switch {
	case from == to:
		return ""
	case from == "":
		return plan.Create
	case to == "":
		return plan.Delete
	case content(from) == content(to):
		return plan.Headers
	default:
		return plan.Update
	}
}

// TestModel deploys random sequences of sites, of which the oldest may not be
// kept and one may be lost: each difference is that of the trees, and blame is
// what the sequence says.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "history-model-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		w := newWorld(t, dir, rapid.IntRange(0, 4).Draw(t, "keep"))
		trees := rapid.SliceOfN(rapid.Custom(drawTree), 1, 5).Draw(t, "trees")
		for _, files := range trees {
			w.release(files)
		}
		m := &model{w: w, trees: trees, live: len(trees) - 1, oldest: max(0, len(trees)-1-w.keep), lost: -1}
		l := w.open()
		m.checkDiffs(t, l)
		m.checkBlame(t, l)
		if m.oldest < m.live {
			m.lost = rapid.IntRange(m.oldest, m.live-1).Draw(t, "lost")
			w.lose(w.ids[m.lost])
			m.checkBlame(t, w.open())
		}
	})
}

type model struct {
	w            *world
	trees        []tree
	live, oldest int // places in trees
	lost         int // the release whose record is lost; -1: none
}

func (m *model) checkDiffs(t *rapid.T, l *Log) {
	for i := m.oldest; i <= m.live; i++ {
		for j := m.oldest; j <= m.live; j++ {
			from, err1 := l.Release(context.Background(), m.w.ids[i])
			to, err2 := l.Release(context.Background(), m.w.ids[j])
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			d, err := Compare(from.Objects, to.Objects)
			if err != nil {
				t.Fatal(err)
			}
			want, got, counts := map[string]plan.Op{}, map[string]plan.Op{}, Counts{}
			for _, p := range paths {
				switch op := opOf(m.trees[i][p], m.trees[j][p]); op {
				case "":
					if m.trees[j][p] != "" {
						counts.Kept++
					}
				default:
					want[p] = op
					*map[plan.Op]*int{plan.Create: &counts.Created, plan.Update: &counts.Updated, plan.Headers: &counts.Headers, plan.Delete: &counts.Deleted}[op]++
				}
			}
			for _, c := range d.Changes {
				got[c.Path()] = c.Op
				m.checkHeaders(t, c, m.trees[i][c.Path()], m.trees[j][c.Path()])
			}
			if diff := cmp.Diff(want, got) + cmp.Diff(counts, d.Counts); diff != "" {
				t.Fatalf("from %d to %d:\n%s", i, j, diff)
			}
		}
	}
}

func (m *model) checkHeaders(t *rapid.T, c plan.Change, from, to string) {
	var want []HeaderChange
	cached := func(v string) string { return map[bool]string{true: "x"}[len(v) > 1] }
	if from != "" && to != "" && cached(from) != cached(to) {
		want = []HeaderChange{{storage.CacheControl, cached(from), cached(to)}}
	}
	if diff := cmp.Diff(want, HeaderChanges(c.Old, c.New)); diff != "" {
		t.Fatal(diff)
	}
}

// verdict is a Blame without its records.
type verdict struct {
	Release int // place in trees; -1: the path is not known
	Op      plan.Op
	Unseen  bool
}

// want walks the trees back.
func (m *model) want(path string) verdict {
	seen := max(m.oldest, m.lost+1) // the oldest that can be compared with
	for i := m.live; i > seen; i-- {
		if op := opOf(m.trees[i-1][path], m.trees[i][path]); op != "" {
			return verdict{Release: i, Op: op}
		}
	}
	switch there := m.trees[seen][path] != ""; {
	case !there:
		return verdict{Release: -1, Unseen: seen > 0}
	case seen > 0:
		return verdict{Release: seen, Unseen: true}
	default:
		return verdict{Release: 0, Op: plan.Create}
	}
}

func (m *model) checkBlame(t *rapid.T, l *Log) {
	found, lost, err := l.Blame(context.Background(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]verdict{}, map[string]verdict{}
	for _, b := range found {
		v := verdict{Release: -2, Unseen: b.Unseen != nil}
		for i, id := range m.w.ids {
			if id == b.Release.ID {
				v.Release = i
			}
		}
		if b.Change != nil {
			v.Op = b.Change.Op
		}
		got[b.Path] = v
	}
	for _, e := range lost {
		got[e.Path] = verdict{Release: -1, Unseen: e.Unseen != nil}
	}
	for _, p := range paths {
		want[p] = m.want(p)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}
