package history_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	prefix   = "blog/"
	stateDir = prefix + state.Dir + "/"
)

// bed is a bucket with a site of three releases.
type bed struct {
	t      *testing.T
	bucket storage.Store
	src    string
	ids    []string // of the releases
	retain time.Duration
}

// page is what a tree says of an object: bytes, and Cache-Control after "|".
type tree map[string]string

// versions are the releases, the live one last. The bytes of a.css are also in
// a blob, those of copy.css at two paths, those of the others nowhere else.
var versions = []tree{
	{"a.css": "a", "b.css": "b", "index.html": "home", "sitemap.xml": "map", "docs/index.html": "docs"},
	{"a.css": "a2", "b.css": "b", "copy.css": "b", "index.html": "home", "sitemap.xml": "map"},
	{"a.css": "a", "b.css": "b", "copy.css": "b", "index.html": "home 3", "sitemap.xml": "map", "new.html": "n|60"},
}

func newBed(t *testing.T, bucket storage.Store) *bed {
	b := &bed{t: t, bucket: bucket, src: t.TempDir()}
	for _, v := range versions {
		b.ids = append(b.ids, b.deploy(v).Release)
	}
	return b
}

func (b *bed) run(sink event.Sink) *deploy.Run {
	return deploy.Open(b.t.Context(), deploy.Options{
		Site: state.Site{Prefix: prefix}, Target: "bucket/blog/", Live: storage.Prefixed(b.bucket, prefix), State: storage.Prefixed(b.bucket, stateDir),
		MixedPaths: true, Owner: state.Owner{Actor: "ada"}, Source: state.Source{Repository: "octo/site", RunID: "7"}, Tool: "test", Workers: 4, Keep: 3, Retain: b.retain, Sink: sink,
	})
}

func (b *bed) deploy(files tree) event.Finished {
	b.t.Helper()
	fin, err := b.run(nil).Deploy(b.t.Context(), b.desired(files))
	if err != nil {
		b.t.Fatal(err)
	}
	return fin
}

func (b *bed) desired(files tree) deploy.Desired {
	var out deploy.Desired
	for _, path := range slices.Sorted(maps.Keys(files)) {
		content, _, _ := strings.Cut(files[path], "|")
		name := filepath.Join(b.src, fmt.Sprintf("%x", sha256.Sum256([]byte(content))))
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			b.t.Fatal(err)
		}
		o := state.Object{Path: path, Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content)), Headers: headers(path, files[path])}
		out.Objects, out.Files = append(out.Objects, o), append(out.Files, name)
	}
	return out
}

// headers are those of an object of a tree.
func headers(path, value string) storage.Headers {
	_, cache, _ := strings.Cut(value, "|")
	h := storage.Headers{storage.ContentType: "text/css", storage.CacheControl: "max-age=" + cache}
	if strings.HasSuffix(path, ".html") {
		h[storage.ContentType] = "text/html"
	}
	return h
}

func (b *bed) verify(deep bool) event.Verified {
	b.t.Helper()
	v, err := b.run(nil).Verify(b.t.Context(), deep)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// all returns every object of the bucket, bytes and headers in one.
func (b *bed) all() map[string]string {
	b.t.Helper()
	out := map[string]string{}
	for info, err := range b.bucket.List(b.t.Context(), "") {
		if err != nil {
			b.t.Fatal(err)
		}
		body, h := b.get(info.Key)
		out[info.Key] = string(body) + fmt.Sprint(h)
	}
	return out
}

func (b *bed) get(key string) ([]byte, storage.Headers) {
	b.t.Helper()
	o, err := b.bucket.Get(b.t.Context(), key)
	if err != nil {
		b.t.Fatal(err)
	}
	defer o.Body.Close()
	body, err := io.ReadAll(o.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return body, o.Headers
}

func (b *bed) put(key, content string, h storage.Headers) {
	b.t.Helper()
	if _, err := b.bucket.Put(b.t.Context(), key, storage.Bytes([]byte(content)), h, storage.Condition{}); err != nil {
		b.t.Fatal(err)
	}
}

// set writes an object of the site as a tree has it.
func (b *bed) set(path, value string) {
	content, _, _ := strings.Cut(value, "|")
	b.put(prefix+path, content, headers(path, value))
}

func (b *bed) del(keys ...string) {
	b.t.Helper()
	if err := b.bucket.Delete(b.t.Context(), keys...); err != nil {
		b.t.Fatal(err)
	}
}

// cut leaves the first half of an object.
func (b *bed) cut(key string) {
	body, h := b.get(key)
	b.put(key, string(body[:len(body)/2]), h)
}

// flip changes one byte of an object.
func (b *bed) flip(key string) {
	body, h := b.get(key)
	body[len(body)/2] ^= 0x55
	b.put(key, string(body), h)
}

func (b *bed) releaseKey(n int) string { return stateDir + state.ReleaseKey(b.ids[n]) }

func blobKey(content string) string {
	return stateDir + state.BlobKey(sha256.Sum256([]byte(content)))
}

// head reads, changes and writes the head.
func (b *bed) head(change func(*state.Head)) {
	b.t.Helper()
	body, h := b.get(stateDir + state.HeadKey)
	head, err := state.DecodeHead(bytes.NewReader(body), state.Site{Prefix: prefix})
	if err != nil {
		b.t.Fatal(err)
	}
	change(head)
	if body, err = state.EncodeHead(*head); err != nil {
		b.t.Fatal(err)
	}
	b.put(stateDir+state.HeadKey, string(body), h)
}

// intent writes an intent, and puts it in doubt.
func (b *bed) intent(touches ...state.Touch) string {
	b.t.Helper()
	id := state.NewID(time.Now(), b.ids[len(b.ids)-1])
	body, err := state.EncodeIntent(&state.Intent{ID: id, Base: b.ids[2], Site: state.Site{Prefix: prefix}, Touches: touches})
	if err != nil {
		b.t.Fatal(err)
	}
	b.put(stateDir+state.IntentKey(id), string(body), nil)
	return id
}

// record writes a release that no head named: version v with other objects as
// they are in the bucket.
func (b *bed) record(v tree) {
	b.t.Helper()
	live := map[string]storage.Info{}
	for info, err := range b.bucket.List(b.t.Context(), prefix) {
		if err != nil {
			b.t.Fatal(err)
		}
		live[strings.TrimPrefix(info.Key, prefix)] = info
	}
	rel := &state.Release{ID: state.NewID(time.Now(), b.ids[2]), Parent: b.ids[2], History: b.ids, Site: state.Site{Prefix: prefix}}
	for _, o := range b.desired(v).Objects {
		o.ETag = live[o.Path].ETag
		rel.Objects = append(rel.Objects, o)
	}
	body, err := state.EncodeRelease(rel)
	if err != nil {
		b.t.Fatal(err)
	}
	b.put(stateDir+state.ReleaseKey(rel.ID), string(body), nil)
}

// repair mends, and returns the paths that it could not bring back.
func (b *bed) repair(deep bool) []string {
	b.t.Helper()
	_, err := b.run(nil).Repair(b.t.Context(), deep)
	var unmended *deploy.UnmendedError
	if errors.As(err, &unmended) {
		return unmended.Paths
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return nil
}
