package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// stored is an object with the headers that the sites of these tests have.
type stored struct{ body, contentType, cacheControl, language string }

// contents are the objects of a bucket, by key.
type contents map[string]stored

// depot is the bucket of a test, as nobody but the test sees it.
type depot struct {
	name   string
	client *s3.Client
}

func newDepot(t *testing.T, server *testbed.S3) *depot {
	return &depot{server.NewBucket(t), server.Client()}
}

// read returns all that is in the bucket.
func (d *depot) read(t *testing.T) contents {
	t.Helper()
	out := contents{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	pages := s3.NewListObjectsV2Paginator(d.client, &s3.ListObjectsV2Input{Bucket: &d.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			g.Go(func() error {
				got, err := d.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &d.name, Key: o.Key})
				if err != nil {
					return err
				}
				defer got.Body.Close()
				body, err := io.ReadAll(got.Body)
				mu.Lock()
				defer mu.Unlock()
				out[*o.Key] = stored{
					string(body), aws.ToString(got.ContentType), aws.ToString(got.CacheControl), aws.ToString(got.ContentLanguage),
				}
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return out
}

// restore makes the bucket what it was. Intents come first: an object that is
// older than the intent that announces it is not its work.
func (d *depot) restore(t *testing.T, want contents) {
	t.Helper()
	have := d.read(t)
	isIntent := func(key string) bool { return strings.HasPrefix(key, stateDir+"intents/") }
	for _, wave := range []func(key string) bool{isIntent, func(key string) bool { return !isIntent(key) }} {
		g, ctx := errgroup.WithContext(t.Context())
		g.SetLimit(8)
		for key, o := range want {
			if wave(key) && (have[key] != o || !strings.HasPrefix(key, stateDir)) {
				g.Go(func() error { return d.put(ctx, key, o) })
			}
		}
		for key := range have {
			if _, ok := want[key]; !ok && wave(key) {
				g.Go(func() error {
					_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &d.name, Key: &key})
					return err
				})
			}
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *depot) put(ctx context.Context, key string, o stored) error {
	in := &s3.PutObjectInput{Bucket: &d.name, Key: &key, Body: strings.NewReader(o.body), ContentType: &o.contentType}
	if o.cacheControl != "" {
		in.CacheControl = &o.cacheControl
	}
	if o.language != "" {
		in.ContentLanguage = &o.language
	}
	_, err := d.client.PutObject(ctx, in)
	return err
}

const stateDir = state.Dir + "/"

// site returns what visitors see.
func (c contents) site() contents {
	out := maps.Clone(c)
	maps.DeleteFunc(out, func(key string, _ stored) bool { return strings.HasPrefix(key, stateDir) })
	return out
}

// head returns the head of the site, empty where there is none.
func (c contents) head(t *testing.T, bucket string) *state.Head {
	t.Helper()
	o, ok := c[stateDir+state.HeadKey]
	if !ok {
		return &state.Head{}
	}
	h, err := state.DecodeHead(strings.NewReader(o.body), state.Site{Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// unfinished calls f with each path that the head calls in doubt, or owes to
// CDNs, which are then named; else they are all meant. What was acknowledged and
// is still in the head is asked for once more.
func (c contents) unfinished(t *testing.T, bucket string, f func(path string, cdns ...string)) {
	t.Helper()
	h := c.head(t, bucket)
	ids := slices.Clone(h.Doubt)
	if h.Busy != nil {
		ids = append(ids, h.Busy.Target)
	}
	for _, id := range ids {
		for _, path := range c.touched(t, bucket, id) {
			f(path)
		}
	}
	for _, o := range h.Owed {
		var cdns []string
		for _, name := range o.Purge {
			cdn, _, _ := strings.Cut(name, " ")
			cdns = append(cdns, cdn)
		}
		for _, path := range c.touched(t, bucket, o.Intent) {
			if len(cdns) > 0 {
				f(path, cdns...)
			}
		}
	}
}

// touched returns the paths of an intent, none where it is not there: nothing
// was touched yet.
func (c contents) touched(t *testing.T, bucket, intent string) []string {
	t.Helper()
	o, ok := c[stateDir+state.IntentKey(intent)]
	if !ok {
		return nil
	}
	in, err := state.DecodeIntent(strings.NewReader(o.body), state.Site{Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, touch := range in.Touches {
		if touch.SHA256 != nil || touch.Adopts == nil { // else it stays as it is
			paths = append(paths, touch.Path)
		}
	}
	return paths
}

var reference = regexp.MustCompile(`(?:href|src)="/([^"]+)"`)

// wantWhole checks what visitors see in the middle of a deploy: each file is
// that of one of the versions, and what pages refer to is there. Of pages that
// are new together, one may link to another that follows; one that all versions
// have may not.
func (c contents) wantWhole(t *testing.T, versions ...contents) {
	t.Helper()
	live := c.site()
	for _, key := range keysOf(append(slices.Clone(versions), live)...) {
		got, here := live[key]
		ok := slices.ContainsFunc(versions, func(v contents) bool {
			want, there := v[key]
			return here == there && got == want
		})
		if !ok {
			t.Errorf("%s is of no version (there: %v): %+v", key, here, got)
		}
	}
	for key, o := range live {
		if !strings.HasSuffix(key, ".html") {
			continue
		}
		isNew := slices.ContainsFunc(versions, func(v contents) bool { _, ok := v[key]; return !ok })
		for _, m := range reference.FindAllStringSubmatch(o.body, -1) {
			if _, ok := live[m[1]]; !ok && !(isNew && strings.HasSuffix(m[1], ".html")) {
				t.Errorf("%s refers to %s, which is not there", key, m[1])
			}
		}
	}
}

// wantSite checks that visitors see exactly one version.
func (c contents) wantSite(t *testing.T, want contents) {
	t.Helper()
	live := c.site()
	for _, key := range keysOf(live, want) {
		if live[key] != want[key] {
			t.Errorf("%s is\n%+v, want\n%+v", key, live[key], want[key])
		}
	}
}

func keysOf(all ...contents) []string {
	var keys []string
	for _, c := range all {
		keys = slices.AppendSeq(keys, maps.Keys(c))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// strays are records that nothing refers to.
type strays struct{ intents, releases, blobs int }

func (s strays) String() string {
	return fmt.Sprintf("%d intents, %d releases, %d blobs", s.intents, s.releases, s.blobs)
}

func (s strays) max(o strays) strays {
	return strays{max(s.intents, o.intents), max(s.releases, o.releases), max(s.blobs, o.blobs)}
}

// wantState checks the records of a site that no deploy is at work on: nothing
// is in doubt or owed, the live release says what is there, all that it names
// is there, and each kept release can be brought back. It returns what lies
// there beside, which can only be records of the three kinds.
func (c contents) wantState(t *testing.T, bucket string) strays {
	t.Helper()
	h := c.head(t, bucket)
	if h.Busy != nil || len(h.Doubt) > 0 || len(h.Owed) > 0 {
		t.Errorf("the head is not idle: %+v", h)
	}
	live := c.release(t, bucket, h.Live)
	h.Trim(live)
	known := map[string]bool{stateDir + state.HeadKey: true, stateDir + state.ReleaseKey(h.Live): true}
	for _, s := range h.Suspects {
		known[stateDir+state.IntentKey(s.Intent)] = true
	}
	have := c.wantBytes(t, live)
	for _, b := range live.Blobs {
		known[stateDir+state.BlobKey(b.SHA256)] = true
	}
	for _, id := range live.History {
		known[stateDir+state.ReleaseKey(id)] = true
		for _, o := range c.release(t, bucket, id).Objects {
			if !have[o.SHA256] && !h.Forgot(o.SHA256) {
				t.Errorf("release %s cannot be brought back: the bytes of %s are gone", id, o.Path)
			}
		}
	}
	return c.strays(t, known)
}

// wantBytes checks that what a live release names is there, and returns which
// bytes that are.
func (c contents) wantBytes(t *testing.T, live *state.Release) map[[32]byte]bool {
	t.Helper()
	have := map[[32]byte]bool{}
	if got, want := len(live.Objects)+len(live.Retired), len(c.site()); got != want {
		t.Errorf("the live release has, or retains, %d objects, and %d are there", got, want)
	}
	for _, r := range live.Retired {
		have[r.SHA256] = true // released looks at it
	}
	for _, o := range live.Objects {
		have[o.SHA256] = true
		if sha256.Sum256([]byte(c[o.Path].body)) != o.SHA256 {
			t.Errorf("%s is not what the live release says", o.Path)
		}
	}
	for _, b := range live.Blobs {
		have[b.SHA256] = true
		if sha256.Sum256([]byte(c[stateDir+state.BlobKey(b.SHA256)].body)) != b.SHA256 {
			t.Errorf("the blob %s is missing or has other bytes", b.SHA256)
		}
	}
	return have
}

func (c contents) release(t *testing.T, bucket, id string) *state.Release {
	t.Helper()
	rel, err := state.DecodeRelease(bytes.NewReader([]byte(c[stateDir+state.ReleaseKey(id)].body)), state.Site{Bucket: bucket})
	if err != nil {
		t.Fatalf("release %s: %v", id, err)
	}
	return rel
}

func (c contents) strays(t *testing.T, known map[string]bool) strays {
	t.Helper()
	var s strays
	for _, key := range keysOf(c) {
		rest, ok := strings.CutPrefix(key, stateDir)
		if !ok || known[key] {
			continue
		}
		switch dir, _, _ := strings.Cut(rest, "/"); dir {
		case "intents":
			s.intents++
		case "releases":
			s.releases++
		case "blobs":
			s.blobs++
		default:
			t.Errorf("%s is no part of the format", key)
		}
	}
	return s
}
