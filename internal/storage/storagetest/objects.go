package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

func putAndGet(t *testing.T, f *fixture) {
	given := page.Clone()
	info := put(t, f.store, "docs/page.html", "hello", given)
	if !given.Equal(page) {
		t.Errorf("Put changed the headers that it was given to %v", given)
	}
	if info.Key != "docs/page.html" || info.Size != 5 {
		t.Errorf("Put returned the key %q and size %d", info.Key, info.Size)
	}
	got := get(t, f.store, "docs/page.html")
	if got.body != "hello" {
		t.Errorf("got %q", got.body)
	}
	seen := listed(t, f.store, "")
	if len(seen) != 1 {
		t.Fatalf("listed %v", seen)
	}
	if info.ETag == "" || strings.ContainsAny(info.ETag, `"`) {
		t.Errorf("Put returned the ETag %q", info.ETag)
	}
	if got.ETag != info.ETag || seen[0].ETag != info.ETag {
		t.Errorf("ETags differ: put %q, get %q, list %q", info.ETag, got.ETag, seen[0].ETag)
	}
	if seen[0].Size != 5 {
		t.Errorf("listed with size %d", seen[0].Size)
	}
	if o := get(t, f.bare, f.prefix+"docs/page.html"); o.ETag != info.ETag {
		t.Errorf("the object is not at the full key")
	}
}

func sizes(t *testing.T, f *fixture) {
	for _, n := range []int{0, 1, 4095, 1 << 20, large} {
		key := fmt.Sprintf("size/%d.bin", n)
		body := content(n, 1)
		info, err := f.store.Put(t.Context(), key, storage.Bytes(body), page, storage.Condition{})
		if err != nil {
			t.Fatal(err)
		}
		if info.Size != int64(n) {
			t.Errorf("Put of %d bytes returned the size %d", n, info.Size)
		}
		if got := wantBody(t, f.store, key, body); got.ETag != info.ETag {
			t.Errorf("%d bytes: ETags differ: put %q, get %q", n, info.ETag, got.ETag)
		}
		if got := listed(t, f.store, key); len(got) != 1 || got[0].Size != int64(n) {
			t.Errorf("%d bytes: listed as %v", n, got)
		}
	}
}

func overwrite(t *testing.T, f *fixture) {
	first := put(t, f.store, "page.html", "first, which is longer", page)
	second := put(t, f.store, "page.html", "second", page)
	if first.ETag == second.ETag {
		t.Errorf("other bytes have the same ETag")
	}
	if got := get(t, f.store, "page.html"); got.body != "second" || got.ETag != second.ETag {
		t.Errorf("got %q with ETag %q", got.body, got.ETag)
	}
	wantKeys(t, f.store, "", "page.html")
}

// overwriteAtomic checks that a reader sees an object as it was put once, bytes
// and headers, while it is being overwritten.
func overwriteAtomic(t *testing.T, f *fixture) {
	version := func(n int) (string, storage.Headers) {
		name := fmt.Sprint(n)
		return strings.Repeat(name+" ", 5000), storage.Headers{storage.ContentType: "text/plain", "X-Amz-Meta-Version": name}
	}
	body, headers := version(10)
	put(t, f.store, "page.html", body, headers)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				o, err := read(t.Context(), f.store, "page.html")
				if err != nil {
					t.Errorf("get while it is overwritten: %v", err)
					return
				}
				if name, _, _ := strings.Cut(o.body, " "); o.Headers["X-Amz-Meta-Version"] != name || len(o.body) != len(body) {
					t.Errorf("%d bytes of version %s have the headers %v", len(o.body), name, o.Headers)
					return
				}
			}
		})
	}
	for n := 11; n < 60; n++ {
		body, headers := version(n)
		put(t, f.store, "page.html", body, headers)
	}
	close(done)
	readers.Wait()
}

func getMissing(t *testing.T, f *fixture) {
	put(t, f.store, "docs/page.html", "hello", page)
	for _, key := range []string{"missing", "docs", "docs/page", "docs/page.html/below", "docs/page.htmlx"} {
		_, err := f.store.Get(t.Context(), key)
		wantError(t, err, storage.ErrNotExist, "get", key)
	}
}

