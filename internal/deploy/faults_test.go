package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestLeaseAfterLongBuild: the lease counts from when it is written, not from
// when the head was read before the build.
func TestLeaseAfterLongBuild(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	var off time.Duration
	o := w.options()
	o.Now = func() time.Time { return time.Now().Add(off) }
	r := Open(t.Context(), o)
	if err := r.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	off = 20 * time.Minute // the build
	w.spy.skew = off       // the server's clock goes on, too
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	var second error
	ran := false
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/a.css" && !ran {
			ran = true
			w.spy.intercept(nil)
			t.Logf("expires %v, server's clock %v", w.head().Busy.Expires, time.Now().Add(off).UTC())
			o2 := w.options()
			o2.Now = o.Now
			v3 := maps.Clone(v1)
			v3["b.css"] = "b3"
			_, second = Open(t.Context(), o2).Deploy(t.Context(), w.desired(v3))
		}
		return done()
	})
	_, first := r.Deploy(t.Context(), w.desired(v2))
	var locked *LockedError
	if !errors.As(second, &locked) {
		t.Errorf("the second deploy was not locked out: second=%v first=%v", second, first)
	}
}

// TestStaleBusy: a deploy that ended during the build is in nobody's way.
func TestStaleBusy(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	var r *Run
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/a.css" && r == nil {
			r = Open(t.Context(), w.options())
			if err := r.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		}
		return done()
	})
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	w.must(v2)
	w.check(v2)
	v3 := maps.Clone(v2)
	v3["b.css"] = "b3"
	if _, err := r.Deploy(t.Context(), w.desired(v3)); err != nil {
		t.Errorf("nobody deploys now: %v", err)
	}
}

// TestOwedIntentGone: a debt that nobody can pay any more is said and dropped.
func TestOwedIntentGone(t *testing.T) {
	w := newWorld(t)
	w.edge.err = errors.New("down")
	fin, err := w.deploy(v1)
	if !errors.Is(err, ErrOwed) {
		t.Fatal(err)
	}
	w.edge.err = nil
	if err := w.bucket.Delete(t.Context(), "blog/.pandastack/intents/"+fin.Release); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.spy.requests()
		fin, err := w.deploy(v1)
		t.Logf("err=%v owed=%v purged=%d head.Owed=%v requests=%q", err, fin.Owed, fin.PurgedURLs, w.head().Owed, w.spy.requests())
		if err == nil && len(w.head().Owed) > 0 {
			t.Error("success is reported while the head still owes")
		}
	}
}

// TestInterruptAcquire interrupts the run while it waits for the lock: it is
// given back.
func TestInterruptAcquire(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	ctx, cancel := context.WithCancel(t.Context())
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/.pandastack/head" && ctx.Err() == nil {
			err := done()
			if err != nil {
				return err
			}
			cancel()
			return ctx.Err()
		}
		return done()
	})
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	_, err := Open(ctx, w.options()).Deploy(ctx, w.desired(v2))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.spy.intercept(nil)
	if b := w.head().Busy; b != nil {
		t.Errorf("the head stays locked until %v", b.Expires)
	}
}

// TestInterruptCommit interrupts the run while it waits for the answer to its
// commit: the release is live.
func TestInterruptCommit(t *testing.T) {
	for _, quiet := range []bool{true, false} {
		w := newWorld(t)
		if quiet {
			w = w.quiet()
		}
		first := w.must(v1)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		w.spy.intercept(func(op string, done func() error) error {
			if op == "PUT blog/.pandastack/head" {
				if n++; n == 2 {
					err := done()
					if err != nil {
						return err
					}
					cancel()
					return ctx.Err()
				}
			}
			return done()
		})
		v2 := maps.Clone(v1)
		v2["new.css"] = "n" // creates only
		_, err := Open(ctx, w.options()).Deploy(ctx, w.desired(v2))
		w.spy.intercept(nil)
		h := w.head()
		if h.Live == first.Release || err != nil && !errors.Is(err, ErrOwed) {
			t.Errorf("quiet: %v; live moved: %v; error: %v", quiet, h.Live != first.Release, err)
		}
		if h.Busy != nil {
			t.Errorf("locked until %v", h.Busy.Expires)
		}
	}
}

// TestOwedDeletionOfForeign puts somebody's object where an owed deletion is to
// be done: it stays.
func TestOwedDeletionOfForeign(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := w.oweDeletion()
	// an operator removes it by hand; later somebody else puts their own there
	w.put("blog/docs/index.html", "theirs")
	w.must(v2)
	if _, err := w.bucket.Get(t.Context(), "blog/docs/index.html"); err != nil {
		t.Errorf("a foreign object was deleted: %v", err)
	}
}

