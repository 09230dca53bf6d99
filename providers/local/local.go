// Package local stores objects as files below a directory, which any static
// file server can serve: the object a/b.html is the file a/b.html.
//
// What a file cannot hold, its headers and ETag, is kept in records below
// .pandastack-meta (see record.go); servers and other tools can ignore that
// folder, List does, and no key may name it. The folder also holds the lock
// that makes conditional writes atomic between all processes of one machine,
// and files that are being written.
//
// A file that was put or edited by something else is an object as well: it has
// no headers, and an ETag made of its size and time of change, so that a guard
// notices it. Symbolic links, and other files that are not regular ones, are no
// objects.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Store is a directory as storage. It implements storage.Store,
// storage.Copier and storage.Meter, and is safe for concurrent use, also by
// several stores and processes on one machine.
type Store struct {
	dir     string        // absolute
	turn    chan struct{} // holds a value while a goroutine of this store has the lock
	tidy    sync.Once
	counter storage.Counter
}

var (
	_ storage.Store  = (*Store)(nil)
	_ storage.Copier = (*Store)(nil)
	_ storage.Meter  = (*Store)(nil)
)

// New returns the store in dir, which is made on the first write. It fails
// where something that is not a directory is in the way.
func New(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("the directory of a local store has no name")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	switch {
	case err == nil && !info.IsDir():
		return nil, fmt.Errorf("%s is a file, not a directory", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return &Store{dir: abs, turn: make(chan struct{}, 1)}, nil
}

// Dir returns the absolute path of the directory.
func (s *Store) Dir() string { return s.dir }

// Usage counts operations in place of requests: one GET, PUT, COPY or LIST for
// each call, and one DELETE for each key.
func (s *Store) Usage() storage.Usage { return s.counter.Usage() }

// Get opens the object at key. Where the directory does not exist there is no
// object in it either: the error is storage.ErrNotExist.
func (s *Store) Get(ctx context.Context, key string) (*storage.Object, error) {
	o, err := s.get(ctx, key)
	if err != nil {
		return nil, &storage.Error{Op: "get", Key: key, Err: err}
	}
	return o, nil
}

func (s *Store) get(ctx context.Context, key string) (*storage.Object, error) {
	name, err := fileName(key)
	if err != nil {
		return nil, err
	}
	root, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	s.counter.Request("GET")
	f, v, err := openVersion(ctx, root, key, name)
	if err != nil {
		return nil, err
	}
	info := v.info(key)
	info.Date = time.Now()
	info.Headers = v.headers
	return &storage.Object{Info: info, Body: s.counter.CountReceived(&body{ctx, f})}, nil
}

// body ends with the context, like the body of a network answer.
type body struct {
	ctx context.Context
	*os.File
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.File.Read(p)
}

// open opens the directory for one operation. A missing one is
// storage.ErrNotExist. It is not kept open: a directory that was removed and
// made again must not swallow what is written later.
func (s *Store) open(ctx context.Context) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, translate(err)
	}
	return root, nil
}

// openOrMake is open for writing: it makes what is missing.
func (s *Store) openOrMake(ctx context.Context) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(s.dir, metaDir, tempDir), 0o777); err != nil {
		return nil, translate(err)
	}
	root, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	s.tidy.Do(func() { removeAbandoned(root) })
	return root, nil
}

// translate gives errors of the file system the sentinel of storage that says
// the same.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return storage.ErrNotExist
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", storage.ErrDenied, err)
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EILSEQ):
		return fmt.Errorf("%w: %w", storage.ErrInvalidKey, err)
	}
	return err
}

// contextReader makes a copy end with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
