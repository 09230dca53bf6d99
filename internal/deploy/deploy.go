// Package deploy is the release protocol: the only code that orders writes to
// a site and its state. docs/architecture.md draws it.
package deploy

import (
	"cmp"
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/pace"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Options says what is deployed where, and by whom.
type Options struct {
	Site   state.Site
	Target string        // the site for people, for example "s3://www/blog/"
	Live   storage.Store // below the site's prefix
	State  storage.Store // below the state's prefix
	// Aside holds the prefixes, relative to Live, below which state lies that
	// is not below a segment state.Dir.
	Aside []string
	// MixedPaths says that Live holds an object `a` beside `a/b`.
	MixedPaths bool
	// Usage returns what all stores together have used so far.
	Usage func() storage.Usage

	BaseURL *url.URL // siteUrl; nil: no URL is purged
	// Variants are the other URLs under which CDNs may have cached the site.
	Variants Variants
	Purgers  []cdn.Purger

	Owner  state.Owner
	Source state.Source
	Tool   string // name and version, for the record

	// Guards stop a deploy, but no rollback, before its first write.
	Guards plan.Guards
	// Keep is how many former releases are kept: those that a rollback can
	// bring back. 0 keeps none.
	Keep int
	// KeepFor is how long a former release is kept, whatever Keep says, after
	// another one took its place. 0: none is kept for its age.
	KeepFor time.Duration
	// Retain is how long objects with a fingerprinted name stay that a
	// release no longer has. 0: they are deleted at once.
	Retain time.Duration
	// Order compares this run with the mark; nil: the order is not known.
	Order func(context.Context, state.Mark) Order
	// Force overrides the order.
	Force bool
	// Adopt takes over what somebody else put where the output has a file.
	// Without it, that is a *ForeignError.
	Adopt bool
	// LockTimeout is how long a deploy waits for another one to finish.
	LockTimeout time.Duration

	// Workers is how many objects are read, copied or written at once. 0:
	// this is found out, between 1 and pace.Most.
	Workers int
	// Settle is how long a write of the head must stand before it counts, on
	// a storage whose conditions do not hold; 0: DefaultSettle.
	Settle time.Duration
	Sink   event.Sink
	Now    func() time.Time // nil: time.Now
}

// aim is what a run makes of the site.
type aim struct {
	desired Desired
	// of is the release that a rollback brings back; nil for a deploy.
	of *state.Release
	// from is where a promote takes its release from; nil otherwise.
	from *origin
	// mend is what a repair mends; nil otherwise.
	mend *history.Verification
	// pay is set where only what is owed is done.
	pay bool
}

// Run is one deploy of one site.
type Run struct {
	Options
	start time.Time
	pace  *pace.Pacer
	// soon and last outlive the context of Open, for what is still to be said
	// when the run was interrupted; the second one longer.
	soon, last context.Context

	fetched chan struct{} // closed when view and viewErr are set
	view    *view
	viewErr error

	caps   state.Capabilities  // what is known of the storage
	probed *state.Capabilities // what this run found out about it; nil: nothing
	warned bool                // that the storage breaks promises
	until  time.Time           // when waiting for other deploys ends; zero: it has not begun

	trying sync.Mutex // held while one of these changes
	trial  *trial     // nil: the storage is not being tried out
	closed bool       // and is not to be, ahead of a write

	settled *settlement // nil: nothing was committed or paid
}

// Open begins a run: it reads the head and the live release in the background,
// while the caller builds and scans.
func Open(ctx context.Context, o Options) *Run {
	if o.Settle <= 0 {
		o.Settle = DefaultSettle
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sink == nil {
		o.Sink = event.Discard
	}
	r := &Run{
		Options: o, start: o.Now(), pace: o.pacer(), soon: outlive(ctx, handover/2), last: outlive(ctx, handover),
		fetched: make(chan struct{}), caps: state.Trusted(),
	}
	go func() {
		defer close(r.fetched)
		r.view, r.viewErr = r.read(ctx)
	}()
	return r
}

// pacer returns what decides how much is done at once.
func (o *Options) pacer() *pace.Pacer {
	switch {
	case o.Workers > 0:
		return pace.Fixed(o.Workers)
	case o.Usage == nil:
		return pace.New(nil)
	}
	return pace.New(func() int64 { return o.Usage().SlowDowns })
}

// Ready waits until the head and the live release are read, and returns the
// error that made this impossible.
func (r *Run) Ready(ctx context.Context) error {
	_, err := r.live(ctx)
	return err
}

// live waits for what Open reads.
func (r *Run) live(ctx context.Context) (*view, error) {
	select {
	case <-r.fetched:
		return r.view, r.viewErr
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Preview returns what Deploy would do, and writes nothing.
func (r *Run) Preview(ctx context.Context, desired Desired) (event.Planned, error) {
	v, err := r.live(ctx)
	if err != nil {
		return event.Planned{}, err
	}
	return r.preview(ctx, v, aim{desired: desired})
}

// preview returns what a run would do.
func (r *Run) preview(ctx context.Context, v *view, a aim) (event.Planned, error) {
	if v.busy() {
		r.warn("another deploy is running: "+v.head.Busy.Owner.String(), "The plan compares with the release that was live before it.")
	}
	if err := r.resolve(ctx, v, a.desired); err != nil {
		return event.Planned{}, err
	}
	if err := r.adopt(ctx, v, a); err != nil {
		return event.Planned{}, err
	}
	p, err := r.compare(ctx, v, a)
	if err != nil {
		return event.Planned{}, err
	}
	return r.planned(v, a, p), cmp.Or(v.payable(a, p), r.reachable(ctx, v, a, p), r.guard(v, a, p))
}

// guard returns plan.GuardErrors where a deploy would break a limit. Somebody
// who rolls back has decided.
func (r *Run) guard(v *view, a aim, p *plan.Plan) error {
	if a.of != nil || len(p.Changes) == 0 {
		return nil
	}
	return plan.Check(p, v.own(), r.Guards)
}

// reachable returns an error where the bytes of a rollback or a promote
// are gone.
func (r *Run) reachable(ctx context.Context, v *view, a aim, p *plan.Plan) error {
	if a.of == nil && a.from == nil {
		return nil
	}
	s, err := r.newShelf(ctx, v)
	if err != nil {
		return err
	}
	return v.reach(p, s, a.from)
}

// diff compares the desired objects with what is in the bucket.
func (r *Run) diff(v *view, a aim) (*plan.Plan, error) {
	shareNames(a.desired.Objects, v.objects)
	p, err := plan.Diff(plan.Input{
		Desired: a.desired.Objects, Live: v.objects, Foreign: v.adopted, MixedPaths: r.MixedPaths,
		Retirement: r.retirement(v, a),
	})
	if err != nil {
		return nil, err
	}
	return p, r.check(p)
}

// check returns a *RefusedError where the storage would refuse what the plan
// writes: this is known before anything is written.
func (r *Run) check(p *plan.Plan) error {
	c, ok := r.Live.(storage.Checker)
	if !ok {
		return nil
	}
	var refused RefusedError
	for _, ch := range p.Changes {
		if ch.New == nil || !ch.Writes() {
			continue
		}
		if err := c.Check(ch.New.Path, ch.New.Size, ch.New.Headers); err != nil {
			refused.Errs = append(refused.Errs, err)
		}
	}
	if len(refused.Errs) == 0 {
		return nil
	}
	return &refused
}

// maxAttempts bounds how often a deploy plans again because another one
// finished between its plan and its lock. One that still has time to wait
// goes on: among many, the newest can lose the lock many times.
const maxAttempts = 5

// Deploy makes the live site equal to the desired objects. The receipt is
// valid also with the error ErrOwed: the release is live, and the next run
// does what is left. Other errors are *LockedError, *SupersededError,
// *ForeignError, *NestedError, *PartialError, *plan.CollisionError, and what
// storage and state return.
func (r *Run) Deploy(ctx context.Context, desired Desired) (event.Finished, error) {
	return r.do(ctx, func(context.Context, *view) (aim, error) { return aim{desired: desired}, nil })
}

// do is the way of every command that writes to a site. aimAt is asked again
// where another run finished in between.
func (r *Run) do(ctx context.Context, aimAt func(context.Context, *view) (aim, error)) (event.Finished, error) {
	var fin event.Finished
	err := r.insistOn(ctx, func(v *view) (err error) {
		fin, err = r.try(ctx, v, aimAt)
		return err
	})
	return fin, err
}

// insistOn tries what writes to a site, and tries it again with what is there
// by then where another run was faster.
func (r *Run) insistOn(ctx context.Context, try func(*view) error) error {
	defer r.Close()
	v, err := r.live(ctx)
	for attempt := 0; err == nil; attempt++ {
		if err = try(v); !isMoved(err) {
			return err
		}
		if attempt >= maxAttempts && !r.Now().Before(r.until) {
			return ErrLost
		}
		v, err = r.read(ctx)
	}
	return err
}

// try does one attempt, which fails with errMoved where another run wrote the
// head after it had been read.
func (r *Run) try(ctx context.Context, v *view, aimAt func(context.Context, *view) (aim, error)) (event.Finished, error) {
	if err := r.await(ctx, v); err != nil {
		return event.Finished{}, err
	}
	a, err := aimAt(ctx, v)
	if err != nil {
		return event.Finished{}, err
	}
	if err := r.resolve(ctx, v, a.desired); err != nil {
		return event.Finished{}, err
	}
	if err := r.adopt(ctx, v, a); err != nil {
		return event.Finished{}, err
	}
	p, err := r.compare(ctx, v, a)
	if err != nil {
		return event.Finished{}, err
	}
	if err := v.payable(a, p); err != nil {
		return event.Finished{}, err
	}
	if err := cmp.Or(r.judge(ctx, v, a, p), r.reachable(ctx, v, a, p), r.guard(v, a, p)); err != nil {
		return event.Finished{}, err
	}
	r.Sink.Emit(r.planned(v, a, p))
	if a.pay && v.settled() {
		return r.finished(v.head.Live, "", a, p), nil
	}
	if len(p.Changes) == 0 && v.settled() && a.of != nil && a.of.ID == v.head.Live {
		return r.finished(v.head.Live, "", a, p), nil // it is there, and the mark stays
	}
	if len(p.Changes) == 0 && v.settled() && a.of == nil {
		return r.finished(v.head.Live, "", a, p), r.advance(ctx, v, a)
	}
	if err := r.tryOut(ctx, v); err != nil {
		return event.Finished{}, err
	}
	t, err := r.acquire(ctx, v)
	if err != nil {
		return event.Finished{}, err
	}
	return r.apply(ctx, t, a, p)
}

func (r *Run) warn(text, hint string) {
	r.Sink.Emit(event.Message{Severity: event.Warning, Text: text, Hint: hint})
}

func (r *Run) note(text string) {
	r.Sink.Emit(event.Message{Severity: event.Notice, Text: text})
}
