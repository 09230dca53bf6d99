package deploy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

func (w *world) gc(k Retention, forget ...string) (event.Collected, error) {
	w.t.Helper()
	return Open(w.t.Context(), w.options()).GC(w.t.Context(), k, forget...)
}

func (w *world) previewGC(k Retention, forget ...string) (event.Collected, error) {
	w.t.Helper()
	return Open(w.t.Context(), w.options()).PreviewGC(w.t.Context(), k, forget...)
}

// edition is the n-th of a series of outputs: each drops bytes.
func edition(n int) tree {
	v := maps.Clone(v1)
	v["index.html"] = fmt.Sprintf("home %d", n)
	v["a.css"] = fmt.Sprintf("a %d", n/2)
	return v
}

// series deploys so many versions and returns the last.
func (w *world) series(n int) tree {
	w.t.Helper()
	for i := range n {
		w.must(edition(i))
	}
	w.spy.requests()
	return edition(n - 1)
}

// stored returns the sizes of all objects of the state but the head.
func (w *world) stored() (bytes int64) {
	w.t.Helper()
	for key, b := range w.all() {
		if strings.HasPrefix(key, stateAt) && key != stateAt+state.HeadKey {
			bytes += int64(len(b))
		}
	}
	return bytes
}

// TestGC removes what is not kept, as announced, and what is kept can still be
// brought back.
func TestGC(t *testing.T) {
	w := newWorld(t)
	live := w.series(5)
	before, all := w.stored(), w.all()
	want, err := w.previewGC(Retention{Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, w.all()); diff != "" {
		t.Errorf("a preview wrote: %s", diff)
	}
	w.wantRequests("GET "+stateAt+"head", "GET "+stateAt+"releases/ID",
		"LIST "+stateAt+"intents/", "LIST "+stateAt+"releases/", "LIST "+stateAt+"blobs/")
	got, err := w.gc(Retention{Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	log := w.spy.requests()
	if n := len(lists(slices.Clone(log))); n != 6 {
		t.Errorf("%d lists, want 3 to see and 3 with the lock: %q", n, log)
	}
	if freed := before - w.stored(); got.Bytes != freed || want.Bytes != freed || freed == 0 {
		t.Errorf("freed %d, announced %d, said %d", freed, want.Bytes, got.Bytes)
	}
	if !want.DryRun || got.DryRun || len(got.Releases) != 2 || !slices.Equal(got.Releases, want.Releases) || got.Blobs != 3 || want.Blobs != 3 || got.Strays != 0 || got.Kept != 1 {
		t.Errorf("got %+v, announced %+v", got, want)
	}
	w.check(live)
	if head := w.head(); head.Oldest == "" || head.Live != got.Live {
		t.Errorf("%+v", head)
	}
	if again, err := w.gc(Retention{Keep: 1}); err != nil || again.Bytes != 0 || len(again.Releases) != 0 {
		t.Errorf("%+v, %v", again, err)
	}
	for _, op := range w.spy.requests() {
		if !strings.HasPrefix(op, "GET") && !strings.HasPrefix(op, "LIST") {
			t.Errorf("with nothing to do: %s", op)
		}
	}
	if _, err := Open(t.Context(), w.options()).Rollback(t.Context(), "live~2"); !errors.Is(err, state.ErrNoRelease) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.Context(), w.options()).Rollback(t.Context(), "previous"); err != nil {
		t.Fatal(err)
	}
	w.check(edition(3))
	if head := w.head(); head.Oldest != "" {
		t.Errorf("the new record says what is kept, and the head still does: %+v", head)
	}
}

// TestGCKeepsNone removes all but the live release.
func TestGCKeepsNone(t *testing.T) {
	w := newWorld(t)
	live := w.series(3)
	got, err := w.gc(Retention{})
	if err != nil || got.Kept != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.check(live)
	keys := 0
	for key := range w.all() {
		if strings.HasPrefix(key, stateAt) {
			keys++
		}
	}
	if keys != 2 {
		t.Errorf("%d objects in the state, want the head and the live release", keys)
	}
}

// TestRetention keeps the newest, and those that were live not long ago.
func TestRetention(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var ids []string
	for _, age := range []int{40, 30, 20, 10, 5} { // live until the next one
		ids = append(ids, state.NewID(now.AddDate(0, 0, -age), ""))
	}
	ids, live := ids[:4], ids[4]
	const day = 24 * time.Hour
	for _, tt := range []struct {
		Retention
		kept int
	}{
		{Retention{}, 0}, {Retention{Keep: 2}, 2}, {Retention{Keep: 9}, 4},
		{Retention{KeepFor: 25 * day}, 3}, {Retention{KeepFor: 20 * day}, 2}, {Retention{KeepFor: 20*day + time.Second}, 3},
		{Retention{KeepFor: 5 * day}, 0}, {Retention{KeepFor: 6 * day}, 1}, {Retention{KeepFor: 90 * day}, 4},
		{Retention{Keep: 1, KeepFor: 15 * day}, 2}, {Retention{Keep: 2, KeepFor: day}, 2}, {Retention{Keep: 3, KeepFor: 15 * day}, 3},
	} {
		kept, dropped := tt.split(ids, live, now)
		if !slices.Equal(kept, ids[4-tt.kept:]) || !slices.Equal(dropped, ids[:4-tt.kept]) {
			t.Errorf("%+v keeps %d of 4", tt.Retention, len(kept))
		}
	}
	ahead := state.NewID(now.Add(time.Second), "")
	for want, k := range map[int]Retention{0: {}, 1: {KeepFor: day}, 2: {Keep: 2}} {
		if kept, _ := k.split(ids, ahead, now); len(kept) != want {
			t.Errorf("%+v keeps %d before one that is ahead of the clock, want %d", k, len(kept), want)
		}
	}
}

// TestDeployKeepsFor keeps, by count and by age, what was live not long ago,
// however old it is.
func TestDeployKeepsFor(t *testing.T) {
	const day = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		w, bucket, now := newWorld(t).quiet(), storagetest.NewMemory(), 0
		o := w.options()
		o.Keep, o.KeepFor = 2, 30*day
		o.Live, o.State = storage.Prefixed(bucket, "blog/"), storage.Prefixed(bucket, stateAt)
		for n, tt := range []struct{ day, kept int }{
			{0, 0}, {100, 1}, // live for a hundred days until now
			{110, 2}, {129, 3}, {131, 3}, {200, 2}, {229, 2},
		} {
			time.Sleep(time.Duration(tt.day-now) * day)
			now = tt.day
			if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(edition(n))); err != nil {
				t.Fatal(err)
			}
			kept := -1 // the live one
			for key := range bucket.Objects() {
				if strings.HasPrefix(key, stateAt+"releases/") {
					kept++
				}
			}
			if kept != tt.kept {
				t.Errorf("day %d: %d former releases are kept, want %d", now, kept, tt.kept)
			}
		}
		collected, err := Open(t.Context(), o).GC(t.Context(), Retention{KeepFor: 30 * day})
		if err != nil || collected.Kept != 2 {
			t.Errorf("%+v, %v", collected, err)
		}
	})
}

