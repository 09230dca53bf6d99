package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/providers/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree is a site: content by path. A value "text|header" also sets
// Cache-Control.
type tree map[string]string

func (t tree) objects() []state.Object {
	var out []state.Object
	for _, path := range slices.Sorted(maps.Keys(t)) {
		content, cache, _ := strings.Cut(t[path], "|")
		h := storage.Headers{storage.ContentType: "text/css; charset=utf-8"}
		if cache != "" {
			h[storage.CacheControl] = cache
		}
		out = append(out, state.Object{Path: path, Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content)), Headers: h, ETag: "e"})
	}
	return out
}

// fataler is a test, or one draw of a property.
type fataler interface {
	Helper()
	Fatal(...any)
}

// world is a bucket with the records of a site, as a deploy leaves them.
type world struct {
	t     fataler
	store *local.Store
	site  state.Site
	ids   []string // of all releases, oldest first
	keep  int
}

// newWorld makes an empty site of which so many former releases are kept.
func newWorld(t fataler, dir string, keep int) *world {
	store, err := local.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, store: store, site: state.Site{Prefix: "blog/"}, keep: keep}
}

func (w *world) put(key string, b []byte, err error) {
	w.t.Helper()
	if err == nil {
		_, err = w.store.Put(context.Background(), key, storage.Bytes(b), nil, storage.Condition{})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) head(h state.Head) {
	w.t.Helper()
	h.Site = w.site
	b, err := state.EncodeHead(h)
	w.put(state.HeadKey, b, err)
}

// release publishes a tree, and forgets what is not kept any more.
func (w *world) release(files tree, more ...func(*state.Release)) string {
	w.t.Helper()
	first := max(0, len(w.ids)-w.keep)
	r := &state.Release{Site: w.site, Created: time.Date(2026, 1, 1+len(w.ids), 0, 0, 0, 0, time.UTC), Tool: "test", Objects: files.objects(), History: slices.Clone(w.ids[first:])}
	if n := len(w.ids); n > 0 {
		r.Parent = w.ids[n-1]
	}
	r.ID = state.NewID(r.Created, r.Parent)
	for _, f := range more {
		f(r)
	}
	b, err := state.EncodeRelease(r)
	w.put(state.ReleaseKey(r.ID), b, err)
	if first > 0 {
		w.lose(w.ids[first-1])
	}
	w.ids = append(w.ids, r.ID)
	return r.ID
}

func (w *world) lose(id string) {
	w.t.Helper()
	if err := w.store.Delete(context.Background(), state.ReleaseKey(id)); err != nil {
		w.t.Fatal(err)
	}
}

// open reads the history. The newest release is live.
func (w *world) open() *Log {
	w.t.Helper()
	if n := len(w.ids); n > 0 {
		w.head(state.Head{Live: w.ids[n-1]})
	}
	l, err := Open(context.Background(), Options{Site: w.site, State: w.store})
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// gets returns how many objects were read since the store was opened.
func (w *world) gets() int64 { return w.store.Usage().Requests["GET"] }

// damage are the ways in which a record can be spoilt, and what is then said.
func damage(w *world, id string) map[string]struct {
	do   func()
	want string
} {
	other := state.ReleaseKey(id)
	return map[string]struct {
		do   func()
		want string
	}{
		"lost": {func() { w.lose(id) }, "release " + id + ": its record is missing"},
		"torn": {func() {
			b := w.raw(id)
			w.put(other, b[:len(b)-9], nil)
		}, "release " + id + ": the release is corrupt: unexpected EOF"},
		"swapped": {func() { w.put(other, w.raw(w.ids[0]), nil) }, "release " + id + ": the release is corrupt: it is that of " + w.ids[0]},
		"of another site": {func() {
			b, err := state.EncodeRelease(&state.Release{ID: id, Site: state.Site{Prefix: "shop/"}})
			w.put(other, b, err)
		}, "release " + id + `: the release belongs to the site "/shop/", not to "/blog/"`},
	}
}

func (w *world) raw(id string) []byte {
	w.t.Helper()
	obj, err := w.store.Get(context.Background(), state.ReleaseKey(id))
	if err != nil {
		w.t.Fatal(err)
	}
	defer obj.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(obj.Body); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// failing is a store that cannot read one key.
type failing struct {
	storage.Store
	key string
	err error
}

func (f failing) Get(ctx context.Context, key string) (*storage.Object, error) {
	if key == f.key {
		return nil, &storage.Error{Op: "get", Key: key, Err: f.err}
	}
	return f.Store.Get(ctx, key)
}
