package cdn

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// limits as providers declare them, and some that none has.
var limits = map[string]Limits{
	"cloudflare": {Batch: 3, MaxURLs: 12, Prefixes: 3, PrefixBatch: 2, PrefixDepth: 4, HostBatch: 2, PerOrigin: true},
	"cloudfront": {Batch: 8, MaxURLs: 8, Prefixes: 2, PrefixBatch: 2, ItemLength: 30, Reserved: "*", Escaped: "[]", PathsOnly: true, Billed: true},
	"fastly":     {Batch: 1, MaxURLs: 10},
	"tagged":     {Batch: 1, MaxURLs: 10, Tag: "site"},
	"bunny":      {Batch: 1, MaxURLs: 10, Prefixes: 5, PrefixBatch: 1, Reserved: "*"},
	"webhook":    {Batch: 1000, Prefixes: 1000, HostBatch: 10},
	"prefixes":   {Prefixes: 3},
	"nothing":    {},
}

// site is a site with some of its files changed.
type site struct {
	bases   []string
	changed []string // paths
	kept    []string
	origins []string
	all     bool
}

func (s site) change() Change {
	c := Change{Bases: s.bases, All: s.all, Origins: s.origins, Kept: slices.Values(s.kept)}
	for _, b := range s.bases {
		for _, p := range s.changed {
			c.URLs = append(c.URLs, b+p)
			if p == "" && strings.Count(b, "/") > 3 {
				c.URLs = append(c.URLs, strings.TrimSuffix(b, "/"))
			}
		}
	}
	slices.Sort(c.URLs)
	c.URLs = slices.Compact(c.URLs)
	return c
}

func sites() *rapid.Generator[site] {
	segment := rapid.SampledFrom([]string{"a", "b", "ab", "c*", "[e]", "long-long-long-long", "d"})
	path := rapid.Custom(func(t *rapid.T) string {
		dirs := rapid.SliceOfN(segment, 0, 5).Draw(t, "directories")
		file := rapid.SampledFrom([]string{"", "x", "y.html", "z?a=/b/c", "w"}).Draw(t, "file")
		return strings.Join(append(dirs, file), "/")
	})
	return rapid.Custom(func(t *rapid.T) site {
		root := rapid.SampledFrom([]string{"/", "/blog/", "/a/b/"}).Draw(t, "root")
		s := site{bases: []string{"https://example.com" + root}, all: rapid.IntRange(0, 9).Draw(t, "all") == 0}
		if rapid.Bool().Draw(t, "two hosts") {
			s.bases = append(s.bases, "https://www.example.com"+root)
		}
		if rapid.Bool().Draw(t, "origin") {
			s.origins = []string{"https://example.org"}
		}
		paths := rapid.SliceOfNDistinct(path, 0, 60, rapid.ID).Draw(t, "paths")
		share := rapid.IntRange(0, 10).Draw(t, "share")
		for _, p := range paths {
			if rapid.IntRange(1, 10).Draw(t, "changed") <= share {
				s.changed = append(s.changed, p)
			} else {
				s.kept = append(s.kept, p)
			}
		}
		return s
	})
}

// forgets reports whether a CDN with these limits forgets a URL that was asked
// for with an origin, as the requests say. It knows nothing of the planner.
func forgets(l Limits, requests []Request, u, origin string) bool {
	_, own, _ := strings.Cut(u, "://")
	if l.Escaped != "" {
		own = strings.NewReplacer("[", "%5B", "]", "%5D").Replace(own)
	}
	host, path, _ := strings.Cut(own, "/")
	path = "/" + path
	for _, r := range requests {
		switch r.Kind {
		case Everything, Tags:
			return true
		case Hosts:
			if slices.Contains(r.Items, host) {
				return true
			}
			continue
		}
		for _, item := range r.Items {
			_, other, _ := strings.Cut(item, "://")
			_, otherPath, _ := strings.Cut(other, "/")
			mine := own
			if l.PathsOnly {
				mine, other = path, "/"+otherPath
			}
			if r.Kind == Prefixes && strings.HasPrefix(mine, other) || r.Kind == URLs && mine == other && (r.Origin == origin || !l.PerOrigin) {
				return true
			}
		}
	}
	return false
}

