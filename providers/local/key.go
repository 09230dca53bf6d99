package local

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// fileName returns the name of the file of key, relative to the directory and
// with the separators of this system. Its error wraps storage.ErrInvalidKey.
func fileName(key string) (string, error) {
	if err := storage.CheckKey(key); err != nil {
		return "", err
	}
	if !fs.ValidPath(key) || key == "." {
		return "", fmt.Errorf("%w: a file name cannot hold an empty, . or .. segment", storage.ErrInvalidKey)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if err := checkSegment(segment, runtime.GOOS); err != nil {
			return "", err
		}
	}
	name, err := filepath.Localize(key)
	if err != nil {
		return "", fmt.Errorf("%w: this system has no file of that name", storage.ErrInvalidKey)
	}
	return name, nil
}

// Check returns why the directory cannot hold such a key.
func (s *Store) Check(key string, _ int64, _ storage.Headers) error {
	if _, err := fileName(key); err != nil {
		return &storage.Error{Op: "put", Key: key, Err: err}
	}
	return nil
}

// checkSegment refuses the name of the folder for records, in any case because
// of file systems that ignore it, and what Windows would take but change or
// refuse late (Microsoft, "Naming Files, Paths, and Namespaces").
func checkSegment(segment, goos string) error {
	if isMeta(segment) {
		return fmt.Errorf("%w: %s is where a local store keeps headers", storage.ErrInvalidKey, metaDir)
	}
	if goos != "windows" {
		return nil
	}
	if strings.ContainsFunc(segment, func(r rune) bool { return r < ' ' || strings.ContainsRune(`<>:"\|?*`, r) }) {
		return fmt.Errorf("%w: Windows allows none of < > : \" \\ | ? * in a file name", storage.ErrInvalidKey)
	}
	if strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " ") {
		return fmt.Errorf("%w: Windows drops dots and spaces at the end of a file name", storage.ErrInvalidKey)
	}
	return nil
}

func isMeta(name string) bool { return strings.EqualFold(name, metaDir) }
