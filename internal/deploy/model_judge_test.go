package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// judge compares the bucket with what a run reports.
func (r *run) judge() error {
	b := r.bed
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := r.expected(); err != nil {
		return err
	}
	switch {
	case r.err == nil, errors.Is(r.err, ErrOwed) && !r.killed(): // the dead report nothing
		return r.succeeded()
	default:
		b.followMark()
		return r.failed()
	}
}

// calm reports whether nothing went wrong during the run that could explain
// an error.
func (r *run) calm() bool {
	b := r.bed
	return r.Fault.Kind == noFault && !r.CDNDown && b.landed == r.landed && len(b.foreign) == 0 && b.changes == 0
}

// expected checks the error of a run where the model knows what it has to be.
func (r *run) expected() error {
	b := r.bed
	var locked *LockedError
	var superseded *SupersededError
	switch {
	case r.Fault.Kind != noFault, b.landed != r.landed:
		return nil // any error, or none where nothing was hit
	case !r.expires.IsZero() && r.Locked == "fail":
		if !errors.As(r.err, &locked) || r.writes > 0 {
			return fmt.Errorf("another run has the head until %s: want a *LockedError and no write", r.expires)
		}
		return nil
	case r.rollback == "" && r.older():
		if !errors.As(r.err, &superseded) || r.writes > 0 {
			return fmt.Errorf("commit %d is behind %d: want a *SupersededError and no write", r.commit, b.mark)
		}
		return nil
	case r.rollback != "" && r.bytesGone():
		return nil
	case r.calm() && r.err != nil:
		return errors.New("nothing went wrong, and it failed")
	}
	return nil
}

// bytesGone reports whether somebody else took away what a rollback needs.
func (r *run) bytesGone() bool {
	for _, v := range r.wire.output {
		if r.bed.gone[v.body] {
			return true
		}
	}
	return false
}

// older reports whether the order of commits refuses the run.
func (r *run) older() bool {
	b := r.bed
	if b.mark == 0 || r.commit == 0 || r.Order == "forced" {
		return false
	}
	return r.commit < b.mark || r.commit == b.mark && b.held && r.changed
}

// succeeded: the site is exactly the output, everything that changed is
// purged, nothing is left in doubt, and every kept release can be brought back.
func (r *run) succeeded() error {
	b := r.bed
	owed := errors.Is(r.err, ErrOwed)
	switch {
	case owed: // where the last write failed, the mark stays
		b.followMark()
	case r.rollback != "":
		b.held = true
	case r.commit > b.mark:
		b.mark, b.held = r.commit, false
	case b.head.Live != r.live:
		b.held = false
	}
	if got := markOf(&b.head); got != b.mark {
		return fmt.Errorf("the mark is at commit %d, want %d", got, b.mark)
	}
	if r.rollback != "" && r.uploads > 0 {
		return fmt.Errorf("a rollback made %d uploads", r.uploads)
	}
	if b.landed == r.landed { // what lands within or after is for the next run to mend
		if err := r.exact(owed); err != nil {
			return err
		}
		if len(b.foreign) == 0 && !owed {
			b.landed, b.changes = 0, 0
		}
	}
	if err := b.available(); err != nil {
		return err
	}
	if !owed && len(b.head.Owed) > 0 {
		return fmt.Errorf("the run does not say what is owed: %+v", b.head.Owed)
	}
	return nil
}

