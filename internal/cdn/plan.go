package cdn

import (
	"fmt"
	"slices"
	"strings"
)

// Plan is what one CDN is asked for after a deploy.
type Plan struct {
	Requests []Request
	URLs     int // changed URLs; all of them are covered
	Items    int // named in all requests; everything is one
	// Dropped counts the unchanged files that the CDN forgets as well, on
	// each of the site's bases.
	Dropped int
}

// Only returns the kind of all requests, or "" where there are several kinds
// or none.
func (p Plan) Only() Kind {
	var only Kind
	for i, r := range p.Requests {
		if i > 0 && r.Kind != only {
			return ""
		}
		only = r.Kind
	}
	return only
}

// NewPlan returns the cheapest requests that cover a change: its URLs and
// nothing else while the limits allow it; else prefixes, chosen so that the
// fewest unchanged files are dropped, and URLs for what is left; else all of
// the site, or everything. It takes time in proportion to the number of URLs
// and files.
func NewPlan(l Limits, c Change) Plan {
	if len(c.URLs) == 0 && !c.All {
		return Plan{}
	}
	p := newPlanner(l, c)
	switch {
	case c.All || l.Whole:
		p.whole()
	case p.exactly() && !l.Billed:
		p.exact(p.urls)
	case l.Prefixes == 0 || !p.collapse():
		if p.exactly() {
			p.exact(p.urls)
		} else {
			p.whole()
		}
	}
	return p.plan
}

// planner makes one plan.
type planner struct {
	Limits
	change Change
	bases  []string // without those that are the same to the CDN
	urls   []string // likewise
	repeat int      // how often each URL is sent: once, and for each origin
	plan   Plan
}

func newPlanner(l Limits, c Change) *planner {
	if l.Escaped != "" {
		c = l.respelled(c)
	}
	p := &planner{Limits: l, change: c, bases: c.Bases, urls: c.URLs, repeat: 1}
	if l.PathsOnly {
		p.bases, p.urls = p.distinct(c.Bases), p.distinct(c.URLs)
	}
	if l.PerOrigin {
		p.repeat += len(c.Origins)
	}
	p.plan.URLs = len(c.URLs)
	return p
}

// respelled returns a change as a CDN has it that takes some characters
// percent-encoded alone: what did not change, too, so that a directory holds all
// that a prefix drops.
func (l Limits) respelled(c Change) Change {
	all := func(urls []string) []string {
		out := make([]string, len(urls))
		for i, u := range urls {
			out[i] = Escape(u, l.Escaped)
		}
		return out
	}
	c.Bases, c.URLs = all(c.Bases), all(c.URLs)
	slices.Sort(c.URLs)
	c.URLs = slices.Compact(c.URLs)
	if kept := c.Kept; kept != nil {
		c.Kept = func(yield func(string) bool) {
			for path := range kept {
				if !yield(Escape(path, l.Escaped)) {
					return
				}
			}
		}
	}
	return c
}

