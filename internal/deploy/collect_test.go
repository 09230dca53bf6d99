package deploy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// told collects what a run says to people.
type told struct {
	mu   sync.Mutex
	says []string
}

func (s *told) Emit(e event.Event) {
	if m, ok := e.(event.Message); ok && m.Severity != event.Debug {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.says = append(s.says, m.Text)
	}
}

// hear deploys and returns what the run says.
func (w *world) hear(files tree) (event.Finished, []string) {
	w.t.Helper()
	var s told
	o := w.options()
	o.Sink = &s
	fin, err := Open(w.t.Context(), o).Deploy(w.t.Context(), w.desired(files))
	if err != nil {
		w.t.Fatal(err)
	}
	return fin, s.says
}

// crash deploys and dies after the n-th time that op was done, and lets the
// lease run out. IDs in op are as requests replaces them.
func (w *world) crash(files tree, op string, n int) {
	w.t.Helper()
	dead := false
	w.spy.intercept(func(asked string, done func() error) error {
		w.spy.mu.Lock()
		defer w.spy.mu.Unlock()
		if dead {
			return errBroken
		}
		if strings.HasPrefix(ids.ReplaceAllString(asked, "${1}ID"), op) {
			n--
			dead = n == 0
		}
		if err := done(); err != nil || !dead {
			return err
		}
		return errBroken
	})
	if _, err := w.deploy(files); err == nil || !dead {
		w.t.Fatalf("it did not die at %s: %v", op, err)
	}
	w.spy.intercept(nil)
	w.spy.requests()
	w.spy.skew += lease + time.Minute
}

const stateAt = "blog/.pandastack/"

func (w *world) has(key string) bool {
	w.t.Helper()
	_, ok := w.all()[key]
	return ok
}

// lists returns those requests that list.
func lists(log []string) []string {
	return slices.DeleteFunc(log, func(op string) bool { return !strings.HasPrefix(op, "LIST") })
}

// TestCollect leaves everything that a deploy may leave, and something of
// others beside it. The next deploy removes what nothing needs, lists each
// directory once, and says what it did.
func TestCollect(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["b.css"], v2["index.html"] = "a2", "b2", "home 2"
	w.crash(v2, "PUT "+stateAt+"releases/ID", 1)

	old, late := state.NewID(time.Now().Add(-time.Hour), ""), state.NewID(time.Now().Add(24*time.Hour), "")
	blob := func(content string) string { return stateAt + state.BlobKey(sha256.Sum256([]byte(content))) }
	strays := []string{stateAt + state.IntentKey(old), stateAt + state.ReleaseKey(old), blob("of nobody")}
	theirs := []string{
		stateAt + state.IntentKey(late), stateAt + state.ReleaseKey(late),
		stateAt + "releases/READ.ME", stateAt + "intents/dir/" + old, stateAt + "blobs/notes.txt", stateAt + "other",
	}
	for _, key := range append(strays, theirs...) {
		w.put(key, "x")
	}
	v3 := maps.Clone(v1)
	v3["a.css"] = "a3" // drops the bytes of a.css, and keeps those of b.css and index.html
	fin, says := w.hear(v3)
	for _, key := range append(strays, blob("b"), blob("home")) {
		if w.has(key) {
			t.Errorf("%s is left", key)
		}
	}
	for _, key := range theirs {
		if !w.has(key) {
			t.Errorf("%s is gone", key)
		}
	}
	if !w.has(blob("a")) {
		t.Error("the bytes that the release before needs are gone")
	}
	w.strays = len(theirs)
	w.check(v3)
	if want := (event.Recovered{Paths: 3, Records: 3, Blobs: 3}); fin.Recovered == nil || *fin.Recovered != want {
		t.Errorf("recovered %+v, want %+v", fin.Recovered, want)
	}
	if want := []string{
		"an earlier deploy did not finish: reading 3 paths that it may have touched",
		"collected what earlier deploys left in the state and nothing refers to: 3 records, 3 blobs",
	}; !slices.Equal(says, want) {
		t.Errorf("it says %q", says)
	}
	want := []string{"LIST " + stateAt + "blobs/", "LIST " + stateAt + "intents/", "LIST " + stateAt + "releases/"}
	if got := lists(w.spy.requests()); !slices.Equal(got, want) {
		t.Errorf("lists %q", got)
	}
	w.must(v1)
	if got := lists(w.spy.requests()); len(got) > 0 {
		t.Errorf("and again: %q", got)
	}
}

