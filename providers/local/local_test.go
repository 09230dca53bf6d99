package local_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/providers/local"
)

var page = storage.Headers{storage.ContentType: "text/html; charset=utf-8"}

func put(t *testing.T, s storage.Store, key, body string) storage.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, storage.Bytes([]byte(body)), page, storage.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func get(t *testing.T, s storage.Store, key string) (storage.Info, string) {
	t.Helper()
	o, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	body, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	return o.Info, string(body)
}

func keys(t *testing.T, s storage.Store) []string {
	t.Helper()
	all := []string{}
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Key)
	}
	return all
}

// files returns all files below dir, with slashes.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all := []string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t *testing.T, name, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(body), 0o666); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}

func TestNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	for _, dir := range []string{"", file, filepath.Join(file, "below")} {
		if _, err := local.New(dir); err == nil {
			t.Errorf("a store in %q", dir)
		}
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, dir)
	if _, err := s.Get(t.Context(), "x"); !errors.Is(err, storage.ErrNotExist) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Errorf("reading made the directory")
	}
}

func TestKeysThatLeadOut(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "root")
	s := open(t, dir)
	put(t, s, "there", "there")
	write(t, filepath.Join(outside, "secret"), "secret")
	for _, key := range []string{
		"..", "../secret", "a/../../secret", "a/..", ".", "./there", "a/./b", "a//b", "a/", "/etc/passwd", "\x00",
		".pandastack-meta", ".pandastack-meta/lock", ".PandaStack-Meta/lock", "sub/.pandastack-meta/x", ".pandastack-meta/tmp/x",
	} {
		_, err := s.Get(t.Context(), key)
		wantError(t, err, storage.ErrInvalidKey)
		_, err = s.Put(t.Context(), key, storage.Bytes(nil), nil, storage.Condition{})
		wantError(t, err, storage.ErrInvalidKey)
		wantError(t, s.Delete(t.Context(), key), storage.ErrInvalidKey)
		_, err = s.Copy(t.Context(), storage.CopySource{Key: key}, "copy", nil)
		wantError(t, err, storage.ErrInvalidKey)
		_, err = s.Copy(t.Context(), storage.CopySource{Key: "there"}, key, nil)
		wantError(t, err, storage.ErrInvalidKey)
	}
	for _, prefix := range []string{"../", "../s", "/", "//", "./", "a/../", ".pandastack-meta/", ".pandastack-meta/objects/"} {
		for info, err := range s.List(t.Context(), prefix) {
			t.Errorf("%q lists %q, %v", prefix, info.Key, err)
		}
	}
	if got := keys(t, s); !slices.Equal(got, []string{"there"}) {
		t.Errorf("listed %q", got)
	}
}

// Any static file server can serve the directory.
func TestFilesAreServable(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "docs/über page.html", "<p>hello")
	srv := httptest.NewServer(http.FileServer(http.Dir(s.Dir())))
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/docs/%C3%BCber%20page.html")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(body) != "<p>hello" {
		t.Errorf("%s %q", resp.Status, body)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	write(t, plain, "")
	want, err1 := os.Stat(plain)
	got, err2 := os.Stat(filepath.Join(s.Dir(), "docs", "über page.html"))
	if err1 != nil || err2 != nil || got.Mode() != want.Mode() {
		t.Errorf("the file has the mode %v, others get %v", got.Mode(), want.Mode())
	}
}

func TestETagChangesWithEveryWrite(t *testing.T) {
	s := open(t, t.TempDir())
	seen := map[string]bool{}
	for range 20 {
		seen[put(t, s, "head", "same").ETag] = true
	}
	for range 20 {
		info, err := s.Copy(t.Context(), storage.CopySource{Key: "head"}, "head", page)
		if err != nil {
			t.Fatal(err)
		}
		seen[info.ETag] = true
	}
	if len(seen) != 40 {
		t.Errorf("40 writes had %d ETags", len(seen))
	}
}

