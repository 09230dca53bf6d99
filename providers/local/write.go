package local

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Put writes src to key: a file beside first, which then takes the place of
// the old one. A key that this file system cannot hold, alone or beside what is
// there (a file a beside a/b), is storage.ErrInvalidKey.
func (s *Store) Put(ctx context.Context, key string, src storage.Source, headers storage.Headers, cond storage.Condition) (storage.Info, error) {
	info, err := s.put(ctx, key, src, headers, cond)
	if err != nil {
		return storage.Info{}, &storage.Error{Op: "put", Key: key, Err: err}
	}
	return info, nil
}

func (s *Store) put(ctx context.Context, key string, src storage.Source, headers storage.Headers, cond storage.Condition) (storage.Info, error) {
	name, err := fileName(key)
	if err != nil {
		return storage.Info{}, err
	}
	root, err := s.openOrMake(ctx)
	if err != nil {
		return storage.Info{}, err
	}
	defer root.Close()
	s.counter.Request("PUT")
	if err := check(ctx, root, key, name, cond); err != nil {
		return storage.Info{}, err // before the bytes are written; again below
	}
	object, err := s.stageSource(ctx, root, src)
	if err != nil {
		return storage.Info{}, err
	}
	defer object.discard()
	return s.commit(ctx, root, key, name, object, headers, cond)
}

func (s *Store) stageSource(ctx context.Context, root *os.Root, src storage.Source) (*staged, error) {
	in, err := storage.NewReader(src)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return stage(root, func(f *os.File) error {
		n, err := io.Copy(f, contextReader{ctx, in})
		s.counter.Sent(n)
		return err
	})
}

// commit gives the staged object its place if cond still holds, together with
// its headers and a new ETag.
func (s *Store) commit(ctx context.Context, root *os.Root, key, name string, object *staged, headers storage.Headers, cond storage.Condition) (storage.Info, error) {
	etag := rand.Text()
	rec, err := stageRecord(root, record{Key: key, ETag: etag, Headers: headers})
	if err != nil {
		return storage.Info{}, err
	}
	defer rec.discard()
	unlock, err := s.lock(ctx)
	if err != nil {
		return storage.Info{}, err
	}
	defer unlock()
	if err := makeWay(root, key, name); err != nil {
		return storage.Info{}, err
	}
	if err := check(ctx, root, key, name, cond); err != nil {
		return storage.Info{}, err
	}
	file, err := replace(root, key, name, object, rec)
	if err != nil {
		return storage.Info{}, err
	}
	return storage.Info{Key: key, Size: file.Size(), ETag: etag, Modified: file.ModTime(), Date: time.Now()}, nil
}

// check returns storage.ErrPrecondition where cond does not hold at key.
func check(ctx context.Context, root *os.Root, key, name string, cond storage.Condition) error {
	if cond == (storage.Condition{}) {
		return nil
	}
	v, err := statVersion(ctx, root, key, name, func() (fs.FileInfo, error) { return lstatObject(root, key, name) })
	switch {
	case errors.Is(err, storage.ErrNotExist):
		if !cond.Absent {
			return storage.ErrPrecondition
		}
	case err != nil:
		return err
	case cond.Absent || cond.ETag != v.etag:
		return storage.ErrPrecondition
	}
	return nil
}

// replace puts the record in place, then the object, and removes the record of
// the object that was there. The rename of the object is the one instant at
// which bytes, headers and ETag change.
func replace(root *os.Root, key, name string, object, rec *staged) (fs.FileInfo, error) {
	old, err := root.Lstat(name)
	if err != nil {
		old = nil
	}
	file, err := object.distinct(old)
	if err != nil {
		return nil, err
	}
	recName := recordName(key, file)
	if err := root.MkdirAll(filepath.Dir(recName), 0o777); err != nil {
		return nil, translate(err)
	}
	if err := rec.rename(recName); err != nil {
		return nil, err
	}
	if err := object.rename(name); err != nil {
		root.Remove(recName)
		return nil, err
	}
	if old != nil {
		removeRecord(root, key, old)
	}
	return file, nil
}

// removeRecord removes the record of a version that is gone. One that stays
// costs space only, because no file is in that state any more.
func removeRecord(root *os.Root, key string, file fs.FileInfo) {
	root.Remove(recordName(key, file))
}
