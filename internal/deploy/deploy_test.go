package deploy

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

func TestFirstDeployInOrder(t *testing.T) {
	w := newWorld(t)
	w.put("blog-old/index.html", "theirs")
	opts := w.options()
	opts.Workers = 1 // one after another within a stage, too
	fin, err := Open(t.Context(), opts).Deploy(t.Context(), w.desired(v1))
	if err != nil {
		t.Fatal(err)
	}
	w.check(v1, "blog-old/index.html")
	w.wantRequests(
		"GET blog/.pandastack/head", "LIST blog/.pandastack/releases/", "PUT blog/.pandastack/head", "PUT blog/.pandastack/intents/ID",
		"PUT blog/a.css", "PUT blog/b.css", "PUT blog/docs/index.html", "PUT blog/index.html", "PUT blog/sitemap.xml",
		"PUT blog/.pandastack/releases/ID", "PUT blog/.pandastack/head", // the commit
		"DELETE blog/.pandastack/intents/ID", "PUT blog/.pandastack/head", // after the purge
	)
	if !fin.Changed || fin.Created != 5 || fin.Release == "" || fin.Release != w.head().Live || fin.BytesUploaded != 13 {
		t.Errorf("%+v", fin)
	}
	if want := []string{"https://example.com/", "https://example.com/a.css", "https://example.com/b.css", "https://example.com/docs",
		"https://example.com/docs/", "https://example.com/docs/index.html", "https://example.com/index.html", "https://example.com/sitemap.xml"}; !slices.Equal(want, w.edge.purged()) {
		t.Error("purged other URLs")
	}
}

// TestLargestFirst: within a stage the largest objects go first, as nothing of the
// next stage begins before the last of them is there.
func TestLargestFirst(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Workers = 1
	if _, err := Open(t.Context(), opts).Deploy(t.Context(), w.desired(tree{"a.css": "12", "b.css": "1", "c.css": "123", "index.html": "1234"})); err != nil {
		t.Fatal(err)
	}
	puts := slices.DeleteFunc(w.spy.requests(), func(r string) bool { return !strings.HasPrefix(r, "PUT ") || strings.Contains(r, state.Dir) })
	if want := []string{"PUT blog/c.css", "PUT blog/a.css", "PUT blog/b.css", "PUT blog/index.html"}; !slices.Equal(puts, want) {
		t.Errorf("got %q", puts)
	}
}

func TestNoopIsTwoReads(t *testing.T) {
	w := newWorld(t)
	first := w.must(v1)
	w.spy.requests()
	fin := w.must(v1)
	w.wantRequests("GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID")
	if fin.Changed || fin.Release != first.Release || fin.Kept != 5 {
		t.Errorf("%+v", fin)
	}
}

// TestCostOfOneEdit holds the constant that the documentation names: an edit
// of one page writes that page, and five objects of the state.
func TestCostOfOneEdit(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	w.spy.requests()
	v2 := maps.Clone(v1)
	v2["index.html"] = "home 2"
	w.must(v2)
	w.check(v2)
	w.wantRequests(
		"GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID",
		"PUT blog/.pandastack/head", "PUT blog/.pandastack/intents/ID", "COPY blog/.pandastack/blobs/ID", "PUT blog/index.html",
		"PUT blog/.pandastack/releases/ID", "PUT blog/.pandastack/head", "DELETE blog/.pandastack/intents/ID",
	)
}

func TestDeleteAfterCommit(t *testing.T) {
	w := newWorld(t)
	w.put("blog/theirs.txt", "foreign")
	w.must(v1)
	w.spy.requests()
	w.edge.purged()
	v2 := maps.Clone(v1)
	delete(v2, "docs/index.html")
	fin := w.must(v2)
	w.check(v2, "blog/theirs.txt")
	log := w.spy.requests()
	if commit, gone := slices.Index(log, "PUT blog/.pandastack/releases/ID")+1, slices.Index(log, "DELETE blog/docs/index.html"); log[commit] != "PUT blog/.pandastack/head" || gone != commit+1 {
		t.Errorf("%q", log)
	}
	if want := []string{"https://example.com/docs", "https://example.com/docs/", "https://example.com/docs/index.html"}; !slices.Equal(want, w.edge.purged()) {
		t.Error("purged other URLs")
	}
	if fin.Deleted != 1 || fin.PurgedURLs != 3 {
		t.Errorf("%+v", fin)
	}
}

