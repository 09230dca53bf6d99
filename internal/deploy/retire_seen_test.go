package deploy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPromoteRetired takes bytes that the other site has only retired.
func TestPromoteRetired(t *testing.T) {
	p := newPair(t)
	former := p.staging.mustRetain(0, editionWithBundle(1)).Release
	p.staging.mustRetain(0, editionWithBundle(2))
	p.release = former
	p.spy.requests()
	fin := p.mustPromote()
	if copies := times(p.spy.requests(), "COPY blog/"+bundled(1)); copies != 1 || fin.BytesUploaded != 0 {
		t.Errorf("%d copies, %+v", copies, fin)
	}
	p.check(as(editionWithBundle(1), minute))
	p.staging.check(with(2, 1))
}

// TestAnswersRetired: what is retired answers as before, also where it was in
// doubt.
func TestAnswersRetired(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, editionWithBundle(1))
	w.mustRetain(0, editionWithBundle(2))
	next := editionWithBundle(3)
	next[bundled(1)] = "another bundle"
	w.fail("PUT blog/" + bundled(1))
	if _, err := w.retain(0, next); err == nil {
		t.Fatal("it did not fail")
	}
	w.spy.intercept(nil)
	r := Open(t.Context(), w.retaining(0))
	if _, err := r.Deploy(t.Context(), w.desired(with(3, 2))); err != nil { // retires nothing, revives nothing, leaves 1
		t.Fatal(err)
	}
	answers, _ := r.Answers()
	var paths []string
	for _, a := range answers {
		paths = append(paths, a.Path)
	}
	if want := []string{bundled(3), "index.html"}; !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
	w.check(with(3, 1, 2))
}

// TestGCSparesRetired: a gc that does a deletion that is owed does not take what
// is retired by now.
func TestGCSparesRetired(t *testing.T) {
	w := newWorld(t)
	files := func(n int) tree { return editionWithBundle(n).with(tree{"gone.html": "gone"}) }
	w.mustRetain(0, files(1))
	w.mustRetain(0, files(2))
	w.spy.intercept(func(op string, done func() error) error {
		if strings.HasPrefix(op, "DELETE ") && strings.Contains(op, "gone.html") {
			return errBroken
		}
		return done()
	})
	for _, files := range []tree{editionWithBundle(3), with(3, 1), editionWithBundle(3)} { // 1 is due, comes back, is retired again
		if _, err := w.retain(2*time.Hour, files); !errors.Is(err, ErrOwed) {
			t.Fatalf("got %v", err)
		}
	}
	w.spy.intercept(nil)
	if _, err := Open(t.Context(), w.retaining(2*time.Hour)).GC(t.Context(), Retention{Keep: 5}); err != nil {
		t.Fatal(err)
	}
	w.check(with(3, 1, 2))
}

// TestGCBeyondTime leaves what is retired to a deploy, also beyond its time,
// and where it does a deletion that was owed.
func TestGCBeyondTime(t *testing.T) {
	w := newWorld(t)
	w.mustRetain(0, tree{bundled(1): "bundle 1", "gone.html": "gone", "index.html": "page 1"})
	w.fail("DELETE blog/gone.html")
	if fin, _ := w.retain(0, editionWithBundle(2)); fin.Owed == nil {
		t.Fatalf("%+v", fin)
	}
	w.spy.intercept(nil)
	w.spy.skew = 2 * lease
	o := w.retaining(w.spy.skew * 10)
	if got, err := Open(t.Context(), o).GC(t.Context(), Retention{}); err != nil || got.Retired != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.check(with(2, 1))
	fin := w.mustRetain(w.spy.skew, editionWithBundle(3)) // nothing needs its bytes any more
	if fin.Deleted != 1 {
		t.Errorf("%+v", fin)
	}
	w.check(with(3, 2))
}