// TestCollectBeforeHandBack: when the head is idle, another deploy may need
// what an earlier one has left.
func TestCollectBeforeHandBack(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	w.crash(v2, "PUT "+stateAt+"intents/ID", 1)
	removed := false
	w.spy.intercept(func(op string, done func() error) error {
		if strings.HasPrefix(op, "DELETE "+stateAt) {
			removed = true
			if b := w.head().Busy; b == nil || b.Target != w.head().Live {
				t.Error("the head is not held by the deploy that collects")
			}
		}
		return done()
	})
	w.must(v2)
	w.spy.intercept(nil)
	if !removed {
		t.Error("nothing was removed")
	}
	w.check(v2)
}

// TestCollectWithNothingToDo: a crash before the first change of the site.
func TestCollectWithNothingToDo(t *testing.T) {
	w := newWorld(t)
	first := w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	w.crash(v2, "PUT "+stateAt+"head", 1)
	w.put(stateAt+"blobs/"+storage.Digest{1}.String(), "x")
	fin, says := w.hear(v1)
	w.check(v1)
	if fin.Changed || fin.Release != first.Release || fin.Recovered == nil || fin.Recovered.Blobs != 1 {
		t.Errorf("%+v", fin)
	}
	if want := []string{
		"an earlier deploy did not finish: it left no path in doubt",
		"collected what earlier deploys left in the state and nothing refers to: 1 blob",
	}; !slices.Equal(says, want) {
		t.Errorf("it says %q", says)
	}
	if got := lists(w.spy.requests()); len(got) != 3 {
		t.Errorf("lists %q", got)
	}
}

// TestCollectionFails neither the deploy nor the one after it: each says so,
// until one that changes something has done it. Others only read.
func TestCollectionFails(t *testing.T) {
	for _, broken := range []string{"LIST " + stateAt + "intents/", "LIST " + stateAt + "blobs/", "DELETE " + stateAt + "intents/"} {
		t.Run(broken, func(t *testing.T) {
			w := newWorld(t).quiet()
			w.must(v1)
			v2 := maps.Clone(v1)
			v2["a.css"] = "a2"
			w.crash(v2, "PUT "+stateAt+"head", 1) // no path is in doubt
			w.put(stateAt+state.IntentKey("0"), "x")
			fail := func(op string, done func() error) error {
				if strings.HasPrefix(op, broken) {
					return errBroken
				}
				return done()
			}
			w.spy.intercept(fail)
			const warning = "what nothing refers to any more could not be removed from the state: "
			for i, v := range []tree{v1, v2} {
				if _, says := w.hear(v); !slices.ContainsFunc(says, func(s string) bool { return strings.HasPrefix(s, warning) }) {
					t.Errorf("deploy %d says %q", i, says)
				}
				if h := w.head(); !h.Strays || h.Busy != nil || h.Doubt != nil {
					t.Errorf("deploy %d left %+v", i, h)
				}
			}
			w.spy.requests()
			w.must(v2)
			w.wantRequests("GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID", "GET blog/.pandastack/intents/ID") // a suspect's
			w.spy.intercept(nil)
			w.must(v1)
			w.check(v1)
			if w.head().Strays {
				t.Error("it would collect again")
			}
		})
	}
}

// TestPaidDebt dies between the removal of the intent of what is paid and the
// write that gives the head back: nobody is told to pay by hand.
func TestPaidDebt(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	delete(v2, "docs/index.html")
	w.crash(v2, "DELETE "+stateAt+"intents/ID", 1)
	if h := w.head(); h.Busy == nil || len(h.Owed) != 1 {
		t.Fatalf("%+v", h)
	}
	// The next run dies, too, and gives the head back idle, with doubts.
	w.fail("PUT blog/b.css")
	v3 := maps.Clone(v2)
	v3["b.css"] = "b3"
	var s told
	o := w.options()
	o.Sink = &s
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v3)); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	w.spy.intercept(nil)
	if h := w.head(); h.Busy != nil || len(h.Owed) != 0 {
		t.Errorf("%+v", h)
	}
	_, says := w.hear(v3)
	w.check(v3)
	for _, s := range append(s.says, says...) {
		if strings.Contains(s, "no longer recorded") {
			t.Errorf("it says %q", s)
		}
	}
}

