package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// apply carries a plan out while the run holds the head.
func (r *Run) apply(ctx context.Context, t *tx, p *plan.Plan, desired []Desired) (event.Finished, error) {
	defer t.close(nil)
	touches := touches(t.view, p)
	release := len(touches) > 0 // else there are only debts
	if release {
		u := &upload{Run: r, plan: p, files: files(desired)}
		wrote, err := r.publish(t, u, touches)
		if err != nil {
			err = r.fail(t, err)
			r.release(ctx, t, wrote)
			if paths := u.overwritten(); len(paths) > 0 {
				return event.Finished{}, &PartialError{Paths: paths, Err: err}
			}
			return event.Finished{}, err
		}
	}
	return r.settle(ctx, t, p, touches, release)
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
	var out []state.Touch
	for _, c := range p.Changes {
		delete(doubted, c.Path())
		if c.Op == plan.Delete {
			out = append(out, state.Touch{Path: c.Path(), Delete: true, SHA256: &c.Old.SHA256})
		} else {
			out = append(out, state.Touch{Path: c.Path(), SHA256: &c.New.SHA256})
		}
	}
	for i := range p.Objects {
		if o := &p.Objects[i]; doubted[o.Path] {
			delete(doubted, o.Path)
			out = append(out, state.Touch{Path: o.Path, SHA256: &o.SHA256})
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
func (r *Run) publish(t *tx, u *upload, touches []state.Touch) (wrote bool, err error) {
	started := r.begin(event.Upload, "")
	intent := &state.Intent{ID: t.id, Base: t.view.head.Live, Site: r.Site, Touches: touches}
	b, err := state.EncodeIntent(intent)
	if err != nil {
		return false, err
	}
	if err := r.putState(t.ctx, state.IntentKey(t.id), b); err != nil {
		return false, err
	}
	if err := u.stages(t.ctx); err != nil {
		return true, err
	}
	r.end(event.Upload, started, u.summary())

	started = r.begin(event.Commit, "")
	rel := &state.Release{
		ID: t.id, Parent: t.view.head.Live, Site: r.Site, Source: r.Source, Tool: r.Tool,
		Created: r.Now().Add(t.skew).UTC(), Objects: u.plan.Objects,
	}
	if b, err = state.EncodeRelease(rel); err != nil {
		return true, err
	}
	if err := r.putState(t.ctx, state.ReleaseKey(t.id), b); err != nil {
		return true, err
	}
	if err := r.commit(t, u.plan, touches); err != nil {
		return true, err
	}
	r.end(event.Commit, started, "release "+t.id)
	return true, nil
}

// putState creates an immutable object of the state. Its key is this run's
// alone, so that no condition is needed.
func (r *Run) putState(ctx context.Context, key string, b []byte) error {
	_, err := r.State.Put(ctx, key, storage.Bytes(b), stateHeaders(), storage.Condition{})
	return err
}

// commit makes the release live. What is left to do is owed from here on;
// where nothing is, the same write gives the head back.
func (r *Run) commit(t *tx, p *plan.Plan, touches []state.Touch) error {
	own := state.Debt{Intent: t.id, Delete: hasDeletions(p)}
	if r.BaseURL != nil && len(touches) > 0 {
		for _, c := range r.Purgers {
			own.Purge = append(own.Purge, c.Name())
		}
	}
	return r.update(t.ctx, t, func(h *state.Head) {
		h.Live = t.id
		h.Doubt = nil
		if !own.Settled() {
			h.Owed = append(slices.Clone(h.Owed), own)
		}
		if len(h.Owed) == 0 {
			h.Busy = nil
		}
	})
}

func hasDeletions(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Op == plan.Delete })
}

// files returns the desired files by path.
func files(desired []Desired) map[string]string {
	m := make(map[string]string, len(desired))
	for _, d := range desired {
		m[d.Path] = d.File
	}
	return m
}

// upload writes the objects of a plan.
type upload struct {
	*Run
	plan  *plan.Plan
	files map[string]string // path → file

	mu     sync.Mutex
	over   []string // paths whose old object may be gone
	count  int
	bytes  int64
	total  int
	nbytes int64
}

// stages writes stage by stage; the next begins when the one before is done.
// Changes are in the order of their stages.
func (u *upload) stages(ctx context.Context) error {
	changes := slices.DeleteFunc(slices.Clone(u.plan.Changes), func(c plan.Change) bool { return c.Op == plan.Delete })
	u.total = len(changes)
	for _, c := range changes {
		u.nbytes += u.sent(c)
	}
	for len(changes) > 0 {
		n := slices.IndexFunc(changes, func(c plan.Change) bool { return c.Stage != changes[0].Stage })
		if n < 0 {
			n = len(changes)
		}
		if err := u.stage(ctx, changes[:n]); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// sent returns how many bytes a change uploads.
func (r *Run) sent(c plan.Change) int64 {
	if c.New == nil || r.viaCopy(c) {
		return 0
	}
	return c.New.Size
}

// viaCopy reports whether a change is made by copying an object onto itself.
func (r *Run) viaCopy(c plan.Change) bool {
	_, ok := r.Live.(storage.Copier)
	return ok && c.Op == plan.Headers && keepsNames(c)
}

func (u *upload) stage(ctx context.Context, changes []plan.Change) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(u.Workers)
	for _, c := range changes {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			return u.change(gctx, c)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// change writes one object.
func (u *upload) change(ctx context.Context, c plan.Change) error {
	if c.Op != plan.Create {
		u.overwriting(c.Path())
	}
	info, err := u.write(ctx, c)
	if refused(err) {
		u.untouched(c.Path())
	}
	if unmet(err) {
		return &ForeignError{Paths: []string{c.Path()}, Changed: c.Op != plan.Create}
	}
	if err != nil {
		return err
	}
	c.New.ETag = info.ETag
	u.done(c)
	return nil
}

func (u *upload) write(ctx context.Context, c plan.Change) (storage.Info, error) {
	if u.viaCopy(c) {
		copier := u.Live.(storage.Copier)
		from := storage.CopySource{Key: c.Path(), ETag: c.Old.ETag, Size: c.Old.Size}
		info, err := copier.Copy(ctx, from, c.Path(), c.New.Headers)
		if !errors.Is(err, storage.ErrUnsupported) {
			return info, err
		}
	}
	cond := storage.Condition{Absent: true}
	if c.Old != nil {
		cond = storage.Condition{ETag: c.Old.ETag}
	}
	return u.Live.Put(ctx, c.Path(), storage.File(u.files[c.Path()], c.New.Size, c.New.SHA256), c.New.Headers, cond)
}

// keepsNames reports whether the new headers name all that the old ones do.
// A copy onto itself cannot be trusted with others: versitygw keeps headers
// that the copy does not name.
func keepsNames(c plan.Change) bool {
	for name := range c.Old.Headers {
		if _, ok := c.New.Headers[name]; !ok {
			return false
		}
	}
	return true
}

func (u *upload) overwriting(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = append(u.over, path)
}

// untouched takes back what overwriting noted: the provider refused the write.
func (u *upload) untouched(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = slices.DeleteFunc(u.over, func(p string) bool { return p == path })
}

// overwritten returns the paths whose old objects may be gone, sorted.
func (u *upload) overwritten() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	slices.Sort(u.over)
	return u.over
}

func (u *upload) done(c plan.Change) {
	u.mu.Lock()
	u.count++
	u.bytes += u.sent(c)
	p := event.Progress{Phase: event.Upload, Done: u.count, Total: u.total, Bytes: u.bytes, TotalBytes: u.nbytes}
	u.mu.Unlock()
	u.Sink.Emit(p)
}

func (u *upload) summary() string {
	return english.Plural(u.count, "object", "") + ", " + humanize.Bytes(uint64(u.bytes))
}