// TestGCSweeps removes what nothing refers to, without a release to drop.
func TestGCSweeps(t *testing.T) {
	w := newWorld(t)
	live := w.series(2)
	old := state.NewID(time.Now().Add(-time.Hour), "")
	w.put(stateAt+state.ReleaseKey(old), "x")
	w.put(stateAt+state.IntentKey(old), "xyz")
	got, err := w.gc(Retention{Keep: 5})
	if err != nil || got.Strays != 2 || got.Bytes != 4 || got.Kept != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.check(live)
}

// TestGCRefuses: not while somebody deploys, not where bytes are in doubt, and
// not where there is nothing.
func TestGCRefuses(t *testing.T) {
	w := newWorld(t)
	if _, err := w.gc(Retention{}); !errors.Is(err, state.ErrNothing) {
		t.Errorf("an empty bucket: %v", err)
	}
	w.series(2)
	w.crash(edition(3), "PUT blog/index.html", 1)
	w.spy.skew = 0 // its lease has not run out
	all := w.all()
	var locked *LockedError
	if _, err := w.gc(Retention{}); !errors.As(err, &locked) {
		t.Errorf("while another one deploys: %v", err)
	}
	w.spy.skew = lease + time.Minute
	if _, err := w.gc(Retention{}); !errors.Is(err, ErrUnfinished) {
		t.Errorf("after a crash: %v", err)
	}
	if diff := cmp.Diff(all, w.all()); diff != "" {
		t.Errorf("it wrote: %s", diff)
	}
	w.must(edition(3))
	if _, err := w.gc(Retention{}); err != nil {
		t.Fatal(err)
	}
	w.check(edition(3))
}