// Escape percent-encodes the characters of a set, which are ASCII, in a URL or a
// path.
func Escape(s, set string) string {
	if !strings.ContainsAny(s, set) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) >= 0 {
			fmt.Fprintf(&b, "%%%02X", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// key is what the CDN compares: without the scheme, and without the host where
// it does not look at hosts.
func (p *planner) key(u string) string {
	_, k, _ := strings.Cut(u, "://")
	if p.PathsOnly {
		k = k[strings.IndexByte(k+"/", '/'):]
	}
	return k
}

// distinct returns the first URL of those that are the same to the CDN.
func (p *planner) distinct(urls []string) []string {
	seen := make(map[string]bool, len(urls))
	var out []string
	for _, u := range urls {
		if k := p.key(u); !seen[k] {
			seen[k] = true
			out = append(out, u)
		}
	}
	return out
}

// exactly reports whether the limits allow all URLs by name.
func (p *planner) exactly() bool {
	return p.fits(len(p.urls)) && !slices.ContainsFunc(p.urls, func(u string) bool { return !p.nameable(u) })
}

// fits reports whether so many URLs may be sent one by one.
func (p *planner) fits(n int) bool { return p.MaxURLs == 0 || n*p.repeat <= p.MaxURLs }

// nameable reports whether a URL can be purged by itself.
func (p *planner) nameable(u string) bool { return p.Batch > 0 && p.sendable(u) }

// sendable reports whether a URL or prefix is one that the CDN takes.
func (p *planner) sendable(item string) bool {
	if p.PathsOnly {
		item = p.key(item)
	}
	return (p.ItemLength == 0 || len(item) <= p.ItemLength) && !strings.ContainsAny(item, p.Reserved)
}

// prefixable reports whether all below a directory's URL can be purged at
// once.
func (p *planner) prefixable(dir string) bool {
	return p.Prefixes > 0 && p.sendable(dir) && (p.PrefixDepth == 0 || strings.Count(p.key(dir), "/") <= p.PrefixDepth)
}

// exact adds requests for these URLs alone, and for their variants.
func (p *planner) exact(urls []string) {
	for batch := range chunks(urls, p.Batch) {
		p.add(Request{Kind: URLs, Items: batch, Covers: len(batch)})
	}
	if !p.PerOrigin {
		return
	}
	for _, o := range p.change.Origins {
		for batch := range chunks(urls, p.Batch) {
			p.add(Request{Kind: URLs, Items: batch, Origin: o})
		}
	}
}

func chunks(items []string, n int) func(func([]string) bool) {
	if n <= 0 {
		n = max(len(items), 1)
	}
	return slices.Chunk(items, n)
}

// add appends a request. Where the CDN does not look at hosts, its items stand
// for the same on all hosts.
func (p *planner) add(r Request) {
	if r.Kind == URLs && r.Origin == "" && p.PathsOnly {
		r.Covers = 0
		for _, u := range r.Items {
			r.Covers += p.copies(u)
		}
	}
	p.plan.Requests = append(p.plan.Requests, r)
	p.plan.Items += max(len(r.Items), 1)
}

// copies returns how many of the changed URLs a URL stands for.
func (p *planner) copies(u string) int {
	n := 0
	for _, base := range p.change.Bases {
		scheme, rest, _ := strings.Cut(base, "://")
		host, _, _ := strings.Cut(rest, "/")
		if _, ok := slices.BinarySearch(p.change.URLs, scheme+"://"+host+p.key(u)); ok {
			n++
		}
	}
	return n
}

// whole covers all of the site, with as little else as the CDN allows: by its
// tag, by its hosts and prefixes, or by everything.
func (p *planner) whole() {
	p.plan.Dropped = p.kept() * len(p.bases)
	if p.Tag != "" {
		p.add(Request{Kind: Tags, Items: []string{p.Tag}, Covers: len(p.change.URLs)})
		return
	}
	loose := slices.DeleteFunc(slices.Clone(p.urls), func(u string) bool { return p.below(u, p.bases) })
	hosts, prefixes := p.roots(p.bases)
	ok := len(prefixes) == 0 || len(prefixes) <= p.Prefixes
	for _, dir := range prefixes {
		ok = ok && p.prefixable(dir)
	}
	for _, u := range loose {
		ok = ok && p.nameable(u)
	}
	if !ok || !p.fits(len(loose)) {
		p.add(Request{Kind: Everything, Covers: len(p.change.URLs)})
		return
	}
	p.broad(hosts, prefixes)
	p.exact(loose)
}

// kept counts the unchanged files.
func (p *planner) kept() int {
	n := 0
	if p.change.Kept != nil {
		for range p.change.Kept {
			n++
		}
	}
	return n
}

// roots tells directories that are a whole host from others.
func (p *planner) roots(dirs []string) (hosts, prefixes []string) {
	for _, d := range dirs {
		_, rest, _ := strings.Cut(d, "://")
		if host, path, _ := strings.Cut(rest, "/"); path == "" && p.HostBatch > 0 && !p.PathsOnly {
			hosts = append(hosts, host)
		} else {
			prefixes = append(prefixes, d)
		}
	}
	return hosts, prefixes
}

// broad adds requests for whole hosts and prefixes.
func (p *planner) broad(hosts, prefixes []string) {
	slices.Sort(hosts)
	for batch := range chunks(hosts, p.HostBatch) {
		p.add(Request{Kind: Hosts, Items: batch, Covers: p.count(func(u string) bool { return slices.Contains(batch, hostOf(u)) })})
	}
	slices.Sort(prefixes)
	for batch := range chunks(prefixes, p.PrefixBatch) {
		p.add(Request{Kind: Prefixes, Items: batch, Covers: p.count(func(u string) bool { return p.below(u, batch) })})
	}
}

func hostOf(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// below reports whether a URL begins with one of the prefixes, as the CDN
// compares them.
func (p *planner) below(u string, prefixes []string) bool {
	k := p.key(u)
	return slices.ContainsFunc(prefixes, func(dir string) bool { return strings.HasPrefix(k, p.key(dir)) })
}

func (p *planner) count(covered func(string) bool) int {
	n := 0
	for _, u := range p.change.URLs {
		if covered(u) {
			n++
		}
	}
	return n
}
