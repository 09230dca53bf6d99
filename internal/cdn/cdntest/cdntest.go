// Package cdntest is the conformance suite of cdn.Purger: what every provider
// must do, whatever its CDN looks like. A provider runs it against a strict
// fake of its CDN, which enforces the documented limits and refuses what the
// real one refuses.
package cdntest

import (
	"fmt"
	"slices"
	"strings"
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
	Echo         Fault = "echoed secret"   // an error whose text has the client's secret
	Stall        Fault = "no answer"       // until the client gives up
	HangUp       Fault = "hung connection" // closed without an answer
)

// Fake is the CDN's side of a test. Its methods are safe for concurrent use.
type Fake interface {
	// Purged returns the URLs that the CDN acknowledged, as often as it did.
	Purged() []string
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
	Origin   string // the scheme and host of the URLs that the fake knows
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
		"AnyOrder":     testAnyOrder,
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
		if strings.Contains(text, s) {
			t.Errorf("a secret is in %q", text)
		}
	}
}

// covers fails the test unless the fake purged exactly these URLs.
func covers(t *testing.T, fake Fake, want []string) {
	t.Helper()
	got := slices.Sorted(slices.Values(fake.Purged()))
	got = slices.Compact(got)
	want = slices.Compact(slices.Sorted(slices.Values(want)))
	if !slices.Equal(got, want) {
		t.Errorf("purged %d URLs, want %d; first purged %.3q, first wanted %.3q", len(got), len(want), got, want)
	}
}
