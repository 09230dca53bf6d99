package deploy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// collection is what a gc is asked for, and what was in doubt before it.
type collection struct {
	forget string // a path; empty: none
	doubt  bool
}

// toGC turns a run into one that removes what is not kept, and where forget is
// set erases a file that is live no more. No page refers to such a file.
func (r *run) toGC(forget bool) {
	b := r.bed
	b.mu.Lock()
	defer b.mu.Unlock()
	r.gc = &collection{doubt: b.head.Busy != nil || len(b.head.Doubt) > 0}
	r.wire.gc = r.gc
	r.wire.output = b.live
	if !forget {
		return
	}
	r.gc.forget = b.source.path(0) // live, or unknown
	var gone []string
	for _, id := range b.kept {
		for path := range b.outputs[id] {
			if _, live := b.live[path]; !live && (filepath.Ext(path) == ".html" || filepath.Ext(path) == ".xml") {
				gone = append(gone, path)
			}
		}
	}
	if slices.Sort(gone); len(gone) > 0 {
		r.gc.forget = gone[r.Target%len(gone)]
	}
}

// collect runs a gc.
func (r *run) collect(ctx context.Context, d *Run) error {
	var forget []string
	if r.gc.forget != "" {
		forget = append(forget, r.gc.forget)
	}
	_, err := d.GC(ctx, Retention{Keep: r.Keep}, forget...)
	return err
}

// remembered returns an output without what was erased from the history.
func (b *bed) remembered(o output) output {
	out := output{}
	for path, v := range o {
		if !b.erased(v) {
			out[path] = v
		}
	}
	return out
}

func (b *bed) erased(v variant) bool { return b.head.Forgot(storage.Bytes([]byte(v.body)).SHA256) }

// trimmed holds a run to what it may drop from the history: a gc what it does
// not keep, and the bytes of the file that it erases; a run without a release
// of its own, nothing.
func (b *bed) trimmed(c *wire, old, now *state.Head) {
	if old.Live != now.Live {
		return // see committed
	}
	kept := slices.DeleteFunc(slices.Clone(b.kept), func(id string) bool { return id < now.Oldest })
	switch {
	case slices.Equal(kept, b.kept):
	case c.gc == nil:
		b.breaks("a run drops %d of %d releases, and is no gc", len(b.kept)-len(kept), len(b.kept))
	case !slices.Equal(kept, b.kept[max(0, len(b.kept)-c.keep):]):
		b.breaks("a gc that keeps %d releases leaves %d of %d", c.keep, len(kept), len(b.kept))
	}
	for _, f := range now.Forgotten {
		if !old.Forgot(f.SHA256) && !b.mayForget(c, f.SHA256) {
			b.breaks("bytes are erased that nobody asked to erase: %s", f.SHA256)
		}
	}
	b.kept = kept
}

// mayForget reports whether a run was asked to erase such bytes.
func (b *bed) mayForget(c *wire, d storage.Digest) bool {
	return c.gc != nil && slices.ContainsFunc(b.kept, func(id string) bool {
		v, ok := b.outputs[id][c.gc.forget]
		return ok && storage.Bytes([]byte(v.body)).SHA256 == d
	})
}

// judgeGC checks what a gc reports and leaves.
func (r *run) judgeGC() error {
	b := r.bed
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := r.expectedGC(); err != nil {
		return err
	}
	if b.landed != r.landed {
		return nil
	}
	if got := markOf(&b.head); got != b.mark {
		return fmt.Errorf("a gc moved the mark from %d to %d", b.mark, got)
	}
	for path, now := range b.files() {
		if old, there := r.before[path]; !there || !same(old, now) {
			return fmt.Errorf("a gc changed %s", path)
		}
	}
	if err := b.available(); err != nil {
		return err
	}
	if r.err != nil {
		return nil
	}
	for _, id := range b.kept {
		v, had := b.outputs[id][r.gc.forget]
		if _, blob := b.mem.Peek(statePrefix + state.BlobKey(storage.Bytes([]byte(v.body)).SHA256)); had && blob && !b.public(v.body) {
			return fmt.Errorf("the bytes of %s are still there", r.gc.forget)
		}
	}
	return b.collected()
}

// public reports whether the live release has such bytes at any path.
func (b *bed) public(body string) bool {
	for _, v := range b.live {
		if v.body == body {
			return true
		}
	}
	return false
}

// expectedGC checks the error of a gc where the model knows what it has to be.
func (r *run) expectedGC() error {
	b := r.bed
	var locked *LockedError
	var live *LivePathError
	var unknown *history.PathError
	_, isLive := b.live[r.gc.forget]
	switch {
	case r.Fault.Kind != noFault, b.landed != r.landed:
		return nil
	case !r.expires.IsZero() && r.Locked == "fail":
		if !errors.As(r.err, &locked) || r.writes > 0 {
			return fmt.Errorf("another run has the head until %s: want a *LockedError and no write", r.expires)
		}
		return nil
	case errors.Is(r.err, ErrUnfinished) && r.gc.doubt, !r.calm(), r.live == "" && errors.Is(r.err, state.ErrNothing):
		return nil
	case errors.As(r.err, &live) != isLive:
		return fmt.Errorf("%q is live: %v, want a *LivePathError there alone", r.gc.forget, isLive)
	case isLive:
		return nil
	case errors.As(r.err, &unknown) && unknown.Path == r.gc.forget:
		for _, id := range b.kept {
			if _, ok := b.outputs[id][r.gc.forget]; ok {
				return fmt.Errorf("release %s has %s", id, r.gc.forget)
			}
		}
		return nil
	case r.err != nil:
		return errors.New("nothing went wrong, and it failed")
	}
	return nil
}

// collected: after a gc, the state has nothing but the head, the records that
// are kept, the intents that the head names, and bytes that a kept release has.
// What a dead run had written before the next one displaced it stays as long as
// the release before that.
func (b *bed) collected() error {
	needed := map[string]bool{state.HeadKey: true, state.ReleaseKey(b.head.Live): true}
	oldest := append(slices.Clone(b.kept), b.head.Live)[0]
	for id, o := range b.outputs {
		if id < oldest || id == b.head.Live {
			continue
		}
		for _, v := range b.remembered(o) {
			needed[state.BlobKey(storage.Bytes([]byte(v.body)).SHA256)] = true
		}
	}
	for _, id := range b.kept {
		needed[state.ReleaseKey(id)] = true
	}
	for _, s := range b.head.Suspects {
		needed[state.IntentKey(s.Intent)] = true
	}
	for _, o := range b.head.Owed {
		needed[state.IntentKey(o.Intent)] = true
	}
	for key := range b.mem.Objects() {
		if name, ok := strings.CutPrefix(key, statePrefix); ok && !needed[name] {
			return fmt.Errorf("a gc left %s", name)
		}
	}
	return nil
}
