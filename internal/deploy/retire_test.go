package deploy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
)

// editionWithBundle is a version of a site whose bundle is named by its content.
func editionWithBundle(n int) tree {
	return tree{bundled(n): fmt.Sprintf("bundle %d", n), "index.html": fmt.Sprintf("page %d", n)}
}

func bundled(n int) string { return fmt.Sprintf("app-3f9c1b2%d.js", n) }

// with returns a version and bundles of others.
func with(n int, others ...int) tree {
	t := editionWithBundle(n)
	for _, o := range others {
		t[bundled(o)] = fmt.Sprintf("bundle %d", o)
	}
	return t
}

// retaining returns options that retain for an hour, at a time that is so far
// ahead.
func (w *world) retaining(later time.Duration) Options {
	o := w.options()
	o.Retain = time.Hour
	w.spy.skew = later
	return o
}

func (w *world) retain(later time.Duration, files tree) (event.Finished, error) {
	w.t.Helper()
	return Open(w.t.Context(), w.retaining(later)).Deploy(w.t.Context(), w.desired(files))
}

func (w *world) mustRetain(later time.Duration, files tree) event.Finished {
	w.t.Helper()
	fin, err := w.retain(later, files)
	if err != nil {
		w.t.Fatal(err)
	}
	return fin
}

// about returns the requests that name a path.
func (w *world) about(path string) []string {
	return slices.DeleteFunc(w.spy.requests(), func(op string) bool { return !strings.Contains(op, path) })
}

func TestRetire(t *testing.T) {
	w := newWorld(t)
	first := w.mustRetain(0, editionWithBundle(1)).Release
	w.about("")
	w.edge.purged()

	fin := w.mustRetain(0, editionWithBundle(2))
	if got := w.about(bundled(1)); len(got) > 0 {
		t.Errorf("a retired path costs %v", got)
	}
	if fin.Retired != 1 || fin.Deleted != 0 || slices.Contains(w.edge.purged(), "https://example.com/"+bundled(1)) {
		t.Errorf("%+v", fin)
	}
	w.check(with(2, 1))
	r := w.record().Retired
	if len(r) != 1 || r[0].Path != bundled(1) || r[0].Last != first || time.Until(r[0].Until) > time.Hour || time.Until(r[0].Until) < 50*time.Minute {
		t.Errorf("%+v", r)
	}

	w.spy.requests()
	w.mustRetain(2*time.Hour, editionWithBundle(2)) // due, but nothing to do
	w.wantRequests("GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID")
	w.check(with(2, 1))

	fin = w.mustRetain(2*time.Hour, editionWithBundle(3))
	want := []string{"GET blog/" + bundled(1), "COPY blog/.pandastack/blobs/ID", "DELETE blog/" + bundled(1)}
	if got := w.spy.requests(); !slices.Contains(got, want[0]) || !slices.Contains(got, want[2]) || times(got, want[1]) != 2 { // the page's, too
		t.Errorf("what is due takes %v", got)
	}
	if fin.Deleted != 1 || fin.Retired != 1 || !slices.Contains(w.edge.purged(), "https://example.com/"+bundled(1)) {
		t.Errorf("%+v", fin)
	}
	w.check(with(3, 2))
}

func times(list []string, s string) (n int) {
	for _, l := range list {
		if l == s {
			n++
		}
	}
	return n
}

// TestRevive brings a path back: nothing is uploaded, and nothing purged.
func TestRevive(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, editionWithBundle(1))
	w.mustRetain(0, editionWithBundle(2))
	w.spy.requests()
	w.edge.purged()
	fin := w.mustRetain(2*time.Hour, with(2, 1))
	if got := w.about(bundled(1)); !slices.Equal(got, []string{"GET blog/" + bundled(1)}) {
		t.Errorf("got %v", got)
	}
	if !fin.Changed || fin.Revived != 1 || fin.BytesUploaded != 0 || w.edge.purged() != nil {
		t.Errorf("%+v", fin)
	}
	w.check(with(2, 1))
	if r := w.record(); r.Retired != nil || len(r.Objects) != 3 {
		t.Errorf("%+v", r)
	}
	w.spy.requests()
	w.mustRetain(2*time.Hour, with(2, 1))
	w.wantRequests("GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID")
}