// Nothing piles up beside the objects.
func TestLeavesNothingBehind(t *testing.T) {
	s := open(t, t.TempDir())
	for _, body := range []string{"one", "two", "three", "four"} {
		put(t, s, "a/b/c.html", body)
		put(t, s, "a/b/d.html", "same size")
		put(t, s, "e.html", body)
	}
	changed := storage.Bytes([]byte("x"))
	changed.SHA256[0] ^= 1
	_, err := s.Put(t.Context(), "a/b/c.html", changed, nil, storage.Condition{})
	wantError(t, err, storage.ErrModified)
	_, err = s.Put(t.Context(), "a/b/c.html", storage.Bytes(nil), nil, storage.Condition{Absent: true})
	wantError(t, err, storage.ErrPrecondition)
	var meta []string
	for _, name := range files(t, s.Dir()) {
		if strings.HasPrefix(name, ".pandastack-meta/") {
			meta = append(meta, name)
		}
	}
	if len(meta) != 4 {
		t.Errorf("three objects need three records and a lock; there are %q", meta)
	}
	if err := s.Delete(t.Context(), "a/b/c.html", "a/b/d.html", "e.html"); err != nil {
		t.Fatal(err)
	}
	if got := files(t, s.Dir()); !slices.Equal(got, []string{".pandastack-meta/lock"}) {
		t.Errorf("after all objects were deleted there are %q", got)
	}
	if _, err := os.Stat(filepath.Join(s.Dir(), "a")); err == nil {
		t.Errorf("an empty folder is left")
	}
}

func TestRemovesAbandonedFiles(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, ".pandastack-meta/tmp/old"), filepath.Join(dir, ".pandastack-meta/tmp/fresh")
	write(t, old, "killed while it was written")
	write(t, fresh, "being written by another process")
	past := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, dir), "page.html", "page")
	if _, err := os.Stat(old); err == nil {
		t.Errorf("what a killed process left is still there after a day")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("what another process may be writing is gone")
	}
}

func TestDamagedRecordIsNone(t *testing.T) {
	s := open(t, t.TempDir())
	info := put(t, s, "page.html", "page")
	records, err := filepath.Glob(filepath.Join(s.Dir(), ".pandastack-meta/objects/*/*"))
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	for _, text := range []string{"", "{", "[]", `{"key":"other","etag":"` + info.ETag + `"}`, `{"key":"page.html"}`} {
		write(t, records[0], text)
		if got, body := get(t, s, "page.html"); got.ETag == info.ETag || body != "page" {
			t.Errorf("with the record %q: %q, %q", text, got.ETag, body)
		}
	}
}

func TestEmptyFoldersAreNoObjects(t *testing.T) {
	s := open(t, t.TempDir())
	if err := os.MkdirAll(filepath.Join(s.Dir(), "about"), 0o777); err != nil {
		t.Fatal(err)
	}
	put(t, s, "about", "a file in place of an empty folder")
	if got := keys(t, s); !slices.Equal(got, []string{"about"}) {
		t.Errorf("listed %q", got)
	}
}

func TestCollisionsSayWhy(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "about", "x")
	put(t, s, "docs/page", "x")
	for key, want := range map[string]string{
		"about/index.html": "put about/index.html: the provider cannot store this key: about is a file, so it cannot also be a folder",
		"docs":             "put docs: the provider cannot store this key: it is a folder, so it cannot also be a file",
	} {
		_, err := s.Put(t.Context(), key, storage.Bytes(nil), nil, storage.Condition{})
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func TestDirectoryThatComesAndGoes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "site"))
	for range 2 {
		put(t, s, "page.html", "page")
		if _, body := get(t, open(t, s.Dir()), "page.html"); body != "page" {
			t.Errorf("got %q", body)
		}
		if err := os.RemoveAll(s.Dir()); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(t.Context(), "page.html")
		wantError(t, err, storage.ErrNotExist)
	}
}

func TestCopyBetweenDirectories(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	src := put(t, a, "x/page.html", "page")
	from := storage.CopySource{Store: storage.Prefixed(a, "x/"), Key: "page.html", ETag: src.ETag, Size: 4}
	if _, err := b.Copy(t.Context(), from, "copy.html", nil); err != nil {
		t.Fatal(err)
	}
	if info, body := get(t, b, "copy.html"); body != "page" || len(info.Headers) > 0 {
		t.Errorf("%q, %v", body, info.Headers)
	}
}
