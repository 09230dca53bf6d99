package deploy

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// leak makes a history in which two kept releases have a file that shall be
// forgotten, with two contents; the live one has it no more.
func (w *world) leak() (live tree, secrets []string) {
	w.t.Helper()
	v := maps.Clone(v1)
	v["keys.txt"], v["copy.txt"] = "secret 1", "secret 1"
	w.must(v)
	v["keys.txt"] = "secret 2"
	w.must(v)
	w.must(v1)
	w.edge.purged()
	w.spy.requests()
	return v1, []string{"secret 1", "secret 2"}
}

// holds reports whether the bucket has bytes as an object.
func (w *world) holds(content string) bool {
	w.t.Helper()
	for _, b := range w.all() {
		if bytes.Equal(b, []byte(content)) {
			return true
		}
	}
	return false
}

// TestForget erases bytes from all history, purges the URLs, and leaves a
// bucket of which verify says nothing.
func TestForget(t *testing.T) {
	w := newWorld(t)
	live, secrets := w.leak()
	all := w.all()
	want, err := w.previewGC(Retention{Keep: 5}, "keys.txt")
	if diff := cmp.Diff(all, w.all()); err != nil || diff != "" {
		t.Fatalf("a preview: %v %s", err, diff)
	}
	got, err := w.gc(Retention{Keep: 5}, "keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if w.holds(s) {
			t.Errorf("%s is left", s)
		}
	}
	if diff := cmp.Diff(want.Erased, got.Erased); diff != "" || len(got.Erased) != 2 || got.Blobs != 2 || want.Bytes != got.Bytes {
		t.Errorf("%+v, announced %+v", got, want)
	}
	for _, e := range got.Erased {
		if shared := e.SHA256 == sum(t, "secret 1"); shared != slices.Equal(e.Also, []string{"copy.txt"}) || !shared && e.Also != nil {
			t.Errorf("%s: there also %q", e.SHA256, e.Also)
		}
	}
	if urls := w.edge.purged(); !slices.Equal(urls, []string{"https://example.com/keys.txt"}) {
		t.Errorf("purged %q", urls)
	}
	w.check(live)
	v, err := Open(t.Context(), w.options()).Verify(t.Context(), true)
	if err != nil || len(v.Findings) > 0 {
		t.Errorf("verify: %+v, %v", v.Findings, err)
	}
	// It can be said again: the records still name it.
	if _, err = w.gc(Retention{Keep: 5}, "keys.txt"); err != nil {
		t.Error(err)
	}
	w.check(live)
}

// TestForgetRollback brings back what is left of a release, says what is not,
// and forgets what it forgot with the last release that had it.
func TestForgetRollback(t *testing.T) {
	w := newWorld(t)
	live, _ := w.leak()
	if _, err := w.gc(Retention{Keep: 5}, "keys.txt"); err != nil {
		t.Fatal(err)
	}
	var s told
	o := w.options()
	o.Sink = &s
	if _, err := Open(t.Context(), o).Rollback(t.Context(), "live~2"); err != nil {
		t.Fatal(err)
	}
	w.check(live) // copy.txt had the bytes of keys.txt
	if len(s.says) != 1 || !strings.Contains(s.says[0], "comes back without copy.txt, keys.txt") {
		t.Errorf("it says %q", s.says)
	}
	if n := len(w.head().Forgotten); n != 2 {
		t.Errorf("%d digests are remembered, want 2", n)
	}
	for n := range 4 { // Keep is 3
		w.must(edition(n))
	}
	if f := w.head().Forgotten; f != nil {
		t.Errorf("no kept release has it, and it is remembered: %v", f)
	}
	w.check(edition(3))
}

// TestForgetPublishedAgain: who publishes the bytes again has them again.
func TestForgetPublishedAgain(t *testing.T) {
	w := newWorld(t)
	w.leak()
	if _, err := w.gc(Retention{Keep: 5}, "keys.txt"); err != nil {
		t.Fatal(err)
	}
	again := maps.Clone(v1)
	again["new.txt"] = "secret 2"
	w.must(again)
	if f := w.head().Forgotten; len(f) != 1 {
		t.Errorf("%v", f)
	}
	w.must(v1) // keeps it as a blob
	w.check(v1)
	if _, err := Open(t.Context(), w.options()).Rollback(t.Context(), "previous"); err != nil {
		t.Fatal(err)
	}
	w.check(again)
}

