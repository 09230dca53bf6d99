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
)

const leakedURL = "https://example.com/app-3f9c1b21.js"

// leakRetired makes a site whose bundle 1 has a secret, is no longer live, and
// is still there: retired. Another retired file has the same bytes. Bundle 2 is
// retired, too.
func (w *world) leakRetired() (live tree) {
	w.t.Helper()
	first := editionWithBundle(1)
	first[bundled(1)], first["lib-3f9c1b2a.js"] = "secret", "secret"
	w.mustRetain(0, first)
	w.mustRetain(0, editionWithBundle(2))
	w.mustRetain(0, editionWithBundle(3))
	w.edge.purged()
	w.spy.requests()
	return with(3, 2)
}

func (w *world) forgetRetired(paths ...string) (event.Collected, error) {
	w.t.Helper()
	return Open(w.t.Context(), w.retaining(w.spy.skew)).GC(w.t.Context(), Retention{Keep: 5}, paths...)
}

// TestForgetRetired erases a retired object, and what has the same bytes, from
// the site and from the record.
func TestForgetRetired(t *testing.T) {
	w := newWorld(t)
	live := w.leakRetired()
	all := w.all()
	want, err := Open(t.Context(), w.retaining(0)).PreviewGC(t.Context(), Retention{Keep: 5}, bundled(1))
	if diff := cmp.Diff(all, w.all()); err != nil || diff != "" {
		t.Fatalf("a preview: %v %s", err, diff)
	}
	w.spy.requests()
	got, err := w.forgetRetired(bundled(1))
	if err != nil || w.holds("secret") {
		t.Fatalf("%+v, %v", got, err)
	}
	ops := w.spy.requests()
	if puts := len(slices.DeleteFunc(slices.Clone(ops), func(op string) bool { return !strings.HasPrefix(op, "PUT ") })); puts != 4 || times(ops, "GET blog/"+bundled(1)) != 1 {
		t.Errorf("docs/history.md says otherwise: %q", ops)
	}
	w.check(live)
	if got.Retired != 2 || got.Bytes != 2*int64(len("secret")) || want.Retired != got.Retired || want.Bytes != got.Bytes || cmp.Diff(want.Erased, got.Erased) != "" {
		t.Errorf("%+v, announced %+v", got, want)
	}
	for i, path := range []string{bundled(1), "lib-3f9c1b2a.js"} {
		if e := got.Erased[i]; e.Path != path || !e.Retired || e.SHA256 != sum(t, "secret") {
			t.Errorf("%+v", e)
		}
	}
	if urls := w.edge.purged(); !slices.Equal(urls, []string{leakedURL, "https://example.com/lib-3f9c1b2a.js"}) {
		t.Errorf("purged %q", urls)
	}
	v, err := Open(t.Context(), w.options()).Verify(t.Context(), true)
	if err != nil || len(v.Findings) > 0 {
		t.Errorf("verify: %+v, %v", v.Findings, err)
	}
	// A deploy of it uploads it: nobody has it any more.
	live = with(3, 1)
	live[bundled(1)] = "public"
	w.mustRetain(0, live)
	if h := w.head(); h.Withdrawn != nil || len(w.record().Retired) != 1 {
		t.Errorf("%v, %+v", h.Withdrawn, w.record().Retired)
	}
	live[bundled(2)] = "bundle 2"
	w.check(live)
}

// TestForgetRetiredGlob means retired objects that no kept release has, too.
func TestForgetRetiredGlob(t *testing.T) {
	w := newWorld(t)
	live := w.leakRetired()
	if _, err := w.gc(Retention{}); err != nil {
		t.Fatal(err)
	}
	got, err := Open(t.Context(), w.retaining(0)).GC(t.Context(), Retention{}, "lib-*.js")
	if err != nil || w.holds("secret") || len(got.Erased) != 2 || got.Retired != 2 || len(got.Erased[1].Releases) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.check(live)
	if f := w.head().Forgotten; f != nil {
		t.Errorf("%v: no kept release has it", f)
	}
}

// TestForgetRetiredSomebodyElses leaves alone what is no longer the site's.
func TestForgetRetiredSomebodyElses(t *testing.T) {
	w := newWorld(t)
	live := w.leakRetired()
	w.put("blog/"+bundled(1), "theirs")
	if _, err := w.forgetRetired(bundled(1)); err != nil {
		t.Fatal(err)
	}
	live[bundled(1)] = "theirs"
	w.check(live)
}