func TestHeadersAloneAreCopied(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	w.spy.requests()
	v2 := maps.Clone(v1)
	v2["a.css"] += "|60"
	fin := w.must(v2)
	w.check(v2)
	log := w.spy.requests()
	if !slices.Contains(log, "COPY blog/a.css") || slices.Contains(log, "PUT blog/a.css") || fin.Headers != 1 || fin.BytesUploaded != 0 {
		t.Errorf("%q %+v", log, fin)
	}
}

// TestHeaderThatIsGone is uploaded: not every server drops a header that a
// copy onto itself does not name.
func TestHeaderThatIsGone(t *testing.T) {
	w := newWorld(t).quiet()
	d := w.desired(v1)
	d.Objects[0].Headers[storage.ContentLanguage] = "de"
	if _, err := Open(t.Context(), w.options()).Deploy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	w.spy.requests()
	w.must(v1)
	if log := w.spy.requests(); !slices.Contains(log, "PUT blog/a.css") {
		t.Errorf("%q", log)
	}
}

func TestLocked(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	stop := errors.New("stopped")
	busy := 0
	w.spy.intercept(func(op string, done func() error) error {
		if busy > 0 {
			return stop
		}
		if op == "PUT blog/.pandastack/head" {
			busy++
		}
		return done()
	})
	v2 := maps.Clone(v1)
	v2["index.html"] = "home 2"
	if _, err := w.deploy(v2); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	w.spy.intercept(nil)
	w.spy.requests()
	_, err := w.deploy(v2)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Busy.Owner.Actor != "ada" {
		t.Fatalf("got %v", err)
	}
	// A build may lie between the two looks: the second is the fresh one.
	w.wantRequests("GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID", "GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID")
	w.spy.skew = lease + time.Second // the lease has run out
	w.must(v2)
	w.spy.skew = 0
	w.check(v2)
}

func TestForeignObjectIsNotOverwritten(t *testing.T) {
	w := newWorld(t).quiet()
	w.put("blog/b.css", "theirs")
	_, err := w.deploy(v1)
	var foreign *ForeignError
	if !errors.As(err, &foreign) || foreign.Changed || !slices.Equal(foreign.Paths, []string{"b.css"}) {
		t.Fatalf("got %v", err)
	}
	// Nor does the next run take it for its own.
	if _, err := w.deploy(v1); !errors.As(err, &foreign) {
		t.Fatalf("got %v", err)
	}
	if err := w.bucket.Delete(t.Context(), "blog/b.css"); err != nil {
		t.Fatal(err)
	}
	w.must(v1)
	w.check(v1)

	w.put("blog/index.html", "theirs")
	v2 := maps.Clone(v1)
	v2["index.html"] = "home 2"
	_, err = w.deploy(v2)
	var partial *PartialError
	if !errors.As(err, &foreign) || !foreign.Changed || errors.As(err, &partial) {
		t.Fatalf("got %v", err)
	}
}

func TestFailureIsRepaired(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	w.edge.purged()
	v2 := maps.Clone(v1)
	v2["a.css"], v2["index.html"], v2["new.html"] = "a2", "home 2", "new"
	w.fail("PUT blog/index.html")
	_, err := w.deploy(v2)
	var partial *PartialError
	if errors.As(err, &partial) || !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if files := w.files(); files["a.css"] != "a" || files["index.html"] != "home" {
		t.Fatalf("the old files are not back: %q", files)
	}
	if head := w.head(); head.Busy != nil || len(head.Doubt) != 1 {
		t.Fatalf("%+v", head)
	}
	w.spy.intercept(nil)
	w.spy.requests()
	w.must(v2)
	w.check(v2)
	log := w.spy.requests()
	if slices.Contains(log, "PUT blog/new.html") || !slices.Contains(log, "PUT blog/a.css") || !slices.Contains(log, "PUT blog/index.html") {
		t.Errorf("what was there was uploaded again: %q", log)
	}
	purged := w.edge.purged()
	for _, u := range []string{"https://example.com/a.css", "https://example.com/", "https://example.com/new"} {
		if !slices.Contains(purged, u) {
			t.Errorf("%s was in doubt and is not purged", u)
		}
	}
}

