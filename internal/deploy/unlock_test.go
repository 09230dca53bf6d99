package deploy

import (
	"errors"
	"maps"
	"sync/atomic"
	"testing"
)

func TestUnlock(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	open := func() *Run { return Open(t.Context(), w.options()) }
	if _, err := open().Lock(t.Context()); !errors.Is(err, ErrNotLocked) {
		t.Errorf("got %v", err)
	}
	if err := open().Unlock(t.Context(), "x"); !errors.Is(err, ErrNotLocked) {
		t.Errorf("got %v", err)
	}
	// A deploy that dies after its first page.
	v2 := maps.Clone(v1)
	v2["a.css"], v2["index.html"] = "a2", "home 2"
	var dead atomic.Bool
	w.spy.intercept(func(op string, done func() error) error {
		if dead.Load() {
			return errors.New("dead")
		}
		if op == "PUT blog/a.css" {
			dead.Store(true)
		}
		return done()
	})
	if _, err := w.deploy(v2); err == nil {
		t.Fatal("no error")
	}
	w.spy.intercept(nil)
	var locked *LockedError
	if _, err := w.deploy(v2); !errors.As(err, &locked) {
		t.Fatalf("got %v", err)
	}
	busy, err := open().Lock(t.Context())
	if err != nil || busy.Owner.Actor != "ada" {
		t.Fatalf("%+v %v", busy, err)
	}
	if err := open().Unlock(t.Context(), "another"); !errors.As(err, &locked) {
		t.Errorf("got %v", err)
	}
	if err := open().Unlock(t.Context(), busy.Target); err != nil {
		t.Fatal(err)
	}
	w.must(v2)
	w.strays = 1 // its intent stays while it is under suspicion
	w.check(v2)
	if s := w.head().Suspects; len(s) != 1 || s[0].Intent != busy.Target {
		t.Errorf("%+v", s)
	}
}
