package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// lstatObject describes the file of key. Where that is missing, or no regular
// file, or has another name on disk, there is no such object: the error is
// storage.ErrNotExist.
func lstatObject(root *os.Root, key, name string) (fs.FileInfo, error) {
	if blockedBy(root, key) != "" {
		return nil, storage.ErrNotExist
	}
	file, err := root.Lstat(name)
	if err != nil {
		return nil, translate(err)
	}
	if !file.Mode().IsRegular() {
		return nil, storage.ErrNotExist
	}
	if foldsCase(root) && errors.Is(checkExact(root, key, root.Lstat), errOtherName) {
		return nil, storage.ErrNotExist
	}
	return file, nil
}

// makeWay makes the folder of key, and returns an error that wraps
// storage.ErrInvalidKey where something that is not an object is in the place
// of its file, or something that is not a folder in that of its folder.
func makeWay(root *os.Root, key, name string) error {
	if at := blockedBy(root, key); at != "" {
		return fmt.Errorf("%w: %s is a file, so it cannot also be a folder", storage.ErrInvalidKey, at)
	}
	file, err := root.Lstat(name)
	if err == nil && file.IsDir() && root.Remove(name) != nil { // an empty one may go
		return fmt.Errorf("%w: it is a folder, so it cannot also be a file", storage.ErrInvalidKey)
	}
	if err == nil && !file.IsDir() && !file.Mode().IsRegular() {
		return fmt.Errorf("%w: in its place is something that is neither a file nor a folder", storage.ErrInvalidKey)
	}
	if foldsCase(root) {
		if err := checkExact(root, key, root.Lstat); err != nil {
			return err
		}
	}
	if dir := path.Dir(key); dir != "." {
		return translate(root.MkdirAll(dir, 0o777))
	}
	return nil
}

// blockedBy returns the first part of key's path that is no folder, or "". A
// symbolic link is none, even to a folder: two keys would mean one file.
func blockedBy(root *os.Root, key string) string {
	for i, c := range key {
		if c != '/' {
			continue
		}
		info, err := root.Lstat(key[:i])
		if err != nil {
			return "" // nothing there, and so nothing below
		}
		if !info.IsDir() {
			return key[:i]
		}
	}
	return ""
}

// removeEmpty removes the folders above key that hold nothing any more.
func removeEmpty(root *os.Root, key string) {
	for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
		if root.Remove(dir) != nil {
			return
		}
	}
}

// errOtherName means that a file system which ignores case, or the form of
// accents, answers to a key with the file of another key.
var errOtherName = fmt.Errorf("%w: this file system takes it for a file whose name differs only in case or accents",
	storage.ErrInvalidKey)

// checkExact returns errOtherName where the file of key exists but any part of
// its path has another name on disk. What does not exist yet is fine.
func checkExact(root *os.Root, key string, lstat func(string) (fs.FileInfo, error)) error {
	dir := "."
	for segment := range strings.SplitSeq(key, "/") {
		at := path.Join(dir, segment)
		if _, err := lstat(at); err != nil {
			return nil // nothing there, and so nothing below
		}
		names, err := readNames(root, dir)
		if err != nil {
			return translate(err)
		}
		if !names[segment] {
			return errOtherName
		}
		dir = at
	}
	return nil
}

func readNames(root *os.Root, dir string) (map[string]bool, error) {
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names, nil
}

// foldsCase reports whether the file system takes names that differ in case
// for the same. Where the folder for records is missing it assumes so: then
// nothing here is ours, and the longer way is rarely taken.
func foldsCase(root *os.Root) bool {
	upper, err := root.Lstat(strings.ToUpper(metaDir))
	if err != nil {
		_, err := root.Lstat(metaDir)
		return err != nil
	}
	lower, err := root.Lstat(metaDir)
	return err != nil || os.SameFile(upper, lower)
}
