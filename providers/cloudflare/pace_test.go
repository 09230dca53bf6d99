package cloudflare

import (
	"net/http"
	"testing"
	"time"
)

func TestPaceStaysBelowTheLimit(t *testing.T) {
	for name, plan := range accounts {
		for _, batch := range []int{1, smallBatch, plan.batch, 400} {
			l := newPace(plan.urlsPerSecond, batch)
			if l.Burst() < batch {
				t.Errorf("%s: a batch of %d never passes a burst of %d", name, batch, l.Burst())
			}
			if most := float64(l.Limit()) + float64(l.Burst()); most > float64(plan.urlsPerSecond) {
				t.Errorf("%s: batches of %d: up to %.0f URLs in a second", name, batch, most)
			}
		}
		// The API takes 1,200 requests in five minutes from one user.
		if l := Limits(Options{Plan: name}); l.MaxURLs/l.Batch > 600 {
			t.Errorf("%s: %d requests for one purge", name, l.MaxURLs/l.Batch)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "0.5": time.Second / 2, "-3": 0, "3600": time.Hour,
		"Sun, 22 Nov 2026 12:01:00 GMT": time.Minute,
		"Sun, 22 Nov 2026 11:00:00 GMT": 0,
		"Inf":                           366 * 24 * time.Hour,
		"1e300":                         366 * 24 * time.Hour,
	} {
		got, ok := retryAfter(http.Header{"Retry-After": {value}}, now)
		if !ok || got != want {
			t.Errorf("Retry-After %q = %s, %t; want %s", value, got, ok, want)
		}
	}
	for _, value := range []string{"", "soon", "NaN"} {
		if got, ok := retryAfter(http.Header{"Retry-After": {value}}, now); ok {
			t.Errorf("Retry-After %q = %s; want none", value, got)
		}
	}
}
