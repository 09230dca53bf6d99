package deploy

import (
	"cmp"
	"slices"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Variants are the URLs under which CDNs may have cached a site, besides those
// at its own. site.Addresses describes the fields; Origins are the Origin
// headers that requests for its files carried.
type Variants struct {
	Hosts, Queries, Origins []string
	NotFound                string
}

// purging returns what CDNs have to forget where these paths have another
// answer than before, and those of the plan's other objects have not.
func (r *Run) purging(paths []string, p *plan.Plan) cdn.Change {
	if r.BaseURL == nil || len(paths) == 0 {
		return cdn.Change{}
	}
	a := site.Addresses{Base: r.BaseURL, Hosts: r.Variants.Hosts, Queries: r.Variants.Queries, NotFound: r.Variants.NotFound}
	changed := make(map[string]bool, len(paths))
	for _, p := range paths {
		changed[p] = true
	}
	return cdn.Change{
		Bases: a.Bases(), URLs: a.URLs(paths), Origins: r.Variants.Origins, All: slices.ContainsFunc(paths, a.IsNotFound),
		Kept: func(yield func(string) bool) {
			for i := range p.Objects {
				if path := p.Objects[i].Path; !changed[path] && !yield(site.Relative(path)) {
					return
				}
			}
		},
	}
}

// purgePlan returns what a CDN is asked for.
func (r *Run) purgePlan(c cdn.Purger, paths []string, p *plan.Plan) cdn.Plan {
	return cdn.NewPlan(c.Limits(), r.purging(paths, p))
}

// purged returns the paths among touches that CDNs have to forget: all but
// those that nobody can have asked for.
func (v *view) purged(a aim, p *plan.Plan, touches []state.Touch) []string {
	unasked := v.unasked(a, p)
	var paths []string
	for _, path := range purgeable(touches) {
		if !unasked[path] {
			paths = append(paths, path)
		}
	}
	return paths
}

// unasked returns the paths that a deploy creates and that nobody can have
// asked for yet, so that no CDN holds that they are not found: names with a
// fingerprint, of bytes that no kept release had. A rollback brings names back
// that were asked for, and so may a deploy where none is kept to compare with,
// or where an earlier one did not finish, or where there was no release: the
// site may have been somewhere else before.
func (v *view) unasked(a aim, p *plan.Plan) map[string]bool {
	if a.of != nil || v.release == nil || len(v.release.History) == 0 && v.release.Parent != "" {
		return nil
	}
	had := make(map[storage.Digest]bool, len(v.release.Blobs))
	for _, b := range v.release.Blobs {
		had[b.SHA256] = true
	}
	for _, t := range v.release.Retired {
		had[t.SHA256] = true // it is gone from where it should still be
	}
	out := map[string]bool{}
	for _, c := range p.Changes {
		if c.Op == plan.Create && site.RoleOf(c.Path(), c.New.Headers[storage.ContentType]) == site.Fingerprinted && !had[c.New.SHA256] {
			out[c.Path()] = true
		}
	}
	for _, path := range v.doubted {
		delete(out, path)
	}
	return out
}

// owedPaths returns the paths that the named CDN still has to forget for
// earlier deploys.
func (v *view) owedPaths(name string) []string {
	var paths []string
	for _, d := range v.debts {
		if slices.Contains(d.Purge, name) {
			paths = append(paths, purgeable(d.touches)...)
		}
	}
	return paths
}

// purges describes what each CDN would be asked for.
func (r *Run) purges(v *view, a aim, p *plan.Plan) []event.CDNPurge {
	if len(r.Purgers) == 0 {
		return nil
	}
	var out []event.CDNPurge
	own := v.purged(a, p, touches(v, p))
	for _, c := range r.Purgers {
		pp := r.purgePlan(c, slices.Concat(own, v.owedPaths(c.Name())), p)
		if len(pp.Requests) == 0 {
			continue
		}
		out = append(out, describe(c, pp))
	}
	return out
}

// describe says what a CDN would be asked for.
func describe(c cdn.Purger, pp cdn.Plan) event.CDNPurge {
	e := event.CDNPurge{CDN: c.Name(), URLs: pp.URLs, Requests: len(pp.Requests), Dropped: pp.Dropped}
	for _, q := range pp.Requests {
		e.By = append(e.By, string(q.Kind))
	}
	slices.Sort(e.By)
	e.By = slices.Compact(e.By)
	if c.Limits().Billed {
		e.Billed = pp.Items
	}
	return e
}

// mostURLs returns how many URLs are purged: at CDNs that are owed different
// ones, the most.
func mostURLs(purges []event.CDNPurge) int {
	if len(purges) == 0 {
		return 0
	}
	return slices.MaxFunc(purges, func(a, b event.CDNPurge) int { return cmp.Compare(a.URLs, b.URLs) }).URLs
}
