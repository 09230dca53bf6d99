package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Where two mechanisms of the protocol meet.

// TestBlobNeededAnew drops a blob whose bytes are live again, while the next
// deploy, which may begin as soon as the head is idle, displaces the same ones.
func TestBlobNeededAnew(t *testing.T) {
	w := newWorld(t).quiet()
	deploy := func(content string) error {
		o := w.options()
		o.Keep = 1
		_, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(tree{"a.css": content, "index.html": "home"}))
		return err
	}
	for _, content := range []string{"a", "b"} {
		if err := deploy(content); err != nil {
			t.Fatal(err)
		}
	}
	var meanwhile error
	nested := false
	w.spy.intercept(func(op string, done func() error) error {
		if !nested && strings.HasPrefix(op, "DELETE ") && strings.Contains(op, "/blobs/") {
			nested = true
			meanwhile = deploy("c")
		}
		return done()
	})
	if err := deploy("a"); err != nil { // the blob of "a" is that of a release that is no longer kept
		t.Fatal(err)
	}
	w.spy.intercept(nil)
	if !nested {
		t.Fatal("no blob was dropped")
	}
	var locked *LockedError
	if !errors.As(meanwhile, &locked) {
		t.Errorf("the deploy in between: %v, want it to wait", meanwhile)
	}
	w.audit()
}

// TestRestoreSparesForeignObject fails because of somebody else's object,
// which is met only when a write is sent again: that the first one was done is
// not known, and the object is not ours to replace by what was there before.
func TestRestoreSparesForeignObject(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["b.css"] = "a2", "b2"
	w.spy.intercept(func(op string, done func() error) error {
		if op != "PUT blog/b.css" {
			return done()
		}
		w.put("blog/b.css", "foreign")
		err := done()
		if unmet(err) {
			err = errors.Join(err, storage.ErrUnanswered)
		}
		return err
	})
	_, err := w.deploy(v2)
	w.spy.intercept(nil)
	var foreign *ForeignError
	var partial *PartialError
	if !errors.As(err, &foreign) || !errors.As(err, &partial) || fmt.Sprint(partial.Paths) != "[b.css]" {
		t.Errorf("got %v, want b.css to be named", err)
	}
	if got := w.files(); got["b.css"] != "foreign" || got["a.css"] != "a" {
		t.Errorf("the bucket holds %v", got)
	}
}

// TestRepairWhereConditionsDoNotHold writes the record of the live release
// again on a service that ignores conditions, where the head is written slowly.
func TestRepairWhereConditionsDoNotHold(t *testing.T) {
	w := newWorld(t).quiet()
	s := &service{spy: w.spy, id: "https://liar.example/www", match: true, absent: true}
	for _, content := range []string{"a", "b"} {
		if _, err := w.on(s, tree{"a.css": content}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.bucket.Delete(t.Context(), "blog/.pandastack/releases/"+w.head().Live); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), w.serviceOptions(s)).Repair(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.on(s, tree{"a.css": "b"}); err != nil {
		t.Error(err)
	}
}

// TestRepairTriesOutStorage loses the head, and with it what is known of a
// service whose copies keep their headers: a repair must not believe them.
func TestRepairTriesOutStorage(t *testing.T) {
	w := newWorld(t).quiet()
	s := &service{spy: w.spy, id: "https://liar.example/www", copyHeaders: true}
	files := tree{"a.css": "same|60", "b.css": "same"}
	if _, err := w.on(s, files); err != nil {
		t.Fatal(err)
	}
	if err := w.bucket.Delete(t.Context(), "blog/.pandastack/head", "blog/a.css"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), w.serviceOptions(s)).Repair(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	w.check(files)
	if c := w.head().Capabilities; c == nil || c.Copy != state.Broken {
		t.Errorf("capabilities %+v", c)
	}
}

// TestMarkOfRunsThatPublishNothing pays what is owed from a newer commit, by
// Pay and by a repair. That commit was not deployed: the mark stays.
func TestMarkOfRunsThatPublishNothing(t *testing.T) {
	for name, pay := range map[string]func(context.Context, *Run) error{
		"pay":    func(ctx context.Context, r *Run) error { _, err := r.Pay(ctx); return err },
		"repair": func(ctx context.Context, r *Run) error { _, err := r.Repair(ctx, false); return err },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := w.options()
			o.Source.Commit, o.Order = "1", func(context.Context, state.Mark) Order { return Newer }
			w.edge.err = errBroken
			if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v1)); !errors.Is(err, ErrOwed) {
				t.Fatal(err)
			}
			w.edge.err = nil
			o.Source.Commit = "2"
			if err := pay(t.Context(), Open(t.Context(), o)); err != nil {
				t.Fatal(err)
			}
			if h := w.head(); h.Mark.Commit != "1" || h.Owed != nil {
				t.Errorf("mark %+v, owed %v", h.Mark, h.Owed)
			}
		})
	}
}

// TestAdoptWhatWasToBeDeleted wants a path again whose deletion is owed, and
// where somebody else has put something meanwhile.
func TestAdoptWhatWasToBeDeleted(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	w.oweDeletion()
	w.put("blog/docs/index.html", "theirs")
	var foreign *ForeignError
	if _, err := w.deploy(v1); !errors.As(err, &foreign) {
		t.Fatalf("without --adopt: %v", err)
	}
	o := w.options()
	o.Adopt = true
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v1)); err != nil {
		t.Fatalf("with --adopt: %v", err)
	}
	w.check(v1)
}
