package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// fake records the keys that reach it, and fails with err where that is set.
type fake struct {
	keys []string
	from storage.CopySource
	list []storage.Info
	err  func(key string) error
}

func (f *fake) called(key string) error {
	f.keys = append(f.keys, key)
	if f.err != nil {
		return f.err(key)
	}
	return nil
}

func (f *fake) Get(_ context.Context, key string) (*storage.Object, error) {
	if err := f.called(key); err != nil {
		return nil, err
	}
	return &storage.Object{Info: storage.Info{Key: key}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func (f *fake) Put(_ context.Context, key string, _ storage.Source, _ storage.Headers, _ storage.Condition) (storage.Info, error) {
	return storage.Info{Key: key}, f.called(key)
}

func (f *fake) Delete(_ context.Context, keys ...string) error {
	var errs []error
	for _, key := range keys {
		errs = append(errs, f.called(key))
	}
	return errors.Join(errs...)
}

func (f *fake) List(_ context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		if err := f.called(prefix); err != nil {
			yield(storage.Info{}, err)
			return
		}
		for _, info := range f.list {
			if !yield(info, nil) {
				return
			}
		}
	}
}

type fakeCopier struct{ *fake }

func (f fakeCopier) Copy(_ context.Context, from storage.CopySource, key string, _ storage.Headers) (storage.Info, error) {
	f.from = from
	return storage.Info{Key: key}, f.called(key)
}

type fakeMeter struct{ *fake }

func (fakeMeter) Usage() storage.Usage { return storage.Usage{BytesSent: 7} }

type fakeAborter struct{ *fake }

func (f fakeAborter) Abort(_ context.Context, uploads ...storage.Upload) (int, error) {
	for _, u := range uploads {
		if err := f.called(u.Key); err != nil {
			return 0, err
		}
	}
	return len(uploads), nil
}

// TestPrefixedCanWhatTheStoreCan tries every combination of what a store may
// be beside.
func TestPrefixedCanWhatTheStoreCan(t *testing.T) {
	f := &fake{}
	c, m := fakeCopier{f}, fakeMeter{f}
	for _, tc := range []struct {
		store          storage.Store
		copies, meters bool
		aborted        int
	}{
		{f, false, false, 0},
		{c, true, false, 0},
		{m, false, true, 0},
		{fakeAborter{f}, false, false, 2},
		{struct {
			storage.Store
			storage.Copier
			storage.Meter
			storage.Aborter
		}{f, c, m, fakeAborter{f}}, true, true, 2},
	} {
		for _, s := range []storage.Store{storage.Prefixed(tc.store, "a/"), storage.Prefixed(storage.Prefixed(tc.store, "a/"), "b/")} {
			_, copies := s.(storage.Copier)
			m, meters := s.(storage.Meter)
			if copies != tc.copies || meters != tc.meters {
				t.Errorf("%T: a Copier: %t, a Meter: %t", tc.store, copies, meters)
			}
			if meters && m.Usage().BytesSent != 7 {
				t.Errorf("%T: Usage is not the store's", tc.store)
			}
			if n, err := s.(storage.Aborter).Abort(t.Context(), storage.Upload{Key: "k"}, storage.Upload{Key: "l"}); n != tc.aborted || err != nil {
				t.Errorf("%T: Abort returned %d, %v", tc.store, n, err)
			}
		}
	}
}

func TestPrefixedKeys(t *testing.T) {
	for _, tc := range []struct{ prefix, inner, want string }{
		{"blog/", "", "blog/"},
		{"blog", "", "blog/"},
		{"/blog//", "", "blog/"},
		{"a/b", "c", "a/b/c/"},
	} {
		f := &fake{list: []storage.Info{{Key: tc.want + "x"}, {Key: tc.want + "y/z"}}}
		s := storage.Prefixed(storage.Prefixed(fakeCopier{f}, tc.prefix), tc.inner)
		o, err1 := s.Get(t.Context(), "x")
		p, err2 := s.Put(t.Context(), "x", storage.Source{}, nil, storage.Condition{})
		err3 := s.Delete(t.Context(), "x", "y")
		c, err4 := s.(storage.Copier).Copy(t.Context(), storage.CopySource{Key: "from"}, "x", nil)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		if o.Key != "x" || p.Key != "x" || c.Key != "x" {
			t.Errorf("%q: the keys that come back are %q, %q, %q", tc.prefix, o.Key, p.Key, c.Key)
		}
		var got []string
		for info, err := range s.List(t.Context(), "sub") {
			got = append(got, fmt.Sprint(info.Key, err))
		}
		if want := []string{"x<nil>", "y/z<nil>"}; !slices.Equal(got, want) {
			t.Errorf("%q: listed %q", tc.prefix, got)
		}
		w := tc.want
		if want := []string{w + "x", w + "x", w + "x", w + "y", w + "x", w + "sub"}; !slices.Equal(f.keys, want) {
			t.Errorf("%q: the keys that reach the store are %q, want %q", tc.prefix, f.keys, want)
		}
		if f.from.Key != w+"from" || f.from.Store != nil {
			t.Errorf("%q: the source is %+v", tc.prefix, f.from)
		}
	}
}

func TestPrefixedEmptyIsTheStore(t *testing.T) {
	f := &fake{}
	for _, prefix := range []string{"", "/", "//"} {
		if s := storage.Prefixed(f, prefix); s != storage.Store(f) {
			t.Errorf("%q makes a %T", prefix, s)
		}
	}
}

func TestResolve(t *testing.T) {
	f := &fake{}
	inner := storage.Prefixed(f, "a/")
	for name, tc := range map[string]struct {
		from  storage.CopySource
		store storage.Store
		key   string
	}{
		"none":     {storage.CopySource{Key: "k"}, nil, "k"},
		"itself":   {storage.CopySource{Store: f, Key: "k"}, f, "k"},
		"prefixed": {storage.CopySource{Store: inner, Key: "k"}, f, "a/k"},
		"twice":    {storage.CopySource{Store: storage.Prefixed(inner, "b"), Key: "k"}, f, "a/b/k"},
	} {
		tc.from.ETag, tc.from.Size = "etag", 7
		want := storage.CopySource{Store: tc.store, Key: tc.key, ETag: "etag", Size: 7}
		if got := tc.from.Resolve(); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	other := &fake{}
	c := storage.Prefixed(fakeCopier{f}, "to/").(storage.Copier)
	if _, err := c.Copy(t.Context(), storage.CopySource{Store: storage.Prefixed(other, "x/"), Key: "k"}, "k", nil); err != nil {
		t.Fatal(err)
	}
	if f.from.Store != storage.Store(other) || f.from.Key != "x/k" {
		t.Errorf("the source reached the store as %+v", f.from)
	}
}

// Errors carry the keys of the caller, alone or joined, and stay what they are.
func TestPrefixedErrors(t *testing.T) {
	var original []*storage.Error
	f := &fake{err: func(key string) error {
		if strings.HasSuffix(key, "good") {
			return nil
		}
		original = append(original, &storage.Error{Op: "op", Key: key, Err: storage.ErrDenied})
		return original[len(original)-1]
	}}
	s := storage.Prefixed(fakeCopier{f}, "blog/")
	_, getErr := s.Get(t.Context(), "k")
	_, putErr := s.Put(t.Context(), "k", storage.Source{}, nil, storage.Condition{})
	_, copyErr := s.(storage.Copier).Copy(t.Context(), storage.CopySource{Key: "from"}, "k", nil)
	var listErr error
	for _, listErr = range s.List(t.Context(), "k") {
	}
	for name, err := range map[string]error{"get": getErr, "put": putErr, "copy": copyErr, "list": listErr} {
		var e *storage.Error
		if !errors.As(err, &e) || e.Key != "k" || e.Op != "op" || !errors.Is(err, storage.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := s.Delete(t.Context(), "one", "good", "/bad", "two")
	if want := "delete /bad: the provider cannot store this key: it begins with a slash\n" +
		"op one: access denied\nop two: access denied"; err == nil || err.Error() != want {
		t.Errorf("delete:\n got %v\nwant %v", err, want)
	}
	for _, e := range original {
		if !strings.HasPrefix(e.Key, "blog/") {
			t.Errorf("an error of the store was changed to %v", e)
		}
	}

	f.err = func(string) error { return &storage.Error{Op: "copy", Key: "other/from", Err: storage.ErrNotExist} }
	from := storage.CopySource{Store: storage.Prefixed(&fake{}, "other/"), Key: "from"}
	_, err = s.(storage.Copier).Copy(t.Context(), from, "k", nil)
	if want := "copy from: object does not exist"; err == nil || err.Error() != want {
		t.Errorf("copy: %v, want %v", err, want)
	}
	plain := errors.New("plain")
	f.err = func(string) error { return plain }
	if _, err := s.Get(t.Context(), "k"); err != plain {
		t.Errorf("an error without a key became %v", err)
	}
}

func TestPrefixedRefusesKeys(t *testing.T) {
	f := &fake{}
	s := storage.Prefixed(fakeCopier{f}, "blog/")
	for _, key := range []string{"", "/x", "\xff"} {
		_, getErr := s.Get(t.Context(), key)
		_, putErr := s.Put(t.Context(), key, storage.Source{}, nil, storage.Condition{})
		_, toErr := s.(storage.Copier).Copy(t.Context(), storage.CopySource{Key: "k"}, key, nil)
		_, fromErr := s.(storage.Copier).Copy(t.Context(), storage.CopySource{Key: key}, "k", nil)
		for _, err := range []error{getErr, putErr, toErr, fromErr, s.Delete(t.Context(), key)} {
			var e *storage.Error
			if !errors.Is(err, storage.ErrInvalidKey) || !errors.As(err, &e) || e.Key != key {
				t.Errorf("%q: %v", key, err)
			}
		}
	}
	if len(f.keys) > 0 {
		t.Errorf("the store was asked for %q", f.keys)
	}
}

// A server that lists what was not asked for must not have it deleted.
func TestPrefixedListStaysInside(t *testing.T) {
	f := &fake{list: []storage.Info{{Key: "blog/a"}, {Key: "blog-old/b"}, {Key: "blog/c"}}}
	var keys []string
	var last error
	for info, err := range storage.Prefixed(f, "blog/").List(t.Context(), "") {
		if last = err; err == nil {
			keys = append(keys, info.Key)
		}
	}
	if want := []string{"a"}; !slices.Equal(keys, want) || last == nil {
		t.Errorf("listed %q, and the error is %v", keys, last)
	}
}

// service is a store that names itself.
type service struct{ storage.Store }

func (service) Identity() string { return "https://s3.example/www" }

func TestIdentity(t *testing.T) {
	for _, s := range []storage.Store{service{}, storage.Prefixed(service{}, "a"), storage.Prefixed(storage.Prefixed(service{}, "a"), "b")} {
		if got := storage.Identity(s); got != "https://s3.example/www" {
			t.Errorf("%T is %q", s, got)
		}
	}
	if got := storage.Identity(storage.Prefixed(struct{ storage.Store }{}, "a")); got != "" {
		t.Errorf("a store without a name is %q", got)
	}
}
