package storagetest

import (
	"context"
	"iter"
	"maps"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

func copies(t *testing.T, f *fixture) {
	c := f.copier(t)
	if c == nil {
		return
	}
	src := put(t, f.store, "a.css", "body", every)
	old := put(t, f.store, "dir/b.css", "old and longer", every)
	for _, key := range []string{"new.css", "dir/b.css"} {
		info, err := c.Copy(t.Context(), storage.CopySource{Key: "a.css", Size: 4}, key, page)
		if err != nil {
			t.Fatal(err)
		}
		if info.Key != key || info.ETag == "" {
			t.Errorf("Copy returned %+v", info)
		}
		if got := get(t, f.store, key); got.body != "body" || got.ETag != info.ETag || got.ETag == old.ETag {
			t.Errorf("the copy holds %q with ETag %q, Copy returned %q", got.body, got.ETag, info.ETag)
		}
		wantHeaders(t, f.store, key, page) // none of the source's or the old ones
	}
	if got := get(t, f.store, "a.css"); got.ETag != src.ETag || !got.Headers.Equal(every) {
		t.Errorf("the source was changed")
	}
	if _, err := c.Copy(t.Context(), storage.CopySource{Key: "a.css", ETag: src.ETag, Size: 4}, "all.css", every); err != nil {
		t.Fatal(err)
	}
	wantHeaders(t, f.store, "all.css", every)
	wantKeys(t, f.store, "", "a.css", "all.css", "dir/b.css", "new.css")
}

// copyOntoItself is how headers are changed without an upload.
func copyOntoItself(t *testing.T, f *fixture) {
	c := f.copier(t)
	if c == nil {
		return
	}
	old := put(t, f.store, "page.html", "body", every)
	info, err := c.Copy(t.Context(), storage.CopySource{Key: "page.html", ETag: old.ETag, Size: 4}, "page.html", page)
	if err != nil {
		t.Fatal(err)
	}
	got := get(t, f.store, "page.html")
	if deviates(t, f.SelfCopyKeeps) {
		if len(got.Headers) <= len(page) {
			t.Errorf("nothing was kept: the harness has an old exception")
		}
		maps.DeleteFunc(got.Headers, func(name, _ string) bool { return page[name] == "" })
	}
	if got.body != "body" || got.ETag != info.ETag || !got.Headers.Equal(page) {
		t.Errorf("got %q, %v with ETag %q, Copy returned %q", got.body, got.Headers, got.ETag, info.ETag)
	}
	if _, err := f.store.Put(t.Context(), "page.html", storage.Bytes([]byte("next")), page, storage.Condition{ETag: info.ETag}); err != nil {
		t.Errorf("update with the ETag that Copy returned: %v", err)
	}
}

func copyGuarded(t *testing.T, f *fixture) {
	c := f.copier(t)
	if c == nil {
		return
	}
	stale := put(t, f.store, "a", "first", every)
	current := put(t, f.store, "a", "second", every)
	before := put(t, f.store, "b", "before", page)
	for _, key := range []string{"b", "new", "a"} {
		_, err := c.Copy(t.Context(), storage.CopySource{Key: "a", ETag: stale.ETag, Size: 5}, key, page)
		wantError(t, err, storage.ErrPrecondition, "copy", key, "a")
	}
	wantMissing(t, f.store, "new")
	if got := get(t, f.store, "b"); got.ETag != before.ETag || got.body != "before" {
		t.Errorf("a refused copy left %q", got.body)
	}
	if got := get(t, f.store, "a"); got.ETag != current.ETag || !got.Headers.Equal(every) {
		t.Errorf("a refused copy changed its source")
	}
	if _, err := c.Copy(t.Context(), storage.CopySource{Key: "a", ETag: current.ETag, Size: 6}, "b", page); err != nil {
		t.Error(err)
	}
	wantBody(t, f.store, "b", []byte("second"))
}

func copyMissing(t *testing.T, f *fixture) {
	c := f.copier(t)
	if c == nil {
		return
	}
	for _, etag := range []string{"", "d41d8cd98f00b204e9800998ecf8427e"} {
		_, err := c.Copy(t.Context(), storage.CopySource{Key: "missing", ETag: etag}, "copy", page)
		wantError(t, err, storage.ErrNotExist, "copy", "copy", "missing")
		_, err = c.Copy(t.Context(), storage.CopySource{Key: "missing", ETag: etag}, "missing", page)
		wantError(t, err, storage.ErrNotExist, "copy", "missing")
	}
	wantKeys(t, f.store, "")
	put(t, f.store, "a", "a", page)
	_, err := c.Copy(t.Context(), storage.CopySource{Key: "a"}, "/absolute", page)
	wantError(t, err, storage.ErrInvalidKey, "copy", "/absolute")
	_, err = c.Copy(t.Context(), storage.CopySource{Key: "/absolute"}, "a", page)
	wantError(t, err, storage.ErrInvalidKey, "copy", "a", "/absolute")
}

func copyOddKeys(t *testing.T, f *fixture) {
	c := f.copier(t)
	if c == nil {
		return
	}
	for i, key := range odd {
		put(t, f.store, key, key, every)
		to := "copy/" + odd[len(odd)-1-i]
		if len(to) > 1000 {
			to = to[:1000]
		}
		if _, err := c.Copy(t.Context(), storage.CopySource{Key: key, Size: int64(len(key))}, to, page); err != nil {
			t.Error(err)
			continue
		}
		if got := get(t, f.store, to); got.body != key || !got.Headers.Equal(page) {
			t.Errorf("the copy of %q at %q holds %q, %v", key, to, got.body, got.Headers)
		}
	}
}

func copyLarge(t *testing.T, f *fixture) {
	c := f.copier(t)
	if c == nil {
		return
	}
	body := content(large, 4)
	src := put(t, f.store, "large.bin", string(body), every)
	from := storage.CopySource{Key: "large.bin", ETag: src.ETag, Size: large}
	for _, key := range []string{"copy.bin", "large.bin"} {
		info, err := c.Copy(t.Context(), from, key, page)
		if err != nil {
			t.Fatal(err)
		}
		if got := wantBody(t, f.store, key, body); got.ETag != info.ETag || !got.Headers.Equal(page) {
			t.Errorf("the copy has %v and ETag %q, Copy returned %q", got.Headers, got.ETag, info.ETag)
		}
	}
}

// copyBetweenPrefixes names the source in every way that a caller can.
func copyBetweenPrefixes(t *testing.T, f *fixture) {
	if f.copier(t) == nil {
		return
	}
	one := storage.Prefixed(f.store, "one")
	two := storage.Prefixed(f.store, "two/nested/")
	src := put(t, one, "a.txt", "in one", every)
	full := f.prefix + "one/a.txt"
	put(t, two, "a.txt", "in two", every)

	for name, tc := range map[string]struct {
		to   storage.Store
		from storage.CopySource
		want string
	}{
		"itself":          {one, storage.CopySource{Key: "a.txt"}, "in one"},
		"itself, named":   {one, storage.CopySource{Store: one, Key: "a.txt"}, "in one"},
		"another prefix":  {two, storage.CopySource{Store: one, Key: "a.txt"}, "in one"},
		"the same key":    {one, storage.CopySource{Store: two, Key: "a.txt"}, "in two"},
		"the whole store": {two, storage.CopySource{Store: f.bare, Key: full}, "in one"},
		"a prefix":        {f.bare, storage.CopySource{Store: one, Key: "a.txt"}, "in one"},
		"the outer one":   {one, storage.CopySource{Store: f.store, Key: "one/a.txt"}, "in one"},
	} {
		to := tc.to.(storage.Copier)
		info, err := to.Copy(t.Context(), tc.from, "copy.txt", page)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := get(t, tc.to, "copy.txt"); got.body != tc.want || got.ETag != info.ETag || info.Key != "copy.txt" {
			t.Errorf("%s: copied %q with the key %q", name, got.body, info.Key)
		}
		missing := tc.from
		missing.Key += ".missing"
		_, err = to.Copy(t.Context(), missing, "copy.txt", page)
		wantError(t, err, storage.ErrNotExist, "copy", "copy.txt", missing.Key)
		if err := tc.to.Delete(t.Context(), "copy.txt"); err != nil {
			t.Error(err)
		}
	}
	if got := get(t, one, "a.txt"); got.ETag != src.ETag {
		t.Errorf("the source was changed")
	}
}

func copyFromElsewhere(t *testing.T, f *fixture) {
	c := f.copier(t)
	if c == nil {
		return
	}
	for _, other := range []storage.Store{unknown{}, storage.Prefixed(unknown{}, "a/")} {
		_, err := c.Copy(t.Context(), storage.CopySource{Store: other, Key: "page.html"}, "copy.html", page)
		wantError(t, err, storage.ErrUnsupported, "copy", "copy.html", "page.html")
	}
	wantKeys(t, f.store, "")
}

// unknown is a store of a provider that no other knows.
type unknown struct{}

func (unknown) Get(context.Context, string) (*storage.Object, error) { panic("read by a copy") }

func (unknown) Put(context.Context, string, storage.Source, storage.Headers, storage.Condition) (storage.Info, error) {
	panic("written by a copy")
}

func (unknown) Delete(context.Context, ...string) error { panic("emptied by a copy") }

func (unknown) List(context.Context, string) iter.Seq2[storage.Info, error] {
	panic("listed by a copy")
}
