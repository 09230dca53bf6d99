package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
)

func (w *world) rollback(id string) (event.Finished, error) {
	w.t.Helper()
	return Open(w.t.Context(), w.options()).Rollback(w.t.Context(), id)
}

func TestRollback(t *testing.T) {
	w := newWorld(t)
	first := w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["index.html"], v2["new.html"], v2["b.css"] = "a2", "home 2", "new", "b|60"
	delete(v2, "docs/index.html")
	second := w.must(v2)
	w.check(v2)
	w.spy.requests()
	w.edge.purged()

	fin, err := w.rollback("")
	if err != nil {
		t.Fatal(err)
	}
	w.check(v1)
	for _, op := range w.spy.requests() {
		if strings.HasPrefix(op, "PUT ") && !strings.Contains(op, "/.pandastack/") || strings.HasPrefix(op, "PUT blog/.pandastack/blobs/") {
			t.Errorf("uploaded: %s", op)
		}
	}
	if fin.Parent != second.Release || fin.BytesUploaded != 0 || !w.head().Held {
		t.Errorf("%+v", fin)
	}
	if purged := w.edge.purged(); !slices.Contains(purged, "https://example.com/docs/") || !slices.Contains(purged, "https://example.com/new") {
		t.Errorf("purged %q", purged)
	}

	// By a unique prefix, and forward again.
	if _, err := w.rollback(second.Release[:26]); err != nil {
		t.Fatal(err)
	}
	w.check(v2)
	if _, err := w.rollback(first.Release); err != nil {
		t.Fatal(err)
	}
	w.check(v1)
	for _, id := range []string{"zzz", "01"} {
		if _, err := w.rollback(id); !errors.Is(err, state.ErrNoRelease) {
			t.Errorf("rollback to %s: %v", id, err)
		}
	}
	// A deploy after a rollback is a deploy.
	w.must(v2)
	w.check(v2)
	if w.head().Held {
		t.Error("still held")
	}
}

// TestRollbackToEachKept deploys more releases than are kept and brings each
// kept one back.
func TestRollbackToEachKept(t *testing.T) {
	w := newWorld(t).quiet()
	trees, ids := map[string]tree{}, []string{}
	for i := range 6 {
		v := maps.Clone(v1)
		v["index.html"] = fmt.Sprintf("home %d", i%4) // some content comes back
		v[fmt.Sprintf("page%d.html", i%3)] = fmt.Sprint(i)
		fin := w.must(v)
		w.check(v)
		trees[fin.Release] = v
		ids = append(ids, fin.Release)
	}
	for _, id := range ids[2:5] {
		fin, err := w.rollback(id)
		if errors.Is(err, state.ErrNoRelease) && id == ids[2] {
			continue
		}
		if err != nil {
			// What is kept moves with each rollback: only 3 former releases are.
			if !errors.Is(err, state.ErrNoRelease) {
				t.Fatal(err)
			}
			continue
		}
		w.check(trees[id])
		trees[fin.Release] = trees[id]
	}
}

func TestKeepNone(t *testing.T) {
	w := newWorld(t)
	deploy := func(v tree) {
		t.Helper()
		o := w.options()
		o.Keep = 0
		if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v)); err != nil {
			t.Fatal(err)
		}
		w.check(v)
	}
	deploy(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	deploy(v2)
	if _, err := w.rollback(""); !errors.Is(err, state.ErrNoRelease) {
		t.Errorf("got %v", err)
	}
}

