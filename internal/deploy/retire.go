package deploy

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// retirement is what happens to objects whose paths are no longer desired.
func (r *Run) retirement(v *view, a aim) plan.Retirement {
	t := plan.Retirement{
		Retired: v.retired, For: r.Retain, Now: v.now, Release: v.head.Live, Stray: map[string]bool{}, Erased: v.head.Forgot,
		Writes: len(v.doubted) > 0 || a.of != nil || a.mend != nil && a.mend.Changed,
	}
	for i := range v.objects {
		o := &v.objects[i]
		if _, doubted := slices.BinarySearch(v.doubted, o.Path); !doubted {
			continue
		}
		if old := recorded(v.release, o.Path); old == nil || old.SHA256 != o.SHA256 {
			t.Stray[o.Path] = true
		}
	}
	return t
}

// compare returns the plan. What it does to retired objects rests on their
// being there, and people take them for leftovers: so those that come back, or
// are due, are asked for. One that is gone, or is another one now, is not the
// site's any more.
func (r *Run) compare(ctx context.Context, v *view, a aim) (*plan.Plan, error) {
	p, err := r.diff(v, a)
	if err != nil {
		return nil, err
	}
	lost, err := r.lost(ctx, p)
	if err != nil || len(lost) == 0 {
		return p, err
	}
	v.retired = slices.DeleteFunc(slices.Clone(v.retired), func(t state.Retired) bool { return slices.Contains(lost, t.Path) })
	r.note("something else removed or changed what was retired, which is not the site's any more: " + some(lost))
	if err := r.adopt(ctx, v, a); err != nil { // what is there may be wanted
		return nil, err
	}
	return r.diff(v, a)
}

// lost returns the paths of a plan whose retired objects are not as they were
// recorded, sorted.
func (r *Run) lost(ctx context.Context, p *plan.Plan) ([]string, error) {
	var mu sync.Mutex
	var lost []string
	g, gctx := r.pace.Group(ctx)
	for _, c := range p.Changes {
		if c.Retired == nil {
			continue
		}
		g.Go(0, func() error {
			there, err := r.asRecorded(gctx, c.Old)
			switch {
			case err != nil:
				return err
			case !there:
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, c.Path())
			case c.Op == plan.Revive:
				c.New.ETag = c.Old.ETag
			}
			return nil
		})
	}
	err := g.Wait()
	slices.Sort(lost)
	return lost, err
}

// asRecorded reports whether an object is as it was recorded. Only where its
// ETag is another one is it read; then it takes that.
func (r *Run) asRecorded(ctx context.Context, o *state.Object) (bool, error) {
	now, err := storage.Stat(ctx, r.Live, o.Path)
	switch {
	case notExist(err):
		return false, nil
	case err != nil:
		return false, err
	case now.ETag == o.ETag:
		return true, nil
	}
	return r.vouch(ctx, o)
}

// retains reports whether a path is one of the retired.
func (v *view) retains(path string) bool {
	_, ok := findRetired(v.retired, path)
	return ok
}

// findRetired returns the place of a path among retired objects.
func findRetired(retired []state.Retired, path string) (int, bool) {
	return slices.BinarySearchFunc(retired, path, func(t state.Retired, path string) int { return strings.Compare(t.Path, path) })
}
