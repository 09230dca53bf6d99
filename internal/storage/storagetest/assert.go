package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// page is what most tests put with their objects. A Content-Type is always
// given where headers are compared: S3 makes one up where none is.
var page = storage.Headers{storage.ContentType: "text/html; charset=utf-8", storage.CacheControl: "no-cache"}

// large is more than providers send in one part.
const large = 20 << 20

// content returns n bytes that depend on seed alone.
func content(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// object is an object that was read to its end.
type object struct {
	storage.Info
	body string
}

// put puts body without a condition.
func put(t *testing.T, s storage.Store, key, body string, h storage.Headers) storage.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, storage.Bytes([]byte(body)), h, storage.Condition{})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return info
}

// get reads the object at key. Clean-up functions call it too, when t.Context
// is over.
func get(t *testing.T, s storage.Store, key string) object {
	t.Helper()
	o, err := read(context.WithoutCancel(t.Context()), s, key)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	if o.Key != key {
		t.Errorf("get %q has the key %q", key, o.Key)
	}
	if o.Size != int64(len(o.body)) {
		t.Errorf("get %q has %d bytes, but a size of %d", key, len(o.body), o.Size)
	}
	return o
}

func read(ctx context.Context, s storage.Store, key string) (object, error) {
	o, err := s.Get(ctx, key)
	if err != nil {
		return object{}, err
	}
	defer o.Body.Close()
	body, err := io.ReadAll(o.Body)
	return object{o.Info, string(body)}, err
}

// listed returns what List yields.
func listed(t *testing.T, s storage.Store, prefix string) []storage.Info {
	t.Helper()
	var all []storage.Info
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		all = append(all, info)
	}
	return all
}

func keysOf(infos []storage.Info) []string {
	keys := make([]string, 0, len(infos))
	for _, info := range infos {
		keys = append(keys, info.Key)
	}
	return keys
}

func wantKeys(t *testing.T, s storage.Store, prefix string, want ...string) {
	t.Helper()
	if got := keysOf(listed(t, s, prefix)); !slices.Equal(got, want) {
		t.Errorf("list %q:\n got %q\nwant %q", prefix, got, want)
	}
}

// wantBody reads the object at key and compares bytes without printing them.
func wantBody(t *testing.T, s storage.Store, key string, want []byte) object {
	t.Helper()
	o := get(t, s, key)
	if !bytes.Equal([]byte(o.body), want) {
		t.Errorf("%q holds other bytes than were put (%d, want %d)", key, len(o.body), len(want))
	}
	return o
}

func wantHeaders(t *testing.T, s storage.Store, key string, want storage.Headers) {
	t.Helper()
	if got := get(t, s, key).Headers; !got.Equal(want) {
		t.Errorf("headers of %q:\n got %v\nwant %v", key, got, want)
	}
}

// wantMissing checks that nothing of key can be seen.
func wantMissing(t *testing.T, s storage.Store, key string) {
	t.Helper()
	_, err := s.Get(t.Context(), key)
	wantError(t, err, storage.ErrNotExist, "get", key)
	if slices.Contains(keysOf(listed(t, s, key)), key) {
		t.Errorf("%q is listed", key)
	}
}

// wantError checks that err is an *Error that wraps the sentinel, and says
// which operation failed and on which of the keys.
func wantError(t *testing.T, err, sentinel error, op string, keys ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("%s %q: got the error %v, want %v", op, keys, err, sentinel)
		return
	}
	var e *storage.Error
	if !errors.As(err, &e) {
		t.Errorf("%s %q: the error is a %T, not a *storage.Error: %v", op, keys, err, err)
		return
	}
	if e.Op != op || !slices.Contains(keys, e.Key) {
		t.Errorf("the error says %s %q, want %s %q", e.Op, e.Key, op, keys)
	}
}
