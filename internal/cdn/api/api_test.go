package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/api"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "0.5": time.Second / 2, "-3": 0, "3600": time.Hour, "": 0, "soon": 0, "NaN": 0,
		"Sun, 22 Nov 2026 12:01:00 GMT": time.Minute, "Sun, 22 Nov 2026 11:00:00 GMT": 0,
		"1e300": 366 * 24 * time.Hour,
	} {
		if got := api.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("Retry-After %q = %s, want %s", value, got, want)
		}
	}
}

// TestWaitIsShared shows that the waits of one purge add up, and those of
// another do not.
func TestWaitIsShared(t *testing.T) {
	arrived := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived++
		w.Header().Set("Retry-After", "0.04")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := api.New(api.Options{MaxWait: 100 * time.Millisecond, Retries: 9}, nil, func([]byte) string { return "" })
	for i := range 2 {
		arrived = 0
		err := c.Run().Do(t.Context(), api.Call{Method: http.MethodPost, URL: u})
		var e *api.Error
		if !errors.As(err, &e) || !errors.Is(err, cdn.ErrLimited) || e.Wait != 40*time.Millisecond {
			t.Errorf("purge %d: %v", i, err)
		}
		if arrived != 3 {
			t.Errorf("purge %d: %d requests, want 3: two waits of 40 ms fit into 100 ms", i, arrived)
		}
	}
}
