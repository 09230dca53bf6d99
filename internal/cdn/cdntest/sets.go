package cdntest

import (
	"fmt"
	"slices"
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
	res, err := p.Purge(t.Context(), cdn.ChangeSet{})
	if err != nil || res != (cdn.Result{}) {
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
			set := h.urls(n)
			res, err := p.Purge(t.Context(), cdn.ChangeSet{URLs: set})
			if err != nil {
				t.Fatal(err)
			}
			covers(t, fake, set)
			if got := len(fake.Purged()); got != n {
				t.Errorf("purged %d URLs for %d: some more than once", got, n)
			}
			if res.URLs != n || res.Requests < 1 || res.Requests > fake.Requests() {
				t.Errorf("Result = %+v for %d URLs and %d requests", res, n, fake.Requests())
			}
		})
	}
}

// testAnyOrder shows that a set that breaks its promise to be sorted and
// unique is purged all the same, and left as it is.
func testAnyOrder(t *testing.T, h Harness) {
	p, fake := h.New(t)
	set := h.urls(150)
	slices.Reverse(set)
	set = append(set, set[10:20]...)
	before := slices.Clone(set)
	if _, err := p.Purge(t.Context(), cdn.ChangeSet{URLs: set}); err != nil {
		t.Fatal(err)
	}
	covers(t, fake, set)
	if !slices.Equal(set, before) {
		t.Error("Purge changed the caller's set")
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
	if _, err := p.Purge(t.Context(), cdn.ChangeSet{URLs: set}); err != nil {
		t.Fatal(err)
	}
	covers(t, fake, set)
}

func testConcurrent(t *testing.T, h Harness) {
	p, fake := h.New(t)
	set := h.urls(600)
	var wg sync.WaitGroup
	for part := range slices.Chunk(set, 60) {
		wg.Go(func() {
			res, err := p.Purge(t.Context(), cdn.ChangeSet{URLs: part})
			if err != nil || res.URLs != len(part) {
				t.Errorf("Purge = %+v, %v", res, err)
			}
		})
	}
	wg.Wait()
	covers(t, fake, set)
}
