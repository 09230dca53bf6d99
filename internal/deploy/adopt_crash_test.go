package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestAdoptRaces: what changes after it was looked at is refused, and the site
// is as it was.
func TestAdoptRaces(t *testing.T) {
	for op, path := range map[string]string{
		"PUT blog/index.html":       "index.html",      // an update
		"COPY blog/docs/index.html": "docs/index.html", // headers
		"PUT blog/b.css":            "b.css",           // a creation
	} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			w.inherit()
			before := w.files()
			var once sync.Once
			w.spy.intercept(func(asked string, done func() error) error {
				if asked == op {
					once.Do(func() { w.put("blog/"+path, "late") })
				}
				return done()
			})
			_, err := w.adopting(v1)
			var foreign *ForeignError
			if !errors.As(err, &foreign) || !slices.Equal(foreign.Paths, []string{path}) {
				t.Fatalf("got %v", err)
			}
			got := w.files()
			if got[path] != "late" {
				t.Errorf("%s is %q", path, got[path])
			}
			for p, content := range before {
				if p != path && got[p] != content {
					t.Errorf("%s is %q, not %q", p, got[p], content)
				}
			}
		})
	}
}

// TestAdoptGone: what has gone between the listing and the look is created.
func TestAdoptGone(t *testing.T) {
	w := newWorld(t)
	w.inherit()
	w.spy.intercept(func(op string, done func() error) error {
		if op == "GET blog/index.html" {
			w.spy.intercept(nil)
			if err := w.bucket.Delete(context.Background(), "blog/index.html"); err != nil {
				return err
			}
		}
		return done()
	})
	fin, err := w.adopting(v1)
	if err != nil || fin.Adopted != 2 || fin.Created != 3 {
		t.Fatalf("%+v, %v", fin, err)
	}
	w.check(v1, others...)
}

// TestAdoptFails puts the old bytes back with their old headers.
func TestAdoptFails(t *testing.T) {
	w := newWorld(t)
	w.inherit()
	before := w.snapshot()
	w.fail("PUT blog/sitemap.xml") // the last stage
	if _, err := w.adopting(v1); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	w.spy.intercept(nil)
	after := w.snapshot()
	delete(after, "blog/b.css") // new, and nothing refers to it
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the site is not as it was (-want +got):\n%s", diff)
	}
	w.must(v1) // finishes what the other one announced
	w.check(v1, others...)
}

// snapshot returns bytes and headers of all objects but the state.
func (w *world) snapshot() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for key, b := range w.all() {
		if strings.Contains(key, "/.pandastack/") {
			continue
		}
		info, err := storage.Stat(context.Background(), w.bucket, key)
		if err != nil {
			w.t.Fatal(err)
		}
		out[key] = fmt.Sprint(string(b), info.Headers)
	}
	return out
}

// TestAdoptCrash kills an adopting deploy at each of its requests, before and
// after it is done. A plain deploy of the same output then finishes it, where
// the intent was written; else it is refused as if nothing had been. One whose
// output lacks the paths leaves alone what was not yet overwritten.
func TestAdoptCrash(t *testing.T) {
	crash := func(t *testing.T, at int, after bool) (w *world, reached bool) {
		w = newWorld(t)
		w.inherit()
		var n atomic.Int64
		w.spy.intercept(func(_ string, done func() error) error {
			i := int(n.Add(1)) - 1
			switch {
			case i > at, i == at && !after:
				return errBroken
			case i == at:
				_ = done()
				return errBroken
			}
			return done()
		})
		_, _ = w.adopting(v1)
		w.spy.intercept(nil)
		w.spy.skew += lease + time.Minute
		w.strays = 10
		return w, int(n.Load()) > at
	}
	untouched := newWorld(t)
	untouched.inherit()
	first := untouched.snapshot()
	recovered, refused := 0, 0
	for at := 0; ; at++ {
		w, reached := crash(t, at, at%2 == 0)
		if !reached {
			break
		}
		_, err := w.deploy(v1)
		var foreign *ForeignError
		switch {
		case err == nil:
			recovered++
			w.check(v1, others...)
		case errors.As(err, &foreign) && !foreign.Changed:
			refused++
			if got := w.files(); got["index.html"] != "theirs" {
				t.Errorf("request %d: refused, and index.html is %q", at, got["index.html"])
			}
		default:
			t.Errorf("request %d: %v", at, err)
		}

		w, _ = crash(t, at, at%2 == 0)
		left, committed := w.snapshot(), w.committed()
		w.must(tree{"b.css": "b"})
		now := w.snapshot()
		for key, was := range first {
			if left[key] == was && now[key] != was && !committed {
				t.Errorf("request %d: the foreign object %s was %s and is %q", at, key, was, now[key])
			}
		}
	}
	if recovered < 8 || refused < 3 {
		t.Errorf("recovered %d, refused %d", recovered, refused)
	}
}

// committed reports whether the site has a live release.
func (w *world) committed() bool {
	w.t.Helper()
	_, err := storage.Stat(context.Background(), w.bucket, "blog/.pandastack/head")
	return err == nil && w.head().Live != ""
}

// TestAdoptCrashThenOther: a foreign object that was changed after the crash is
// nobody's but the one's who changed it.
func TestAdoptCrashThenOther(t *testing.T) {
	w := newWorld(t)
	w.inherit()
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/b.css" || op == "PUT blog/.pandastack/head" && len(w.all()) > 7 {
			return errBroken
		}
		return done()
	})
	if _, err := w.adopting(v1); err == nil {
		t.Fatal("no error")
	}
	w.spy.intercept(nil)
	w.spy.skew += lease + time.Minute
	w.put("blog/index.html", "theirs again")
	var foreign *ForeignError
	if _, err := w.deploy(v1); !errors.As(err, &foreign) || !slices.Equal(foreign.Paths, []string{"index.html"}) {
		t.Errorf("got %v", err)
	}
	if got := w.files()["index.html"]; got != "theirs again" {
		t.Errorf("index.html is %q", got)
	}
}
