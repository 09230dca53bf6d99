package local

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// List yields the objects below prefix. A directory that does not exist holds
// none. What changes during the walk may be seen or not.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		s.counter.Request("LIST")
		err := s.list(ctx, prefix, func(info storage.Info) bool { return yield(info, nil) })
		if err != nil && err != errStop {
			yield(storage.Info{}, &storage.Error{Op: "list", Key: prefix, Err: err})
		}
	}
}

// errStop ends a walk because its consumer has seen enough.
var errStop = errors.New("stop")

func (s *Store) list(ctx context.Context, prefix string, yield func(storage.Info) bool) error {
	root, err := s.open(ctx)
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	w := &walk{ctx, root, prefix, yield}
	dir := "."
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		dir = prefix[:i]
	}
	if !isFolder(root, dir) {
		return nil // no key begins like this
	}
	return w.folder(dir)
}

// isFolder reports whether dir, under exactly this name, is a folder in which
// objects can be.
func isFolder(root *os.Root, dir string) bool {
	return fs.ValidPath(dir) && !hasMeta(dir) && blockedBy(root, dir+"/") == "" &&
		!(foldsCase(root) && checkExact(root, dir, root.Lstat) != nil)
}

func hasMeta(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), isMeta)
}

// walk visits files in byte order of their keys.
type walk struct {
	ctx    context.Context
	root   *os.Root
	prefix string
	yield  func(storage.Info) bool
}

func (w *walk) folder(dir string) error {
	keys, err := w.entries(dir)
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, key := range keys {
		if sub, ok := strings.CutSuffix(key, "/"); ok {
			err = w.folder(sub)
		} else {
			err = w.file(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries returns the keys of the files in dir, and its folders with a slash
// at their ends, which puts what they hold in its place among the files:
// a-b before a/b, and that before a0.
func (w *walk) entries(dir string) ([]string, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	found, err := fs.ReadDir(w.root.FS(), dir)
	if err != nil {
		return nil, translate(err)
	}
	keys := make([]string, 0, len(found))
	for _, e := range found {
		if isMeta(e.Name()) || !utf8.ValidString(e.Name()) {
			continue
		}
		key := path.Join(dir, e.Name())
		switch {
		case e.IsDir() && (strings.HasPrefix(key+"/", w.prefix) || strings.HasPrefix(w.prefix, key+"/")):
			keys = append(keys, key+"/")
		case e.Type().IsRegular() && strings.HasPrefix(key, w.prefix):
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func (w *walk) file(key string) error {
	name := filepath.FromSlash(key)
	v, err := statVersion(w.ctx, w.root, key, name, func() (fs.FileInfo, error) {
		file, err := w.root.Lstat(name)
		return file, translate(err)
	})
	if errors.Is(err, storage.ErrNotExist) {
		return nil // gone since the folder was read
	}
	if err != nil {
		return err
	}
	if !w.yield(v.info(key)) {
		return errStop
	}
	return nil
}