// TestPreviewDebts shows in the plan what earlier deploys left to do.
func TestPreviewDebts(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := w.oweDeletion()
	p, err := Open(t.Context(), w.options()).Preview(t.Context(), w.desired(v2))
	if err != nil {
		t.Fatal(err)
	}
	w.spy.requests()
	fin := w.must(v2)
	var deletes []string
	for _, op := range w.spy.requests() {
		if strings.HasPrefix(op, "DELETE blog/docs") {
			deletes = append(deletes, op)
		}
	}
	if want := "delete 1 object of release "; len(deletes) != 1 || len(p.Owed) != 2 || !strings.HasPrefix(p.Owed[0], want) || p.PurgeURLs != fin.PurgedURLs {
		t.Errorf("the preview: %q, %d URLs; the deploy: %v, %d URLs", p.Owed, p.PurgeURLs, deletes, fin.PurgedURLs)
	}
}

// TestDenied: what the storage refused to write is not "partly changed".
func TestDenied(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/a.css" {
			return &storage.Error{Op: "put", Key: "a.css", Err: storage.ErrDenied}
		}
		return done()
	})
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	_, err := w.deploy(v2)
	var partial *PartialError
	if errors.As(err, &partial) {
		t.Errorf("nothing was overwritten, but: %v", err)
	}
}

// TestLostDataAnswer: a condition that fails after an attempt without an answer
// leaves open whether that one was done.
func TestLostDataAnswer(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/index.html" {
			if err := done(); err != nil {
				return err
			}
			return &storage.Error{Op: "put", Key: "index.html", Err: fmt.Errorf("%w: %w", storage.ErrPrecondition, storage.ErrUnanswered)}
		}
		return done()
	})
	v2 := maps.Clone(v1)
	v2["index.html"] = "home 2"
	_, err := w.deploy(v2)
	if err == nil || w.files()["index.html"] != "home" || len(w.head().Doubt) != 1 {
		t.Errorf("%v; index.html is %q", err, w.files()["index.html"])
	}
	w.spy.intercept(nil)
	w.must(v2)
	w.check(v2)
}

// TestRenewRetries keeps a lease over a long upload, also where one renewal
// fails.
func TestRenewRetries(t *testing.T) {
	for _, fail := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.must(v1)
			heads := 0
			w.spy.intercept(func(op string, done func() error) error {
				if op == "PUT blog/.pandastack/head" {
					if heads++; heads == 2 && fail { // the first renewal
						return errors.New("503")
					}
				}
				if op == "PUT blog/a.css" || op == "PUT blog/index.html" {
					time.Sleep(10 * time.Minute)
				}
				return done()
			})
			v2 := maps.Clone(v1)
			v2["a.css"], v2["index.html"] = "a2", "home2"
			_, err := w.deploy(v2)
			if err != nil {
				t.Errorf("one renewal failed: %v: %v", fail, err)
			}
		})
	}
}

// TestPreviewBusy compares with the live release, not with what a running
// deploy has written so far.
func TestPreviewBusy(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["index.html"] = "a2", "home2"
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/index.html" {
			w.spy.intercept(nil)
			p, err := Open(t.Context(), w.options()).Preview(t.Context(), w.desired(v2))
			if err != nil {
				t.Error(err)
			}
			if p.Updated != 2 {
				t.Errorf("'compares with the release that was live before it', but %d updates: %+v", p.Updated, slices.Collect(p.Changes.All()))
			}
		}
		return done()
	})
	w.must(v2)
}

// TestBytes counts what a header change uploads where it cannot be copied.
func TestBytes(t *testing.T) {
	w := newWorld(t).quiet()
	d := w.desired(v1)
	d.Objects[0].Headers[storage.ContentLanguage] = "de"
	if _, err := Open(t.Context(), w.options()).Deploy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	w.spy.requests()
	fin := w.must(v1)
	if slices.Contains(w.spy.requests(), "PUT blog/a.css") && fin.BytesUploaded == 0 {
		t.Error("a file was uploaded, and bytes_uploaded is 0")
	}
}

// TestRecordID refuses a record that lies under the key of another one.
func TestRecordID(t *testing.T) {
	w := newWorld(t)
	first := w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	second := w.must(v2)
	c := w.bucket
	if _, err := c.Copy(t.Context(), storage.CopySource{Key: "blog/.pandastack/releases/" + first.Release}, "blog/.pandastack/releases/"+second.Release, nil); err != nil {
		t.Fatal(err)
	}
	_, err := w.deploy(v2)
	var corrupt *state.CorruptError
	if !errors.As(err, &corrupt) {
		t.Errorf("another release's record under this id: %v", err)
	}
}

