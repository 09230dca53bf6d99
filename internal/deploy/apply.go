package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// apply carries a plan out while the run holds the head.
func (r *Run) apply(ctx context.Context, t *tx, a aim, p *plan.Plan) (event.Finished, error) {
	defer t.close(nil)
	aborted := r.abort(t)
	own := func() []state.Touch { return touches(t.view, p) } // a long list, made where it is needed
	mended := a.mend != nil && a.mend.Changed
	if len(t.view.doubted) > 0 || len(p.Changes) > 0 || a.of != nil || mended { // else there are only debts
		u := &upload{Run: r, aim: a, plan: p}
		u.findUnmoved()
		wrote, err := r.publish(t, u, a, own)
		if err != nil {
			err = r.abandon(ctx, t, u, wrote, r.fail(t, err))
			if t.current().Live != t.id {
				return event.Finished{}, err
			}
			// The commit was done after all: what follows it is left.
			fin := r.finished(t.id, t.view.head.Live, a, p)
			fin.Changed, fin.Deleted, fin.Owed = true, 0, []string{"what follows the commit"}
			return fin, ErrOwed
		}
	}
	return r.settle(t, a, p, own, aborted)
}

// abandon ends a deploy that failed before its commit. It puts the old bytes
// back, unless the run was interrupted, or it is not known whether the commit
// was done: then the next run does what is right. The keys stay in doubt in any
// case.
func (r *Run) abandon(ctx context.Context, t *tx, u *upload, wrote bool, err error) error {
	lost := u.overwritten()
	if ctx.Err() == nil && t.ctx.Err() == nil && !u.committing {
		lost = u.restore(t.ctx)
	}
	r.release(t, wrote)
	if len(lost) > 0 {
		return &PartialError{Paths: lost, Err: err}
	}
	return err
}

// fail prefers the reason for which the transaction ended to the errors that
// this caused.
func (r *Run) fail(t *tx, err error) error {
	if cause := context.Cause(t.ctx); cause != nil && (errors.Is(err, context.Canceled) || errors.Is(cause, ErrLost)) {
		return cause
	}
	return err
}

