package edge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"
	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
)

// Report is what a proof found.
type Report struct {
	Results []Result // one for each change that was asked for, in their order
	Purges  int      // how often the CDNs were asked again
	// PurgeErr is why the last of these failed; nil: it did not.
	PurgeErr error
}

// Failed returns the results that are not Proved, in their order.
func (r Report) Failed() []Result {
	return slices.DeleteFunc(slices.Clone(r.Results), func(r Result) bool { return r.Kind == Proved })
}

// prover is one proof.
type prover struct {
	Options
	*client
	changes []Change
	results []Result
	home    *state.Object // nil: the release has none

	purges   int
	purgeErr error
}

var errUnproved = errors.New("not all is proved")

// Prove asks for the URL of each change, at most a few at once, and compares
// the answers. What may be a matter of time is purged and asked for again,
// with waits that grow, until Options.Timeout is over. Where the first URL
// cannot be reached at all, the others are not tried.
//
// It ends early, with what it has, where ctx ends.
func Prove(ctx context.Context, o Options, changes []Change) Report {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	o.RequestTimeout = cmp.Or(o.RequestTimeout, DefaultRequestTimeout)
	p := &prover{Options: o, client: newClient(o, o.RequestTimeout), changes: changes, results: make([]Result, len(changes))}
	for i, c := range changes {
		p.results[i] = Result{Path: c.Path, URL: site.URL(o.Base, c.Path), Removed: c.New == nil, Changed: c.Changed, Kind: Unreachable, Detail: "there was no time left to ask"}
		if c.Path == Home {
			p.home = c.New
		}
	}
	if len(changes) == 0 || !p.reachable(ctx) {
		return p.report(min(1, len(changes)))
	}
	_ = retry.Do(ctx, p.backoff(), func(ctx context.Context) error {
		if p.round(ctx) {
			return nil
		}
		return retry.RetryableError(errUnproved)
	})
	return p.report(len(changes))
}

func (p *prover) report(n int) Report {
	return Report{Results: p.results[:n], Purges: p.purges, PurgeErr: p.purgeErr}
}

func (p *prover) backoff() retry.Backoff {
	return retry.WithCappedDuration(maxBackoff, retry.NewExponential(cmp.Or(p.Backoff, time.Second)))
}

// reachable asks for the first URL, and once more where it does not answer.
func (p *prover) reachable(ctx context.Context) bool {
	err := retry.Do(ctx, retry.WithMaxRetries(1, p.backoff()), func(ctx context.Context) error {
		p.ask(ctx, 0)
		if p.results[0].Kind == Unreachable {
			return retry.RetryableError(errUnproved)
		}
		return nil
	})
	return err == nil
}

// round asks for all that is not settled, and reports whether nothing is left
// to ask for again. What was asked for before is purged first.
func (p *prover) round(ctx context.Context) bool {
	var again []string
	var todo []int
	for i, r := range p.results {
		switch {
		case r.Attempts == 0:
			todo = append(todo, i)
		case p.mayPass(i):
			todo = append(todo, i)
			if r.Kind != Unreachable {
				again = append(again, r.Path)
			}
		}
	}
	p.purge(ctx, again)
	var g errgroup.Group
	g.SetLimit(workers)
	for _, i := range todo {
		g.Go(func() error { p.ask(ctx, i); return nil })
	}
	_ = g.Wait()
	for i := range p.results {
		if p.mayPass(i) {
			return false
		}
	}
	return true
}

// mayPass reports whether a result may be another one after a purge or a
// while. A missing index of a directory may be a cached 404 where the page is
// new, and the home page is not missing in the same way.
func (p *prover) mayPass(i int) bool {
	switch r := p.results[i]; r.Kind {
	case Stale, Missing, Different, Unreachable:
		return true
	case NoIndex:
		first := p.results[0]
		return p.changes[i].Old == nil && (first.Path != Home || first.Kind == Proved) && i > 0
	}
	return false
}

// purge asks the CDNs again to forget paths.
func (p *prover) purge(ctx context.Context, paths []string) {
	if p.Purge == nil || len(paths) == 0 || p.purges == maxPurges {
		return
	}
	p.purges++
	p.purgeErr = p.Purge(ctx, paths)
}

// ask asks for one URL and keeps what it found, unless the proof was over
// meanwhile: then what was found before is worth more.
func (p *prover) ask(ctx context.Context, i int) {
	c := p.changes[i]
	r := Result{Path: c.Path, URL: site.URL(p.Base, c.Path), Removed: c.New == nil, Changed: c.Changed, Attempts: p.results[i].Attempts + 1}
	a, err := p.get(ctx, r.URL, nil)
	r.Kind, r.Detail = p.judge(ctx, c, a, err)
	if c.New != nil && r.Kind == Proved {
		r.CacheControl = cacheControl(c, a)
	}
	if c.New != nil && err == nil && p.indexless(ctx, c, r.URL, r.Kind) {
		r.Kind, r.Detail = NoIndex, strings.TrimPrefix(p.urls(c.Path)[0], p.Base.Scheme+"://"+p.Base.Host)
	}
	if ctx.Err() != nil && p.results[i].Attempts > 0 {
		return
	}
	p.results[i] = r
}

// indexless reports whether a page is right at its own URL, and not at that of
// its directory, for which the server has no index page.
func (p *prover) indexless(ctx context.Context, c Change, asked string, kind Kind) bool {
	own := p.urls(c.Path)[0]
	if own == asked || kind != Missing && kind != Blocked {
		return false
	}
	a, err := p.get(ctx, own, nil)
	got, _ := p.judge(ctx, c, a, err)
	return got == Proved
}

// String names the URL and what was seen there.
func (r Result) String() string {
	if r.Detail == "" {
		return r.URL
	}
	return fmt.Sprintf("%s (%s)", r.URL, r.Detail)
}
