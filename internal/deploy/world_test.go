package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/providers/local"
)

// ids finds what is different in each run.
var ids = regexp.MustCompile(`((?:releases|intents|blobs)/)[0-9a-z]+`)

// spy is a store that notes what is asked of it, and can fail.
type spy struct {
	storage.Store
	mu   sync.Mutex
	log  []string
	skew time.Duration                            // of the server's clock
	aged []string                                 // ETags of objects that are an hour older than they are
	hook func(op string, done func() error) error // see intercept
	// reach: it can copy from other spies, too.
	reach bool
}

// intercept has each request that follows go through hook; nil lets it pass.
func (s *spy) intercept(hook func(op string, done func() error) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

func (s *spy) do(op string, f func() error) error {
	s.mu.Lock()
	s.log = append(s.log, op)
	hook := s.hook
	s.mu.Unlock()
	if hook == nil {
		return f()
	}
	return hook(op, f)
}

func (s *spy) Get(ctx context.Context, key string) (o *storage.Object, err error) {
	err = s.do("GET "+key, func() (err error) {
		o, err = s.Store.Get(ctx, key)
		if err == nil {
			o.Date = time.Now().Add(s.skew)
			if slices.Contains(s.aged, o.ETag) {
				o.Modified = o.Modified.Add(-time.Hour)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

func (s *spy) Put(ctx context.Context, key string, src storage.Source, h storage.Headers, c storage.Condition) (info storage.Info, err error) {
	err = s.do("PUT "+key, func() (err error) {
		info, err = s.Store.Put(ctx, key, src, h, c)
		return err
	})
	return info, err
}

func (s *spy) Copy(ctx context.Context, from storage.CopySource, key string, h storage.Headers) (info storage.Info, err error) {
	from = from.Resolve()
	if other, ok := from.Store.(*spy); ok && s.reach {
		from.Store = other.Store
	} else if from.Store == storage.Store(s) {
		from.Store = nil // the store that copies
	}
	err = s.do("COPY "+key, func() (err error) {
		info, err = s.Store.(storage.Copier).Copy(ctx, from, key, h)
		return err
	})
	return info, err
}

func (s *spy) Delete(ctx context.Context, keys ...string) error {
	return s.do("DELETE "+strings.Join(keys, " "), func() error { return s.Store.Delete(ctx, keys...) })
}

func (s *spy) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		stopped := false // the caller has seen enough
		err := s.do("LIST "+prefix, func() error {
			for info, err := range s.Store.List(ctx, prefix) {
				if err != nil {
					return err
				}
				if stopped = !yield(info, nil); stopped {
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(storage.Info{}, err)
		}
	}
}

// requests returns what was asked since the last call, ids replaced.
func (s *spy) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.log
	s.log = nil
	for i, op := range out {
		out[i] = ids.ReplaceAllString(op, "${1}ID")
	}
	return out
}

// edge is a CDN.
type edge struct {
	name string
	mu   sync.Mutex
	urls []string
	err  error
	// limits: those of a CDN that forgets any number of URLs at once, unless
	// a test says otherwise.
	limits cdn.Limits
}

func (e *edge) Name() string { return e.name }

func newEdge(name string) *edge { return &edge{name: name, limits: cdn.Limits{Batch: 100_000}} }

// Limits returns the limits.
func (e *edge) Limits() cdn.Limits { return e.limits }

func (e *edge) Purge(_ context.Context, requests ...cdn.Request) (cdn.Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return cdn.Result{Owed: requests}, e.err
	}
	var res cdn.Result
	for _, q := range requests {
		if q.Kind != cdn.URLs {
			e.urls = append(e.urls, string(q.Kind))
		}
		e.urls = append(e.urls, q.Items...)
		res.URLs += q.Covers
		res.Requests++
	}
	return res, nil
}

func (e *edge) purged() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := e.urls
	e.urls = nil
	return out
}

// world is a bucket with one site in it.
type world struct {
	t      *testing.T
	bucket *local.Store
	spy    *spy
	edge   *edge
	site   state.Site
	src    string
	strays int // objects of the state that may be left, because no later run can know of them
}

func newWorld(t *testing.T) *world {
	bucket, err := local.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, bucket: bucket, spy: &spy{Store: bucket}, edge: newEdge("edge"), site: state.Site{Prefix: "blog/"}, src: t.TempDir()}
}

// quiet makes a world whose site has no CDN.
func (w *world) quiet() *world { w.edge = nil; return w }

func (w *world) options() Options {
	base, err := url.Parse("https://example.com/")
	if err != nil {
		w.t.Fatal(err)
	}
	o := Options{
		Site: w.site, Target: "bucket/blog/", Live: storage.Prefixed(w.spy, w.site.Prefix), State: storage.Prefixed(w.spy, w.site.Prefix+".pandastack/"),
		Owner: state.Owner{Actor: "ada"}, Tool: "test", BaseURL: base, Workers: 4, Keep: 3,
	}
	if w.edge != nil {
		o.Purgers = []cdn.Purger{w.edge}
	}
	return o
}

// tree is an output: content by path. A value "text|header" also sets
// Cache-Control.
type tree map[string]string

func (w *world) desired(files tree) Desired {
	var out Desired
	for _, path := range slices.Sorted(maps.Keys(files)) {
		content, cache, _ := strings.Cut(files[path], "|")
		name := filepath.Join(w.src, fmt.Sprintf("%x", sha256.Sum256([]byte(content))))
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			w.t.Fatal(err)
		}
		h := storage.Headers{storage.ContentType: "text/css; charset=utf-8", storage.CacheControl: "max-age=" + cache}
		if strings.HasSuffix(path, ".html") {
			h[storage.ContentType] = "text/html; charset=utf-8"
		}
		out.Objects = append(out.Objects, state.Object{Path: path, Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content)), Headers: h})
		out.Files = append(out.Files, name)
	}
	return out
}

