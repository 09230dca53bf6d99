package deploy

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
)

// with returns a copy of a tree with some files added or changed.
func (t tree) with(files tree) tree {
	out := maps.Clone(t)
	maps.Copy(out, files)
	return out
}

// deployWith deploys with other options.
func (w *world) deployWith(files tree, change func(*Options)) (event.Finished, error) {
	w.t.Helper()
	o := w.options()
	change(&o)
	return Open(w.t.Context(), o).Deploy(w.t.Context(), w.desired(files))
}

// TestPurgeOfTheNotFoundPage: its answer is cached under URLs that nobody
// knows.
func TestPurgeOfTheNotFoundPage(t *testing.T) {
	w := newWorld(t)
	w.edge.limits = cdn.Limits{Batch: 100, HostBatch: 10}
	variants := func(o *Options) { o.Variants.NotFound = "404.html" }
	files := v1.with(tree{"404.html": "nothing here", "docs/404.html": "a page like others"})
	if _, err := w.deployWith(files, variants); err != nil {
		t.Fatal(err)
	}
	w.edge.purged()
	for _, c := range []struct {
		files tree
		want  []string
	}{
		{files.with(tree{"404.html": "gone"}), []string{"hosts", "example.com"}},
		{files.with(tree{"404.html": "gone|9"}), []string{"hosts", "example.com"}},
		{files.with(tree{"404.html": "gone|9", "docs/404.html": "x"}), []string{"https://example.com/docs/404", "https://example.com/docs/404.html"}},
		{v1, []string{"hosts", "example.com"}},
	} {
		fin, err := w.deployWith(c.files, variants)
		if got := w.edge.purged(); err != nil || !slices.Equal(got, c.want) || fin.PurgeRequests != 1 {
			t.Errorf("%v %+v: purged %q, want %q", err, fin, got, c.want)
		}
	}
}

func TestPurgeOfVariants(t *testing.T) {
	w := newWorld(t)
	w.edge.limits.PerOrigin = true
	w.must(v1)
	w.edge.purged()
	fin, err := w.deployWith(v1.with(tree{"a.css": "new"}), func(o *Options) {
		o.Variants = Variants{Hosts: []string{"www.example.com"}, Queries: []string{"v=2"}, Origins: []string{"https://app.example.com"}}
	})
	want := []string{"https://example.com/a.css", "https://example.com/a.css?v=2", "https://www.example.com/a.css", "https://www.example.com/a.css?v=2"}
	want = append(want, want...) // once more with the Origin header
	if got := w.edge.purged(); err != nil || !slices.Equal(got, want) || fin.PurgedURLs != 4 || fin.PurgeRequests != 2 {
		t.Errorf("%v %+v: purged %q", err, fin, got)
	}
}

// TestNobodyAskedFor: a name with a fingerprint that is new needs no purge; one
// that was there before does, because pages that are open still ask for it.
func TestNobodyAskedFor(t *testing.T) {
	const name = "assets/app-3f2a9c1d7b.js"
	const url = "https://example.com/" + name
	w := newWorld(t)
	w.must(v1)
	w.edge.purged()
	v2 := v1.with(tree{name: "bytes"})
	fin := w.must(v2)
	if got := w.edge.purged(); len(got) != 0 || fin.PurgeRequests != 0 || w.head().Owed != nil {
		t.Errorf("nobody can have asked for it: purged %q, %+v", got, fin)
	}
	w.must(v1)
	if got := w.edge.purged(); !slices.Equal(got, []string{url}) {
		t.Errorf("removed: purged %q", got)
	}
	w.must(v2)
	if got := w.edge.purged(); !slices.Equal(got, []string{url}) {
		t.Errorf("back again: purged %q", got)
	}
	v3 := v2.with(tree{"assets/b-9c8d7e6f5a.js": "new", "assets/other.js": "bytes too"})
	w.must(v3)
	if got := w.edge.purged(); !slices.Equal(got, []string{"https://example.com/assets/other.js"}) {
		t.Errorf("a name without a fingerprint: purged %q", got)
	}
	w.check(v3)
}

