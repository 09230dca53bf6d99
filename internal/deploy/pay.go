package deploy

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
)

// What purging by hand may fail with, for errors.Is.
var (
	// ErrUnfinished reports that an earlier deploy did not finish: what it
	// left has to be read, and perhaps published, before its purges mean
	// anything.
	ErrUnfinished = errors.New("an earlier deploy of this site did not finish")
	// ErrNoPurge reports that nothing is configured that could be purged.
	ErrNoPurge = errors.New("no CDN is configured for this site")
)

// Pay does what committed releases still owe, deletions and purges, and
// nothing else: no release is made, and the order mark stays. Where nothing is
// owed, nothing is written. The receipt and the errors are those of Deploy, and
// ErrUnfinished.
func (r *Run) Pay(ctx context.Context) (event.Finished, error) {
	return r.do(ctx, func(_ context.Context, v *view) (aim, error) { return v.paying() })
}

// payable returns ErrUnfinished where an earlier run announced something that
// has to be looked at by a deploy, or a late request changed what is live. One
// that only paid has announced nothing.
func (v *view) payable(a aim, p *plan.Plan) error {
	announced := slices.ContainsFunc(v.unfinished, func(in intent) bool { return len(in.touches) > 0 })
	if a.pay && (announced || len(touches(v, p)) > 0) {
		return ErrUnfinished
	}
	return nil
}

// PreviewPay returns what Pay would do, and writes nothing.
func (r *Run) PreviewPay(ctx context.Context) (event.Planned, error) {
	v, err := r.live(ctx)
	if err != nil {
		return event.Planned{}, err
	}
	a, err := v.paying()
	if err != nil {
		return event.Planned{}, err
	}
	return r.preview(ctx, v, a)
}

// paying aims at what is live.
func (v *view) paying() (aim, error) {
	if v.release == nil {
		return aim{}, state.ErrNothing
	}
	return aim{pay: true, desired: wishes(v.release.Objects)}, nil
}

// PurgeByHand asks all CDNs at once to forget some paths of the site, also such
// as it does not have, or all of it where there are none. It reads the live
// release, and writes nothing. The errors of several CDNs are joined.
func (r *Run) PurgeByHand(ctx context.Context, paths []string) (event.Finished, error) {
	c, p, err := r.byHand(ctx, paths)
	if err != nil {
		return event.Finished{}, err
	}
	started := r.begin(event.Purge, "")
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	fin := r.finished(r.view.head.Live, "", aim{}, p)
	for _, each := range r.Purgers {
		wg.Go(func() {
			res, err := each.Purge(ctx, cdn.NewPlan(each.Limits(), c).Requests...)
			mu.Lock()
			defer mu.Unlock()
			fin.PurgedURLs += res.URLs
			fin.PurgeRequests += res.Requests
			errs = append(errs, err)
		})
	}
	wg.Wait()
	r.end(event.Purge, started, english.Plural(fin.PurgedURLs, "URL", "")+", "+english.Plural(fin.PurgeRequests, "request", ""))
	fin.Elapsed = r.Now().Sub(r.start)
	return fin, errors.Join(errs...)
}

// PreviewPurgeByHand returns what PurgeByHand would ask for.
func (r *Run) PreviewPurgeByHand(ctx context.Context, paths []string) (event.Planned, error) {
	c, p, err := r.byHand(ctx, paths)
	if err != nil {
		return event.Planned{}, err
	}
	e := r.planned(r.view, aim{pay: true}, p)
	e.Owed, e.Purges = nil, nil
	for _, each := range r.Purgers {
		e.Purges = append(e.Purges, describe(each, cdn.NewPlan(each.Limits(), c)))
	}
	e.PurgeURLs = mostURLs(e.Purges)
	return e, nil
}

// byHand returns what changed, as it were, and the live release as a plan
// without changes.
func (r *Run) byHand(ctx context.Context, paths []string) (cdn.Change, *plan.Plan, error) {
	v, err := r.live(ctx)
	switch {
	case err != nil:
		return cdn.Change{}, nil, err
	case len(r.Purgers) == 0 || r.BaseURL == nil:
		return cdn.Change{}, nil, ErrNoPurge
	case v.release == nil:
		return cdn.Change{}, nil, state.ErrNothing
	}
	p := &plan.Plan{Objects: v.release.Objects}
	if len(paths) > 0 {
		return r.purging(outputPaths(paths), p), p, nil
	}
	for i := range p.Objects {
		paths = append(paths, p.Objects[i].Path)
	}
	c := r.purging(paths, p)
	c.All = true
	return c, p, nil
}

// outputPaths returns paths as people write them, also from an address bar, as
// they are in the output. One with escapes may be meant either way: as it is, and
// decoded.
func outputPaths(paths []string) []string {
	var out []string
	for _, p := range paths {
		p = strings.TrimLeft(strings.TrimPrefix(p, "./"), "/")
		if p == "" || strings.HasSuffix(p, "/") {
			p += "index.html"
		}
		out = append(out, p)
		if decoded, err := url.PathUnescape(p); err == nil {
			out = append(out, decoded)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// owedIntents reads the intents of debts, of which a CDN that fails for long
// leaves many, some at once.
func (r *Run) owedIntents(ctx context.Context, debts []state.Debt) ([]intent, error) {
	out := make([]intent, len(debts))
	g, gctx := r.pace.Group(ctx)
	for i, d := range debts {
		g.Go(0, func() (err error) {
			out[i], err = r.intent(gctx, d.Intent)
			return err
		})
	}
	return out, g.Wait()
}