// TestGCMoved: a deploy that ends between the look and the lock changes what is
// kept.
func TestGCMoved(t *testing.T) {
	w := newWorld(t)
	w.series(3)
	other := &world{t: t, bucket: w.bucket, spy: &spy{Store: w.bucket}, site: w.site, src: w.src}
	w.spy.intercept(func(op string, done func() error) error {
		if op == "LIST "+stateAt+"blobs/" {
			w.spy.intercept(nil)
			other.must(edition(7))
		}
		return done()
	})
	got, err := w.gc(Retention{Keep: 1})
	if err != nil || len(got.Releases) != 2 || got.Live != w.head().Live {
		t.Fatalf("%+v, %v", got, err)
	}
	w.check(edition(7))
}

// TestGCFails says what is left, and the next one removes it.
func TestGCFails(t *testing.T) {
	w := newWorld(t)
	live := w.series(4)
	w.spy.intercept(func(op string, done func() error) error {
		if strings.HasPrefix(op, "DELETE") {
			return errBroken
		}
		return done()
	})
	got, err := w.gc(Retention{Keep: 1})
	if !errors.Is(err, ErrUncollected) || got.Bytes != 0 || got.Blobs != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.spy.intercept(nil)
	if got, err = w.gc(Retention{Keep: 1}); err != nil || got.Bytes == 0 || w.head().Strays {
		t.Fatalf("%+v, %v", got, err)
	}
	w.check(live)
}

// TestGCOwedDeletion does first what a deploy still had to do.
func TestGCOwedDeletion(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	live := w.oweDeletion()
	if _, err := w.gc(Retention{}); err != nil {
		t.Fatal(err)
	}
	w.check(live)
}

// TestGCCrash kills a gc, also one that forgets, at each of its requests,
// before and after it is done. The site is as it was, every kept release can be
// brought back, and the next gc or deploy leaves nothing over.
func TestGCCrash(t *testing.T) {
	t.Parallel()
	round := int64(0)
	for _, forget := range [][]string{nil, {"keys.txt"}} {
		for _, after := range []bool{false, true} {
			for _, next := range []string{"gc", "deploy"} {
				for at := 1 + round%killStride; gcCrash(t, forget, at, after, next); at += killStride {
				}
				round++
			}
		}
	}
}

// gcCrash does one of these, and reports whether there was such a request.
func gcCrash(t *testing.T, forget []string, at int64, after bool, next string) (reached bool) {
	t.Helper()
	w := newWorld(t)
	live, secrets := w.leak()
	var n atomic.Int64
	op := ""
	w.spy.intercept(func(asked string, done func() error) error {
		switch k := n.Add(1); {
		case k < at:
			return done()
		case k == at:
			w.spy.mu.Lock()
			op = asked
			w.spy.mu.Unlock()
			if after {
				_ = done()
			}
		}
		return errBroken
	})
	_, err := w.gc(Retention{Keep: 1}, forget...)
	w.spy.intercept(nil)
	if op == "" {
		return false
	}
	name := fmt.Sprintf("forget %v, killed at %s, after %v (%v), then %s", forget, op, after, err, next)
	w.spy.skew += lease + time.Minute
	if diff := cmp.Diff(live, w.files()); diff != "" {
		t.Errorf("%s: the site: %s", name, diff)
	}
	committed := w.head().Oldest != ""
	if next == "deploy" {
		live = edition(1)
		if _, err := w.deploy(live); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	} else if _, err := w.gc(Retention{Keep: 1}, forget...); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	w.check(live)
	if len(forget) > 0 && (committed || next == "gc") && slices.ContainsFunc(secrets, w.holds) {
		t.Errorf("%s: a secret is left", name)
	}
	if len(forget) > 0 && next == "gc" && !slices.Contains(w.edge.purged(), "https://example.com/keys.txt") {
		t.Errorf("%s: not purged", name)
	}
	if t.Failed() {
		t.Fatal(name)
	}
	return true
}