// keepsTo fails the test where a request is beyond the limits.
func keepsTo(t *rapid.T, l Limits, requests []Request) {
	urls, prefixes := 0, 0
	for _, r := range requests {
		most := 0
		switch r.Kind {
		case URLs:
			most = l.Batch
			urls += len(r.Items)
		case Prefixes:
			most = l.PrefixBatch
			if most == 0 {
				most = l.Prefixes
			}
			prefixes += len(r.Items)
		case Hosts:
			most = l.HostBatch
		case Tags:
			most = 1
			if l.Tag == "" || r.Items[0] != l.Tag {
				t.Fatalf("no such tag: %v", r)
			}
		case Everything:
			if len(requests) > 1 || len(r.Items) > 0 {
				t.Fatalf("everything beside others: %v", requests)
			}
			continue
		}
		if len(r.Items) == 0 || len(r.Items) > most || !slices.IsSorted(r.Items) {
			t.Fatalf("%d %s in a request of %d at most: %q", len(r.Items), r.Kind, most, r.Items)
		}
		if r.Origin != "" && (!l.PerOrigin || r.Kind != URLs) {
			t.Fatalf("an origin in %v", r)
		}
		for _, item := range r.Items {
			_, sent, _ := strings.Cut(item, "://")
			if r.Kind == Prefixes && (!strings.HasSuffix(item, "/") || strings.Contains(item, "?") || l.PrefixDepth > 0 && strings.Count(sent, "/") > l.PrefixDepth) {
				t.Fatalf("%q is no prefix", item)
			}
			if r.Kind != URLs && r.Kind != Prefixes {
				continue
			}
			if sent = item; l.PathsOnly {
				sent = item[strings.Index(item[8:], "/")+8:]
			}
			if l.ItemLength > 0 && len(sent) > l.ItemLength || strings.ContainsAny(sent, l.Reserved) && l.Reserved != "" {
				t.Fatalf("%q is an item that the CDN does not take", item)
			}
		}
	}
	if l.MaxURLs > 0 && urls > l.MaxURLs || prefixes > l.Prefixes {
		t.Fatalf("%d URLs and %d prefixes", urls, prefixes)
	}
}

// TestPlanProperties: the requests always cover the URLs, never exceed a limit,
// and purge nothing else while they are exact.
func TestPlanProperties(t *testing.T) {
	for name, l := range limits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				s := sites().Draw(t, "site")
				l := l
				l.Whole = rapid.IntRange(0, 19).Draw(t, "whole") == 0
				c := s.change()
				p := NewPlan(l, c)
				keepsTo(t, l, p.Requests)
				covered := 0
				for _, u := range c.URLs {
					for _, o := range append([]string{""}, s.origins...) {
						if !forgets(l, p.Requests, u, o) {
							t.Fatalf("%s from %q is not purged by %v", u, o, p.Requests)
						}
					}
				}
				dropped := 0
				seen := map[string]bool{}
				for _, b := range s.bases {
					for _, k := range s.kept {
						key := b + k
						if l.PathsOnly {
							key = b[strings.Index(b[8:], "/"):] + k
						}
						if forgets(l, p.Requests, b+k, "") && !seen[key] {
							seen[key] = true
							dropped++
						}
					}
				}
				if dropped != p.Dropped {
					t.Fatalf("%d unchanged files are dropped, the plan says %d: %v", dropped, p.Dropped, p.Requests)
				}
				if only := p.Only(); only == URLs && p.Dropped > 0 {
					t.Fatalf("an exact plan drops %d", p.Dropped)
				}
				for _, r := range p.Requests {
					covered += r.Covers
				}
				if p.URLs != len(c.URLs) || covered < p.URLs {
					t.Fatalf("%d of %d URLs covered by %v", covered, len(c.URLs), p.Requests)
				}
				if s.all && len(p.Requests) == 0 {
					t.Fatal("all of the site changed, and nothing is purged")
				}
				if s.all || l.Whole && len(c.URLs) > 0 {
					for _, b := range s.bases {
						if !forgets(l, p.Requests, b+"never/heard/of", "") {
							t.Fatalf("all below %s changed, and %v does not purge it", b, p.Requests)
						}
					}
				}
				fits := l.MaxURLs == 0 || len(c.URLs)*(1+len(s.origins)) <= l.MaxURLs
				odd := slices.ContainsFunc(c.URLs, func(u string) bool {
					return l.Reserved != "" && strings.ContainsAny(u, l.Reserved) || len(u) > 30 && l.ItemLength > 0
				})
				if fits && !odd && l.Batch > 0 && !s.all && !l.Whole && (p.Dropped > 0 || !l.Billed && p.Only() != URLs && len(c.URLs) > 0) {
					t.Fatalf("%d URLs fit, and %v drops others", len(c.URLs), p.Requests)
				}
			})
		})
	}
}

