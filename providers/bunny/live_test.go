//go:build live

package bunny_test

import (
	"os"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/providers/bunny"
)

// TestLive purges one URL of a real account: docs/cdn-bunny.md says how to run
// it.
func TestLive(t *testing.T) {
	p, err := bunny.New(bunny.Options{PullZone: os.Getenv("LIVE_BUNNY_ZONE"), Key: os.Getenv("BUNNY_API_KEY")})
	if err != nil {
		t.Fatal(err)
	}
	url := os.Getenv("LIVE_BUNNY_URL")
	if url == "" {
		t.Fatal("LIVE_BUNNY_URL is not set")
	}
	res, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.URLs, Items: []string{url}, Covers: 1})
	if err != nil || res.URLs != 1 {
		t.Errorf("Purge = %+v, %v", res, err)
	}
}
