package deploy

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

// cache is a CDN that keeps every answer, also that there is none, until it is
// told to forget it.
type cache struct {
	name   string
	limits cdn.Limits
	mu     sync.Mutex
	broken bool // it takes no purges
	kept   map[string]string
}

func (c *cache) Name() string       { return c.name }
func (c *cache) Limits() cdn.Limits { return c.limits }

// Purge forgets what the requests name, as a CDN compares it.
func (c *cache) Purge(_ context.Context, requests ...cdn.Request) (cdn.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return cdn.Result{Owed: requests}, &cdn.Error{CDN: c.name, Err: errBroken}
	}
	for _, r := range requests {
		for u := range c.kept {
			named := slices.ContainsFunc(r.Items, func(item string) bool {
				switch r.Kind {
				case cdn.Hosts:
					return strings.HasPrefix(u, "https://"+item+"/")
				case cdn.Prefixes:
					return strings.HasPrefix(u, item)
				default:
					return u == item
				}
			})
			if named || r.Kind == cdn.Everything {
				delete(c.kept, u)
			}
		}
	}
	return cdn.Result{}, nil
}

// visit asks for a URL through the cache.
func (c *cache) visit(u string, origin func(string) string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.kept[u]; !ok {
		c.kept[u] = origin(u)
	}
	return c.kept[u]
}

// cachedSite is a site behind two caches, with visitors who ask for whatever
// was ever there.
type cachedSite struct {
	t      *rapid.T
	w      *world
	mem    *storagetest.Memory
	caches []*cache
	mu     sync.Mutex
	asked  map[string]bool // URLs of what was ever in the bucket, and some that never were
	named  map[string]bool // names with a fingerprint that a live release had: nobody asks for others
	site   tree
}

// origin answers as a website endpoint does.
func (s *cachedSite) origin(u string) string {
	path, _ := url.PathUnescape(strings.TrimPrefix(u, "https://example.com/"))
	for _, try := range []string{path, path + "index.html", path + "/index.html", path + ".html", "404.html"} {
		if o, ok := s.mem.Peek("blog/" + try); ok {
			return fmt.Sprintf("%s %s", o.Body, o.Headers[storage.CacheControl])
		}
	}
	return "nothing"
}

// known are the names with a fingerprint that a live release has had. Only its
// pages refer to them, and those go live last, so nobody asks for others; that
// a deploy is killed between two of its pages is the gap that docs/purging.md
// names.
func (s *cachedSite) known() map[string]bool {
	head, ok := s.mem.Peek("blog/.pandastack/head")
	if !ok {
		return s.named
	}
	h, err := state.DecodeHead(bytes.NewReader(head.Body), s.w.site)
	if err != nil {
		s.t.Fatal(err)
	}
	record, ok := s.mem.Peek("blog/.pandastack/" + state.ReleaseKey(h.Live))
	if !ok {
		return s.named // none is live yet
	}
	live, err := state.DecodeRelease(bytes.NewReader(record.Body), s.w.site)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range live.Objects {
		s.named[o.Path] = true
	}
	return s.named
}

// visitors ask for one in n of the URLs that they may know, through both caches.
func (s *cachedSite) visitors(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.known()
	for key := range s.mem.Objects() {
		path, ok := strings.CutPrefix(key, "blog/")
		if ok && !strings.HasPrefix(path, ".pandastack/") && (known[path] || !strings.HasPrefix(path, "app-")) {
			for _, u := range urlsOf(path) {
				s.asked[u] = true
			}
		}
	}
	i := 0
	for u := range s.asked {
		if i++; n <= 1 || i%n == 0 {
			for _, c := range s.caches {
				c.visit(u, s.origin)
			}
		}
	}
}

