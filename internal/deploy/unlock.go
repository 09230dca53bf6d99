package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pandastack-io/pandastack/internal/state"
)

// ErrNotLocked reports that nobody deploys the site.
var ErrNotLocked = errors.New("nobody is deploying this site")

// Lock returns who deploys the site, or ErrNotLocked. A lease that has run
// out counts as a lock: the next deploy takes it over by itself.
func (r *Run) Lock(ctx context.Context) (state.Busy, error) {
	v, err := r.live(ctx)
	if err != nil {
		return state.Busy{}, err
	}
	if v.head.Busy == nil {
		return state.Busy{}, ErrNotLocked
	}
	return *v.head.Busy, nil
}

// Unlock takes the site from the deploy whose target is id, as Lock returned
// it. What that deploy may have touched stays in doubt, and, as it may still
// be running, under suspicion. Where another deploy holds the site, the error
// is a *LockedError.
func (r *Run) Unlock(ctx context.Context, id string) error {
	v, err := r.live(ctx)
	if err != nil {
		return err
	}
	switch b := v.head.Busy; {
	case b == nil:
		return ErrNotLocked
	case b.Target != id:
		return &LockedError{Busy: *b}
	}
	v.takeover = true
	t := &tx{view: v, head: *v.head, etag: v.etag, known: v.raw}
	t.head.Doubt = v.doubts()
	t.head.Suspects = append(slices.Clone(v.head.Suspects), state.Suspect{Intent: id, Until: v.now.Add(lease + suspicion).UTC()})
	t.head.Busy = nil
	if err := r.write(ctx, t); err != nil {
		if isMoved(err) {
			return fmt.Errorf("%w while it was being unlocked: look again", err)
		}
		return err
	}
	return nil
}