// TestReviveWhatIsGone: people take what is retired for leftovers. What comes
// back is uploaded then, and what is due is no reason to fail.
func TestReviveWhatIsGone(t *testing.T) {
	for _, next := range []tree{editionWithBundle(3), with(2, 1)} {
		w := newWorld(t)
		w.mustRetain(0, editionWithBundle(1))
		w.mustRetain(0, editionWithBundle(2))
		if err := w.bucket.Delete(t.Context(), "blog/"+bundled(1)); err != nil {
			t.Fatal(err)
		}
		fin := w.mustRetain(2*time.Hour, next)
		if fin.Revived != 0 || fin.Deleted != 0 {
			t.Errorf("%+v", fin)
		}
		want := next
		if next[bundled(3)] != "" {
			want = with(3, 2)
		} else if purged := w.edge.purged(); !slices.Contains(purged, "https://example.com/"+bundled(1)) {
			t.Errorf("somebody may have asked for it: %v", purged)
		}
		files := w.files()
		if diff := cmp.Diff(want, files); diff != "" {
			t.Error(diff)
		}
	}
}

// TestRetiredIsSomebodyElses: an object that was changed is not deleted when it
// is due.
func TestRetiredIsSomebodyElses(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, editionWithBundle(1))
	w.mustRetain(0, editionWithBundle(2))
	w.put("blog/"+bundled(1), "theirs")
	w.mustRetain(2*time.Hour, editionWithBundle(3))
	if got := w.files()[bundled(1)]; got != "theirs" {
		t.Errorf("got %q", got)
	}
	if r := w.record().Retired; len(r) != 1 || r[0].Path != bundled(2) {
		t.Errorf("%+v", r)
	}
}

// TestRetireForNoTime deletes also what was to stay.
func TestRetireForNoTime(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, editionWithBundle(1))
	w.mustRetain(0, editionWithBundle(2))
	w.must(editionWithBundle(3))
	w.check(editionWithBundle(3))
}

// TestRetiredBeyondHistory: when no kept release needs it, it is deleted
// without a copy.
func TestRetiredBeyondHistory(t *testing.T) {
	w := newWorld(t)
	for n := range 6 { // 3 are kept
		w.mustRetain(0, editionWithBundle(n+1))
	}
	w.spy.requests()
	w.mustRetain(2*time.Hour, editionWithBundle(7))
	if n := times(w.spy.requests(), "COPY blog/.pandastack/blobs/ID"); n != 1+2 { // page 6, and the bundles 4 and 5 of the kept releases 4, 5 and 6
		t.Errorf("%d copies", n)
	}
	w.check(with(7, 6))
}

