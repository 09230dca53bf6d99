package local

import (
	"context"
	"errors"
	"os"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Delete removes the objects and the folders that are empty then.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	var errs []error
	for _, key := range keys {
		if err := s.delete(ctx, key); err != nil {
			errs = append(errs, &storage.Error{Op: "delete", Key: key, Err: err})
		}
	}
	return errors.Join(errs...)
}

func (s *Store) delete(ctx context.Context, key string) error {
	name, err := fileName(key)
	if err != nil {
		return err
	}
	root, err := s.open(ctx)
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	s.counter.Request("DELETE")
	if _, err := lstatObject(root, key, name); errors.Is(err, storage.ErrNotExist) {
		return nil // without leaving a trace in a directory that is not ours
	}
	if err := root.MkdirAll(metaDir, 0o777); err != nil {
		return translate(err)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return remove(root, key, name)
}

func remove(root *os.Root, key, name string) error {
	file, err := lstatObject(root, key, name)
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return translate(err)
	}
	removeRecord(root, key, file)
	removeEmpty(root, key)
	return nil
}
