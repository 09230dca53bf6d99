package deploy

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
)

// Answer is a path whose answer to visitors a run changed, or may have.
type Answer struct {
	Path string
	New  *state.Object // nil: it is gone
	Old  *state.Object // nil: it was not there, or that is not known
	// Changed says that this run's release made it another one; else it was in
	// doubt, or an earlier run owed its purge.
	Changed bool
}

// Answers returns, sorted by path, what visitors get otherwise since this run:
// what it changed, what it found in doubt, and what it purged for earlier ones.
// Objects is the whole of what is live, sorted by path. Both are nil before
// Deploy or Rollback has returned, and where these had nothing to do.
func (r *Run) Answers() (answers []Answer, objects []state.Object) {
	s := r.settled
	if s == nil {
		return nil, nil
	}
	byPath := map[string]Answer{}
	live := func(path string) *state.Object {
		i, ok := slices.BinarySearchFunc(s.plan.Objects, path, func(o state.Object, path string) int { return cmp.Compare(o.Path, path) })
		if !ok {
			return nil
		}
		return &s.plan.Objects[i]
	}
	for _, d := range s.debts {
		for _, path := range purgeable(d.touches) {
			byPath[path] = Answer{Path: path, New: live(path)}
		}
		for _, t := range d.touches {
			if t.Delete && t.SHA256 != nil && live(t.Path) == nil {
				byPath[t.Path] = Answer{Path: t.Path, Old: &state.Object{Path: t.Path, SHA256: *t.SHA256, Size: t.Size}}
			}
		}
	}
	for _, path := range s.tx.view.doubted {
		byPath[path] = Answer{Path: path, New: live(path)}
	}
	for _, c := range s.plan.Changes {
		if c.Writes() {
			byPath[c.Path()] = Answer{Path: c.Path(), New: c.New, Old: c.Old, Changed: true}
		}
	}
	for i := range s.plan.Retired { // not of the release, and still there
		delete(byPath, s.plan.Retired[i].Path)
	}
	for _, a := range byPath {
		answers = append(answers, a)
	}
	slices.SortFunc(answers, func(a, b Answer) int { return cmp.Compare(a.Path, b.Path) })
	return answers, s.plan.Objects
}

// PurgeAgain asks all CDNs once more to forget paths of what Answers returned.
// It changes nothing of what is owed, and joins the errors of those that fail.
func (r *Run) PurgeAgain(ctx context.Context, paths []string) error {
	if r.settled == nil {
		return nil
	}
	errs := make([]error, len(r.Purgers))
	var wg sync.WaitGroup
	for i, c := range r.Purgers {
		wg.Go(func() { errs[i] = r.purgeAgain(ctx, c, paths) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *Run) purgeAgain(ctx context.Context, c cdn.Purger, paths []string) error {
	p := r.purgePlan(c, paths, r.settled.plan)
	if len(p.Requests) == 0 {
		return nil
	}
	_, err := c.Purge(ctx, p.Requests...)
	return err
}

// Overtaken reports whether another deploy is at work by now, or has replaced
// the release that this run left live. It reads the head.
func (r *Run) Overtaken(ctx context.Context) (bool, error) {
	v := &view{}
	if _, err := r.getHead(ctx, v); err != nil {
		return false, err
	}
	return v.head.Busy != nil || r.settled != nil && v.head.Live != r.settled.tx.head.Live, nil
}

// Revert takes the release id back: it brings back the one before it, as
// Rollback does. Where another one is live by then, it changes nothing, and the
// error is ErrLost.
func (r *Run) Revert(ctx context.Context, id string) (event.Finished, error) {
	return r.do(ctx, func(ctx context.Context, v *view) (aim, error) {
		if v.head.Live != id {
			return aim{}, ErrLost
		}
		return r.rollbackTo("")(ctx, v)
	})
}
