package deploy

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

// The site lies below its prefix, beside others that are not its own.
const (
	sitePrefix  = "blog/"
	statePrefix = "blog/.pandastack/"
)

var neighbours = []string{"blog-old/index.html", "index.html", "blog/shop/index.html", "blog/shop/.pandastack/head"}

// documented are the keys that docs/format.md names.
var documented = regexp.MustCompile(`^(head|(releases|intents)/[0-9a-z]{26}|blobs/[0-9a-f]{64})$`)

// bed is a bucket with a CDN in front of it, and the model: what is known of
// both without a look at any record but the head.
type bed struct {
	mem  *storagetest.Memory
	disk *disk
	site state.Site
	base *url.URL
	seed uint64

	source source
	commit int // of the newest run

	mu   sync.Mutex
	head state.Head // as it is in the bucket

	live    output               // of the live release
	outputs map[string]output    // by the id of the release
	keeps   map[string]int       // how many releases its run keeps beside it
	retired map[string]time.Time // by path: until when what is no longer live has to stay
	kept    []string             // former releases that a rollback can bring back
	mark    int                  // newest commit that was deployed
	held    bool                 // by a rollback

	known   map[string][]variant          // by path: all that a run ever wanted there
	foreign map[string]storagetest.Stored // by path: what somebody else did; no ETag: deleted
	changes int                           // how often somebody else wrote
	gone    map[string]bool               // bytes that somebody else, or a late request, took away
	stale   map[string]bool               // URLs that changed since they were purged
	landed  int                           // requests of dead runs that landed late and changed something
	broken  []string                      // promises

	tally tally
}

func newBed(d *disk, skew time.Duration, seed uint64) *bed {
	b := &bed{
		mem: storagetest.NewMemory(), disk: d, site: state.Site{Prefix: sitePrefix}, seed: seed,
		base:    &url.URL{Scheme: "https", Host: "example.com", Path: "/"},
		outputs: map[string]output{}, keeps: map[string]int{}, known: map[string][]variant{}, retired: map[string]time.Time{},
		foreign: map[string]storagetest.Stored{}, gone: map[string]bool{}, stale: map[string]bool{}, tally: tally{},
	}
	b.mem.Skew = skew
	for _, key := range neighbours {
		b.write(key, "of "+key)
	}
	for i := range b.source {
		b.source[i].there = i%2 == 0
	}
	return b
}

// write puts an object as somebody else does.
func (b *bed) write(key, body string) {
	h := storage.Headers{storage.ContentType: "text/x-foreign"}
	if _, err := b.mem.Put(context.Background(), key, storage.Bytes([]byte(body)), h, storage.Condition{}); err != nil {
		panic(err)
	}
}

func (b *bed) count(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tally[what]++
}

// breaks notes a promise that was broken. The caller holds b.mu.
func (b *bed) breaks(format string, args ...any) {
	b.broken = append(b.broken, fmt.Sprintf(format, args...))
}

// perform does a request and looks at what it changed. What has arrived is
// done even where its run ends.
func (b *bed) perform(c *wire, r request, late bool) (any, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tally["requests"]++
	before := b.peek(r.keys)
	got, err := r.do(context.Background())
	for i, now := range b.peek(r.keys) {
		if old := before[i]; same(old, now) && old.Modified.Equal(now.Modified) {
			continue
		}
		c.writes++
		b.changed(c, r, r.keys[i], before[i], now, late)
	}
	return got, err
}

func (b *bed) peek(keys []string) []storagetest.Stored {
	out := make([]storagetest.Stored, len(keys))
	for i, key := range keys {
		out[i], _ = b.mem.Peek(key)
	}
	return out
}

func same(a, b storagetest.Stored) bool {
	return a.ETag == b.ETag && a.Headers.Equal(b.Headers)
}

// changed judges one change of the bucket by a run. An object without an ETag
// does not exist.
func (b *bed) changed(c *wire, r request, key string, old, now storagetest.Stored, late bool) {
	path, ours := strings.CutPrefix(key, sitePrefix)
	if !ours || slices.Contains(neighbours, key) {
		b.breaks("%s: outside of the site", r.op)
		return
	}
	if name, ok := strings.CutPrefix(key, statePrefix); ok {
		b.stateChanged(c, name, now)
		if late && strings.HasPrefix(name, "blobs/") { // collected by a dead run, and needed again meanwhile
			b.gone[string(old.Body)] = true
		}
		if late && name == state.HeadKey {
			b.landed++
			b.followMark()
		}
		return
	}
	if strings.HasPrefix(r.op, "PUT ") {
		c.uploads++
	}
	if !same(old, now) {
		if late {
			b.landed++
			b.gone[string(old.Body)] = true
		}
		if old.ETag != "" || !fingerprinted(path) { // else nobody has asked for it: TestNobodyAskedFor
			for _, u := range urlsOf(path) {
				b.stale[u] = true
			}
		}
	}
	b.foreignChanged(r, path, now, late)
	if now.ETag == "" {
		b.removed(r, path, late)
	} else {
		b.written(r, path, now, late)
	}
}

// foreignChanged holds a run to what somebody else has put there. Late
// requests that no server takes a condition for cannot be held to it.
func (b *bed) foreignChanged(r request, path string, now storagetest.Stored, late bool) {
	f, ok := b.foreign[path]
	if !ok {
		return
	}
	if f.ETag != "" && !late {
		b.breaks("%s: the object is somebody else's", r.op)
	}
	delete(b.foreign, path)
}

