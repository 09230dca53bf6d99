package cdntest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

func testName(t *testing.T, h Harness) {
	a, _ := h.New(t)
	b, _ := h.New(t)
	if a.Name() == "" || a.Name() != b.Name() {
		t.Errorf("names are %q and %q: want the same one twice", a.Name(), b.Name())
	}
	h.secretFree(t, a.Name())
}

func testEmpty(t *testing.T, h Harness) {
	p, fake := h.New(t)
	res, err := p.Purge(t.Context())
	if err != nil || res.Requests != 0 || res.URLs != 0 || res.Owed != nil {
		t.Errorf("Purge of nothing = %+v, %v", res, err)
	}
	if n := fake.Requests(); n != 0 {
		t.Errorf("Purge of nothing made %d requests", n)
	}
}

// testCoverage purges sets around the limits of the CDNs. The fake enforces
// them.
func testCoverage(t *testing.T, h Harness) {
	for _, n := range []int{1, 100, 101, 2500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p, fake := h.New(t)
			requests := h.plan(p, h.urls(n))
			res, err := p.Purge(t.Context(), requests...)
			if err != nil {
				t.Fatal(err)
			}
			purgedExactly(t, fake, requests)
			if res.URLs != n || res.Owed != nil || res.Requests < 1 || res.Requests > fake.Requests() {
				t.Errorf("Result = %+v for %d URLs and %d requests", res, n, fake.Requests())
			}
		})
	}
}

// testKinds sends a request of each kind that the purger declares, and shows
// that it leaves them as they are.
func testKinds(t *testing.T, h Harness) {
	p, _ := h.New(t)
	host := strings.TrimPrefix(strings.TrimPrefix(h.Origin, "https://"), "http://")
	l := p.Limits()
	requests := []cdn.Request{{Kind: cdn.Everything}}
	if l.Batch > 0 {
		requests = append(requests, cdn.Request{Kind: cdn.URLs, Items: []string{h.Origin + "/a/"}})
	}
	if l.PerOrigin {
		requests = append(requests, cdn.Request{Kind: cdn.URLs, Items: []string{h.Origin + "/font.woff2"}, Origin: "https://example.org"})
	}
	if l.Prefixes > 0 {
		requests = append(requests, cdn.Request{Kind: cdn.Prefixes, Items: []string{h.Origin + "/a%20b/c/"}})
	}
	if l.HostBatch > 0 {
		requests = append(requests, cdn.Request{Kind: cdn.Hosts, Items: []string{host}})
	}
	if l.Tag != "" {
		requests = append(requests, cdn.Request{Kind: cdn.Tags, Items: []string{l.Tag}})
	}
	for _, r := range requests {
		t.Run(string(r.Kind)+r.Origin, func(t *testing.T) {
			p, fake := h.New(t)
			r.Covers = 7
			before := slices.Clone(r.Items)
			res, err := p.Purge(t.Context(), r)
			if err != nil || res.URLs != 7 || res.Owed != nil || res.Requests < 1 {
				t.Fatalf("Purge = %+v, %v", res, err)
			}
			purgedExactly(t, fake, []cdn.Request{r})
			if !slices.Equal(r.Items, before) {
				t.Error("Purge changed the caller's request")
			}
		})
	}
}

// testOddURLs purges what browsers send for odd file names, byte for byte.
func testOddURLs(t *testing.T, h Harness) {
	p, fake := h.New(t)
	var set []string
	for _, path := range []string{
		"/", "/a%20b.html", "/%C3%A9t%C3%A9/", "/a+b", "/100%25.html", "/a&b=c", "/x?v=1&w=%3F", "/Case/", "/case/",
		"/it's(1)!~.html", "/a,b;c:d@e", "/%E6%97%A5%E6%9C%AC.png",
	} {
		set = append(set, h.Origin+path)
	}
	slices.Sort(set)
	requests := h.plan(p, set)
	if _, err := p.Purge(t.Context(), requests...); err != nil {
		t.Fatal(err)
	}
	purgedExactly(t, fake, requests)
}

func testConcurrent(t *testing.T, h Harness) {
	p, fake := h.New(t)
	var wg sync.WaitGroup
	var all []cdn.Request
	for part := range slices.Chunk(h.urls(600), 60) {
		requests := h.plan(p, part)
		all = append(all, requests...)
		wg.Go(func() {
			res, err := p.Purge(t.Context(), requests...)
			if err != nil || res.URLs != len(part) {
				t.Errorf("Purge = %+v, %v", res, err)
			}
		})
	}
	wg.Wait()
	purgedExactly(t, fake, all)
}
