package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
)

// Retention says which former releases are kept: the newest Keep, and those
// that were live less than KeepFor ago.
type Retention struct {
	Keep    int
	KeepFor time.Duration // 0: none is kept for its age
}

// split returns of releases, oldest first, those that are kept, and those that
// are not. next is the release that took the place of the last one.
func (k Retention) split(ids []string, next string, now time.Time) (kept, dropped []string) {
	n := max(len(ids)-k.Keep, 0)
	if n < len(ids) {
		next = ids[n]
	}
	for n > 0 && k.young(next, now) {
		n--
		next = ids[n]
	}
	return ids[n:], ids[:n]
}

// young reports whether the release before this one was live less than KeepFor
// ago. Its own age would not do: one that was live for a year, and is replaced
// by mistake, is what a rollback has to bring back. The successor may be ahead
// of now, by a clock or because it begins only then.
func (k Retention) young(successor string, now time.Time) bool {
	begun, ok := state.IDTime(successor)
	return ok && k.KeepFor > 0 && now.Sub(begun) < k.KeepFor
}

// ErrUncollected reports that something that is not kept could not be removed.
// The head says so, and the next run tries again.
var ErrUncollected = errors.New("not all that is no longer kept could be removed")

// LivePathError reports paths that cannot be erased because they are live.
type LivePathError struct{ Paths []string } // sorted

// Error names the first few paths.
func (e *LivePathError) Error() string {
	return "the live release has " + some(e.Paths) + ": only what is no longer live can be erased"
}

// TooManyError reports that more is to be erased than the head of a site can
// remember while kept releases name it.
type TooManyError struct{ Files int }

// Error says how much it is.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("%s to be erased from the kept releases are more than the head of the site can name", english.Plural(e.Files, "file", ""))
}

// GC removes from the history what k does not keep, and from the state what
// nothing refers to, and erases the bytes that files at the given paths, or
// globs, had in any kept release. It waits for another deploy as Deploy does.
// The receipt is valid also with ErrOwed and ErrUncollected; other errors are
// state.ErrNothing, ErrUnfinished, *LivePathError, *history.PathError,
// *TooManyError, *LockedError, ErrLost, and what storage and state return.
func (r *Run) GC(ctx context.Context, k Retention, forget ...string) (event.Collected, error) {
	var out event.Collected
	err := r.insistOn(ctx, func(v *view) error {
		d, err := r.dispose(ctx, v, k, forget)
		if err != nil {
			return err
		}
		if out, err = d.preview(ctx); err != nil || d.idle(out) {
			return err
		}
		if err := r.tryOut(ctx, v); err != nil {
			return err
		}
		out, err = d.run(ctx)
		return err
	})
	return out, err
}

// PreviewGC returns what GC would do, and writes nothing.
func (r *Run) PreviewGC(ctx context.Context, k Retention, forget ...string) (event.Collected, error) {
	v, err := r.live(ctx)
	if err != nil {
		return event.Collected{}, err
	}
	d, err := r.dispose(ctx, v, k, forget)
	if err != nil {
		return event.Collected{}, err
	}
	out, err := d.preview(ctx)
	out.DryRun = true
	return out, err
}

// disposal is what a run removes from the history.
type disposal struct {
	*Run
	view     *view
	releases []string
	blobs    []state.Blob
	erased   []event.Erased
	// withdrawn are the retired objects that are erased from the site, sorted.
	withdrawn []state.Retired
	touches   []state.Touch // what CDNs have to forget, and what is deleted; sorted
}

// dispose decides what is not kept, and writes that into the view: its head is
// what will be written, its release what is left.
func (r *Run) dispose(ctx context.Context, v *view, k Retention, forget []string) (*disposal, error) {
	if err := r.await(ctx, v); err != nil {
		return nil, err
	}
	if v.release == nil {
		return nil, state.ErrNothing
	}
	if err := r.resolve(ctx, v, wishes(v.release.Objects)); err != nil {
		return nil, err
	}
	d := &disposal{Run: r, view: v}
	var ok bool
	if d.touches, ok = v.unpurged(); !ok {
		return nil, ErrUnfinished
	}
	if err := d.erase(ctx, forget); err != nil {
		return nil, err
	}
	before := *v.release
	before.History, before.Blobs = slices.Clone(before.History), slices.Clone(before.Blobs)
	kept, _ := k.split(before.History, v.release.ID, v.now)
	if oldest := append(slices.Clone(kept), v.release.ID)[0]; len(kept) < len(before.History) {
		v.head.Oldest = oldest
	}
	if err := d.fits(); err != nil {
		return nil, err
	}
	v.head.Trim(v.release)
	d.releases = before.History[:len(before.History)-len(v.release.History)]
	left := blobKeys(v.release.Blobs)
	d.blobs = slices.DeleteFunc(before.Blobs, func(b state.Blob) bool { return left[state.BlobKey(b.SHA256)] })
	return d, nil
}

// fits returns a *TooManyError where the head could not remember what is
// erased: nothing has been written then. What only releases had that are not
// kept need not be remembered, and is as long as there is room: where this run
// dies, the next one then knows what it was to erase.
func (d *disposal) fits() error {
	if len(d.erased) == 0 || !d.full() {
		return nil
	}
	if d.view.head.Outlive(); d.full() {
		return &TooManyError{Files: len(d.erased)}
	}
	return nil
}

// full reports whether the head will have no room for more.
func (d *disposal) full() bool {
	h := *d.view.head
	h.Withdraw(d.withdrawnPaths()...)
	return h.Full()
}

