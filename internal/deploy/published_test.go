package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// answers deploys, and describes what visitors get otherwise since then.
func (w *world) answers(files tree) (*Run, []string) {
	w.t.Helper()
	r := Open(w.t.Context(), w.options())
	if _, err := r.Deploy(w.t.Context(), w.desired(files)); err != nil && !errors.Is(err, ErrOwed) {
		w.t.Fatal(err)
	}
	answers, objects := r.Answers()
	if len(answers) > 0 && len(objects) != len(files) {
		w.t.Errorf("%d objects are live, not %d", len(objects), len(files))
	}
	var out []string
	for _, a := range answers {
		s := a.Path + ":"
		if a.Old != nil {
			s += " old"
		}
		if a.New != nil {
			s += " new"
		}
		if !a.Changed {
			s += " (of an earlier run)"
		}
		out = append(out, s)
	}
	return r, out
}

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	files := tree{"index.html": "home", "a.html": "a", "b.html": "b", "c.css": "c"}
	w.must(files)
	next := files.with(tree{"a.html": "a2", "c.css": "c|60", "new.html": "n"})
	delete(next, "b.html")
	r, got := w.answers(next)
	if diff := cmp.Diff([]string{"a.html: old new", "b.html: old", "c.css: old new", "new.html: new"}, got); diff != "" {
		t.Error(diff)
	}
	w.edge.purged()
	if err := r.PurgeAgain(t.Context(), []string{"a.html", "b.html"}); err != nil {
		t.Fatal(err)
	}
	want := []string{"https://example.com/a", "https://example.com/a.html", "https://example.com/b", "https://example.com/b.html"}
	if purged := w.edge.purged(); !slices.Equal(purged, want) {
		t.Errorf("purged again %q", purged)
	}
	if _, got := w.answers(next); got != nil {
		t.Errorf("a run without changes has %q", got)
	}
}

// TestAnswersOfDebts checks that a run that pays what an earlier one owed has
// that one's paths.
func TestAnswersOfDebts(t *testing.T) {
	w := newWorld(t)
	w.must(tree{"index.html": "home", "a.html": "a", "b.html": "b"})
	next := tree{"index.html": "home", "a.html": "a2"}
	w.edge.err = &cdn.Error{CDN: "edge", Err: cdn.ErrLimited}
	if _, err := Open(t.Context(), w.options()).Deploy(t.Context(), w.desired(next)); !errors.Is(err, ErrOwed) {
		t.Fatal(err)
	}
	w.edge.err = nil
	if _, got := w.answers(next); !slices.Equal(got, []string{"a.html: new (of an earlier run)", "b.html: old (of an earlier run)"}) {
		t.Errorf("%q", got)
	}
}

// TestOvertaken checks that a run knows whether its release is still the live
// one, and nobody is at work on the next.
func TestOvertaken(t *testing.T) {
	w := newWorld(t)
	is := func(r *Run, want bool) {
		t.Helper()
		if got, err := r.Overtaken(t.Context()); err != nil || got != want {
			t.Errorf("overtaken: %v, %v", got, err)
		}
	}
	first, _ := w.answers(tree{"index.html": "1"})
	is(first, false)
	w.spy.intercept(func(op string, done func() error) error {
		if strings.HasPrefix(op, "PUT ") && strings.Contains(op, "/intents/") {
			is(first, true) // somebody deploys
		}
		return done()
	})
	second, _ := w.answers(tree{"index.html": "2"})
	w.spy.intercept(nil)
	is(first, true)
	is(second, false)
}

// TestRevert checks that a release is taken back only while it is live.
func TestRevert(t *testing.T) {
	w := newWorld(t)
	one, two := tree{"index.html": "1", "a.css": "a"}, tree{"index.html": "2"}
	w.must(one)
	second := w.must(two)
	third := w.must(tree{"index.html": "3"})
	if _, err := Open(t.Context(), w.options()).Revert(t.Context(), second.Release); !errors.Is(err, ErrLost) {
		t.Errorf("a release that is not live: %v", err)
	}
	w.check(tree{"index.html": "3"})
	fin, err := Open(t.Context(), w.options()).Revert(t.Context(), third.Release)
	if err != nil || fin.Parent != third.Release || !w.head().Held {
		t.Errorf("%v %+v", err, fin)
	}
	w.check(two)
}

// TestPurgeAgainJoins checks that the failure of one CDN is told.
func TestPurgeAgainJoins(t *testing.T) {
	w := newWorld(t)
	r, _ := w.answers(tree{"index.html": "1"})
	w.edge.err = &cdn.Error{CDN: "edge", Err: cdn.ErrDenied}
	if err := r.PurgeAgain(context.WithoutCancel(t.Context()), []string{"index.html"}); !errors.Is(err, cdn.ErrDenied) {
		t.Error(err)
	}
	if err := Open(t.Context(), w.options()).PurgeAgain(t.Context(), []string{"index.html"}); err != nil {
		t.Errorf("a run that did nothing purges: %v", err)
	}
}