func TestRepairToAnotherVersion(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["a.css"], v2["new.html"], v2["new.css"] = "a2", "new", "n"
	w.fail("PUT blog/new.html")
	if _, err := w.deploy(v2); err == nil {
		t.Fatal("no error")
	}
	w.spy.intercept(nil)
	w.must(v1) // the old version again: a.css is put back, new.css removed
	w.check(v1)
}

func TestInterrupt(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	ctx, cancel := context.WithCancel(t.Context())
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/a.css" {
			cancel()
			return ctx.Err()
		}
		return done()
	})
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	_, err := Open(ctx, w.options()).Deploy(ctx, w.desired(v2))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if head := w.head(); head.Busy != nil || len(head.Doubt) != 1 {
		t.Fatalf("the head was not given back: %+v", head)
	}
	w.spy.intercept(nil)
	w.must(v2)
	w.check(v2)
}

func TestOwedPurge(t *testing.T) {
	w := newWorld(t)
	w.edge.err = errors.New("CDN down")
	fin, err := w.deploy(v1)
	if !errors.Is(err, ErrOwed) || len(fin.Owed) != 1 || !fin.Changed {
		t.Fatalf("got %v %+v", err, fin)
	}
	w.edge.err = nil
	w.spy.requests()
	fin = w.must(v1)
	w.check(v1)
	if fin.Changed || fin.PurgedURLs != 8 || len(w.edge.purged()) != 8 {
		t.Errorf("%+v", fin)
	}
	if log := w.spy.requests(); slices.ContainsFunc(log, func(op string) bool { return strings.HasPrefix(op, "PUT") && !strings.HasSuffix(op, "/head") }) {
		t.Errorf("%q", log)
	}
}

func TestOwedPurgeOfAnAbandonedCDN(t *testing.T) {
	w := newWorld(t)
	w.edge.err = errors.New("CDN down")
	if _, err := w.deploy(v1); !errors.Is(err, ErrOwed) {
		t.Fatal(err)
	}
	w.edge = newEdge("another")
	w.must(v1)
	w.check(v1)
}

func TestOwedDeletion(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := w.oweDeletion()
	w.edge.purged()
	w.must(v2)
	w.check(v2)
	if !slices.Contains(w.edge.purged(), "https://example.com/docs/") {
		t.Error("what was deleted late was not purged again")
	}
}

// TestOwedDeletionOfWhatIsBack must not delete a path that a later release
// has again.
func TestOwedDeletionOfWhatIsBack(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	w.oweDeletion()
	w.must(v1)
	w.check(v1)
}

// TestRefusedObjectStaysForeign refuses a deploy because of an object that has
// the very bytes that it would write. The next run must not take it for the
// work of the first.
func TestRefusedObjectStaysForeign(t *testing.T) {
	w := newWorld(t).quiet()
	w.put("blog/a.css", "a")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(w.bucket.Dir(), "blog", "a.css"), old, old); err != nil {
		t.Fatal(err)
	}
	var foreign *ForeignError
	for range 3 {
		if _, err := w.deploy(v1); !errors.As(err, &foreign) || !slices.Equal(foreign.Paths, []string{"a.css"}) {
			t.Fatalf("got %v", err)
		}
	}
}

// TestForeignObjectInDoubt puts a foreign object where a deploy that failed
// meant to write: it is neither taken over nor deleted.
func TestForeignObjectInDoubt(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := maps.Clone(v1)
	v2["new.css"] = "n"
	w.fail("PUT blog/new.css")
	if _, err := w.deploy(v2); err == nil {
		t.Fatal("no error")
	}
	w.spy.intercept(nil)
	w.put("blog/new.css", "theirs")
	w.must(v1)
	w.check(v1, "blog/new.css")
	if _, err := w.bucket.Get(t.Context(), "blog/new.css"); err != nil {
		t.Error(err)
	}
}

