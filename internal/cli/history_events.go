package cli

import (
	"errors"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
)

// deploying describes who holds the site, or returns nil.
func deploying(l *past) *event.Deploying {
	b, valid := l.Busy()
	if b == nil {
		return nil
	}
	return &event.Deploying{Owner: b.Owner.String(), Release: b.Target, Expires: b.Expires, Expired: !valid}
}

func (l *past) listed(s history.Summary) event.Listed {
	if s.Err != nil {
		return event.Listed{Release: event.Release{ID: s.ID, Short: l.Short(s.ID), Live: s.ID == l.IDs()[0], Error: errors.Unwrap(s.Err).Error()}}
	}
	e := event.Listed{Release: l.release(s.Release), Files: s.Files, Bytes: s.Bytes, Changed: counts(s.Changed)}
	e.Retired, e.RetiredBytes, e.RetiredUntil = s.Retired.Files, s.Retired.Bytes, s.Retired.Until
	return e
}

func (l *past) release(r state.Release) event.Release {
	return event.Release{
		ID: r.ID, Short: l.Short(r.ID), Live: r.ID == l.IDs()[0], Created: r.Created, Parent: r.Parent,
		Repository: r.Source.Repository, Commit: r.Source.Commit, Dirty: r.Source.Dirty, Ref: r.Source.Ref,
		RunID: r.Source.RunID, RunAttempt: r.Source.RunAttempt, RunURL: r.Source.RunURL, Actor: r.Source.Actor,
		Tool: r.Tool, RollbackTo: r.RollbackTo, RollbackShort: l.Short(r.RollbackTo), Forced: r.Forced,
		PromotedFrom: promotedFrom(r.PromotedFrom),
	}
}

func promotedFrom(p *state.Promotion) *event.Promotion {
	if p == nil {
		return nil
	}
	return &event.Promotion{Environment: p.Environment, Bucket: p.Site.Bucket, Prefix: p.Site.Prefix, Release: p.Release}
}

func counts(c *history.Counts) *event.Counts {
	if c == nil {
		return nil
	}
	return &event.Counts{Created: c.Created, Updated: c.Updated, Headers: c.Headers, Deleted: c.Deleted, Kept: c.Kept}
}

// deleted is why a path is gone where two releases are compared.
const deleted = "deleted"

// changes describes changes. gone is said of deletions; empty, what the plan
// says of them.
func changes(list []plan.Change, gone string) []event.Change {
	out := make([]event.Change, len(list))
	for i, c := range list {
		out[i] = change(c, gone)
	}
	return out
}

func change(c plan.Change, gone string) event.Change {
	e := event.Change{Op: string(c.Op), Path: c.Path(), Stage: c.Stage.String(), Reason: c.Reason}
	if c.Old != nil {
		e.Size, e.OldSize = c.Old.Size, c.Old.Size
	}
	if c.New != nil {
		e.Size = c.New.Size
	}
	if c.Op == plan.Delete && gone != "" {
		e.Reason = gone
	}
	for _, h := range history.HeaderChanges(c.Old, c.New) {
		e.HeaderChanges = append(e.HeaderChanges, event.HeaderChange{Name: h.Name, Old: h.Old, New: h.New})
	}
	return e
}

func (l *past) blamed(b history.Blame) event.BlamePath {
	p := event.BlamePath{Path: b.Path, Release: l.release(b.Release)}
	if b.Unseen != nil {
		p.Unseen = b.Unseen.Error()
	}
	if b.Change != nil {
		c := change(*b.Change, deleted)
		p.Change = &c
	}
	return p
}
