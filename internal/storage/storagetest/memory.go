package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Memory is a bucket in memory: the specification as short as it can be, for
// tests that need many buckets, or a clock that is not the machine's. It is a
// storage.Copier and a storage.Meter. As in S3, an ETag is the MD5 of the
// bytes, so that the same bytes have the same one again, and headers have none.
//
// Its clock is time.Now, ahead by Skew: inside of testing/synctest, it is that
// of the test.
type Memory struct {
	// Skew is how far the bucket's clock is ahead of this machine's. It is
	// set before the first use.
	Skew time.Duration

	missing bool
	counter storage.Counter

	mu      sync.Mutex
	objects map[string]Stored
}

// Stored is an object of a Memory. Nobody changes it.
type Stored struct {
	Body     []byte
	Headers  storage.Headers
	ETag     string
	Modified time.Time // by the bucket's clock
}

var (
	_ storage.Copier = (*Memory)(nil)
	_ storage.Meter  = (*Memory)(nil)
)

// NewMemory returns an empty bucket.
func NewMemory() *Memory { return &Memory{objects: map[string]Stored{}} }

// MissingMemory returns a bucket that does not exist: every operation on it
// fails with storage.ErrNoBucket.
func MissingMemory() *Memory { return &Memory{missing: true} }

// Peek returns the object at key. It is for those who look on: nothing counts
// it, and nothing makes it fail.
func (m *Memory) Peek(key string) (Stored, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	return o, ok
}

// Objects returns all objects by key, as Peek does.
func (m *Memory) Objects() map[string]Stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.objects)
}

// Usage counts operations in place of requests, as the local provider does.
func (m *Memory) Usage() storage.Usage { return m.counter.Usage() }

// now is the bucket's clock.
func (m *Memory) now() time.Time { return time.Now().Add(m.Skew) }

// ready returns why an operation on key cannot begin.
func (m *Memory) ready(ctx context.Context, key string) error {
	return cmp.Or(storage.CheckKey(key), m.open(ctx))
}

// open returns why no operation can begin.
func (m *Memory) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.missing {
		return storage.ErrNoBucket
	}
	return nil
}

func failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return &storage.Error{Op: op, Key: key, Err: err}
}

// Get opens the object at key.
func (m *Memory) Get(ctx context.Context, key string) (*storage.Object, error) {
	if err := m.ready(ctx, key); err != nil {
		return nil, failed("get", key, err)
	}
	m.counter.Request("GET")
	o, ok := m.Peek(key)
	if !ok {
		return nil, failed("get", key, storage.ErrNotExist)
	}
	info := m.info(key, o)
	info.Headers = o.Headers.Clone()
	return &storage.Object{Info: info, Body: m.counter.CountReceived(io.NopCloser(bytes.NewReader(o.Body)))}, nil
}

func (m *Memory) info(key string, o Stored) storage.Info {
	return storage.Info{Key: key, Size: int64(len(o.Body)), ETag: o.ETag, Modified: o.Modified, Date: m.now()}
}

// Put writes src to key where the condition holds.
func (m *Memory) Put(ctx context.Context, key string, src storage.Source, headers storage.Headers, cond storage.Condition) (storage.Info, error) {
	info, err := m.put(ctx, key, src, headers, cond)
	return info, failed("put", key, err)
}

func (m *Memory) put(ctx context.Context, key string, src storage.Source, headers storage.Headers, cond storage.Condition) (storage.Info, error) {
	if err := m.ready(ctx, key); err != nil {
		return storage.Info{}, err
	}
	m.counter.Request("PUT")
	body, err := readSource(src)
	if err := cmp.Or(err, ctx.Err()); err != nil {
		return storage.Info{}, err
	}
	m.counter.Sent(int64(len(body)))
	m.mu.Lock()
	defer m.mu.Unlock()
	old, exists := m.objects[key]
	if cond.Absent && exists || cond.ETag != "" && cond.ETag != old.ETag {
		return storage.Info{}, storage.ErrPrecondition
	}
	return m.store(key, body, headers), nil
}

// readSource returns the bytes of a source, which are those it announced.
func readSource(src storage.Source) ([]byte, error) {
	r, err := storage.NewReader(src)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	body := make([]byte, src.Size)
	_, err = io.ReadFull(r, body)
	return body, err
}

// store replaces the object at key. The caller holds m.mu.
func (m *Memory) store(key string, body []byte, headers storage.Headers) storage.Info {
	sum := md5.Sum(body)
	o := Stored{Body: body, Headers: headers.Clone(), ETag: hex.EncodeToString(sum[:]), Modified: m.now()}
	m.objects[key] = o
	return m.info(key, o)
}

// Copy copies an object of this bucket.
func (m *Memory) Copy(ctx context.Context, from storage.CopySource, key string, headers storage.Headers) (storage.Info, error) {
	info, err := m.copy(ctx, from.Resolve(), key, headers)
	return info, failed("copy", key, err)
}

func (m *Memory) copy(ctx context.Context, from storage.CopySource, key string, headers storage.Headers) (storage.Info, error) {
	if from.Store != nil && from.Store != storage.Store(m) {
		return storage.Info{}, fmt.Errorf("%w: the source is in another store", storage.ErrUnsupported)
	}
	if err := cmp.Or(storage.CheckKey(from.Key), m.ready(ctx, key)); err != nil {
		return storage.Info{}, err
	}
	m.counter.Request("COPY")
	m.mu.Lock()
	defer m.mu.Unlock()
	src, ok := m.objects[from.Key]
	switch {
	case !ok:
		return storage.Info{}, storage.ErrNotExist
	case from.ETag != "" && from.ETag != src.ETag:
		return storage.Info{}, storage.ErrPrecondition
	}
	return m.store(key, src.Body, headers), nil
}

// Delete removes the keys.
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	if err := m.open(ctx); err != nil {
		return failed("delete", "", err)
	}
	var errs []error
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		if err := storage.CheckKey(key); err != nil {
			errs = append(errs, failed("delete", key, err))
			continue
		}
		m.counter.Request("DELETE")
		delete(m.objects, key)
	}
	return errors.Join(errs...)
}

// List yields the objects as they are when it begins.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		if err := m.open(ctx); err != nil {
			yield(storage.Info{}, failed("list", prefix, err))
			return
		}
		m.counter.Request("LIST")
		objects := m.Objects()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if strings.HasPrefix(key, prefix) && !yield(m.info(key, objects[key]), nil) {
				return
			}
		}
	}
}
