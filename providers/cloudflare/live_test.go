//go:build live

package cloudflare_test

import (
	"os"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/providers/cloudflare"
)

// TestLive purges one URL of a real account: docs/cdn-cloudflare.md says how to run
// it.
func TestLive(t *testing.T) {
	p, err := cloudflare.New(cloudflare.Options{ZoneID: os.Getenv("LIVE_CLOUDFLARE_ZONE"), Token: os.Getenv("CLOUDFLARE_API_TOKEN")})
	if err != nil {
		t.Fatal(err)
	}
	url := os.Getenv("LIVE_CLOUDFLARE_URL")
	if url == "" {
		t.Fatal("LIVE_CLOUDFLARE_URL is not set")
	}
	res, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.URLs, Items: []string{url}, Covers: 1})
	if err != nil || res.URLs != 1 {
		t.Errorf("Purge = %+v, %v", res, err)
	}
}