// TestFewestDropped compares the choice of prefixes with all other choices.
func TestFewestDropped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sites().Draw(t, "site")
		s.all = false
		s.changed = slices.DeleteFunc(s.changed, func(p string) bool { return p == "" })
		if len(s.changed) == 0 {
			return
		}
		s.bases = []string{"https://example.com/"}
		l := Limits{Prefixes: rapid.IntRange(1, 3).Draw(t, "prefixes")}
		got := NewPlan(l, s.change()).Dropped
		if want := fewest(s, l.Prefixes); got != want {
			t.Fatalf("drops %d unchanged files, %d would do: %v", got, want, NewPlan(l, s.change()).Requests)
		}
		// With some URLs by name it is never worse.
		l.Batch, l.MaxURLs = 1, 4
		if with := NewPlan(l, s.change()).Dropped; with > got {
			t.Fatalf("with 4 URLs by name %d are dropped, without %d", with, got)
		}
	})
}

// fewest tries every set of n directories that covers what changed.
func fewest(s site, n int) int {
	dirs := map[string]bool{"": true}
	for _, p := range s.changed {
		p, _, _ = strings.Cut(p, "?")
		for i := range p {
			if p[i] == '/' {
				dirs[p[:i+1]] = true
			}
		}
	}
	var all []string
	for d := range dirs {
		all = append(all, d)
	}
	least := len(s.kept)
	var try func(set []string, from int)
	try = func(set []string, from int) {
		in := func(p string) bool {
			return slices.ContainsFunc(set, func(d string) bool { return strings.HasPrefix(p, d) })
		}
		if !slices.ContainsFunc(s.changed, func(p string) bool { return !in(p) }) {
			dropped := 0
			for _, k := range s.kept {
				if in(k) {
					dropped++
				}
			}
			least = min(least, dropped)
		}
		for i := from; len(set) < n && i < len(all); i++ {
			try(append(slices.Clone(set), all[i]), i+1)
		}
	}
	try(nil, 0)
	return least
}

func pages(dir string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%03d", dir, i)
	}
	return out
}