func (w *world) deploy(files tree) (event.Finished, error) {
	w.t.Helper()
	return Open(w.t.Context(), w.options()).Deploy(w.t.Context(), w.desired(files))
}

// must deploys and fails the test on any error.
func (w *world) must(files tree) event.Finished {
	w.t.Helper()
	fin, err := w.deploy(files)
	if err != nil {
		w.t.Fatal(err)
	}
	return fin
}

// check compares the bucket, state apart, with what it shall hold, and the
// state with what a finished deploy leaves.
func (w *world) check(want tree, foreign ...string) {
	w.t.Helper()
	got := w.files()
	for _, key := range foreign {
		delete(got, strings.TrimPrefix(key, "blog/"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("the bucket differs (-want +got):\n%s", diff)
	}
	if head := w.head(); head.Busy != nil || head.Doubt != nil || head.Owed != nil {
		w.t.Errorf("not at rest: %+v", head)
	}
	w.audit()
}

// all returns every object of the bucket.
func (w *world) all() map[string][]byte {
	w.t.Helper()
	out := map[string][]byte{}
	for info, err := range w.bucket.List(context.Background(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		o, err := w.bucket.Get(context.Background(), info.Key)
		if err != nil {
			w.t.Fatal(err)
		}
		b, err := io.ReadAll(o.Body)
		if err := errors.Join(err, o.Body.Close()); err != nil {
			w.t.Fatal(err)
		}
		out[info.Key] = b
	}
	return out
}

// files returns the objects of the site and its neighbours.
func (w *world) files() tree {
	w.t.Helper()
	got := tree{}
	for key, b := range w.all() {
		if strings.Contains(key, "/.pandastack/") {
			continue
		}
		o, err := w.bucket.Get(context.Background(), key)
		if err != nil {
			w.t.Fatal(err)
		}
		o.Body.Close()
		value := string(b)
		if cache := strings.TrimPrefix(o.Headers[storage.CacheControl], "max-age="); cache != "" {
			value += "|" + cache
		}
		got[strings.TrimPrefix(key, "blog/")] = value
	}
	return got
}

// audit holds the state to its promise: what the records name is there, with
// the right bytes; every kept release can be brought back; nothing else lies
// there, unless the head says that this is still to be collected.
func (w *world) audit() {
	w.t.Helper()
	objects := w.all()
	const dir = "blog/.pandastack/"
	record := func(id string) *state.Release {
		rel, err := state.DecodeRelease(bytes.NewReader(objects[dir+state.ReleaseKey(id)]), w.site)
		if err != nil {
			w.t.Fatalf("release %s: %v", id, err)
		}
		return rel
	}
	head := w.head()
	live := record(head.Live)
	head.Trim(live)
	known := map[string]bool{dir + state.HeadKey: true, dir + state.ReleaseKey(live.ID): true}
	for _, s := range head.Suspects {
		known[dir+state.IntentKey(s.Intent)] = true
	}
	have := map[storage.Digest]bool{}
	for _, o := range live.Objects {
		have[o.SHA256] = true
		if sha256.Sum256(objects["blog/"+o.Path]) != o.SHA256 {
			w.t.Errorf("%s is not what the live release says", o.Path)
		}
	}
	for _, o := range live.Retired {
		have[o.SHA256] = true
		if sha256.Sum256(objects["blog/"+o.Path]) != o.SHA256 {
			w.t.Errorf("the retired %s is not what the live release says", o.Path)
		}
	}
	for _, b := range live.Blobs {
		have[b.SHA256] = true
		key := dir + state.BlobKey(b.SHA256)
		known[key] = true
		if sha256.Sum256(objects[key]) != b.SHA256 {
			w.t.Errorf("the blob %s is missing or has other bytes", b.SHA256)
		}
	}
	for _, id := range live.History {
		known[dir+state.ReleaseKey(id)] = true
		for _, o := range record(id).Objects {
			if !have[o.SHA256] && !head.Forgot(o.SHA256) {
				w.t.Errorf("release %s cannot be brought back: the bytes of %s are gone", id, o.Path)
			}
		}
	}
	strays := 0
	for key := range objects {
		if strings.HasPrefix(key, dir) && !known[key] {
			strays++
			if strays > w.strays && !head.Strays {
				w.t.Errorf("%s is left over", key)
			}
		}
	}
}

func (w *world) head() *state.Head {
	w.t.Helper()
	o, err := w.bucket.Get(context.Background(), "blog/.pandastack/head")
	if err != nil {
		w.t.Fatal(err)
	}
	defer o.Body.Close()
	h, err := state.DecodeHead(o.Body, w.site)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// errBroken is what an operation fails with after fail.
var errBroken = errors.New("broken")

// fail makes one operation fail without being done.
func (w *world) fail(op string) {
	w.spy.intercept(func(asked string, done func() error) error {
		if asked == op {
			return errBroken
		}
		return done()
	})
}

// oweDeletion takes docs/index.html out of v1 in a deploy that cannot delete
// it, and returns the tree that is then live.
func (w *world) oweDeletion() tree {
	w.t.Helper()
	w.fail("DELETE blog/docs/index.html")
	v2 := maps.Clone(v1)
	delete(v2, "docs/index.html")
	if _, err := w.deploy(v2); !errors.Is(err, ErrOwed) {
		w.t.Fatalf("got %v, want a debt", err)
	}
	w.spy.intercept(nil)
	return v2
}

func (w *world) put(key, content string) {
	w.t.Helper()
	if _, err := w.bucket.Put(context.Background(), key, storage.Bytes([]byte(content)), nil, storage.Condition{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantRequests(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.spy.requests()); diff != "" {
		w.t.Errorf("requests (-want +got):\n%s", diff)
	}
}

var v1 = tree{"a.css": "a", "b.css": "b", "index.html": "home", "sitemap.xml": "map", "docs/index.html": "docs"}

// record returns the record of the live release.
func (w *world) record() *state.Release {
	w.t.Helper()
	o, err := w.bucket.Get(context.Background(), "blog/.pandastack/"+state.ReleaseKey(w.head().Live))
	if err != nil {
		w.t.Fatal(err)
	}
	defer o.Body.Close()
	rel, err := state.DecodeRelease(o.Body, w.site)
	if err != nil {
		w.t.Fatal(err)
	}
	return rel
}
