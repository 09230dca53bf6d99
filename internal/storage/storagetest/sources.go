package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// watched is a source under observation.
type watched struct {
	opened, closed atomic.Int32
	read           atomic.Int64 // bytes, of all attempts
	onRead         func(total int64) error
}

// source announces one content and sends another.
func (w *watched) source(announced, sent []byte) storage.Source {
	return storage.Source{
		Size:   int64(len(announced)),
		SHA256: sha256.Sum256(announced),
		Open: func() (io.ReadSeekCloser, error) {
			w.opened.Add(1)
			return &watchedReader{bytes.NewReader(sent), w}, nil
		},
	}
}

type watchedReader struct {
	*bytes.Reader
	w *watched
}

// WriteTo and ReadAt of the embedded reader would go past Read.
func (r *watchedReader) WriteTo(to io.Writer) (int64, error) {
	return io.Copy(to, struct{ io.Reader }{r})
}

func (r *watchedReader) ReadAt([]byte, int64) (int, error) {
	return 0, errors.New("a Source promises Read and Seek only")
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	total := r.w.read.Add(int64(n))
	if r.w.onRead != nil {
		if err := r.w.onRead(total); err != nil {
			return 0, err
		}
	}
	return n, err
}

func (r *watchedReader) Close() error {
	r.w.closed.Add(1)
	return nil
}

// changedSource sends other bytes than were announced, also where it is left to
// the service to notice that, as all that run this suite do. The object that was
// there stays, and none appears where there was none.
func changedSource(t *testing.T, f *fixture) {
	put(t, f.store, "there.html", "before", every)
	for _, size := range []int{0, 1, 6, 100_000, large} {
		announced := content(size, 5)
		for name, sent := range changes(announced) {
			for _, key := range []string{"there.html", "new.html"} {
				for _, checked := range []bool{false, true} {
					src := (&watched{}).source(announced, sent)
					src.Checked = checked
					_, err := f.store.Put(t.Context(), key, src, page, storage.Condition{})
					if !errors.Is(err, storage.ErrModified) {
						t.Errorf("%d bytes, %s, checked there: %v:", size, name, checked)
					}
					wantError(t, err, storage.ErrModified, "put", key)
				}
			}
		}
		wantMissing(t, f.store, "new.html")
		if got := get(t, f.store, "there.html"); got.body != "before" || !got.Headers.Equal(every) {
			t.Fatalf("%d bytes: a changed source left %d bytes, %v", size, len(got.body), got.Headers)
		}
	}
}

// changes returns what a file may have become since it was hashed.
func changes(b []byte) map[string][]byte {
	all := map[string][]byte{"longer": append(bytes.Clone(b), 'x')}
	if len(b) == 0 {
		return all
	}
	all["shorter"] = b[:len(b)-1]
	all["empty"] = nil
	for name, at := range map[string]int{"first byte": 0, "last byte": len(b) - 1} {
		changed := bytes.Clone(b)
		changed[at] ^= 1
		all[name] = changed
	}
	return all
}

func failingSource(t *testing.T, f *fixture) {
	put(t, f.store, "there.html", "before", page)
	broken := errors.New("the disk is broken")
	unopenable := storage.Source{Size: 1, Open: func() (io.ReadSeekCloser, error) { return nil, broken }}
	_, err := f.store.Put(t.Context(), "there.html", unopenable, nil, storage.Condition{})
	wantError(t, err, broken, "put", "there.html")

	body := content(100_000, 6)
	w := &watched{onRead: func(total int64) error {
		if total > 50_000 {
			return broken
		}
		return nil
	}}
	_, err = f.store.Put(t.Context(), "there.html", w.source(body, body), nil, storage.Condition{})
	wantError(t, err, broken, "put", "there.html")

	gone := storage.File("no such file", 1, storage.Digest{})
	_, err = f.store.Put(t.Context(), "there.html", gone, nil, storage.Condition{})
	wantError(t, err, storage.ErrModified, "put", "there.html")
	wantError(t, err, fs.ErrNotExist, "put", "there.html")
	if got := get(t, f.store, "there.html"); got.body != "before" || !got.Headers.Equal(page) {
		t.Errorf("a failing source left %q", got.body)
	}
}

func sourcesClosed(t *testing.T, f *fixture) {
	w := &watched{}
	body := content(large, 7)
	for _, b := range [][]byte{nil, body[:10], body} {
		if _, err := f.store.Put(t.Context(), "page.html", w.source(b, b), page, storage.Condition{}); err != nil {
			t.Fatal(err)
		}
		f.store.Put(t.Context(), "page.html", w.source(b, append(bytes.Clone(b), 'x')), page, storage.Condition{})
		f.store.Put(t.Context(), "page.html", w.source(b, b), page, storage.Condition{Absent: true})
	}
	// A transport may close a body shortly after it answered.
	for range 500 {
		if w.opened.Load() == w.closed.Load() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d sources were opened, %d closed", w.opened.Load(), w.closed.Load())
}

func canceledBefore(t *testing.T, f *fixture) {
	put(t, f.store, "page.html", "before", page)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.store.Get(ctx, "page.html")
	wantError(t, err, context.Canceled, "get", "page.html")
	for _, key := range []string{"page.html", "new.html"} {
		_, err = f.store.Put(ctx, key, storage.Bytes([]byte("after")), page, storage.Condition{})
		wantError(t, err, context.Canceled, "put", key)
	}
	err = f.store.Delete(ctx, "page.html")
	wantError(t, err, context.Canceled, "delete", "page.html", "")
	for _, err = range f.store.List(ctx, "") {
	}
	wantError(t, err, context.Canceled, "list", "")
	if c := f.copier(t); c != nil {
		_, err = c.Copy(ctx, storage.CopySource{Key: "page.html", Size: 6}, "new.html", page)
		wantError(t, err, context.Canceled, "copy", "new.html", "page.html")
	}
	wantKeys(t, f.store, "", "page.html")
	wantBody(t, f.store, "page.html", []byte("before"))
}

func canceledWithin(t *testing.T, f *fixture) {
	put(t, f.store, "there.bin", "before", page)
	body := content(large, 8)
	for _, key := range []string{"there.bin", "new.bin"} {
		for _, share := range []int64{8, 2} {
			ctx, cancel := context.WithCancel(t.Context())
			w := &watched{onRead: func(total int64) error {
				if total >= large/share {
					cancel()
				}
				return nil
			}}
			_, err := f.store.Put(ctx, key, w.source(body, body), every, storage.Condition{})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("canceled after 1/%d of the bytes:", share)
			}
			wantError(t, err, context.Canceled, "put", key)
		}
	}
	wantMissing(t, f.store, "new.bin")
	if got := get(t, f.store, "there.bin"); got.body != "before" || !got.Headers.Equal(page) {
		t.Errorf("a canceled Put left %d bytes, %v", len(got.body), got.Headers)
	}
	wantKeys(t, f.store, "", "there.bin")
}