// TestHeadMovedMeanwhile lets another deploy finish between the plan and the
// lock: the plan is made again.
func TestHeadMovedMeanwhile(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	theirs := maps.Clone(v1)
	theirs["b.css"], theirs["theirs.html"] = "b of theirs", "theirs"
	var once sync.Once
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/.pandastack/head" {
			once.Do(func() {
				other := &world{t: t, bucket: w.bucket, spy: &spy{Store: w.bucket}, site: w.site, src: t.TempDir()}
				other.must(theirs)
			})
		}
		return done()
	})
	ours := maps.Clone(v1)
	ours["a.css"] = "a2"
	w.must(ours)
	w.check(ours)
}

// TestLostAnswers does each write of the state and then claims that it
// failed, as a retry after a lost answer does.
func TestLostAnswers(t *testing.T) {
	w := newWorld(t)
	w.spy.intercept(func(op string, done func() error) error {
		err := done()
		if err == nil && op == "PUT blog/.pandastack/head" {
			return &storage.Error{Op: "put", Key: "head", Err: storage.ErrPrecondition}
		}
		return err
	})
	w.must(v1)
	w.spy.intercept(nil)
	w.check(v1)
}

// TestCrashAnywhere stops the process for good at every request, before and
// after it was done. The next deploy must make the site whole.
func TestCrashAnywhere(t *testing.T) {
	v2 := maps.Clone(v1)
	v2["a.css"], v2["index.html"], v2["new.html"], v2["b.css"] = "a2", "home 2", "new", "b|60"
	delete(v2, "docs/index.html")
	for _, after := range []bool{false, true} {
		for n := 0; ; n++ {
			w := newWorld(t)
			w.must(v1)
			count := 0
			crash := errors.New("crashed")
			w.spy.intercept(func(_ string, done func() error) error {
				w.spy.mu.Lock()
				count++
				now := count
				w.spy.mu.Unlock()
				if now-1 > n || now-1 == n && !after {
					return crash
				}
				if err := done(); err != nil || now-1 < n {
					return err
				}
				return crash
			})
			_, err := w.deploy(v2)
			w.spy.intercept(nil)
			if err == nil {
				break // more requests allowed than a deploy makes
			}
			w.spy.skew = lease + time.Second
			if _, err := w.deploy(v2); err != nil {
				t.Fatalf("after a crash at request %d (done: %v): %v", n, after, err)
			}
			w.spy.skew = 0
			w.check(v2)
			if t.Failed() {
				t.Fatalf("crash at request %d (done: %v)", n, after)
			}
			if n > 40 {
				t.Fatal("a deploy has fewer requests than that")
			}
		}
	}
}

func TestPreviewWritesNothing(t *testing.T) {
	w := newWorld(t)
	p, err := Open(t.Context(), w.options()).Preview(t.Context(), w.desired(v1))
	if err != nil || p.Created != 5 || p.UploadBytes != 13 || p.PurgeURLs != 8 {
		t.Fatalf("%v %+v", err, p)
	}
	w.wantRequests("GET blog/.pandastack/head", "LIST blog/.pandastack/releases/")
}

func TestFileChangedAfterTheScan(t *testing.T) {
	w := newWorld(t)
	d := w.desired(v1)
	name := d.Files[0]
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), int(d.Objects[0].Size)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), w.options()).Deploy(t.Context(), d); !errors.Is(err, storage.ErrModified) {
		t.Fatalf("got %v", err)
	}
	w.must(v1)
	w.check(v1)
}

func TestStateOfAnotherSite(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	o := w.options()
	o.Site.Prefix = "shop/"
	_, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v1))
	var foreign *state.ForeignError
	if !errors.As(err, &foreign) {
		t.Fatalf("got %v", err)
	}
}

func TestMissingRecord(t *testing.T) {
	w := newWorld(t)
	fin := w.must(v1)
	if err := w.bucket.Delete(t.Context(), "blog/.pandastack/releases/"+fin.Release); err != nil {
		t.Fatal(err)
	}
	_, err := w.deploy(v1)
	var corrupt *state.CorruptError
	if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), fin.Release) {
		t.Fatalf("got %v", err)
	}
}
