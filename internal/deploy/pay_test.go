package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/state"
)

// TestPay does what is owed, deletions too, and makes no release; where nothing
// is owed, it writes nothing.
func TestPay(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := w.oweDeletion()
	w.edge.purged()
	before := *w.head()
	fin, err := Open(t.Context(), w.options()).Pay(t.Context())
	if err != nil || fin.Changed || fin.Release != before.Live || fin.PurgedURLs == 0 {
		t.Fatalf("Pay = %+v, %v", fin, err)
	}
	if got := w.edge.purged(); !slices.Contains(got, "https://example.com/docs/") {
		t.Errorf("purged %q", got)
	}
	after := w.head()
	if after.Live != before.Live || after.Owed != nil || after.Busy != nil {
		t.Errorf("head %+v", after)
	}
	w.check(v2)
	w.spy.requests()
	if fin, err = Open(t.Context(), w.options()).Pay(t.Context()); err != nil || fin.PurgeRequests != 0 {
		t.Errorf("Pay = %+v, %v", fin, err)
	}
	w.wantRequests("GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID")
}

// TestPayIsNoOlder: what is owed is paid by an older run too, and the mark
// stays.
func TestPayIsNoOlder(t *testing.T) {
	w := newWorld(t)
	w.edge.err = errBroken
	first := w.options()
	first.Source.Commit = "1111111111111111111111111111111111111111"
	if _, err := Open(t.Context(), first).Deploy(t.Context(), w.desired(v1)); !errors.Is(err, ErrOwed) || w.head().Mark == nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), w.options()).Pay(t.Context()); !errors.Is(err, ErrOwed) || w.head().Owed == nil {
		t.Errorf("Pay of a CDN that still fails = %v", err)
	}
	w.edge.err = nil
	before := w.head().Mark
	o := w.options()
	o.Order = func(context.Context, state.Mark) Order { return Older }
	if _, err := Open(t.Context(), o).Pay(t.Context()); err != nil || w.head().Owed != nil {
		t.Errorf("Pay = %v; owed %v", err, w.head().Owed)
	}
	o.Order, o.Source.Commit = func(context.Context, state.Mark) Order { return Newer }, "2222222222222222222222222222222222222222"
	if _, err := Open(t.Context(), o).Pay(t.Context()); err != nil { // nothing is owed any more
		t.Error(err)
	}
	if after := w.head().Mark; after == nil || *after != *before {
		t.Errorf("mark %+v, was %+v", after, before)
	}
}

// TestPayAfterCrash: what is in doubt is for a deploy.
func TestPayAfterCrash(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	ctx, cancel := context.WithCancel(t.Context())
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/a.css" {
			cancel()
			return ctx.Err()
		}
		return done()
	})
	if _, err := Open(ctx, w.options()).Deploy(ctx, w.desired(v1.with(tree{"a.css": "a2"}))); err == nil || len(w.head().Doubt) != 1 {
		t.Fatalf("%v leaves no doubt", err)
	}
	w.spy.intercept(nil)
	if _, err := Open(t.Context(), w.options()).Pay(t.Context()); !errors.Is(err, ErrUnfinished) {
		t.Errorf("Pay = %v", err)
	}
	if _, err := Open(t.Context(), w.options()).PreviewPay(t.Context()); !errors.Is(err, ErrUnfinished) {
		t.Errorf("PreviewPay = %v", err)
	}
}

// TestPayManyDebts: what many releases owe is one purge, planned as a whole for
// each CDN, with each path once.
func TestPayManyDebts(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	other := newEdge("other")
	both := func(o *Options) { o.Purgers = []cdn.Purger{w.edge, other} }
	w.edge.err = errBroken
	site := v1
	for i := range 12 {
		site = site.with(tree{"a.css": fmt.Sprint("a", i), fmt.Sprintf("new%d.html", i): "<p>"})
		if _, err := w.deployWith(site, both); !errors.Is(err, ErrOwed) {
			t.Fatal(err)
		}
	}
	if n := len(w.head().Owed); n != 12 {
		t.Fatalf("%d debts, want 12", n)
	}
	other.purged()
	w.edge.purged()
	w.edge.err = nil
	o := w.options()
	both(&o)
	fin, err := Open(t.Context(), o).Pay(t.Context())
	if want := 1 + 2*12; err != nil || fin.PurgeRequests != 1 || fin.PurgedURLs != want { // a.css; /newN and /newN.html
		t.Errorf("Pay = %+v, %v; want %d URLs", fin, err, want)
	}
	urls := w.edge.purged()
	if all := len(urls); len(slices.Compact(slices.Sorted(slices.Values(urls)))) != all || !slices.Contains(urls, "https://example.com/new7.html") {
		t.Errorf("purged %q", urls)
	}
	if got := other.purged(); len(got) > 0 || w.head().Owed != nil {
		t.Errorf("the other CDN, which was paid, purged %q; owed %v", got, w.head().Owed)
	}
	w.check(site)
}