// exact compares the site with the output.
func (r *run) exact(owed bool) error {
	b := r.bed
	files := b.files()
	for _, path := range paths(files, r.wire.output) {
		o, there := files[path]
		v, wanted := r.wire.output[path]
		_, foreign := b.foreign[path]
		_, retired := b.retired[path]
		switch {
		case foreign, retired && there && !wanted, owed && there && !wanted:
		case wanted && !v.is(path, o.Body, o.Headers):
			return fmt.Errorf("%s: %q %v, want %q with headers %d", path, o.Body, o.Headers, v.body, v.headers)
		case there && !wanted:
			return fmt.Errorf("%s is left over: %q", path, o.Body)
		}
	}
	for path, until := range b.retired {
		if _, there := files[path]; !there && !b.disturbed() && b.clock().Before(until) {
			return fmt.Errorf("%s has to stay until %s, and is gone", path, until)
		}
	}
	if owed {
		return nil
	}
	for u := range b.stale {
		if !b.disturbs(u) {
			return fmt.Errorf("the CDN may still serve what %s was before", u)
		}
	}
	if h := b.head; h.Busy != nil || len(h.Doubt) > 0 {
		return fmt.Errorf("the head is not at rest: %+v", h)
	}
	return nil
}

// disturbs reports whether a URL is of a path that somebody else changed.
func (b *bed) disturbs(u string) bool {
	for path := range b.foreign {
		if slices.Contains(urlsOf(path), u) {
			return true
		}
	}
	return false
}

// available: the bytes of every kept release are in the bucket.
func (b *bed) available() error {
	objects := b.mem.Objects()
	have := map[string]bool{}
	for _, v := range b.live {
		have[v.body] = true
	}
	for path := range b.retired {
		o := objects[sitePrefix+path]
		have[string(o.Body)] = true
	}
	for key, o := range objects {
		if name, ok := strings.CutPrefix(key, statePrefix+"blobs/"); ok {
			if storage.Bytes(o.Body).SHA256.String() != name {
				return fmt.Errorf("the blob %s holds other bytes", name)
			}
			have[string(o.Body)] = true
		}
	}
	for _, id := range b.kept {
		if _, ok := objects[statePrefix+state.ReleaseKey(id)]; !ok {
			return fmt.Errorf("the record of %s is gone", id)
		}
		for path, v := range b.outputs[id] {
			if !have[v.body] && !b.gone[v.body] && !b.erased(v) {
				return fmt.Errorf("release %s cannot be brought back: the bytes of %s are gone", id, path)
			}
		}
	}
	return nil
}

// failed: what a run that failed before its commit leaves changed, it lists.
func (r *run) failed() error {
	b := r.bed
	if r.killed() || b.head.Live != r.live || b.landed > r.landed {
		return nil
	}
	var partial *PartialError
	var listed []string
	if errors.As(r.err, &partial) {
		listed = partial.Paths
	}
	files := b.files()
	for path, old := range r.before {
		if now := files[path]; !same(old, now) && !slices.Contains(listed, path) {
			return fmt.Errorf("the run failed and left %s changed, and does not say so", path)
		}
	}
	return nil
}

// followMark takes the mark from the head after a failure: whether it was
// moved is not known, only that it never goes back.
func (b *bed) followMark() { b.mark, b.held = markOf(&b.head), b.head.Held }

func markOf(h *state.Head) int {
	if h.Mark == nil {
		return 0
	}
	return commitOf(h.Mark)
}

// judgeRace checks what two runs at once have made of the site: where nothing
// went wrong, the newest has won, and the other one says what became of it.
func (b *bed) judgeRace(one, two *run) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	calm := one.calm() && two.calm() && one.Locked == "wait" && two.Locked == "wait"
	for _, r := range []*run{one, two} {
		if r.Order != "newest" {
			calm = false
		}
	}
	b.followMark()
	if !calm {
		return b.available()
	}
	var superseded *SupersededError
	for _, r := range []*run{one, two} {
		if r.err != nil && (!errors.As(r.err, &superseded) || r.commit == b.commit) {
			return fmt.Errorf("a race without faults: commit %d of %d: %w", r.commit, b.commit, r.err)
		}
	}
	winner := one
	if two.commit > one.commit {
		winner = two
	}
	if err := winner.exact(false); err != nil {
		return fmt.Errorf("a race without faults: %w", err)
	}
	return b.available()
}
