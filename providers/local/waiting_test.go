package local_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// A writer that waits for another process gives up with its context.
func TestWaitingForTheLockEnds(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "page.html", "before")
	lock := flock.New(filepath.Join(s.Dir(), ".pandastack-meta", "lock"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 3)
	go func() {
		_, err := s.Put(ctx, "page.html", storage.Bytes(nil), nil, storage.Condition{})
		failed <- err
	}()
	go func() { failed <- s.Delete(ctx, "page.html") }()
	go func() {
		_, err := s.Copy(ctx, storage.CopySource{Key: "page.html"}, "copy.html", nil)
		failed <- err
	}()
	waitFor(t, "two objects and two records", func() bool {
		staged, err := os.ReadDir(filepath.Join(s.Dir(), ".pandastack-meta", "tmp"))
		return err == nil && len(staged) == 4
	})
	if _, body := get(t, s, "page.html"); body != "before" {
		t.Errorf("a writer did not wait: %q", body)
	}
	cancel()
	for range 3 {
		wantError(t, <-failed, context.Canceled)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	put(t, s, "page.html", "after")
	if got := files(t, s.Dir()); len(got) != 3 || !slices.Contains(got, "page.html") {
		t.Errorf("an object, its record and the lock were expected; there are %q", got)
	}
}

// waitFor waits for what another goroutine is about to do.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

// counted is a source that counts what is read of it.
func counted(size int, onRead func(total int)) storage.Source {
	src := storage.Bytes(make([]byte, size))
	open, total := src.Open, 0
	src.Open = func() (io.ReadSeekCloser, error) {
		f, err := open()
		return countedReader{f, func(n int) { total += n; onRead(total) }}, err
	}
	return src
}

type countedReader struct {
	io.ReadSeekCloser
	count func(int)
}

func (r countedReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeekCloser.Read(p)
	r.count(n)
	return n, err
}

func TestCanceledPutStopsReading(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	const size = 8 << 20
	total := 0
	_, err := s.Put(ctx, "large.bin", counted(size, func(n int) {
		total = n
		cancel()
	}), nil, storage.Condition{})
	wantError(t, err, context.Canceled)
	if total > size/2 {
		t.Errorf("%d bytes were read after the end", total)
	}
}

func TestUnmetConditionReadsNothing(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "page.html", "page")
	for _, cond := range []storage.Condition{{Absent: true}, {ETag: "stale"}} {
		_, err := s.Put(t.Context(), "page.html", counted(1000, func(int) { t.Errorf("%+v: the source was read", cond) }), nil, cond)
		wantError(t, err, storage.ErrPrecondition)
	}
}
