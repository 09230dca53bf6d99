package storagetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// odd lists keys that are easily damaged on their way: by URL encoding, once
// too often or too rarely, by signing, by XML, by a shell or a file system.
var odd = []string{
	"with space.txt", " leading space.txt", "two  spaces.txt", "dir with space/a b.txt",
	"plus+plus.txt", "percent%.txt", "encoded%20space.txt", "encoded%2Fslash.txt", "%41.txt",
	"query?.txt", "query?a=b&c=d.txt", "fragment#.txt", "amp&ersand.txt", "amp&amp;.txt", "equals=.txt",
	"tilde~.txt", "at@.txt", "bang!.txt", "apostrophe'.txt", "paren(theses).txt", "star*.txt",
	`double"quote.txt`, "semi;colon.txt", "colon:.txt", "comma,.txt", "dollar$.txt",
	"[brackets].txt", "{braces}.txt", "back`tick.txt", "pipe|.txt", "caret^.txt", "less<more>.txt",
	".well-known/acme-challenge/token", ".hidden", "..two dots", "dots...", "-dash", "_under_",
	"über/straße.html", "日本語/ページ.html", "עברית.html", "emoji-\U0001F43C.html",
	"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p.txt",
	longKey(),
}

// longKey returns a key of 1,000 bytes less those of the prefix that tests use,
// in segments that a file system can hold.
func longKey() string {
	const n = 1000
	return strings.TrimSuffix(strings.Repeat(strings.Repeat("k", 99)+"/", n/100), "/") + "k"
}

func oddKeys(t *testing.T, f *fixture) {
	for _, key := range odd {
		put(t, f.store, key, "at "+key, page)
	}
	for _, key := range odd {
		if o := get(t, f.store, key); o.body != "at "+key || !o.Headers.Equal(page) {
			t.Errorf("%q holds %q, %v", key, o.body, o.Headers)
		}
		wantKeys(t, f.store, key, startingWith(odd, key)...)
	}
	wantKeys(t, f.store, "", startingWith(odd, "")...)
	for _, key := range odd {
		o := get(t, f.store, key)
		cond := storage.Condition{ETag: o.ETag}
		if _, err := f.store.Put(t.Context(), key, storage.Bytes([]byte("2")), page, cond); err != nil {
			t.Errorf("update: %v", err)
		}
	}
	half := len(odd) / 2
	if err := f.store.Delete(t.Context(), odd[:half]...); err != nil {
		t.Error(err)
	}
	wantKeys(t, f.store, "", startingWith(odd[half:], "")...)
	if err := f.store.Delete(t.Context(), odd[half:]...); err != nil {
		t.Error(err)
	}
	wantKeys(t, f.store, "")
}

// startingWith returns the keys with this prefix in byte order.
func startingWith(keys []string, prefix string) []string {
	var found []string
	for _, key := range keys {
		if strings.HasPrefix(key, prefix) {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	return found
}

func refusedKeys(t *testing.T, f *fixture) {
	for _, key := range []string{"", "/absolute", "not utf-8 \xff", strings.Repeat("k/", storage.MaxKeyBytes/2) + "k"} {
		_, err := f.store.Put(t.Context(), key, storage.Bytes([]byte("x")), page, storage.Condition{})
		wantError(t, err, storage.ErrInvalidKey, "put", key)
		_, err = f.store.Get(t.Context(), key)
		wantError(t, err, storage.ErrInvalidKey, "get", key)
		err = f.store.Delete(t.Context(), key)
		wantError(t, err, storage.ErrInvalidKey, "delete", key)
	}
	wantKeys(t, f.store, "")
}

func caseOfKeys(t *testing.T, f *fixture) {
	put(t, f.store, "docs/about.html", "lower", page)
	_, err := f.store.Get(t.Context(), "docs/About.html")
	wantError(t, err, storage.ErrNotExist, "get", "docs/About.html")
	_, err = f.store.Put(t.Context(), "docs/About.html", storage.Bytes([]byte("upper")), page, storage.Condition{})
	if deviates(t, f.FoldsCase) {
		wantError(t, err, storage.ErrInvalidKey, "put", "docs/About.html")
	} else if err != nil {
		t.Error(err)
	} else {
		wantBody(t, f.store, "docs/About.html", []byte("upper"))
	}
	if err := f.store.Delete(t.Context(), "docs/About.html", "DOCS/about.html"); err != nil {
		t.Error(err)
	}
	wantBody(t, f.store, "docs/about.html", []byte("lower"))
	wantKeys(t, f.store, "", "docs/about.html")
	wantKeys(t, f.store, "Docs/")
}

func collisions(t *testing.T, f *fixture) {
	for _, keys := range [][]string{{"about", "about/index.html"}, {"docs/a/b", "docs/a"}} {
		first, second := keys[0], keys[1]
		put(t, f.store, first, "first", page)
		_, err := f.store.Put(t.Context(), second, storage.Bytes([]byte("second")), page, storage.Condition{})
		if f.Collisions == CollisionsRefused {
			wantError(t, err, storage.ErrInvalidKey, "put", second)
			wantBody(t, f.store, first, []byte("first"))
			wantKeys(t, f.store, "", first)
		} else if err != nil {
			t.Errorf("beside %q: %v", first, err)
		}
		if f.Collisions == CollisionsHeld {
			wantBody(t, f.store, first, []byte("first"))
			wantBody(t, f.store, second, []byte("second"))
			wantKeys(t, f.store, "", startingWith(keys, "")...)
		}
		if n := len(listed(t, f.store, "")); f.Collisions == CollisionsBroken && n == 2 {
			t.Errorf("%q and %q are both listed: the harness has an old exception", first, second)
		}
		// One by one: a store that takes both may lose one if asked at once.
		for _, key := range keys {
			if err := f.store.Delete(t.Context(), key); err != nil {
				t.Error(err)
			}
		}
		wantKeys(t, f.store, "")
	}
}
