package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
)

// inBucket returns what is in the bucket, sorted by path: the live objects and
// the retired ones, and these by path.
func (in Input) inBucket() ([]state.Object, map[string]*state.Retired) {
	if len(in.Retired) == 0 {
		return in.Live, nil
	}
	all := append(slices.Clone(in.Live), objectsOf(in.Retired)...)
	slices.SortFunc(all, func(a, b state.Object) int { return cmp.Compare(a.Path, b.Path) })
	retired := make(map[string]*state.Retired, len(in.Retired))
	for i := range in.Retired {
		retired[in.Retired[i].Path] = &in.Retired[i]
	}
	return all, retired
}

// objectsOf returns the objects that are retired.
func objectsOf(retired []state.Retired) []state.Object {
	out := make([]state.Object, len(retired))
	for i := range retired {
		out[i] = retired[i].Object
	}
	return out
}

// returns adds what a retired path needs that is desired again; one that is not
// stays retired so far.
func (p *Plan) returns(desired, old *state.Object, t *state.Retired) {
	if desired == nil {
		p.Retired = append(p.Retired, *t)
		return
	}
	c, ok := compare(desired, old)
	if !ok {
		c = Change{Op: Revive, Stage: stageOf(desired, false), Reason: "back, and still there", New: desired, Old: old}
	}
	c.Retired = t
	p.Changes = append(p.Changes, c)
}

// retire turns the deletions of fingerprinted objects into retirements, and
// deletes the retired objects that are due.
func (p *Plan) retire(r Retirement) {
	release := len(p.Changes) > 0 || r.Writes
	var due []Change
	kept := make([]state.Retired, 0, len(p.Retired))
	for i := range p.Retired {
		t := &p.Retired[i]
		reason := r.due(t)
		if reason == "" || !release {
			kept = append(kept, *t)
			continue
		}
		due = append(due, Change{Op: Delete, Stage: Deletions, Reason: reason, Old: &t.Object, Retired: t})
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if r.For <= 0 || c.Op != Delete || !fingerprinted(c.Old) || r.Stray[c.Path()] {
			continue
		}
		until := r.Now.Add(r.For).UTC().Truncate(time.Second)
		kept = append(kept, state.Retired{Object: *c.Old, Last: r.Release, Until: until})
		c.Op, c.Reason = Retire, "no longer in the output, stays until "+until.Format("2006-01-02 15:04 MST")
	}
	slices.SortFunc(kept, func(a, b state.Retired) int { return cmp.Compare(a.Path, b.Path) })
	p.Retired, p.Changes = kept, append(p.Changes, due...)
}

// due says why a retired object has to go; "" where it stays.
func (r *Retirement) due(t *state.Retired) string {
	switch {
	case r.Erased != nil && r.Erased(t.SHA256):
		return "retired, and erased from the history"
	case r.For <= 0 || !r.Now.Before(t.Until):
		return "retired, and its time is over"
	}
	return ""
}