// TestDoubtedIsAskedFor: an earlier deploy may have shown the name to
// somebody before it failed.
func TestDoubtedIsAskedFor(t *testing.T) {
	const name = "assets/app-3f2a9c1d7b.js"
	w := newWorld(t)
	w.must(v1)
	w.edge.purged()
	v2 := v1.with(tree{name: "bytes"})
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/"+name {
			return errors.New("down") // it may have been there for a moment
		}
		return done()
	})
	if _, err := w.deploy(v2); err == nil {
		t.Fatal("no error")
	}
	w.spy.intercept(nil)
	w.must(v2)
	if got := w.edge.purged(); !slices.Equal(got, []string{"https://example.com/" + name}) {
		t.Errorf("purged %q", got)
	}
}

// TestPurgesAreToldApart: each CDN is planned for by its own limits and its own
// debts, and the preview says the same as the deploy does.
func TestPurgesAreToldApart(t *testing.T) {
	w := newWorld(t)
	exact, paid := newEdge("exact"), newEdge("paid")
	paid.limits = cdn.Limits{Batch: 1, MaxURLs: 3, Prefixes: 1, Billed: true}
	both := func(o *Options) { o.Purgers = []cdn.Purger{exact, cdn.Whole(paid)} }
	only := func(o *Options) { o.Purgers = []cdn.Purger{exact, paid} }
	if _, err := w.deployWith(v1, both); err != nil {
		t.Fatal(err)
	}
	if got := paid.purged(); !slices.Equal(got, []string{"prefixes", "https://example.com/"}) {
		t.Errorf("everything of the site: purged %q", got)
	}
	exact.purged()

	paid.err = errors.New("down")
	fin, err := w.deployWith(v1.with(tree{"a.css": "2"}), only)
	if !errors.Is(err, ErrOwed) || !slices.Equal(fin.Owed, []string{"purge of 1 URL at paid"}) {
		t.Fatalf("%v %+v", err, fin)
	}
	if got := exact.purged(); !slices.Equal(got, []string{"https://example.com/a.css"}) {
		t.Errorf("purged %q", got)
	}

	paid.err = nil
	o := w.options()
	only(&o)
	v3 := v1.with(tree{"a.css": "2", "b.css": "2"})
	p, err := Open(t.Context(), o).Preview(t.Context(), w.desired(v3))
	want := []event.CDNPurge{
		{CDN: "exact", URLs: 1, Requests: 1, By: []string{"urls"}},
		{CDN: "paid", URLs: 2, Requests: 2, By: []string{"urls"}, Billed: 2},
	}
	if err != nil || p.PurgeURLs != 2 || !slices.EqualFunc(p.Purges, want, func(a, b event.CDNPurge) bool {
		return a.CDN == b.CDN && a.URLs == b.URLs && a.Requests == b.Requests && a.Billed == b.Billed && a.Dropped == b.Dropped && slices.Equal(a.By, b.By)
	}) {
		t.Errorf("%v: the preview says %+v", err, p.Purges)
	}
	if fin, err = w.deployWith(v3, only); err != nil || fin.PurgedURLs != 3 || fin.PurgeRequests != 3 {
		t.Errorf("%v %+v", err, fin)
	}
	if got := paid.purged(); len(got) != 2 {
		t.Errorf("what was owed is planned again: purged %q", got)
	}

	// More than fits: the prefix that drops least.
	v4 := v3.with(tree{"docs/index.html": "3", "a.css": "3", "b.css": "3"})
	p, err = Open(t.Context(), o).Preview(t.Context(), w.desired(v4))
	if err != nil || len(p.Purges) != 2 {
		t.Fatalf("%v: %+v", err, p.Purges)
	}
	got := p.Purges[1]
	if got.URLs != 5 || got.Requests != 4 || got.Billed != 4 || got.Dropped != 0 || !slices.Equal(got.By, []string{"prefixes", "urls"}) {
		t.Errorf("the preview says %+v", got)
	}
	if _, err := w.deployWith(v4, only); err != nil {
		t.Error(err)
	}
	if got, want := paid.purged(), []string{"prefixes", "https://example.com/docs/", "https://example.com/a.css", "https://example.com/b.css", "https://example.com/docs"}; !slices.Equal(got, want) {
		t.Errorf("purged %q", got)
	}
}
