package storagetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// list checks byte order where that of folders and that of characters differ.
func list(t *testing.T, f *fixture) {
	wantKeys(t, f.store, "")
	keys := []string{
		"a-b", "a.html", "a/b", "a/b-c/d", "a/b.c", "a/b0", "a0", "aB", "ab", "A", "Z", "z", "é", "~", "_", "0", "10", "9",
		"\uffee", "\U0001F43C", // UTF-16 would have these the other way round
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return f.FoldsCase != "" && (key == "aB" || key == "Z") })
	for _, key := range keys {
		put(t, f.store, key, key, page)
	}
	slices.Sort(keys)
	wantKeys(t, f.store, "", keys...)
	all := f.store.List(t.Context(), "")
	for range 2 { // a sequence can be used again
		n := 0
		for info, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			if info.Size != int64(len(info.Key)) || info.ETag == "" || info.Modified.IsZero() {
				t.Errorf("listed without all that belongs to it: %+v", info)
			}
			n++
		}
		if n != len(keys) {
			t.Errorf("listed %d of %d", n, len(keys))
		}
	}
}

func listByPrefix(t *testing.T, f *fixture) {
	for _, key := range []string{"blog/a.html", "blog/post/b.html", "blog-old/c.html", "blog.html", "blogs/d.html", "x/blog/e.html"} {
		put(t, f.store, key, key, page)
	}
	wantKeys(t, f.store, "blog/", "blog/a.html", "blog/post/b.html")
	wantKeys(t, f.store, "blog", "blog-old/c.html", "blog.html", "blog/a.html", "blog/post/b.html", "blogs/d.html")
	wantKeys(t, f.store, "blog/p", "blog/post/b.html")
	wantKeys(t, f.store, "blog/post/b.html", "blog/post/b.html")
	wantKeys(t, f.store, "blog/post/b.html/")
	wantKeys(t, f.store, "blog//")
	wantKeys(t, f.store, "log/")
	wantKeys(t, f.store, "missing/folder/")
	wantKeys(t, f.store, "/")
	wantKeys(t, f.store, "../")
}

// many is one more than what S3 lists or deletes at once.
const many = 1001

func listMany(t *testing.T, f *fixture) {
	keys := make([]string, many)
	for i := range keys {
		keys[i] = fmt.Sprintf("assets/%d/%d.js", i%7, i)
	}
	putAll(t, f.store, keys)
	put(t, f.store, "kept.html", "kept", page)
	slices.Sort(keys)
	wantKeys(t, f.store, "assets/", keys...)
	wantKeys(t, f.store, "", append(slices.Clone(keys), "kept.html")...)
	if err := f.store.Delete(t.Context(), keys...); err != nil {
		t.Fatalf("delete %d keys: %v", many, err)
	}
	wantKeys(t, f.store, "", "kept.html")
}

// putAll puts small objects, several at a time.
func putAll(t *testing.T, s storage.Store, keys []string) {
	t.Helper()
	todo := make(chan string)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for key := range todo {
				if _, err := s.Put(t.Context(), key, storage.Bytes([]byte("x")), page, storage.Condition{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, key := range keys {
		todo <- key
	}
	close(todo)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

func listStops(t *testing.T, f *fixture) {
	putAll(t, f.store, []string{"a", "b", "c/d", "e"})
	var seen []string
	for info, err := range f.store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, info.Key); info.Key == "c/d" {
			break
		}
	}
	if !slices.Equal(seen, []string{"a", "b", "c/d"}) {
		t.Errorf("listed %q before the stop", seen)
	}
}
