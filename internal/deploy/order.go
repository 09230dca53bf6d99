package deploy

import (
	"context"
	"time"

	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
)

// Order is where this run stands, compared with the mark.
type Order int

// The orders.
const (
	Unknown Order = iota // the two cannot be compared
	Newer
	Same
	Older
)

// judge refuses a deploy that would bring back what a newer one replaced, or
// what a rollback took away.
func (r *Run) judge(ctx context.Context, v *view, a aim, p *plan.Plan) error {
	mark := v.head.Mark
	if mark == nil || !r.ordered(a) || a.of != nil || a.pay {
		return nil
	}
	order := r.order(ctx, a, *mark)
	switch {
	case r.Force:
		return nil
	case order == Older, order == Same && v.head.Held && len(p.Changes) > 0:
		return &SupersededError{Mark: *mark, Held: v.head.Held}
	case order == Unknown:
		r.note("whether this is newer than the last deploy of this site is not known: going on")
	}
	return nil
}

// source says what a run publishes: a promote, the commit of the release that
// it takes.
func (r *Run) source(a aim) state.Source {
	if a.from == nil {
		return r.Source
	}
	return sourceOf(a.from.release, r.Source)
}

// ordered reports whether a run can be compared with the mark.
func (r *Run) ordered(a aim) bool {
	if a.from != nil {
		return a.from.Order != nil
	}
	return r.Order != nil
}

// order compares what a run publishes with the mark.
func (r *Run) order(ctx context.Context, a aim, m state.Mark) Order {
	if a.from != nil {
		return a.from.Order(ctx, r.source(a), m)
	}
	return r.Order(ctx, m)
}

// mark returns the mark of a site after this run.
func (r *Run) mark(ctx context.Context, a aim, old *state.Mark) *state.Mark {
	src := r.source(a)
	own := state.Mark{Commit: src.Commit, Repository: src.Repository, RunID: src.RunID, RunAttempt: src.RunAttempt}
	switch {
	case own == (state.Mark{}):
		return old
	case old == nil || !r.ordered(a):
		return &own
	}
	if o := r.order(ctx, a, *old); o == Older {
		return old
	}
	return &own
}

// advance moves the mark after a run that changed nothing but is newer: else
// an older run that still waits could publish an older version.
func (r *Run) advance(ctx context.Context, v *view, a aim) error {
	next, ok := r.ahead(ctx, a, v.head.Mark)
	if !ok {
		return nil
	}
	t := &tx{view: v, head: *v.head, etag: v.etag, known: v.raw}
	t.head.Mark, t.head.Held = next, false
	return r.write(ctx, t)
}

// ahead returns the mark after this run, and whether that is another commit's.
func (r *Run) ahead(ctx context.Context, a aim, old *state.Mark) (*state.Mark, bool) {
	next := r.mark(ctx, a, old)
	return next, next != old && (old == nil || next.Commit != old.Commit)
}

// await waits while another deploy holds the head, at most LockTimeout. A
// later attempt of the same CI run does not wait: the earlier one is dead.
func (r *Run) await(ctx context.Context, v *view) error {
	if r.until.IsZero() {
		r.until = r.Now().Add(r.LockTimeout)
	}
	for look := 0; v.busy(); look++ {
		if r.succeeds(v.head.Busy.Owner) {
			v.takeover = true
			return nil
		}
		if look > 0 && !r.Now().Before(r.until) {
			return &LockedError{Busy: *v.head.Busy}
		}
		if look == 1 {
			r.note("waiting for another deploy: " + v.head.Busy.Owner.String())
		}
		if err := r.lookAgain(ctx, v, look); err != nil {
			return err
		}
	}
	return nil
}

// poll is how often a deploy looks whether the one before it is done.
const poll = 5 * time.Second

// lookAgain reads the head anew. The first look is due at once: a build may
// lie between it and what was read before.
func (r *Run) lookAgain(ctx context.Context, v *view, look int) error {
	if look > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(min(poll, r.until.Sub(r.Now()))):
		}
	}
	next, err := r.read(ctx)
	if err == nil {
		*v = *next
	}
	return err
}

// succeeds reports whether this run is a later attempt of the owner's.
func (r *Run) succeeds(o state.Owner) bool {
	return o.RunID != "" && o.RunID == r.Owner.RunID && o.Repository == r.Owner.Repository && o.RunAttempt < r.Owner.RunAttempt
}
