package deploy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	// probeLife is how long the result of a probe is trusted.
	probeLife = 30 * 24 * time.Hour
	// DefaultSettle is how long a write of the head must stand before it
	// counts, where conditions do not hold: longer than a request that has
	// been sent takes to land, as a rule.
	DefaultSettle = 3 * time.Second
)

// recall takes what the head remembers of the storage. Where a deploy can lose
// the head without hearing of it, it also finds what such deploys have left:
// there is no other trace of them.
func (r *Run) recall(ctx context.Context, v *view) error {
	if c := v.head.Capabilities; r.probed == nil && c != nil && c.Store == storage.Identity(r.State) {
		r.caps = *c
	}
	return r.findStrays(ctx, v)
}

// tornReads is how often a head that makes no sense is read again: s3rver
// answers with half of an object while it is being written.
const tornReads = 4

// getHead reads the head.
func (r *Run) getHead(ctx context.Context, v *view) (storage.Info, error) {
	for n := 0; ; n++ {
		info, err := r.get(ctx, state.HeadKey, func(body io.Reader) error {
			b, err := io.ReadAll(io.LimitReader(body, state.MaxHead))
			if err != nil {
				return err
			}
			h, err := state.DecodeHead(bytes.NewReader(b), r.Site)
			if err == nil {
				v.head, v.raw = h, b
			}
			return err
		})
		var corrupt *state.CorruptError
		if n == tornReads || !errors.As(err, &corrupt) || storage.Identity(r.State) == "" {
			return info, err
		}
		pause(ctx, r.Settle/tornReads)
	}
}

// findStrays lists the intents that the head does not know of.
func (r *Run) findStrays(ctx context.Context, v *view) error {
	if r.caps.Exclusive() {
		return nil
	}
	known := append(slices.Clone(v.head.Doubt), v.head.Live)
	for _, d := range v.head.Owed {
		known = append(known, d.Intent)
	}
	for _, s := range v.head.Suspects {
		known = append(known, s.Intent)
	}
	if v.head.Busy != nil {
		known = append(known, v.head.Busy.Target)
	}
	for info, err := range r.State.List(ctx, state.IntentsDir) {
		if err != nil {
			return err
		}
		id := strings.TrimPrefix(info.Key, state.IntentsDir)
		if state.ValidID(id) && !slices.Contains(known, id) {
			v.strays = append(v.strays, id)
		}
	}
	return nil
}

// tryOut makes sure that it is known what the storage does, before the first
// write of a run, and says what is not promised.
func (r *Run) tryOut(ctx context.Context, v *view) error {
	id := storage.Identity(r.State)
	if id == "" { // its conditions are its own code
		return nil
	}
	if c := v.head.Capabilities; r.probed == nil && (c == nil || c.Store != id || !v.now.Before(c.Checked.Add(probeLife))) {
		found, err := r.probe(ctx, id)
		if err != nil {
			return err
		}
		r.caps, r.probed = found, &found
	}
	if !r.warned {
		r.warned = true
		r.warnOf(r.caps)
	}
	return nil
}

// warnOf says what a storage does not promise, and what then holds.
func (r *Run) warnOf(c state.Capabilities) {
	if !c.Exclusive() {
		r.warn("the storage does not keep the conditions of writes: two deploys at the same moment may overwrite each other, and so may a deploy and anything else that writes to the site",
			"Let only one job deploy at a time; after two have met, deploy once more. docs/hosting.md says what still holds.")
	}
	if !c.Copies() {
		r.note("the storage does not copy on its side as it is asked to: what this deploy replaces goes through this machine, and so does a rollback")
	}
}

// holds reports whether a condition is kept also while others write.
func (r *Run) holds(cond storage.Condition) bool {
	if cond.Absent {
		return r.caps.Create == state.Kept
	}
	return r.caps.Update == state.Kept
}

// sendable returns a condition, or none where the storage refuses requests
// that have it. One that is not always kept is sent all the same.
func (r *Run) sendable(cond storage.Condition) storage.Condition {
	if cond.Absent && r.caps.Create == state.Refused || cond.ETag != "" && r.caps.Update == state.Refused {
		return storage.Condition{}
	}
	return cond
}

// copier returns what copies to a store on the server's side, where that can
// be trusted to have the right bytes and headers.
func (r *Run) copier(to storage.Store) (storage.Copier, bool) {
	c, ok := to.(storage.Copier)
	return c, ok && r.caps.Copy == state.Kept
}

// writeSlowly puts the transaction's head where conditions do not hold: it
// looks that the head is still the one that this run read or wrote last,
// writes, waits until what others sent before they saw this has landed, and
// looks whose head is there. So of two deploys that meet, one goes on, unless
// a request takes longer to land than that.
func (r *Run) writeSlowly(ctx context.Context, t *tx, wanted draft) error {
	got, info, err := r.rawHead()
	switch {
	case err != nil && !notExist(err):
		return err
	case t.wroteLate(got):
		return t.tookLate(got, info)
	case !bytes.Equal(got, t.known):
		return errMoved
	}
	_, err = r.putHead(ctx, t, wanted.bytes)
	if err == nil && wanted.head.Busy != nil { // else the next one may take it at once
		pause(ctx, r.Settle)
	}
	got, info, failed := r.rawHead()
	switch {
	case failed == nil && bytes.Equal(got, wanted.bytes), err == nil && failed == nil && r.taken(got, wanted.head):
		t.etag, t.known, t.late = info.ETag, wanted.bytes, nil
		return nil
	case err != nil && !unmet(err):
		t.late = append(t.late, wanted)
		return err
	case failed != nil && !notExist(failed):
		return failed
	}
	return errMoved
}

// taken reports whether the head was given back, and another run has it now.
func (r *Run) taken(now []byte, given state.Head) bool {
	if given.Busy != nil {
		return false
	}
	head, err := state.DecodeHead(bytes.NewReader(now), r.Site)
	return err == nil && head.Busy != nil && head.Busy.Base == given.Live
}

// pause waits, but not so long that nothing else can be done before ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(deadline)/4)
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