// touches lists the keys of the plan, and those that earlier deploys left in
// doubt: this deploy takes them over.
func touches(v *view, p *plan.Plan) []state.Touch {
	doubted := map[string]bool{}
	for _, path := range v.doubted {
		doubted[path] = true
	}
	out := make([]state.Touch, 0, len(p.Changes)+len(doubted))
	for _, c := range p.Changes {
		if c.Op == plan.Retire || c.Op == plan.Revive {
			continue // its object stays as it is, in doubt or not
		}
		delete(doubted, c.Path())
		switch {
		case c.Op == plan.Delete:
			out = append(out, state.Touch{Path: c.Path(), Delete: true, SHA256: &c.Old.SHA256, Size: c.Old.Size})
		case c.Adopted:
			out = append(out, adopts(c))
		default:
			out = append(out, state.Touch{Path: c.Path(), SHA256: &c.New.SHA256, Size: c.New.Size, Adopts: v.adopts(c.Path())})
		}
	}
	for i := range p.Objects {
		if o := &p.Objects[i]; doubted[o.Path] {
			delete(doubted, o.Path)
			out = append(out, state.Touch{Path: o.Path, SHA256: &o.SHA256, Size: o.Size, Adopts: v.adopts(o.Path)})
		}
	}
	for path := range doubted { // neither wanted nor there, or not ours: only purged
		out = append(out, state.Touch{Path: path})
	}
	slices.SortFunc(out, func(a, b state.Touch) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// publish writes the intent, the objects stage by stage, and the release
// record, and commits. It reports whether it may have touched the site.
func (r *Run) publish(t *tx, u *upload, a aim, own func() []state.Touch) (wrote bool, err error) {
	intent := &state.Intent{ID: t.id, Base: t.view.head.Live, Site: r.Site, Touches: own()}
	b, err := state.EncodeIntent(intent)
	if err != nil {
		return false, err
	}
	if err := r.putState(t.ctx, state.IntentKey(t.id), b); err != nil {
		return false, err
	}
	if err := r.displace(t, u); err != nil {
		return true, err
	}
	started := r.begin(event.Upload, "")
	if err := u.stages(t.ctx); err != nil {
		return true, err
	}
	r.end(event.Upload, started, u.summary())
	if err := a.from.stillLive(t.ctx); err != nil {
		return true, err
	}

	started = r.begin(event.Commit, "")
	rel := r.record(t, u, a)
	t.release = rel
	if b, err = state.EncodeRelease(rel); err != nil {
		return true, err
	}
	if err := r.putState(t.ctx, state.ReleaseKey(t.id), b); err != nil {
		return true, err
	}
	u.committing = true
	if err := r.commit(t, u.plan, a, own); err != nil {
		return true, err
	}
	r.end(event.Commit, started, "release "+t.id)
	return true, nil
}

// displace keeps the bytes that the plan drops. They serve a failure, too, so
// that this is done also where no release is kept.
func (r *Run) displace(t *tx, u *upload) (err error) {
	if u.shelf, err = r.newShelf(t.ctx, t.view); err != nil {
		return err
	}
	if err := u.shelf.refill(t.ctx, t.view, u.aim.mend); err != nil {
		return err
	}
	changes := u.displaced(t)
	if len(changes) == 0 {
		return nil
	}
	started := r.begin(event.Displace, "")
	if err := u.shelf.displace(t.ctx, t.view, changes); err != nil {
		return err
	}
	r.end(event.Displace, started, english.Plural(len(changes), "object", ""))
	return nil
}

// displaced returns the changes that drop bytes, and those for which a copy of
// the bytes is needed: headers can only be taken from an object by copying it
// from another place, where there is no file.
func (u *upload) displaced(t *tx) []plan.Change {
	kept, _ := t.history(u.retention())
	brought := u.brought()
	drops := func(c plan.Change) bool {
		switch c.Op {
		case plan.Update:
			return true
		case plan.Delete: // a retired object may be needed by nobody any more
			needed := (c.Retired == nil || slices.Contains(kept, c.Retired.Last)) && !t.view.head.Forgot(c.Old.SHA256)
			return needed || brought[c.Old.SHA256]
		case plan.Headers:
			return !keepsNames(c) && u.aim.desired.file(c.Path()) == ""
		}
		return false
	}
	var out []plan.Change
	for _, c := range u.plan.Changes {
		if drops(c) {
			out = append(out, c)
		}
	}
	return out
}

// record is the record of the release that a deploy makes.
func (r *Run) record(t *tx, u *upload, a aim) *state.Release {
	rel := &state.Release{
		ID: t.id, Parent: t.view.head.Live, Site: r.Site, Source: r.Source, Tool: r.Tool, Forced: r.Force,
		Created: r.Now().Add(t.skew).UTC(), Objects: u.plan.Objects, Retired: u.plan.Retired,
	}
	if a.of != nil {
		rel.RollbackTo = a.of.ID
		rel.Source = sourceOf(a.of, rel.Source)
	}
	if a.from != nil {
		rel.PromotedFrom = a.from.promotion()
		rel.Source = r.source(a)
	}
	if a.mend != nil {
		rel.Repaired = true
		rel.Source = sourceOf(a.mend.Release, rel.Source)
	}
	rel.History, t.drop.releases = t.history(r.retention())
	rel.Blobs, t.drop.blobs = u.shelf.list(rel, t.view.head)
	t.drop.listed = u.shelf.listed
	for _, b := range t.drop.blobs {
		if u.shelf.found[b.SHA256] {
			t.drop.strays++
		}
	}
	t.drop.useless = t.view.useless(rel)
	return rel
}

// history returns the releases that are kept beside the next one, and those
// that are not any more.
func (t *tx) history(k Retention) (kept, dropped []string) {
	v := t.view
	if v.release == nil {
		return nil, nil
	}
	return k.split(append(slices.Clone(v.release.History), v.release.ID), t.id, v.now)
}

// retention is what the options say is kept.
func (o *Options) retention() Retention { return Retention{Keep: o.Keep, KeepFor: o.KeepFor} }

// putState creates an immutable object of the state. Its key is this run's
// alone, so that no condition is needed.
func (r *Run) putState(ctx context.Context, key string, b []byte) error {
	_, err := r.State.Put(ctx, key, storage.Bytes(b), stateHeaders(), storage.Condition{})
	return err
}

// commit makes the release live. What is left to do is owed from here on;
// where nothing is, and no earlier deploy has left anything to collect, the same
// write gives the head back.
func (r *Run) commit(t *tx, p *plan.Plan, a aim, own func() []state.Touch) error {
	debt := state.Debt{Intent: t.id, Delete: hasDeletions(p)}
	if r.BaseURL != nil && len(t.view.purged(a, p, own())) > 0 {
		for _, c := range r.Purgers {
			debt.Purge = append(debt.Purge, c.Name())
		}
	}
	now := t.current()
	mark, held := now.Mark, now.Held
	if a.mend == nil {
		held = a.of != nil
	}
	if a.of == nil && a.mend == nil {
		mark = r.mark(t.ctx, a, mark)
	}
	return r.update(t.ctx, t, func(h *state.Head) {
		h.Follow(t.release)
		h.Doubt = nil
		h.Mark, h.Held = mark, held
		if !debt.Settled() {
			h.Owed = append(slices.Clone(h.Owed), debt)
		}
		if len(h.Owed) == 0 && !t.view.recovers() && !t.revivable() {
			h.Busy = nil
		}
	})
}

func hasDeletions(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Op == plan.Delete })
}