func TestNewPlan(t *testing.T) {
	root := []string{"https://example.com/"}
	two := []string{"https://example.com/", "https://www.example.com/"}
	blog := []string{"https://example.com/blog/"}
	docs := append(pages("docs/", 20), pages("news/", 2)...)
	for name, c := range map[string]struct {
		l    Limits
		s    site
		want string // requests, then what is dropped
	}{
		"nothing":             {limits["cloudflare"], site{bases: root}, "[] dropped 0"},
		"batches":             {Limits{Batch: 2}, site{bases: root, changed: pages("", 3)}, "[urls 2; urls 1] dropped 0"},
		"origins":             {Limits{Batch: 3, PerOrigin: true}, site{bases: root, changed: pages("", 3), origins: []string{"https://o"}}, "[urls 3; urls 3 from https://o] dropped 0"},
		"origins need none":   {Limits{Batch: 3}, site{bases: root, changed: pages("", 3), origins: []string{"https://o"}}, "[urls 3] dropped 0"},
		"origins count":       {Limits{Batch: 3, MaxURLs: 5, PerOrigin: true}, site{bases: root, changed: pages("", 3), origins: []string{"https://o"}}, "[everything 0] dropped 0"},
		"one path, two hosts": {Limits{Batch: 5, PathsOnly: true}, site{bases: two, changed: pages("", 3)}, "[urls 3] dropped 0"},
		"a free directory":    {Limits{Batch: 5, MaxURLs: 5, Prefixes: 1}, site{bases: root, changed: docs, kept: pages("x/", 9)}, "[prefixes https://example.com/docs/; urls 2] dropped 0"},
		"the lesser evil": {
			Limits{Batch: 5, MaxURLs: 10, Prefixes: 1},
			site{bases: root, changed: append(pages("a/", 9), pages("b/", 9)...), kept: append(pages("a/k", 5), pages("b/k", 4)...)},
			"[prefixes https://example.com/b/; urls 5; urls 4] dropped 4",
		},
		"no lesser evil": {
			Limits{Batch: 5, MaxURLs: 5, Prefixes: 1, HostBatch: 1},
			site{bases: root, changed: append(pages("a/", 9), pages("b/", 9)...), kept: pages("a/k", 5)},
			"[hosts example.com] dropped 5",
		},
		"room to spare": {
			Limits{Batch: 9, MaxURLs: 5, Prefixes: 3},
			site{bases: root, changed: slices.Concat(pages("a/", 10), pages("b/", 4), pages("c/", 4)), kept: slices.Concat(pages("a/k", 5), pages("b/k", 2), pages("k", 9))},
			"[prefixes https://example.com/a/ https://example.com/c/; urls 4] dropped 5",
		},
		"no name to spare": {
			Limits{Batch: 9, MaxURLs: 5, Prefixes: 2, Reserved: "*"},
			site{bases: root, changed: slices.Concat(pages("a/", 10), pages("b/", 3), []string{"b/*"}), kept: slices.Concat(pages("a/k", 5), pages("b/k", 2), pages("k", 9))},
			"[prefixes https://example.com/a/ https://example.com/b/] dropped 7",
		},
		"one spelling":          {Limits{Batch: 9, Prefixes: 2, Billed: true, PathsOnly: true, Escaped: "[]"}, site{bases: root, changed: []string{"%5Ba%5D.js", "[a].js"}, kept: []string{"k"}}, "[urls 1] dropped 0"},
		"one directory":         {Limits{Batch: 9, Prefixes: 2, Billed: true, PathsOnly: true, Escaped: "[]"}, site{bases: root, changed: []string{"%5Bs%5D/a", "%5Bs%5D/b", "[s]/a", "[s]/b"}, kept: []string{"[s]/k"}}, "[urls 2] dropped 0"},
		"one is no prefix":      {Limits{Batch: 9, Prefixes: 2, Billed: true}, site{bases: root, changed: []string{"a/x", "b/"}, kept: []string{"k"}}, "[urls 2] dropped 0"},
		"cheaper where billed":  {Limits{Batch: 99, Prefixes: 1, Billed: true}, site{bases: root, changed: docs, kept: []string{"news/k"}}, "[prefixes https://example.com/docs/; urls 2] dropped 0"},
		"exact where it is not": {Limits{Batch: 99, Prefixes: 1}, site{bases: root, changed: docs, kept: []string{"news/k"}}, "[urls 22] dropped 0"},
		"all, by host":          {limits["cloudflare"], site{bases: two, all: true, kept: []string{"k"}}, "[hosts example.com www.example.com] dropped 2"},
		"all, below a path":     {limits["cloudflare"], site{bases: blog, all: true, changed: []string{""}}, "[prefixes https://example.com/blog/; urls 1] dropped 0"},
		"all, by path":          {limits["cloudfront"], site{bases: two, all: true}, "[prefixes https://example.com/] dropped 0"},
		"all, by tag":           {limits["tagged"], site{bases: two, all: true}, "[tags site] dropped 0"},
		"all, by nothing less":  {limits["fastly"], site{bases: root, all: true}, "[everything 0] dropped 0"},
		"too long for a URL":    {Limits{Batch: 9, ItemLength: 30, Prefixes: 2}, site{bases: root, changed: []string{"x/" + strings.Repeat("a", 30)}, kept: []string{"x/k"}}, "[prefixes https://example.com/x/] dropped 1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPlan(c.l, c.s.change())
			var words []string
			for _, r := range p.Requests {
				w := fmt.Sprintf("%s %d", r.Kind, len(r.Items))
				if r.Kind != URLs && r.Kind != Everything {
					w = string(r.Kind) + " " + strings.Join(r.Items, " ")
				}
				if r.Origin != "" {
					w += " from " + r.Origin
				}
				words = append(words, w)
			}
			if got := fmt.Sprintf("[%s] dropped %d", strings.Join(words, "; "), p.Dropped); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestKeptIsNotReadInVain: an exact plan does not look at what did not change,
// and no plan looks at each file more than once for each base.
func TestKeptIsNotReadInVain(t *testing.T) {
	reads := 0
	kept := func(n int) iter.Seq[string] {
		return func(yield func(string) bool) {
			for i := range n {
				reads++
				if !yield(fmt.Sprint("k/", i)) {
					return
				}
			}
		}
	}
	c := site{bases: []string{"https://example.com/"}, changed: pages("a/", 50)}.change()
	c.Kept = kept(1000)
	if NewPlan(Limits{Batch: 100}, c); reads != 0 {
		t.Errorf("%d reads for an exact plan", reads)
	}
	if NewPlan(Limits{Batch: 100, MaxURLs: 10, Prefixes: 3}, c); reads != 1000 {
		t.Errorf("%d reads of 1000 files", reads)
	}
}

// BenchmarkPlan is 100,000 changed pages among a million, in three forms each:
// all of some sections, and a few everywhere.
func BenchmarkPlan(b *testing.B) {
	s := site{bases: []string{"https://example.com/"}}
	for i := range 1_000_000 {
		p := fmt.Sprintf("section-%d/part-%d/page-%d/", i%37, i%1009, i)
		if i%37 < 3 && i%40 != 0 || i%50 == 4 {
			s.changed = append(s.changed, p, p+"index.html", strings.TrimSuffix(p, "/"))
		} else {
			s.kept = append(s.kept, p)
		}
	}
	c := s.change()
	for b.Loop() {
		p := NewPlan(Limits{Batch: 100, MaxURLs: 100_000, Prefixes: 30, PrefixBatch: 30, HostBatch: 30}, c)
		b.ReportMetric(float64(p.Dropped), "dropped")
		b.ReportMetric(float64(len(p.Requests)), "requests")
	}
	b.ReportMetric(float64(len(c.URLs)), "URLs")
}