// TestForgetRetiredLiveElsewhere deletes the path alone where the site has its
// bytes at another one: a rollback still brings them back.
func TestForgetRetiredLiveElsewhere(t *testing.T) {
	w := newWorld(t)
	former := w.mustRetain(0, editionWithBundle(1)).Release
	live := editionWithBundle(2)
	live["copy.js"] = "bundle 1"
	w.mustRetain(0, live)
	got, err := w.forgetRetired(bundled(1))
	if err != nil || len(got.Erased) != 1 || got.Erased[0].Live != "copy.js" || !got.Erased[0].Retired || got.Retired != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.check(live)
	if f := w.head().Forgotten; f != nil {
		t.Errorf("%v", f)
	}
	if _, err := Open(t.Context(), w.retaining(0)).Rollback(t.Context(), former); err != nil {
		t.Fatal(err)
	}
	w.check(with(1, 2))
}

// TestForgetRetiredOwed: a deletion that fails is done by the next run, also
// where nothing else is to do, unless that has the path again.
func TestForgetRetiredOwed(t *testing.T) {
	for _, back := range []bool{false, true} {
		w := newWorld(t)
		live := w.leakRetired()
		w.fail("DELETE blog/" + bundled(1) + " blog/lib-3f9c1b2a.js")
		if got, err := w.forgetRetired(bundled(1)); !errors.Is(err, ErrOwed) || len(got.Owed) != 1 || got.Retired != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		w.spy.intercept(nil)
		next := editionWithBundle(3)
		if back {
			next[bundled(1)], live[bundled(1)] = "secret", "secret"
		}
		w.mustRetain(0, next)
		w.check(live)
		if !back && !slices.Contains(w.edge.purged(), leakedURL) {
			t.Error("not purged")
		}
	}
}

// TestForgetRetiredCrash kills a gc at each of its requests. The site is as it
// was, and the next gc or deploy leaves nothing of the secret that it must not.
func TestForgetRetiredCrash(t *testing.T) {
	t.Parallel()
	round := int64(0)
	for _, after := range []bool{false, true} {
		nexts := []string{"gc", "deploy", "replace", "same"}
		if after {
			nexts = nexts[:2] // the others are alike
		}
		for _, next := range nexts {
			for at := 1 + round%killStride; forgetRetiredCrash(t, at, after, next); at += killStride {
			}
			round++
		}
	}
}

func forgetRetiredCrash(t *testing.T, at int64, after bool, next string) (reached bool) {
	t.Helper()
	w := newWorld(t)
	live := w.leakRetired()
	var n atomic.Int64
	w.spy.intercept(func(_ string, done func() error) error {
		switch k := n.Add(1); {
		case k < at:
			return done()
		case k == at && after:
			_ = done()
		}
		return errBroken
	})
	_, err := w.forgetRetired(bundled(1))
	w.spy.intercept(nil)
	if n.Load() < at {
		return false
	}
	name := fmt.Sprintf("killed at %d, after %v (%v), then %s", at, after, err, next)
	files := w.files()
	maps.DeleteFunc(files, func(_, content string) bool { return content == "secret" })
	if diff := cmp.Diff(live, files); diff != "" {
		t.Errorf("%s: the site: %s", name, diff)
	}
	h := w.head()
	begun := h.Forgotten != nil
	switch w.spy.skew = lease + time.Minute; next {
	case "gc":
		if _, err := w.forgetRetired(bundled(1)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Contains(w.edge.purged(), leakedURL) {
			t.Errorf("%s: not purged", name)
		}
	case "deploy":
		w.mustRetain(w.spy.skew, editionWithBundle(4))
	case "replace":
		files := editionWithBundle(3)
		files[bundled(1)] = "harmless"
		w.mustRetain(w.spy.skew, files)
	case "same":
		w.mustRetain(w.spy.skew, editionWithBundle(3))
	}
	w.audit()
	due := begun && next != "same" || h.Withdrawn != nil || next == "gc"
	if due && w.holds("secret") {
		t.Errorf("%s: the secret is left, of %s", name, strings.Join(slices.Sorted(maps.Keys(w.all())), " "))
	}
	if t.Failed() {
		t.Fatal(name)
	}
	return true
}