// edit changes the site: pages, an asset, an asset that is named by its
// content, and the page for what is not found.
func (s *cachedSite) edit() {
	paths := []string{"index.html", "404.html", "docs/index.html", "docs.html", "about us.html", "a/b/c.css"}
	for _, path := range rapid.SliceOfNDistinct(rapid.SampledFrom(paths), 0, 2, rapid.ID).Draw(s.t, "paths") {
		delete(s.site, path)
		if value := rapid.SampledFrom([]string{"", "1", "2", "2|60"}).Draw(s.t, path); value != "" {
			s.site[path] = value
		}
	}
	for _, content := range []string{"1", "2"} {
		delete(s.site, "app-3f9c1b2"+content+".js")
	}
	if content := rapid.SampledFrom([]string{"", "", "1", "2"}).Draw(s.t, "named by its content"); content != "" {
		s.site["app-3f9c1b2"+content+".js"] = content
	}
	if len(s.site) == 0 {
		s.site["index.html"] = "1"
	}
}

// step is a run, of whatever kind, with whatever fails.
func (s *cachedSite) step() {
	for _, c := range s.caches {
		c.broken = rapid.IntRange(0, 3).Draw(s.t, c.name) == 0
	}
	command := rapid.SampledFrom([]string{"deploy", "deploy", "deploy", "rollback", "pay"}).Draw(s.t, "command")
	if command == "deploy" {
		s.edit()
	}
	fault := rapid.SampledFrom([]string{"", "", "PUT", "DELETE", "killed"}).Draw(s.t, "fault")
	at, n := rapid.IntRange(1, 9).Draw(s.t, "at"), 0
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	s.w.spy.intercept(func(op string, done func() error) error {
		mu.Lock()
		defer mu.Unlock()
		s.visitors(3)
		if fault == "DELETE" && strings.HasPrefix(op, "DELETE blog/") && !strings.Contains(op, ".pandastack") {
			return errBroken
		}
		if strings.HasPrefix(op, "PUT") {
			if n++; n == at && fault == "PUT" {
				return errBroken
			}
			if n == at && fault == "killed" {
				cancel()
			}
		}
		return done()
	})
	o := s.w.options()
	o.Keep, o.Variants.NotFound, o.Workers = 100, "404.html", 2
	o.Retain = rapid.SampledFrom([]time.Duration{0, 0, time.Hour}).Draw(s.t, "retain")
	o.Purgers = nil
	for _, c := range s.caches {
		o.Purgers = append(o.Purgers, c)
	}
	r := Open(ctx, o)
	var err error
	switch command {
	case "deploy":
		_, err = r.Deploy(ctx, s.w.desired(s.site))
	case "rollback":
		_, err = r.Rollback(ctx, "")
	default:
		_, err = r.Pay(ctx)
	}
	s.w.spy.intercept(nil)
	if err == nil && ctx.Err() == nil {
		s.judge(command, s.caches...)
	}
}

// judge fails the test where a cache gives visitors something else than the
// origin.
func (s *cachedSite) judge(command string, caches ...*cache) {
	s.visitors(1)
	for _, c := range caches {
		for u := range s.asked {
			if got, want := c.visit(u, s.origin), s.origin(u); got != want {
				s.t.Fatalf("%s is done, and %s gives %q for %s, not %q", command, c.name, got, u, want)
			}
		}
	}
}

// TestCachesNeverLie plays random histories of a site behind two CDNs, of which
// one takes URLs and hosts, and the other few URLs and prefixes: deploys, rollbacks
// and payments, of which some fail or are killed, while visitors fill the caches.
// Whenever a run says that it is done, visitors get what the bucket has.
func TestCachesNeverLie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const most = 300 // of the package's many: these take a second
	played := 0
	rapid.Check(t, func(rt *rapid.T) {
		if played++; played > most {
			return
		}
		mem := storagetest.NewMemory()
		w.spy = &spy{Store: mem}
		s := &cachedSite{t: rt, w: w, mem: mem, site: tree{"index.html": "1"}, asked: map[string]bool{}, named: map[string]bool{}, caches: []*cache{
			{name: "exact", limits: cdn.Limits{Batch: 3, HostBatch: 1}, kept: map[string]string{}},
			{name: "coarse", limits: cdn.Limits{Batch: 2, MaxURLs: 3, Prefixes: 2, Billed: true}, kept: map[string]string{}},
		}}
		s.visitors(1)
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			s.step()
		}
	})
}