// TestRollbackToRetired copies nothing for what is still there.
func TestRollbackToRetired(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, editionWithBundle(1))
	w.mustRetain(0, editionWithBundle(2))
	w.spy.requests()
	fin, err := Open(t.Context(), w.retaining(0)).Rollback(t.Context(), "previous")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.about(bundled(1)); !slices.Equal(got, []string{"GET blog/" + bundled(1)}) || fin.Revived != 1 || fin.Retired != 1 {
		t.Errorf("%v, %+v", got, fin)
	}
	w.check(with(1, 2))
	for range 3 { // and to and fro when their time is over
		if _, err := Open(t.Context(), w.retaining(3*time.Hour)).Rollback(t.Context(), "previous"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOwedDeletionOfRetired: a deletion that is owed does not take what a later
// release retains.
func TestOwedDeletionOfRetired(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, editionWithBundle(1))
	w.mustRetain(0, editionWithBundle(2))
	w.fail("DELETE blog/" + bundled(1))
	if _, err := w.retain(2*time.Hour, editionWithBundle(3)); !errors.Is(err, ErrOwed) {
		t.Fatalf("got %v", err)
	}
	w.fail("COPY nothing")
	w.mustRetain(2*time.Hour, with(3, 1))
	w.mustRetain(2*time.Hour, editionWithBundle(4))
	w.check(with(4, 1, 2, 3))
}

// TestRetireCrash dies at each operation of a deploy that retires, deletes what
// is due and brings back; the next one makes of it what it shall be.
func TestRetireCrash(t *testing.T) {
	t.Parallel()
	base := func() *world {
		w := newWorld(t)
		w.mustRetain(0, editionWithBundle(1))
		w.mustRetain(0, editionWithBundle(2))  // retires 1
		w.mustRetain(90*time.Minute, with(3))  // deletes 1, retires 2
		w.mustRetain(100*time.Minute, with(4)) // retires 3
		w.mustRetain(110*time.Minute, with(5)) // retires 4
		return w
	}
	const later = 155 * time.Minute // 2 is due
	crashing := with(6, 3)          // retires 5, brings 3 back
	w := base()
	w.spy.requests()
	w.mustRetain(later, crashing)
	operations := len(w.spy.requests())
	kill := 0
	for n := range operations {
		for _, done := range []bool{false, true} {
			for _, next := range []tree{crashing, with(5), with(7, 2)} {
				if kill++; kill%killStride != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%d %t %d", n, done, len(next)), func(t *testing.T) { retireCrash(t, base(), n, done, later, crashing, next) })
			}
		}
	}
}

func retireCrash(t *testing.T, w *world, n int, done bool, later time.Duration, crashing, next tree) {
	w.t = t
	var asked atomic.Int64
	w.spy.intercept(func(_ string, do func() error) error {
		switch k := asked.Add(1); {
		case k <= int64(n):
			return do()
		case k == int64(n)+1 && done:
			_ = do()
		}
		return errBroken
	})
	_, _ = w.retain(later, crashing)
	w.spy.intercept(nil)
	w.strays = 2 // of a commit that gave the head back
	w.mustRetain(later+time.Hour-time.Minute, next)
	rel := w.record()
	want := maps.Clone(next)
	for _, r := range rel.Retired {
		want[r.Path] = "bundle " + r.Path[len(r.Path)-4:len(r.Path)-3]
	}
	files := w.files()
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("after request %d: %s", n, diff)
	}
	if len(rel.Retired) > 3 {
		t.Errorf("%+v", rel.Retired)
	}
	w.audit()
}

// TestRetiredInTheWay: what is in the way of a file of the same name as its
// folder goes with another change, also where its time would not be over.
func TestRetiredInTheWay(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, editionWithBundle(1))
	w.mustRetain(0, editionWithBundle(2))
	beside := editionWithBundle(3)
	beside[bundled(1)+"/x.css"] = "x"
	var collision *plan.CollisionError
	if _, err := w.retain(0, beside); !errors.As(err, &collision) || !collision.IsRetired {
		t.Errorf("got %v", err)
	}
	o := w.retaining(0)
	o.Retain = 0
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(editionWithBundle(3))); err != nil {
		t.Fatal(err)
	}
	w.mustRetain(0, beside)
	w.check(beside)
}

// TestAdoptRetired takes over what somebody else put in the place of a retired
// object that the site has again.
func TestAdoptRetired(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, editionWithBundle(1))
	w.mustRetain(0, editionWithBundle(2))
	w.put("blog/"+bundled(1), "theirs")
	w.put("blog/more.css", "theirs, too")
	back := editionWithBundle(1)
	back["more.css"] = "more"
	o := w.retaining(0)
	o.Adopt = true
	fin, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(back))
	if err != nil || fin.Adopted != 2 {
		t.Fatalf("%+v, %v", fin, err)
	}
	back[bundled(2)] = "bundle 2"
	w.check(back)
}