// TestForgetRefuses what is live, says what is live elsewhere, and knows what
// it never had.
func TestForgetRefuses(t *testing.T) {
	w := newWorld(t)
	w.leak()
	var live *LivePathError
	if _, err := w.gc(Retention{Keep: 5}, "keys.txt", "docs/**"); !errors.As(err, &live) || !slices.Equal(live.Paths, []string{"docs/index.html"}) {
		t.Errorf("got %v", err)
	}
	var unknown *history.PathError
	if _, err := w.gc(Retention{Keep: 5}, "keys.txt", "nothing.txt"); !errors.As(err, &unknown) || unknown.Path != "nothing.txt" {
		t.Errorf("got %v", err)
	}
	if !w.holds("secret 1") {
		t.Error("a refusal erased something")
	}
	v := maps.Clone(v1)
	v["other.txt"] = "secret 2"
	w.must(v)
	got, err := w.gc(Retention{Keep: 5}, "k*.txt")
	if err != nil || len(got.Erased) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, e := range got.Erased {
		if shared := e.SHA256 == sum(t, "secret 2"); shared != (e.Live == "other.txt") || !shared && e.Live != "" {
			t.Errorf("%+v", e)
		}
	}
	if w.holds("secret 1") || !w.holds("secret 2") {
		t.Error("not what was said")
	}
	w.check(v)
}

// TestForgetTooMany refuses what the head could not name beside what it names
// already, before anything is written. With the releases that need it gone,
// nothing has to be named.
func TestForgetTooMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leak()
	h, last := w.head(), w.record().History[0]
	for i := range 16_000 {
		h.Forgotten = append(h.Forgotten, state.Forgotten{SHA256: sha256.Sum256(fmt.Append(nil, i)), Last: last})
	}
	b, err := state.EncodeHead(*h)
	if err != nil {
		t.Fatal(err)
	}
	w.put(stateAt+state.HeadKey, string(b))
	var many *TooManyError
	if _, err := w.previewGC(Retention{Keep: 5}, "keys.txt"); !errors.As(err, &many) {
		t.Errorf("the dry run: %v", err)
	}
	before := w.all()
	if _, err := w.gc(Retention{Keep: 5}, "keys.txt"); !errors.As(err, &many) || many.Files != 2 {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, w.all()); diff != "" {
		t.Errorf("a refusal wrote: %s", diff)
	}
	if _, err := w.gc(Retention{Keep: 5}); err != nil {
		t.Errorf("without a file: %v", err)
	}
	if _, err := w.gc(Retention{}, "keys.txt"); err != nil || w.holds("secret 1") || w.holds("secret 2") {
		t.Errorf("with the releases: %v", err)
	}
	if f := w.head().Forgotten; f != nil {
		t.Errorf("%d digests are remembered of releases that are not kept", len(f))
	}
	w.check(v1)
}

// sum returns the digest of a content as an event has it.
func sum(t *testing.T, content string) string {
	t.Helper()
	return storage.Bytes([]byte(content)).SHA256.String()
}

// TestForgetAgain: a run that died had dropped the last release that had the
// file, and not removed its bytes. The same command does.
func TestForgetAgain(t *testing.T) {
	w := newWorld(t)
	live, secrets := w.leak()
	w.spy.intercept(func(op string, done func() error) error {
		if w.head().Oldest != "" {
			return errBroken
		}
		return done()
	})
	if _, err := w.gc(Retention{}, "keys.txt"); err == nil {
		t.Fatal("it did not die")
	}
	w.spy.intercept(nil)
	w.spy.skew += lease + time.Minute
	if got, err := w.gc(Retention{}, "keys.txt"); err != nil || slices.ContainsFunc(secrets, w.holds) {
		t.Errorf("%+v, %v", got, err)
	}
	w.check(live)
}