// TestDeletionOfForeign deletes nothing that somebody else has changed since:
// displacing it is refused.
func TestDeletionOfForeign(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	w.put("blog/docs/index.html", "theirs")
	v2 := maps.Clone(v1)
	delete(v2, "docs/index.html")
	var foreign *ForeignError
	if _, err := w.deploy(v2); !errors.As(err, &foreign) || !foreign.Changed {
		t.Errorf("got %v", err)
	}
	if got := w.files()["docs/index.html"]; got != "theirs" {
		t.Errorf("docs/index.html is %q", got)
	}
}

// TestWaiting waits for a deploy that ends in time, and takes over from an
// earlier attempt of the same run at once.
func TestWaiting(t *testing.T) {
	t.Parallel()
	hold := func(w *world) (state.Owner, func() error) {
		t.Helper()
		owner := state.Owner{Repository: "o/r", RunID: "7", RunAttempt: 1}
		o := w.options()
		o.Owner = owner
		ready, goOn := make(chan struct{}), make(chan struct{})
		w.spy.intercept(func(op string, done func() error) error {
			if op == "PUT blog/a.css" {
				close(ready)
				<-goOn
			}
			return done()
		})
		ended := make(chan error, 1)
		v2 := maps.Clone(v1)
		v2["a.css"] = "a2"
		go func() {
			_, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v2))
			ended <- err
		}()
		<-ready
		w.spy.intercept(nil)
		return owner, func() error { close(goOn); return <-ended }
	}
	v3 := maps.Clone(v1)
	v3["b.css"] = "b3"

	t.Run("until it is done", func(t *testing.T) {
		w := newWorld(t)
		w.must(v1)
		_, finish := hold(w)
		o := w.options()
		o.LockTimeout = time.Minute
		ended := make(chan error, 1)
		go func() {
			_, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v3))
			ended <- err
		}()
		if err := finish(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		w.check(v3)
	})
	t.Run("a later attempt", func(t *testing.T) {
		w := newWorld(t)
		w.must(v1)
		owner, finish := hold(w)
		o := w.options()
		o.Owner = owner
		o.Owner.RunAttempt = 2
		if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v3)); err != nil {
			t.Fatal(err)
		}
		if err := finish(); err == nil {
			t.Error("the first attempt does not know that it lost")
		}
		w.strays = 1 // the release record of the suspect, which came late
		if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v3)); err != nil {
			t.Fatal(err)
		}
		w.check(v3)
	})
}

// TestUnknownCommit loses the answer to the commit and the look at the head
// that follows: the release is live, and nobody may put old bytes under it.
func TestUnknownCommit(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["index.html"] = "a2", "home 2"
	heads, lost := 0, false
	w.spy.intercept(func(op string, done func() error) error {
		switch op {
		case "PUT blog/.pandastack/head":
			if heads++; heads == 2 {
				lost = true
				return errors.Join(done(), errBroken)
			}
		case "GET blog/.pandastack/head":
			if lost {
				return errBroken
			}
		}
		return done()
	})
	if _, err := w.deploy(v2); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	w.spy.intercept(nil)
	w.strays = 1 // the intent: the commit has given the head back
	w.must(v2)
	w.check(v2)
}

// TestDoubtsOfSeveralCrashes: a deploy that takes over and crashes, too, does
// not make the doubts about the first one forgotten.
func TestDoubtsOfSeveralCrashes(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	var ids []string
	for i, at := range []string{"PUT blog/a.css", "PUT blog/b.css"} {
		v := maps.Clone(v1)
		v["a.css"], v["b.css"] = fmt.Sprint("a", i), fmt.Sprint("b", i)
		var dead atomic.Bool
		w.spy.intercept(func(op string, done func() error) error {
			if dead.Load() {
				return errors.New("dead")
			}
			if op == at {
				dead.Store(true)
			}
			return done()
		})
		if _, err := w.deploy(v); err == nil {
			t.Fatal("no error")
		}
		w.spy.intercept(nil)
		head := w.head()
		if head.Busy == nil {
			t.Fatal("it gave the head back")
		}
		if !slices.Equal(head.Doubt, ids) {
			t.Errorf("after crash %d the doubts are %q, not %q", i+1, head.Doubt, ids)
		}
		ids = append(ids, head.Busy.Target)
		w.spy.skew += lease + time.Minute
	}
	w.edge.purged()
	w.must(v1)
	w.check(v1)
	purged := w.edge.purged()
	for _, u := range []string{"https://example.com/a.css", "https://example.com/b.css"} {
		if !slices.Contains(purged, u) {
			t.Errorf("%s is not purged", u)
		}
	}
}