// removed: nothing is deleted that the live release has, or that a page of the
// site refers to.
func (b *bed) removed(r request, path string, late bool) {
	if late {
		return
	}
	if _, ok := b.live[path]; ok {
		b.breaks("%s: the live release has %s", r.op, path)
	}
	if b.disturbed() {
		return
	}
	if until, ok := b.retired[path]; ok && b.clock().Before(until) {
		b.breaks("%s: %s has to stay until %s", r.op, path, until)
	}
	if _, ok := b.retired[path]; ok {
		b.tally["due"]++
	}
	for page, o := range b.files() {
		if slices.Contains(references(string(o.Body)), path) {
			b.breaks("%s: %s refers to %s", r.op, page, path)
		}
	}
}

// written: an object is whole, and a page goes live after what it refers to.
func (b *bed) written(r request, path string, now storagetest.Stored, late bool) {
	if !slices.ContainsFunc(b.known[path], func(v variant) bool { return v.is(path, now.Body, now.Headers) }) {
		b.breaks("%s: %q with %v was never in an output", r.op, now.Body, now.Headers)
	}
	if late || b.disturbed() {
		return
	}
	for _, ref := range references(string(now.Body)) {
		if _, ok := b.mem.Peek(sitePrefix + ref); !ok {
			b.breaks("%s: it refers to %s, which is absent", r.op, ref)
		}
	}
}

// disturbed reports whether somebody else, or a late request, may have taken
// away what pages refer to.
func (b *bed) disturbed() bool { return b.landed > 0 || b.changes > 0 }

// stateChanged follows the head, which alone says what is live.
func (b *bed) stateChanged(c *wire, name string, now storagetest.Stored) {
	if !documented.MatchString(name) {
		b.breaks("%s is no documented key", name)
	}
	if id, ok := strings.CutPrefix(name, "intents/"); ok && now.ETag != "" {
		c.id = id
		b.outputs[id], b.keeps[id] = c.output, c.keep
	}
	if name != state.HeadKey {
		return
	}
	h, err := state.DecodeHead(bytes.NewReader(now.Body), b.site)
	if err != nil {
		b.breaks("the head: %v", err)
		return
	}
	old := b.head
	b.head = *h
	if old.Mark != nil && (h.Mark == nil || commitOf(h.Mark) < commitOf(old.Mark)) {
		b.breaks("the mark moved from %v to %v", old.Mark, h.Mark)
	}
	b.trimmed(c, &old, h)
	if h.Live != old.Live {
		b.retire(c, b.outputs[h.Live])
		b.committed(old.Live, h.Live)
	}
}

// clock is the server's.
func (b *bed) clock() time.Time { return time.Now().Add(b.mem.Skew) }

func fingerprinted(path string) bool { return site.RoleOf(path, "") == site.Fingerprinted }

// waits is more than a run may wait for another one before it plans.
const waits = 2*lease + 10*time.Minute

// retire notes what a release takes out of the site and leaves in the bucket,
// and what it has to delete.
func (b *bed) retire(c *wire, next output) {
	for path, until := range b.retired {
		if _, back := next[path]; back {
			b.tally["revived"]++
			delete(b.retired, path)
		} else if c.retain == 0 || !c.began.Before(until.Add(waits)) {
			delete(b.retired, path)
		}
	}
	for path := range b.live {
		if _, stays := next[path]; !stays && c.retain > 0 && fingerprinted(path) {
			b.tally["retired"]++
			b.retired[path] = c.began.Add(c.retain).Truncate(time.Second)
		}
	}
}

// committed: a release is live that is whole and has its record.
func (b *bed) committed(old, id string) {
	b.tally["releases"]++
	if old != "" {
		b.kept = append(b.kept, old)
	}
	b.kept = slices.Clone(b.kept[max(0, len(b.kept)-b.keeps[id]):])
	b.live = b.outputs[id]
	if _, ok := b.mem.Peek(statePrefix + state.ReleaseKey(id)); !ok {
		b.breaks("release %s is live without a record", id)
	}
	if b.disturbed() {
		return
	}
	for path, v := range b.live {
		if o, _ := b.mem.Peek(sitePrefix + path); !v.is(path, o.Body, o.Headers) {
			b.breaks("%s is not what the release %s says", path, id)
		}
	}
}

func commitOf(m *state.Mark) int {
	n, _ := strconv.Atoi(m.Commit)
	return n
}

// landLate lets a request of a dead run arrive after a while.
func (b *bed) landLate(c *wire, r request) {
	go func() {
		time.Sleep(c.fault.Late)
		b.perform(c, r, true)
	}()
}

func (b *bed) purged(urls []string) {
	for _, u := range urls {
		delete(b.stale, u)
	}
}

// urlsOf returns the URLs under which a CDN may hold the file at path.
func urlsOf(path string) []string {
	const host = "https://example.com/"
	path = strings.ReplaceAll(path, " ", "%20")
	stem, page := strings.CutSuffix(path, ".html")
	dir, index := strings.CutSuffix(stem, "index")
	switch {
	case !page:
		return []string{host + path}
	case !index:
		return []string{host + path, host + stem}
	case dir == "":
		return []string{host + path, host}
	default:
		return []string{host + path, host + dir, host + strings.TrimSuffix(dir, "/")}
	}
}

// files returns the objects of the site by path, neighbours left out.
func (b *bed) files() map[string]storagetest.Stored {
	out := map[string]storagetest.Stored{}
	for key, o := range b.mem.Objects() {
		path, ok := strings.CutPrefix(key, sitePrefix)
		if ok && !slices.Contains(neighbours, key) && !strings.HasPrefix(key, statePrefix) {
			out[path] = o
		}
	}
	return out
}

// paths returns the paths of two maps, each once, sorted.
func paths[A, B any](a map[string]A, b map[string]B) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}
