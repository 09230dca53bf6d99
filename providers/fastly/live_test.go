//go:build live

package fastly_test

import (
	"os"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/providers/fastly"
)

// TestLive purges one URL of a real account: docs/cdn-fastly.md says how to run
// it.
func TestLive(t *testing.T) {
	p, err := fastly.New(fastly.Options{ServiceID: os.Getenv("LIVE_FASTLY_SERVICE"), Token: os.Getenv("FASTLY_API_TOKEN")})
	if err != nil {
		t.Fatal(err)
	}
	url := os.Getenv("LIVE_FASTLY_URL")
	if url == "" {
		t.Fatal("LIVE_FASTLY_URL is not set")
	}
	res, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.URLs, Items: []string{url}, Covers: 1})
	if err != nil || res.URLs != 1 {
		t.Errorf("Purge = %+v, %v", res, err)
	}
}
