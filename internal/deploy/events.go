package deploy

import (
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
)

// begin opens a phase and returns when it began.
func (r *Run) begin(phase event.Phase, detail string) time.Time {
	r.Sink.Emit(event.PhaseStarted{Phase: phase, Detail: detail})
	return r.Now()
}

// end closes a phase that succeeded.
func (r *Run) end(phase event.Phase, started time.Time, detail string) {
	r.Sink.Emit(event.PhaseDone{Phase: phase, Elapsed: r.Now().Sub(started), Detail: detail})
}

// planned describes a plan.
func (r *Run) planned(v *view, a aim, p *plan.Plan) event.Planned {
	e := event.Planned{Target: r.Target, Live: v.head.Live, Changes: described(p), Owed: v.owed(), Pays: a.pay}
	counts := count(p)
	e.Created, e.Updated, e.Headers, e.Deleted, e.Kept = counts[plan.Create], counts[plan.Update], counts[plan.Headers], counts[plan.Delete], counts[keep]
	e.Adopted, e.Retired, e.Revived = counts[adopted], counts[plan.Retire], counts[plan.Revive]
	e.RetiredUntil = retiredUntil(p)
	for _, c := range p.Changes {
		e.UploadBytes += r.sent(a, c)
	}
	for i := range p.Objects {
		e.TotalBytes += p.Objects[i].Size
	}
	e.Purges = r.purges(v, a, p)
	e.PurgeURLs = mostURLs(e.Purges)
	return e
}

// described describes the changes of a plan. Nothing of what it says of them
// changes while the plan is carried out.
func described(p *plan.Plan) event.Changes {
	return event.NewChanges(len(p.Changes), func(i int) event.Change {
		c := p.Changes[i]
		e := event.Change{Op: string(c.Op), Path: c.Path(), Stage: c.Stage.String(), Reason: c.Reason, Adopted: c.Adopted}
		if c.Old != nil {
			e.Size, e.OldSize = c.Old.Size, c.Old.Size
		}
		if c.New != nil {
			e.Size = c.New.Size
		}
		return e
	})
}

// retiredUntil returns until when what a plan retires stays; zero where it
// retires nothing.
func retiredUntil(p *plan.Plan) (until time.Time) {
	for _, c := range p.Changes {
		if c.Op == plan.Retire {
			i, _ := findRetired(p.Retired, c.Path())
			until = p.Retired[i].Until
		}
	}
	return until
}

// keep counts the objects that stay as they are, and adopted those that are
// taken over, whatever else is done to them.
const keep, adopted plan.Op = "keep", "adopted"

func count(p *plan.Plan) map[plan.Op]int {
	n := map[plan.Op]int{keep: len(p.Objects)}
	for _, c := range p.Changes {
		n[c.Op]++
		if c.New != nil && c.Writes() {
			n[keep]--
		}
		if c.Adopted {
			n[adopted]++
		}
	}
	return n
}

// finished is the receipt for a plan that was carried out.
func (r *Run) finished(release, parent string, a aim, p *plan.Plan) event.Finished {
	counts := count(p)
	e := event.Finished{
		Release: release, Parent: parent, Target: r.Target, Elapsed: r.Now().Sub(r.start),
		Created: counts[plan.Create], Updated: counts[plan.Update], Headers: counts[plan.Headers],
		Deleted: counts[plan.Delete], Kept: counts[keep], Adopted: counts[adopted],
		Retired: counts[plan.Retire], Revived: counts[plan.Revive], RetiredUntil: retiredUntil(p),
	}
	for _, c := range p.Changes {
		e.BytesUploaded += r.sent(a, c)
	}
	e.BytesUploaded += a.from.uploaded()
	if r.BaseURL != nil {
		e.URL = r.BaseURL.String()
	}
	if r.Usage != nil {
		e.Requests = r.Usage().Requests
	}
	return e
}