// stat holds Stat to what Get says.
func stat(t *testing.T, f *fixture) {
	for key, h := range map[string]storage.Headers{"all.css": every, "docs/page.html": page} {
		put(t, f.store, key, "hello", h)
		want := get(t, f.store, key).Info
		got, err := storage.Stat(t.Context(), f.store, key)
		if err != nil {
			t.Fatal(err)
		}
		if got.Key != key || got.Size != want.Size || got.ETag != want.ETag || got.ETag == "" || !got.Modified.Equal(want.Modified) || !got.Headers.Equal(want.Headers) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if _, err := storage.Stat(t.Context(), f.store, "docs/page.htmlx"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("a missing object: %v", err)
	}
	if _, err := storage.Stat(t.Context(), f.store, "/x"); !errors.Is(err, storage.ErrInvalidKey) {
		t.Errorf("a key that cannot be: %v", err)
	}
}

func closeEarly(t *testing.T, f *fixture) {
	body := content(large, 2)
	put(t, f.store, "large.bin", string(body), page)
	o, err := f.store.Get(t.Context(), "large.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Body.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	if err := o.Body.Close(); err != nil {
		t.Errorf("close before the end: %v", err)
	}
	wantBody(t, f.store, "large.bin", body)
}

// times checks clocks roughly: the server may run on another machine.
func times(t *testing.T, f *fixture) {
	plausible := func(what string, at time.Time, zero bool) {
		t.Helper()
		if at.IsZero() && zero {
			return
		}
		if off := time.Since(at).Abs(); off > 10*time.Minute {
			t.Errorf("%s is %v, which is %v off", what, at, off)
		}
	}
	info := put(t, f.store, "page.html", "hello", page)
	plausible("the Date of Put", info.Date, true)
	got := get(t, f.store, "page.html")
	plausible("the Date of Get", got.Date, true)
	plausible("Modified of Get", got.Modified, false)
	seen := listed(t, f.store, "")
	plausible("Modified of List", seen[0].Modified, false)
	if d := got.Modified.Sub(seen[0].Modified).Abs(); d >= time.Second {
		t.Errorf("Modified of Get and List differ by %v", d)
	}
}

func deletes(t *testing.T, f *fixture) {
	for _, key := range []string{"a", "b", "c/d", "c/e"} {
		put(t, f.store, key, key, page)
	}
	if err := f.store.Delete(t.Context()); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
	if err := f.store.Delete(t.Context(), "a", "missing", "c/d", "c", "missing/too", "c/d/below"); err != nil {
		t.Errorf("delete of present and missing keys: %v", err)
	}
	wantKeys(t, f.store, "", "b", "c/e")
	wantMissing(t, f.store, "a")
	if err := f.store.Delete(t.Context(), "a", "b", "c/e"); err != nil {
		t.Errorf("delete again: %v", err)
	}
	wantKeys(t, f.store, "")
	put(t, f.store, "a", "again", page)
	put(t, f.store, "c/d", "again", page)
	wantKeys(t, f.store, "", "a", "c/d")
}

// deleteReports checks that one bad key spoils nothing for the others.
func deleteReports(t *testing.T, f *fixture) {
	bad := strings.Repeat("k", storage.MaxKeyBytes+1)
	put(t, f.store, "a", "a", page)
	put(t, f.store, "b", "b", page)
	err := f.store.Delete(t.Context(), "a", bad, "/absolute", "b")
	failed := map[string]bool{}
	for _, err := range unjoin(err) {
		wantError(t, err, storage.ErrInvalidKey, "delete", bad, "/absolute")
		var e *storage.Error
		if errors.As(err, &e) {
			failed[e.Key] = true
		}
	}
	if len(failed) != 2 {
		t.Errorf("two keys cannot be deleted, the error is %v", err)
	}
	wantKeys(t, f.store, "")
}

// unjoin returns all errors that are joined in err, in any depth.
func unjoin(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, err := range joined.Unwrap() {
		all = append(all, unjoin(err)...)
	}
	return all
}

func missingBucket(t *testing.T, f *fixture) {
	s := storage.Prefixed(f.NoBucket(t), f.prefix)
	_, getErr := s.Get(t.Context(), "page.html")
	var listErr error
	for _, listErr = range s.List(t.Context(), "docs/") {
	}
	if deviates(t, f.CreatesBucket) {
		wantError(t, getErr, storage.ErrNotExist, "get", "page.html")
		if listErr != nil {
			t.Errorf("list: %v", listErr)
		}
		if err := s.Delete(t.Context(), "page.html"); err != nil {
			t.Errorf("delete: %v", err)
		}
		put(t, s, "page.html", "hello", page)
		wantKeys(t, s, "", "page.html")
		return
	}
	wantError(t, getErr, storage.ErrNoBucket, "get", "page.html")
	wantError(t, listErr, storage.ErrNoBucket, "list", "docs/", "")
	_, err := s.Put(t.Context(), "page.html", storage.Bytes([]byte("x")), page, storage.Condition{})
	wantError(t, err, storage.ErrNoBucket, "put", "page.html")
	err = s.Delete(t.Context(), "page.html")
	wantError(t, err, storage.ErrNoBucket, "delete", "page.html", "")
	_, err = s.Put(t.Context(), "page.html", storage.Bytes([]byte("x")), page, storage.Condition{ETag: "stale"})
	wantError(t, err, storage.ErrNoBucket, "put", "page.html")
}
