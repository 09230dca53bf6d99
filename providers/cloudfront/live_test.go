//go:build live

package cloudfront_test

import (
	"os"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/providers/cloudfront"
)

// TestLive purges one URL of a real account: docs/cdn-cloudfront.md says how to run
// it.
func TestLive(t *testing.T) {
	p, err := cloudfront.New(t.Context(), cloudfront.Options{DistributionID: os.Getenv("LIVE_CLOUDFRONT_DISTRIBUTION"), Wait: true})
	if err != nil {
		t.Fatal(err)
	}
	url := os.Getenv("LIVE_CLOUDFRONT_URL")
	if url == "" {
		t.Fatal("LIVE_CLOUDFRONT_URL is not set")
	}
	res, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.URLs, Items: []string{url}, Covers: 1})
	if err != nil || res.URLs != 1 {
		t.Errorf("Purge = %+v, %v", res, err)
	}
}
