// Package cdntest is the conformance suite of cdn.Purger: what every provider
// must do, whatever its CDN looks like. A provider runs it against a strict
// fake of its CDN, which enforces the documented limits and refuses what the
// real one refuses.
package cdntest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// Fault is a way in which a CDN fails.
type Fault string

// The faults. A provider that knows more ways tests these itself.
const (
	RateLimited  Fault = "rate limited"    // 429, with a short Retry-After
	LongWait     Fault = "long wait"       // 429, with a Retry-After of an hour
	ServerError  Fault = "server error"    // 500
	Refused      Fault = "refused"         // an error that no retry mends
	Unsuccessful Fault = "unsuccessful"    // 200 with a body that says failure
	Page         Fault = "HTML page"       // 502 with an HTML page
	Echo         Fault = "echoed secret"   // an error whose text has the client's secret, also encoded
	Stall        Fault = "no answer"       // until the client gives up
	HangUp       Fault = "hung connection" // closed without an answer
)

// Item is one thing that a CDN was asked to forget, as it understood it: a URL,
// prefix, host or tag as cdn.Request has it, and the Origin header of a URL.
type Item struct {
	Kind   cdn.Kind
	Name   string
	Origin string
}

// Fake is the CDN's side of a test. Its methods are safe for concurrent use.
type Fake interface {
	// Purged returns what the CDN acknowledged, as often as it did.
	Purged() []Item
	// Requests counts the requests that arrived, in whatever way they were
	// answered.
	Requests() int
	// Inject makes the next requests fail, all of them where the number is
	// negative.
	Inject(f Fault, requests int)
}

// Harness connects the suite to one provider.
type Harness struct {
	// New starts a fake that ends with t, and returns a purger for it. The
	// purger tries each request at most Attempts times.
	New func(t *testing.T) (cdn.Purger, Fake)
	// BadToken is New with credentials that the fake does not know.
	BadToken func(t *testing.T) (cdn.Purger, Fake)
	// Origin is the scheme and host of the URLs that the fake knows. A CDN
	// that does not look at hosts reports all URLs with this one.
	Origin   string
	Secrets  []string
	Attempts int
	// Parallel is how many requests the purger has in flight at most.
	Parallel int
	// Without lists the faults that this CDN does not have.
	Without []Fault
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"Name":         testName,
		"Empty":        testEmpty,
		"Coverage":     testCoverage,
		"Kinds":        testKinds,
		"OddURLs":      testOddURLs,
		"Concurrent":   testConcurrent,
		"Temporary":    testTemporary,
		"Permanent":    testPermanent,
		"Halfway":      testHalfway,
		"Denied":       testDenied,
		"LongWait":     testLongWait,
		"Cancel":       testCancel,
		"CancelBefore": testCancelBefore,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

func (h Harness) has(f Fault) bool { return !slices.Contains(h.Without, f) }

// urls returns n different URLs, sorted.
func (h Harness) urls(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s/docs/page-%05d/index.html", h.Origin, i)
	}
	return out
}

// secretFree fails the test where a text holds a secret.
func (h Harness) secretFree(t *testing.T, text string) {
	t.Helper()
	for _, s := range h.Secrets {
		if form := Leaks(text, s); form != "" {
			t.Errorf("a secret is in %q, as %q", text, form)
		}
	}
}

// plan returns the requests for some URLs.
func (h Harness) plan(p cdn.Purger, urls []string) []cdn.Request {
	return cdn.NewPlan(p.Limits(), cdn.Change{Bases: []string{h.Origin + "/"}, URLs: urls}).Requests
}

// purge plans and purges.
func (h Harness) purge(ctx context.Context, p cdn.Purger, urls []string) (cdn.Result, error) {
	return p.Purge(ctx, h.plan(p, urls)...)
}

// items returns what requests name, sorted.
func items(requests []cdn.Request) []Item {
	var out []Item
	for _, r := range requests {
		if r.Kind == cdn.Everything {
			out = append(out, Item{Kind: r.Kind})
		}
		for _, name := range r.Items {
			out = append(out, Item{r.Kind, name, r.Origin})
		}
	}
	slices.SortFunc(out, compare)
	return out
}

func compare(a, b Item) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Origin, b.Origin))
}

// purgedExactly fails the test unless the fake purged what the requests name,
// each once.
func purgedExactly(t *testing.T, fake Fake, requests []cdn.Request) {
	t.Helper()
	got := fake.Purged()
	slices.SortFunc(got, compare)
	if want := items(requests); !slices.Equal(got, want) {
		t.Errorf("purged %d items, want %d; first purged %.3v, first wanted %.3v", len(got), len(want), got, want)
	}
}
