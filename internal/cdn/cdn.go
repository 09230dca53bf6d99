// Package cdn defines Purger, through which a deploy tells a CDN to forget
// URLs. Providers live in providers/ and pass the conformance suite in
// cdntest.
package cdn

import "context"

// Purger makes one CDN forget URLs. It is safe for concurrent use.
type Purger interface {
	// Name identifies the CDN to a person and in the bucket's state, for
	// example "cloudflare zone 023e105f". It holds no secret and stays the
	// same from run to run.
	Name() string

	// Purge asks the CDN to forget what changed. It splits the set into as
	// many requests as the CDN's limits ask for and retries what the CDN
	// calls temporary. On failure Result still counts what was
	// acknowledged, and the caller owes the whole set again: purging a URL
	// twice is harmless.
	Purge(ctx context.Context, set ChangeSet) (Result, error)
}

// ChangeSet is what a deploy changed, as visitors see it.
type ChangeSet struct {
	// URLs are absolute, percent-encoded as browsers send them, sorted and
	// unique.
	URLs []string
}

// Result counts what a CDN acknowledged.
type Result struct {
	URLs     int // URLs that it will fetch anew
	Requests int // requests made, without retries
}
