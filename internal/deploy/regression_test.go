package deploy

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
)

// What TestModel found, each as short as it can be told.

// TestDebtsMoveTheMark pays what is owed in a run that changes nothing else: it
// is newer all the same, so that an older one is refused.
func TestDebtsMoveTheMark(t *testing.T) {
	w := newWorld(t)
	run := func(commit string, order Order) (*state.Head, error) {
		o := w.options()
		o.Source.Commit, o.Order = commit, func(context.Context, state.Mark) Order { return order }
		_, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v1))
		return w.head(), err
	}
	w.edge.err = errBroken
	if _, err := run("1", Newer); !errors.Is(err, ErrOwed) {
		t.Fatal(err)
	}
	w.edge.err = nil
	head, err := run("2", Newer)
	if err != nil || head.Mark.Commit != "2" || len(head.Owed) > 0 {
		t.Errorf("%+v, %v", head, err)
	}
}

// TestFirstLeaseBySkewedClock begins a site where the server's clock is far
// from ours: another run must not take the lease for one that has run out.
func TestFirstLeaseBySkewedClock(t *testing.T) {
	for _, skew := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(&disk{dir: t.TempDir()}, skew, 0)
			r := b.prepare(execution{Order: "newest", Workers: 1, Fault: fault{Kind: crashBefore, At: 4}})
			r.start()
			r.run()
			want := time.Now().Add(skew + lease)
			if got := b.head.Busy.Expires; got.Sub(want).Abs() > time.Minute {
				t.Errorf("with a clock ahead by %v the lease ends at %v, want %v", skew, got, want)
			}
		})
	}
}

// TestDeletionSparesForeignObject deletes a path whose bytes are displaced
// already, and which somebody else has overwritten meanwhile.
func TestDeletionSparesForeignObject(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(tree{"a.css": "same", "b.css": "same", "index.html": "home"})
	w.put("blog/b.css", "foreign")
	var foreign *ForeignError
	if _, err := w.deploy(tree{"index.html": "home"}); !errors.As(err, &foreign) {
		t.Errorf("got %v, want a *ForeignError", err)
	}
	if got := string(w.all()["blog/b.css"]); got != "foreign" {
		t.Errorf("somebody else's object is now %q", got)
	}
}

// TestExpiredSuspectIsNotKept takes over long after the lease ran out: nothing
// can land any more, and the run after that has nothing to do.
func TestExpiredSuspectIsNotKept(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"] = "changed"
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/a.css" || w.spy.skew > 0 {
			w.spy.skew = 1 // dead from here on
			return errBroken
		}
		return done()
	})
	if _, err := w.deploy(v2); err == nil {
		t.Fatal("it did not fail")
	}
	w.spy.intercept(nil)
	w.spy.skew = lease + suspicion + time.Minute
	w.must(v2)
	if s := w.head().Suspects; len(s) > 0 {
		t.Errorf("still suspects %v", s)
	}
}

// TestBlobOutlivesCrash drops bytes that an older release had first, in a
// deploy that crashes: the release that was live can still be brought back
// when the older one is forgotten.
func TestBlobOutlivesCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(&disk{dir: t.TempDir()}, 0, 0)
		play := func(content, keep int, f fault) {
			t.Helper()
			a := execution{Edits: []edit{{"edit", 0, content}}, Order: "newest", Keep: keep, Workers: 1, Fault: f}
			if err := b.play(step{Do: "deploy", First: a, Wait: 3 * time.Hour}); err != nil {
				t.Fatal(err)
			}
		}
		play(1, 2, fault{})
		play(2, 2, fault{})
		play(1, 2, fault{})                        // its bytes have a blob, which the first release needed
		play(0, 2, fault{Kind: crashAfter, At: 5}) // overwrites them
		if _, ok := b.mem.Peek(sitePrefix + "index.html"); !ok {
			t.Fatal("no page")
		}
		play(2, 1, fault{}) // forgets the first
	})
}
