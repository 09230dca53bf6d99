package deploy

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// upload writes the objects of a plan.
type upload struct {
	*Run
	aim  aim
	plan *plan.Plan
	// shelf and unmoved are where a rollback, and shelf where a failure,
	// takes bytes from.
	shelf *shelf
	// committing: the head may name the new release from here on.
	committing bool
	unmoved    map[storage.Digest]storage.CopySource

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
	changes := make([]*plan.Change, 0, len(u.plan.Changes))
	for i := range u.plan.Changes {
		if c := &u.plan.Changes[i]; c.Op != plan.Delete && c.Writes() {
			changes = append(changes, c)
			u.nbytes += u.sent(u.aim, *c)
		}
	}
	u.total = len(changes)
	for len(changes) > 0 {
		n := slices.IndexFunc(changes, func(c *plan.Change) bool { return c.Stage != changes[0].Stage })
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

// sent returns how many bytes a change uploads: a rollback and a repair find
// them in the bucket, a promote in another one.
func (r *Run) sent(a aim, c plan.Change) int64 {
	if c.New == nil || !c.Writes() || a.of != nil || a.from != nil || a.mend != nil || r.viaCopy(c) {
		return 0
	}
	return c.New.Size
}

// viaCopy reports whether a change is made by copying an object onto itself.
func (r *Run) viaCopy(c plan.Change) bool {
	_, ok := r.copier(r.Live)
	return ok && r.caps.Copies() && c.Op == plan.Headers && keepsNames(c)
}

// stage writes the objects of one stage, the largest first: a large one that
// begins last is waited for by all that follows.
func (u *upload) stage(ctx context.Context, changes []*plan.Change) error {
	slices.SortStableFunc(changes, func(a, b *plan.Change) int { return cmp.Compare(b.New.Size, a.New.Size) })
	g, gctx := u.pace.Group(ctx)
	for _, c := range changes {
		if gctx.Err() != nil {
			break
		}
		g.Go(u.sent(u.aim, *c), func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			// One that has begun is not cut off when another fails: it could
			// land after the old object was put back.
			return u.change(ctx, *c)
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
	if unmet(err) && c.Old != nil {
		if ours, _ := u.vouch(ctx, c.Old); ours {
			info, err = u.write(ctx, c)
		}
	}
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
	file := u.aim.desired.file(c.Path())
	if file == "" {
		return u.bring(ctx, c)
	}
	cond := storage.Condition{Absent: true}
	if c.Old != nil {
		cond = storage.Condition{ETag: c.Old.ETag}
	}
	if !u.holds(cond) { // then only what is there already is noticed
		if err := u.unchanged(ctx, c); err != nil {
			return storage.Info{}, err
		}
	}
	src := storage.File(file, c.New.Size, c.New.SHA256)
	src.Checked = u.caps.Payload == state.Kept
	return u.Live.Put(ctx, c.Path(), src, c.New.Headers, u.sendable(cond))
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
	u.bytes += u.sent(u.aim, c)
	p := event.Progress{Phase: event.Upload, Done: u.count, Total: u.total, Bytes: u.bytes, TotalBytes: u.nbytes}
	u.mu.Unlock()
	u.Sink.Emit(p)
}

func (u *upload) summary() string {
	return english.Plural(u.count, "object", "") + ", " + humanize.Bytes(uint64(u.bytes))
}