// TestLateRecord: what a suspected run writes after another has taken its
// place is collected when it can write no more.
func TestLateRecord(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	w.crash(v2, "PUT blog/a.css", 1)
	target := w.head().Busy.Target
	w.must(v2)
	w.put(stateAt+state.ReleaseKey(target), "late")
	if !w.has(stateAt + state.IntentKey(target)) {
		t.Error("the intent of a suspect is gone before its time")
	}
	w.spy.skew += suspicion + lease
	w.must(v2)
	w.check(v2)
}

// TestRollbackAfterCrashKeepsBytes: a crashed deploy has overwritten what the
// live release has; its bytes are only among the blobs that no release has
// recorded. They stay, for a rollback to that release.
func TestRollbackAfterCrashKeepsBytes(t *testing.T) {
	w := newWorld(t)
	first := w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["b.css"] = "a2", "b2"
	w.crash(v2, "PUT blog/b.css", 1)
	w.must(v2)
	w.check(v2)
	if _, err := w.rollback(first.Release); err != nil {
		t.Fatal(err)
	}
	w.check(v1)
}

// aborter is a store with uploads in parts.
type aborter struct {
	*spy
	uploads []storage.Upload
	err     error
}

func (a *aborter) Abort(_ context.Context, uploads ...storage.Upload) (int, error) {
	a.uploads = append(a.uploads, uploads...)
	return 1, a.err
}

// TestAbort asks for the uploads of the deploy in doubt, in the time that it
// had, before the commit lets its intent be forgotten.
func TestAbort(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["new.mp4"] = "a22", "film"
	delete(v2, "docs/index.html")
	w.crash(v2, "PUT blog/new.mp4", 1)
	a := &aborter{spy: w.spy}
	o := w.options()
	var s told
	o.Live, o.State, o.Sink = storage.Prefixed(a, "blog/"), storage.Prefixed(a, stateAt), &s
	began := time.Now()
	fin, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v1))
	if err != nil {
		t.Fatal(err)
	}
	w.check(v1)
	var got []string
	for _, u := range a.uploads {
		got = append(got, fmt.Sprintf("%s %d", u.Key, u.Size))
		if !u.Since.Before(began) || u.Since.Before(began.Add(-time.Minute)) || u.Until.Before(began.Add(w.spy.skew-time.Second)) || u.Until.After(time.Now().Add(w.spy.skew)) {
			t.Errorf("%s from %v to %v", u.Key, u.Since, u.Until)
		}
	}
	blob := func(content string) string { return stateAt + state.BlobKey(sha256.Sum256([]byte(content))) }
	want := []string{
		"blog/a.css 3", "blog/new.mp4 4",
		blob("a22") + " 3", blob("a") + " 1", blob("docs") + " 4", blob("docs") + " 4", blob("film") + " 4",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("asked for\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if fin.Recovered == nil || fin.Recovered.Uploads != 2 || !slices.Contains(s.says, "aborted 2 uploads that an earlier deploy did not finish") {
		t.Errorf("%+v %q", fin.Recovered, s.says)
	}
	a.uploads = nil
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v2)); err != nil || len(a.uploads) > 0 {
		t.Errorf("a deploy after none that crashed asks for %v: %v", a.uploads, err)
	}
}

// TestAbortFails: that costs storage, and no deploy.
func TestAbortFails(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	w.crash(v2, "PUT blog/a.css", 1)
	a := &aborter{spy: w.spy, err: &storage.Error{Op: "abort", Key: "a.css", Err: storage.ErrDenied}}
	o := w.options()
	var s told
	o.Live, o.Sink = storage.Prefixed(a, "blog/"), &s
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v2)); err != nil {
		t.Fatal(err)
	}
	w.check(v2)
	if !slices.Contains(s.says, "uploads that an earlier deploy did not finish may be left: abort a.css: "+storage.ErrDenied.Error()) {
		t.Errorf("it says %q", s.says)
	}
}
