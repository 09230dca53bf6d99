package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// tree writes files, by path, below a new directory and returns its name. A
// value "-> target" makes a symbolic link, a path with a slash at its end a
// directory.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, dir, files)
	return dir
}

func fill(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for _, p := range slices.Sorted(maps.Keys(files)) {
		name := filepath.Join(dir, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(files[p], "-> "); ok {
			err = os.Symlink(target, name)
		} else if strings.HasSuffix(p, "/") {
			err = os.MkdirAll(name, 0o755)
		} else {
			err = os.WriteFile(name, []byte(files[p]), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func paths(files []File) []string {
	var ps []string
	for _, f := range files {
		ps = append(ps, f.Path)
	}
	return ps
}

// words makes a list of paths easy to write.
func words(s string) []string { return strings.Fields(s) }

func TestScan(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", bufferSize/8) // two buffers
	want := map[string]string{
		"index.html": "<p>", "a/b/c.css": "p{}", "empty.txt": "", "about": "<!doctype html>" + big,
		"a b/é+%?#.js": "1", ".well-known/security.txt": "Contact:", ".nojekyll": "", "a-b": "x",
	}
	dir := tree(t, want)
	var calls int
	var lastFiles int
	var lastBytes int64
	files, err := Scan(t.Context(), Options{Dir: dir, Progress: func(n int, b int64) {
		calls++
		if n != calls || b < lastBytes {
			t.Errorf("progress went from %d files, %d bytes to %d, %d", lastFiles, lastBytes, n, b)
		}
		lastFiles, lastBytes = n, b
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := paths(files), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
		t.Fatalf("got %q\nwant %q", got, want)
	}
	var total int64
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Source))
		if err != nil {
			t.Fatal(err)
		}
		if unsafe.StringData(f.Source) != unsafe.StringData(f.Path) {
			t.Errorf("%s and %s are two strings", f.Path, f.Source)
		}
		if string(b) != want[f.Path] || f.Size != int64(len(b)) || f.SHA256 != sha256.Sum256(b) {
			t.Errorf("%s: wrong source, size or digest", f.Path)
		}
		if f.Path == "about" && f.Headers[storage.ContentType] != "text/html; charset=utf-8" {
			t.Errorf("the type of %s is not that of its beginning: %v", f.Path, f.Headers)
		}
		if f.Headers[storage.ContentType] == "" || f.Headers[storage.CacheControl] == "" {
			t.Errorf("%s: headers %v", f.Path, f.Headers)
		}
		total += f.Size
	}
	if calls != len(files) || lastBytes != total {
		t.Errorf("progress told %d files, %d bytes, of %d, %d", calls, lastBytes, len(files), total)
	}
}

func TestScanOutput(t *testing.T) {
	dir := tree(t, map[string]string{"file": "x", "empty/": "", "ignored/a.map": "", "ignored/b/c.map": "", "ignored/.DS_Store": ""})
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		dir, want, hint string
		ignore          []string
		is              error
	}{
		{at("none"), "the output directory does not exist: " + at("none"), `Run the build first, or set "outputDir" to the directory that the build writes.`, nil, ErrNoOutput},
		{at("file"), "the output is not a directory: " + at("file"), `Run the build first, or set "outputDir" to the directory that the build writes.`, nil, ErrNotDir},
		{at("empty"), "the output directory holds nothing to publish: " + at("empty"), `Run the build first, or set "outputDir" to the directory that the build writes.`, nil, ErrEmptyOutput},
		{at("ignored"), "the output directory holds nothing to publish: " + at("ignored") + " (3 entries are ignored)", `Check the patterns in "ignore": they leave out everything that the build wrote.`, []string{"*.map"}, ErrEmptyOutput},
		{at("ignored"), "the output directory holds nothing to publish: " + at("ignored") + " (3 entries are ignored)", `Check the patterns in "ignore": they leave out everything that the build wrote.`, []string{"b/", "a.*"}, ErrEmptyOutput},
	} {
		_, err := Scan(t.Context(), Options{Dir: c.dir, Ignore: c.ignore})
		var oe *OutputError
		if !errors.Is(err, c.is) || !errors.As(err, &oe) {
			t.Errorf("%s: %v, want %v", c.dir, err, c.is)
			continue
		}
		if err.Error() != c.want || oe.Hint() != c.hint {
			t.Errorf("got  %s\nhint %s\nwant %s\nhint %s", err, oe.Hint(), c.want, c.hint)
		}
	}
	if _, err := Scan(t.Context(), Options{Dir: "dist"}); err == nil {
		t.Error("a relative directory is accepted")
	}
}

// A file that goes between the walk and its turn fails the scan: the build, or
// someone else, still writes.
func TestScanVanished(t *testing.T) {
	dir := tree(t, map[string]string{"a": "x"})
	s, _, err := prepare(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.jobs <- job{path: "gone", source: filepath.Join(dir, "gone")}
	close(s.jobs)
	if err := s.work(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestScanCancelled(t *testing.T) {
	files := map[string]string{}
	for i := range 500 {
		files[fmt.Sprintf("%d/%d.txt", i%7, i)] = "x"
	}
	dir := tree(t, files)
	before, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scan(before, Options{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	during, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen atomic.Int64
	_, err := Scan(during, Options{Dir: dir, Workers: 2, Progress: func(n int, _ int64) {
		seen.Store(int64(n))
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || seen.Load() > 10 {
		t.Errorf("cancelled at the first file: %v after %d files", err, seen.Load())
	}
}

// A file that is appended to meanwhile.
func TestHashSizeIsWhatWasHashed(t *testing.T) {
	dir := tree(t, map[string]string{"log": strings.Repeat("x", 1<<20)})
	name := filepath.Join(dir, "log")
	w, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if _, err := fmt.Fprintf(w, "%d\n", i); err != nil {
					return
				}
			}
		}
	}()
	var f File
	_, err = f.hash(t.Context(), name, make([]byte, 1<<10), make([]byte, HeadSize))
	close(stop)
	<-stopped
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if f.Size > int64(len(b)) || f.SHA256 != sha256.Sum256(b[:f.Size]) {
		t.Errorf("the digest is not that of the first %d bytes", f.Size)
	}
}

func TestScanNFC(t *testing.T) {
	nfd, nfc := "cafe\u0301", "caf\u00e9"
	dir := tree(t, map[string]string{nfd + "/e\u0301.html": "x"})
	files, err := Scan(t.Context(), Options{Dir: dir, Headers: []HeaderRule{
		{Source: nfd + "/*", Headers: storage.Headers{"X-Amz-Meta-A": "1"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if files[0].Path != nfc+"/\u00e9.html" || files[0].Headers["X-Amz-Meta-A"] != "1" {
		t.Errorf("got %+q %v", files[0].Path, files[0].Headers)
	}
	if _, err := os.Stat(filepath.Join(dir, files[0].Source)); err != nil {
		t.Error(err)
	}

	// Directories may merge, files may not.
	dir = tree(t, map[string]string{nfd + "/a": "1", nfc + "/b": "2"})
	files, err = Scan(t.Context(), Options{Dir: dir})
	if err != nil || !slices.Equal(paths(files), []string{nfc + "/a", nfc + "/b"}) {
		t.Errorf("merged: %+q, %v", paths(files), err)
	}
	dir = tree(t, map[string]string{nfd + "/a": "1", nfc + "/a": "2"})
	want := "refused to publish café/a: two files on disk have this name in Unicode NFC, " +
		`"cafe\u0301/a" and "caf\u00e9/a": rename or remove one`
	if _, err := Scan(t.Context(), Options{Dir: dir}); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}

	dir = tree(t, map[string]string{nfd: "1", nfc + "/a": "2"})
	want = "refused to publish café: this storage cannot hold it beside café/a"
	if _, err := Scan(t.Context(), Options{Dir: dir}); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if files, err := Scan(t.Context(), Options{Dir: dir, MixedPaths: true}); err != nil || len(files) != 2 {
		t.Errorf("mixed paths: %v, %v", paths(files), err)
	}
}

// Any tree of plain names comes back whole, whatever the number of workers.
func TestScanProperty(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c.html", "d.js", ".e", "é", "z z", "A"})
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{}
		for _, segs := range rapid.SliceOfN(rapid.SliceOfN(name, 1, 4), 1, 12).Draw(t, "paths") {
			want[strings.Join(segs, "/")] = rapid.StringN(0, 20, -1).Draw(t, "content")
		}
		for _, c := range Collisions(slices.Collect(maps.Keys(want))) {
			delete(want, c.Path)
		}
		dir, err := os.MkdirTemp("", "scan")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		for p, s := range want {
			full := filepath.Join(dir, p)
			if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(s), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		files, err := Scan(context.Background(), Options{Dir: dir, Workers: rapid.IntRange(0, 4).Draw(t, "workers")})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, f := range files {
			got[f.Path] = want[f.Path]
			if f.SHA256 != sha256.Sum256([]byte(want[f.Path])) {
				t.Fatalf("%s: wrong digest", f.Path)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || !slices.IsSorted(paths(files)) {
			t.Fatalf("wrong files or order: %s", diff)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	const files, size = 2000, 16 << 10
	content := bytes.Repeat([]byte("<p>0123456789</p>\n"), size/18)
	for i := range files {
		name := filepath.Join(dir, fmt.Sprint(i%50), fmt.Sprintf("page-%d.html", i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content, 0o644)); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(files * int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := Scan(b.Context(), Options{Dir: dir}); err != nil || len(got) != files {
			b.Fatal(len(got), err)
		}
	}
}
