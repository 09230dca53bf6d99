package local

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Copy copies an object of this or of another local store.
func (s *Store) Copy(ctx context.Context, from storage.CopySource, key string, headers storage.Headers) (storage.Info, error) {
	info, err := s.copy(ctx, from.Resolve(), key, headers)
	if err != nil {
		return storage.Info{}, &storage.Error{Op: "copy", Key: key, Err: err}
	}
	return info, nil
}

func (s *Store) copy(ctx context.Context, from storage.CopySource, key string, headers storage.Headers) (storage.Info, error) {
	source := s
	if from.Store != nil {
		var ok bool
		if source, ok = from.Store.(*Store); !ok {
			return storage.Info{}, fmt.Errorf("%w: the source is not in a local store", storage.ErrUnsupported)
		}
	}
	name, err := fileName(key)
	if err != nil {
		return storage.Info{}, err
	}
	s.counter.Request("COPY")
	file, v, err := source.openSource(ctx, from)
	if err != nil {
		return storage.Info{}, err
	}
	defer file.Close()
	root, err := s.openOrMake(ctx)
	if err != nil {
		return storage.Info{}, err
	}
	defer root.Close()
	object, err := stage(root, func(f *os.File) error { return copyVersion(ctx, f, file, v) })
	if err != nil {
		return storage.Info{}, err
	}
	defer object.discard()
	return s.commit(ctx, root, key, name, object, headers, storage.Condition{})
}

func (s *Store) openSource(ctx context.Context, from storage.CopySource) (*os.File, version, error) {
	name, err := fileName(from.Key)
	if err != nil {
		return nil, version{}, err
	}
	root, err := s.open(ctx)
	if err != nil {
		return nil, version{}, err
	}
	defer root.Close()
	f, v, err := openVersion(ctx, root, from.Key, name)
	if err != nil {
		return nil, version{}, err
	}
	if from.ETag != "" && from.ETag != v.etag {
		f.Close()
		return nil, version{}, storage.ErrPrecondition
	}
	return f, v, nil
}

// copyVersion copies file, and fails where something edited it meanwhile.
func copyVersion(ctx context.Context, to, file *os.File, v version) error {
	if err := copyFile(ctx, to, file, v.size); err != nil {
		return err
	}
	now, err := file.Stat()
	if err == nil && (now.Size() != v.size || !now.ModTime().Equal(v.modified)) {
		return storage.ErrModified
	}
	return err
}

// copyFile copies the file from, which has size bytes, so that the system can
// share or move them itself. It ends with ctx, between two chunks.
func copyFile(ctx context.Context, to, from *os.File, size int64) error {
	const chunk = 8 << 20
	for done := int64(0); done < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(to, from, min(chunk, size-done))
		done += n
		if err == io.EOF {
			return storage.ErrModified
		}
		if err != nil {
			return err
		}
	}
	return nil
}
