package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

func TestCheckSegment(t *testing.T) {
	for _, tc := range []struct {
		segment, goos string
		ok            bool
	}{
		{"page.html", "windows", true}, {"über", "windows", true}, {".well-known", "windows", true},
		{"a:b", "linux", true}, {"a:b", "windows", false},
		{"a?", "linux", true}, {"a?", "windows", false},
		{`a\b`, "darwin", true}, {`a\b`, "windows", false},
		{"dots...", "linux", true}, {"dots...", "windows", false},
		{"space ", "linux", true}, {"space ", "windows", false},
		{"tab\t", "linux", true}, {"tab\tx", "windows", false},
		{".pandastack", "linux", true}, {".pandastack-meta", "linux", false}, {".PANDASTACK-META", "windows", false},
	} {
		err := checkSegment(tc.segment, tc.goos)
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, storage.ErrInvalidKey) {
			t.Errorf("%q on %s: %v", tc.segment, tc.goos, err)
		}
	}
}

// folding answers like a file system that takes a for A.
func folding(root *os.Root) func(string) (fs.FileInfo, error) {
	return func(name string) (fs.FileInfo, error) {
		var found fs.FileInfo
		err := fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.EqualFold(path, name) {
				found, err = d.Info()
			}
			return err
		})
		if err == nil && found == nil {
			err = fs.ErrNotExist
		}
		return found, err
	}
}

func TestCheckExact(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "Docs", "api"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Docs", "About.html"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for key, want := range map[string]error{
		"Docs/About.html":   nil,
		"Docs/new.html":     nil,
		"new/About.html":    nil,
		"Docs/api/new":      nil,
		"Docs/about.html":   errOtherName,
		"docs/About.html":   errOtherName,
		"docs/new.html":     errOtherName,
		"Docs/API/new/page": errOtherName,
	} {
		if err := checkExact(root, key, folding(root)); err != want {
			t.Errorf("%s: %v, want %v", key, err, want)
		}
	}
}

// Two versions of one size, written within one tick of the clock, are told
// apart.
func TestDistinct(t *testing.T) {
	s, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root, err := s.openOrMake(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	at := time.Now().Add(-time.Minute)
	versions := [2]*staged{}
	for i := range versions {
		if versions[i], err = stage(root, func(*os.File) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := root.Chtimes(versions[i].name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	first, err1 := versions[0].distinct(nil)
	second, err2 := versions[1].distinct(first)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if !first.ModTime().Equal(at) || second.ModTime().Equal(at) || recordName("key", first) == recordName("key", second) {
		t.Errorf("times %v and %v", first.ModTime(), second.ModTime())
	}
	onDisk, err := root.Lstat(versions[1].name)
	if err != nil || !onDisk.ModTime().Equal(second.ModTime()) {
		t.Errorf("the file has the time %v, %v", onDisk.ModTime(), err)
	}
}

func TestTranslate(t *testing.T) {
	for errno, want := range map[syscall.Errno]error{
		syscall.ENOENT:       storage.ErrNotExist,
		syscall.ENOTDIR:      storage.ErrNotExist,
		syscall.EACCES:       storage.ErrDenied,
		syscall.EPERM:        storage.ErrDenied,
		syscall.ENAMETOOLONG: storage.ErrInvalidKey,
		syscall.EILSEQ:       storage.ErrInvalidKey,
		syscall.ENOSPC:       syscall.ENOSPC,
		syscall.EIO:          syscall.EIO,
	} {
		if err := translate(&fs.PathError{Op: "open", Path: "x", Err: errno}); !errors.Is(err, want) {
			t.Errorf("%v became %v, want %v", errno, err, want)
		}
	}
	if translate(nil) != nil {
		t.Error("no error became one")
	}
}

// A copy is of one version of the file, or fails.
func TestCopyVersion(t *testing.T) {
	for name, tc := range map[string]struct {
		edit     func(file string) error
		canceled bool
		want     error
	}{
		"nothing happens": {edit: func(string) error { return nil }},
		"edited": {edit: func(file string) error {
			return os.Chtimes(file, time.Time{}, time.Now().Add(time.Second))
		}, want: storage.ErrModified},
		"shorter":  {edit: func(file string) error { return os.Truncate(file, 3) }, want: storage.ErrModified},
		"canceled": {edit: func(string) error { return nil }, canceled: true, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			source := filepath.Join(dir, "source")
			if err := os.WriteFile(source, []byte("content"), 0o666); err != nil {
				t.Fatal(err)
			}
			from, err1 := os.Open(source)
			to, err2 := os.Create(filepath.Join(dir, "copy"))
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			defer to.Close()
			info, err := from.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.edit(source); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.canceled {
				cancel()
			}
			err = copyVersion(ctx, to, from, version{size: info.Size(), modified: info.ModTime()})
			if !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, want %v", err, tc.want)
			}
		})
	}
}
