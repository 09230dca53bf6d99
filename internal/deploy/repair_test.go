package deploy

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
)

func (w *world) repair() error {
	w.t.Helper()
	_, err := Open(w.t.Context(), w.options()).Repair(w.t.Context(), true)
	return err
}

// spoilt makes a world of two releases with damage of every kind that a repair
// mends by itself.
func spoilt(t *testing.T, also func(w *world)) *world {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["copy.css"] = "a2", "b"
	w.must(v2)
	w.must(v1) // a.css is live and in a blob
	w.put("blog/a.css", "evil")
	w.put("blog/foreign.txt", "theirs")
	if err := w.bucket.Delete(t.Context(), "blog/b.css"); err != nil {
		t.Fatal(err)
	}
	also(w)
	w.edge.purged()
	w.spy.requests()
	return w
}

// TestRepairPurges: what was altered may be cached.
func TestRepairPurges(t *testing.T) {
	w := spoilt(t, func(*world) {})
	if err := w.repair(); err != nil {
		t.Fatal(err)
	}
	w.check(v1, "blog/foreign.txt")
	if got := strings.Join(w.edge.purged(), " "); got != "https://example.com/a.css https://example.com/b.css" {
		t.Errorf("purged %q", got)
	}
	for _, op := range w.spy.requests() {
		if op == "PUT blog/a.css" || op == "PUT blog/b.css" {
			t.Errorf("uploaded: %s", op)
		}
	}
}

// TestRepairLeavesMark: a repair is no deploy. What it pays of an earlier one's
// debts does not make its commit the newest.
func TestRepairLeavesMark(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Source.Commit = "deployed"
	o.Order = func(context.Context, state.Mark) Order { return Newer }
	w.edge.err = errBroken
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v1)); !errors.Is(err, ErrOwed) {
		t.Fatalf("got %v, want a debt", err)
	}
	w.edge.err = nil
	o.Source.Commit = "checked out"
	if _, err := Open(t.Context(), o).Repair(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	w.check(v1)
	if got := w.head().Mark.Commit; got != "deployed" {
		t.Errorf("the mark is at the commit %q", got)
	}
}

// TestRepairCrash stops a repair at each of its writes, before and after it is
// done. One plain deploy must then make all well; where it cannot yet, because
// the head is still lost, it must say so, and another repair must do.
func TestRepairCrash(t *testing.T) {
	t.Parallel()
	for name, also := range map[string]func(w *world){
		"objects": func(*world) {},
		"head": func(w *world) {
			if err := w.bucket.Delete(w.t.Context(), "blog/.pandastack/head"); err != nil {
				w.t.Fatal(err)
			}
		},
		"record": func(w *world) { w.put("blog/.pandastack/releases/"+w.head().Live, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopped := 0
			for round, after := range []bool{false, true} {
				for n := round % killStride; ; n += killStride {
					w := spoilt(t, also)
					w.strays = 20
					if !w.dies(n, after) {
						break
					}
					stopped++
					w.recovers(name)
					if t.Failed() {
						t.Fatalf("stopped at write %d, after it: %v", n, after)
					}
				}
			}
			t.Logf("stopped %d times", stopped)
			if stopped*killStride < 4 { // where the record is lost, two objects are written, and nothing is mended
				t.Errorf("stopped only %d times", stopped)
			}
		})
	}
}

// dies runs a repair that stops at its n-th write, and reports whether it had
// that many.
func (w *world) dies(n int, after bool) bool {
	count, dead := -1, false
	w.spy.intercept(func(op string, done func() error) error {
		w.spy.mu.Lock()
		write := !strings.HasPrefix(op, "GET ")
		if write && !dead {
			count++
		}
		first := write && count == n && !dead
		was := dead
		dead = dead || first
		w.spy.mu.Unlock()
		if was || first && !after {
			return errBroken
		}
		err := done()
		if first {
			return errBroken
		}
		return err
	})
	_ = w.repair()
	w.spy.intercept(nil)
	w.spy.skew += lease + time.Minute // nobody holds the head any more
	return dead
}

// recovers deploys after a repair that stopped, and checks that all is well.
func (w *world) recovers(name string) {
	w.t.Helper()
	_, err := w.deploy(v1)
	var corrupt *state.CorruptError
	var foreign *ForeignError
	switch {
	case err == nil && name == "head": // what differs is in doubt before there is a head
		w.check(v1, "blog/foreign.txt")
	case errors.As(err, &corrupt), name == "head" && errors.As(err, &foreign):
		if err := w.repair(); err != nil {
			w.t.Errorf("the second repair: %v", err)
		}
		w.must(v1)
	case err != nil:
		w.t.Error(err)
	}
	// What nobody wrote down before it stopped is as it was: a second repair
	// finds it.
	if err := w.repair(); err != nil {
		w.t.Error(err)
	}
	w.check(v1, "blog/foreign.txt")
	v, err := Open(w.t.Context(), w.options()).Verify(w.t.Context(), true)
	if err != nil || !v.Sound {
		w.t.Errorf("%s: not sound: %v %+v", name, err, v.Findings)
	}
}

// TestRepairWaits: a repair waits for a deploy, and does not touch what it has
// in hand.
func TestRepairWaits(t *testing.T) {
	w := spoilt(t, func(w *world) {
		v, err := Open(t.Context(), w.options()).live(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := Open(t.Context(), w.options())
		if _, err := r.acquire(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	})
	before := w.all()
	var locked *LockedError
	if err := w.repair(); !errors.As(err, &locked) {
		t.Fatalf("got %v", err)
	}
	if len(before) != len(w.all()) || w.files()["a.css"] != "evil" {
		t.Error("it wrote")
	}
}

// TestHeadLost: a deploy does not begin anew where releases are recorded.
func TestHeadLost(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	if err := w.bucket.Delete(t.Context(), "blog/.pandastack/head"); err != nil {
		t.Fatal(err)
	}
	var corrupt *state.CorruptError
	if _, err := w.deploy(v1); !errors.As(err, &corrupt) || corrupt.Kind != "head" {
		t.Errorf("got %v", err)
	}
	if _, err := w.bucket.Get(t.Context(), "blog/.pandastack/head"); err == nil {
		t.Error("there is a head")
	}
}