// unpurged returns the paths in doubt as an intent has them, and false where a
// run may have written to one, not only deleted what no release needs: such a path can also be as the live release
// no longer says, and the bytes that mend it are then those of another one.
func (v *view) unpurged() ([]state.Touch, bool) {
	purged, written := map[string]bool{}, map[string]bool{}
	for _, in := range v.unfinished {
		for _, t := range in.touches {
			purged[t.Path] = true
			written[t.Path] = written[t.Path] || t.SHA256 != nil && !t.Delete || t.Adopts != nil
		}
	}
	var out []state.Touch
	for _, path := range v.doubted {
		if !purged[path] || written[path] {
			return nil, false
		}
		out = append(out, state.Touch{Path: path})
	}
	return out, true
}

func blobKeys(blobs []state.Blob) map[string]bool {
	keys := make(map[string]bool, len(blobs))
	for _, b := range blobs {
		keys[state.BlobKey(b.SHA256)] = true
	}
	return keys
}

// idle reports whether there is nothing to do for a run, not even what earlier
// ones have left.
func (d *disposal) idle(out event.Collected) bool {
	return len(out.Releases)+out.Blobs+out.Strays+len(d.touches) == 0 && d.view.settled() && !d.view.head.Strays
}

// assign makes a transaction one that removes these things.
func (d *disposal) assign(t *tx) {
	t.collects = true
	t.drop.releases, t.drop.blobs = d.releases, d.blobs
}

// preview lists what would be removed.
func (d *disposal) preview(ctx context.Context) (event.Collected, error) {
	t := newTx(d.view, d.Now())
	d.assign(t)
	t.head.Busy, t.head.Suspects = nil, d.view.suspects()
	s := &settlement{Run: d.Run, tx: t, debts: d.view.debts}
	var err error
	if t.removed, err = s.strays(ctx); err != nil {
		return event.Collected{}, err
	}
	return d.collected(t), nil
}

// collected describes what a transaction has removed.
func (d *disposal) collected(t *tx) event.Collected {
	e := event.Collected{
		Target: d.Target, Live: d.view.head.Live, Kept: len(d.view.release.History),
		Releases: append([]string{}, d.releases...), Retired: len(d.withdrawn),
		Erased: append([]event.Erased{}, d.erased...), Elapsed: d.Now().Sub(d.start),
	}
	for i := range d.withdrawn {
		e.Bytes += d.withdrawn[i].Size
	}
	own := map[string]bool{}
	for _, id := range d.releases {
		own[state.ReleaseKey(id)] = true
	}
	for _, info := range t.removed {
		e.Bytes += info.Size
		switch {
		case strings.HasPrefix(info.Key, blobDir):
			e.Blobs++
		case !own[info.Key]:
			e.Strays++
		}
	}
	if d.Usage != nil {
		e.Requests = d.Usage().Requests
	}
	return e
}

// run takes the head, in which it says what is no longer kept, and then removes
// it. A run that dies in between leaves objects that nothing refers to.
func (d *disposal) run(ctx context.Context) (event.Collected, error) {
	t, err := d.acquire(ctx, d.view)
	if err != nil {
		return event.Collected{}, err
	}
	defer t.close(nil)
	d.assign(t)
	aborted := d.abort(t)
	if err := d.announce(t); err != nil {
		err = d.fail(t, err)
		d.Run.release(t, true)
		return event.Collected{}, err
	}
	p := &plan.Plan{Objects: d.view.release.Objects, Retired: d.view.retired}
	fin, err := d.settle(t, aim{desired: wishes(p.Objects)}, p, func() []state.Touch { return d.touches }, aborted)
	if slices.ContainsFunc(t.current().Owed, func(o state.Debt) bool { return o.Intent == t.id && o.Delete }) {
		d.withdrawn = nil // they are still there
	}
	out := d.collected(t)
	out.PurgedURLs, out.PurgeRequests, out.Owed = fin.PurgedURLs, fin.PurgeRequests, fin.Owed
	if t.current().Strays {
		err = errors.Join(err, ErrUncollected)
	}
	return out, err
}

// announce lists the paths that CDNs have to forget, and the retired objects
// that are deleted, and then writes down that this is owed. The same write
// takes these out of what the live release retains: nobody counts on them while
// they may be gone, and they are deleted even if this run dies.
func (d *disposal) announce(t *tx) error {
	own := state.Debt{Intent: t.id, Delete: len(d.withdrawn) > 0}
	if len(d.touches) > 0 && d.BaseURL != nil {
		for _, c := range d.Purgers {
			own.Purge = append(own.Purge, c.Name())
		}
	}
	if own.Settled() {
		return nil
	}
	b, err := state.EncodeIntent(&state.Intent{ID: t.id, Base: d.view.head.Live, Site: d.Site, Touches: d.touches})
	if err != nil {
		return err
	}
	if err := d.putState(t.ctx, state.IntentKey(t.id), b); err != nil {
		return fmt.Errorf("announcing what is erased: %w", err)
	}
	return d.update(t.ctx, t, func(h *state.Head) {
		h.Owed = append(slices.Clone(h.Owed), own)
		h.Withdraw(d.withdrawnPaths()...)
	})
}

// withdrawnPaths returns where the withdrawn objects are.
func (d *disposal) withdrawnPaths() []string {
	paths := make([]string, len(d.withdrawn))
	for i := range d.withdrawn {
		paths[i] = d.withdrawn[i].Path
	}
	return paths
}