func TestRollbackWithoutItsBytes(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	w.must(v2)
	for key := range w.all() {
		if strings.Contains(key, "/blobs/") {
			if err := w.bucket.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.rollback(""); err == nil {
		t.Fatal("no error")
	}
	if got := w.files()["a.css"]; got != "a2" {
		t.Errorf("a.css is %q", got)
	}
}

// TestRollbackSparesForeign meets an object that somebody put where the old
// release had a page.
func TestRollbackSparesForeign(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	delete(v2, "docs/index.html")
	w.must(v2)
	w.put("blog/docs/index.html", "theirs")
	var foreign *ForeignError
	if _, err := w.rollback(""); !errors.As(err, &foreign) {
		t.Fatalf("got %v", err)
	}
	if got := w.files()["docs/index.html"]; got != "theirs" {
		t.Errorf("docs/index.html is %q", got)
	}
}

// TestCrashInRollback stops the process at every request of a rollback; the
// next deploy of either version makes the site whole.
func TestCrashInRollback(t *testing.T) {
	t.Parallel()
	v2 := maps.Clone(v1)
	v2["a.css"], v2["index.html"], v2["new.html"], v2["b.css"] = "a2", "home 2", "new", "b|60"
	delete(v2, "docs/index.html")
	for n := 0; n < 60; n++ {
		w := newWorld(t)
		w.must(v1)
		w.must(v2)
		count := 0
		crash := errors.New("crashed")
		w.spy.intercept(func(_ string, done func() error) error {
			w.spy.mu.Lock()
			count++
			now := count
			w.spy.mu.Unlock()
			if now > n {
				return crash
			}
			return done()
		})
		_, err := w.rollback("")
		w.spy.intercept(nil)
		if err == nil {
			return
		}
		w.strays = 20
		w.spy.skew = lease + time.Second
		next := v1
		if n%2 == 0 {
			next = v2
		}
		if _, err := w.deploy(next); err != nil {
			t.Fatalf("after a crash at request %d: %v", n, err)
		}
		w.spy.skew = 0
		w.check(next)
		if t.Failed() {
			t.Fatalf("crash at request %d", n)
		}
	}
	t.Fatal("a rollback has fewer requests than that")
}

// TestLateRequest lets a write of a deploy whose lease ran out land after
// another one has committed. The next run finds and mends it.
func TestLateRequest(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["index.html"] = "a2", "home 2"
	late := make(chan func() error, 1)
	stop := errors.New("stalled")
	stalled := false
	w.spy.intercept(func(op string, done func() error) error {
		w.spy.mu.Lock()
		defer w.spy.mu.Unlock()
		if op == "PUT blog/index.html" && !stalled {
			stalled = true
			late <- done
			return stop
		}
		if stalled {
			return stop
		}
		return done()
	})
	if _, err := w.deploy(v2); err == nil {
		t.Fatal("no error")
	}
	w.spy.intercept(nil)
	w.spy.skew = lease + time.Second
	v3 := maps.Clone(v1)
	v3["b.css"] = "b3"
	w.must(v3)
	if head := w.head(); len(head.Suspects) != 1 {
		t.Fatalf("%+v", head)
	}
	// The stalled request goes through at last: its condition is the ETag of
	// before, so that only an unconditional write can do harm.
	w.put("blog/index.html", "home 2")
	<-late
	w.strays = 1 // the intent of the suspect
	w.must(v3)
	w.check(v3)
	if !slices.Contains(w.edge.purged(), "https://example.com/") {
		t.Error("not purged")
	}
	w.spy.skew = lease + suspicion + time.Minute
	w.must(v3)
	if head := w.head(); head.Suspects != nil {
		t.Errorf("still suspected: %+v", head)
	}
	w.strays = 0
	w.check(v3)
}

func TestStateRemembersOrder(t *testing.T) {
	w := newWorld(t).quiet()
	deploy := func(commit string, order Order, force bool, v tree) error {
		o := w.options()
		o.Source.Commit, o.Force = commit, force
		o.Order = func(_ context.Context, m state.Mark) Order {
			if m.Commit == commit {
				return Same
			}
			return order
		}
		_, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v))
		return err
	}
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(deploy("c1", Unknown, false, v1))
	check(deploy("c3", Newer, false, v2))
	var superseded *SupersededError
	if err := deploy("c2", Older, false, v1); !errors.As(err, &superseded) || superseded.Held {
		t.Fatalf("got %v", err)
	}
	w.check(v2)
	check(deploy("c2", Older, true, v1)) // --force
	w.check(v1)
	if m := w.head().Mark; m == nil || m.Commit != "c3" {
		t.Errorf("the mark is %+v", m)
	}
	// A no-op of a newer commit moves the mark.
	check(deploy("c4", Newer, false, v1))
	if m := w.head().Mark; m == nil || m.Commit != "c4" {
		t.Errorf("the mark is %+v", m)
	}
	// After a rollback the commit that was rolled back does not return.
	check(deploy("c5", Newer, false, v2))
	if _, err := w.rollback(""); err != nil {
		t.Fatal(err)
	}
	w.check(v1)
	if err := deploy("c5", Older, false, v2); !errors.As(err, &superseded) || !superseded.Held {
		t.Fatalf("got %v", err)
	}
	check(deploy("c6", Newer, false, v2))
	w.check(v2)
}

// TestRollbackMeansWhatItMeant names a release by its place, while another
// deploy ends in between: the release that had this place is meant, and no
// other one is brought back where that is not kept any more.
func TestRollbackMeansWhatItMeant(t *testing.T) {
	for _, keep := range []int{1, 2} {
		for _, name := range []string{"", "live~1"} {
			w := newWorld(t).quiet()
			options := w.options()
			options.Keep = keep
			deploy := func(files tree) (event.Finished, error) {
				return Open(t.Context(), options).Deploy(t.Context(), w.desired(files))
			}
			var ids []string
			var r *Run
			for i := range 3 {
				if i == 2 {
					r = Open(t.Context(), options)
					if err := r.Ready(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				fin, err := deploy(tree{"index.html": fmt.Sprint(i)})
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, fin.Release)
			}
			_, err := r.Rollback(t.Context(), name)
			switch {
			case keep == 2 && err == nil:
				w.check(tree{"index.html": "0"})
			case keep == 1 && errors.Is(err, state.ErrNoRelease) && strings.Contains(err.Error(), ids[0]):
				w.check(tree{"index.html": "2"})
			default:
				t.Errorf("%q with %d kept: %v", name, keep, err)
			}
		}
	}
}

// TestRollbackToLive reads, and leaves the mark and what it says of rollbacks
// alone.
func TestRollbackToLive(t *testing.T) {
	w := newWorld(t)
	w.series(2)
	before := w.all()
	for _, name := range []string{"live", w.head().Live} {
		w.spy.requests()
		fin, err := w.rollback(name)
		if err != nil || fin.Changed || fin.Release != w.head().Live {
			t.Errorf("%s: %+v, %v", name, fin, err)
		}
		w.wantRequests("GET "+stateAt+"head", "GET "+stateAt+"releases/ID", "GET "+stateAt+"releases/ID")
	}
	if diff := cmp.Diff(before, w.all()); diff != "" {
		t.Error(diff)
	}
}

// TestRollbackMeetsForeignObject: copies are not conditional on what they
// replace, so what somebody else puts there once the old bytes are displaced is
// found by a look at it, and stays.
func TestRollbackMeetsForeignObject(t *testing.T) {
	for _, path := range []string{"index.html", "back.html"} { // overwritten, created
		t.Run(path, func(t *testing.T) {
			w := newWorld(t)
			w.must(v1.with(tree{"back.html": "back"}))
			second := w.must(v1.with(tree{"index.html": "home 2"}))
			w.spy.intercept(func(op string, done func() error) error {
				err := done()
				if strings.HasPrefix(op, "PUT ") && strings.Contains(op, "/intents/") {
					w.spy.intercept(func(op string, done func() error) error {
						if op == "GET blog/"+path {
							w.spy.intercept(nil)
							w.put("blog/"+path, "late")
						}
						return done()
					})
				}
				return err
			})
			_, err := w.rollback("")
			var foreign *ForeignError
			if !errors.As(err, &foreign) || !slices.Equal(foreign.Paths, []string{path}) {
				t.Errorf("got %v", err)
			}
			if got := w.files()[path]; got != "late" {
				t.Errorf("%s is %q", path, got)
			}
			if w.head().Live != second.Release {
				t.Errorf("live is %s", w.head().Live)
			}
		})
	}
}
