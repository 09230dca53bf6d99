// Package cdn says what a CDN is to forget after a deploy. NewPlan turns what
// changed into the cheapest requests that a CDN's limits allow; a Purger sends
// them. The plan is pure. Providers live in providers/ and pass the conformance
// suite in cdntest.
package cdn

import (
	"context"
	"iter"
)

// Purger makes one CDN forget what it has cached. It is safe for concurrent
// use.
type Purger interface {
	// Name identifies the CDN to a person and in the bucket's state, for
	// example "cloudflare zone 023e105f". It holds no secret and stays the
	// same from run to run: what is owed is owed to this name.
	Name() string

	// Limits says what the CDN can be asked for. It makes no request.
	Limits() Limits

	// Purge sends the requests of one plan, each of which keeps to Limits, in
	// whatever order and as many at once as the CDN bears. It retries what
	// the CDN calls temporary, and keeps to the rates that the CDN documents.
	// It stops at the first request that fails for good. On failure the error
	// is an *Error, and Result.Owed are the requests that were not
	// acknowledged: purging one of them twice is harmless.
	Purge(ctx context.Context, requests ...Request) (Result, error)
}

// Kind is what a request names.
type Kind string

// The kinds.
const (
	URLs       Kind = "urls"       // exactly these
	Prefixes   Kind = "prefixes"   // all that begins with one of these
	Hosts      Kind = "hosts"      // all of these hosts
	Tags       Kind = "tags"       // all that carries one of these tags
	Everything Kind = "everything" // all that the zone, distribution or service has
)

// Request is one request to a CDN.
type Request struct {
	Kind Kind
	// Items are what the request names, sorted: absolute URLs,
	// percent-encoded as browsers send them; prefixes, which are absolute
	// URLs that end in a slash; host names; tags. Everything has none.
	Items []string
	// Origin, where it is not empty, makes URLs those variants that were
	// asked for with this Origin header.
	Origin string
	// Covers is how many changed URLs the request purges.
	Covers int
}

// Result is what a CDN acknowledged.
type Result struct {
	URLs     int // changed URLs that it will fetch anew
	Requests int // requests made, without retries
	// Owed are the requests that were not acknowledged. None: all were.
	Owed []Request
}

// Limits is what a CDN can be asked for in one purge. Every CDN must also be
// able to purge everything, which is what is left where the limits allow
// nothing else.
//
// What the providers declare, with the documents behind it in
// docs/purging.md:
//
//   - cloudflare: Batch 100 (500 on Enterprise), MaxURLs 25 seconds of the
//     plan's rate, Prefixes, PrefixBatch and HostBatch 30, PrefixDepth 31,
//     PerOrigin, Tag.
//   - cloudfront: PathsOnly and Billed; Batch and MaxURLs 3,000, Prefixes and
//     PrefixBatch 15, ItemLength 4,000, Reserved "*", Escaped what
//     RFC 1738 calls unsafe, Tag (sent as "#tag").
//   - fastly: Batch 1, MaxURLs as many as are worth a request each, Tag (a
//     surrogate key). It has no prefixes and no hosts.
//   - bunny: Batch 1, MaxURLs likewise, Prefixes with PrefixBatch 1 (a URL
//     that ends in a slash or in "*"), Reserved "*", Tag.
//   - webhook: all of it, as the receiver likes it.
type Limits struct {
	// Batch is how many URLs one request may have. 0: single URLs cannot be
	// purged.
	Batch int
	// MaxURLs is how many URLs one purge may name, variants included, before
	// prefixes or everything are better: because the CDN allows no more, or
	// because it would take too long. 0: any number.
	MaxURLs int
	// ItemLength is how many bytes a URL or prefix may have: the path and
	// query where PathsOnly is set, else the whole. 0: any number.
	ItemLength int
	// Reserved are characters that mean something else to this CDN: a URL or
	// prefix that has one is covered by a shorter prefix instead.
	Reserved string
	// Escaped are characters that this CDN takes percent-encoded alone: a URL
	// with one of them and the same with its escape are one item. The items of
	// requests have the escapes.
	Escaped string

	// Prefixes is how many prefixes one purge may have. 0: none.
	Prefixes int
	// PrefixBatch is how many prefixes one request may have. 0: all.
	PrefixBatch int
	// PrefixDepth is how many slashes a prefix may have, the scheme's apart.
	// 0: any number.
	PrefixDepth int

	// HostBatch is how many hosts one request may have. 0: hosts cannot be
	// purged.
	HostBatch int

	// Tag is carried by all that the CDN caches of this site, and by nothing
	// else, as the user says. Empty: there is none.
	Tag string

	// PathsOnly says that the CDN looks at paths and not at hosts: the same
	// path on two hosts is one item, whose host is that of any.
	PathsOnly bool
	// Billed says that each item costs money. Then a prefix stands in for
	// URLs wherever no unchanged file is below it.
	Billed bool
	// PerOrigin says that what was asked for with an Origin header is apart,
	// and purged by a request that names it. Without it, purging a URL purges
	// all of its variants.
	PerOrigin bool
	// Whole asks for all of the site, whatever changed.
	Whole bool
}

// Change is what a deploy changed, as visitors see it.
type Change struct {
	// Bases are where the site is served: absolute URLs that end in a slash.
	Bases []string
	// URLs have another answer than before. They are absolute,
	// percent-encoded, sorted and unique; each lies below a base, or is a
	// base without its slash.
	URLs []string
	// All says that any URL below the bases may have another answer: the page
	// for what is not found changed.
	All bool
	// Origins are the Origin headers with which URLs may have been asked for
	// as well.
	Origins []string
	// Kept are the files whose answers did not change: one percent-encoded
	// path for each, relative to the bases. It is only looked at where a plan
	// may drop some. Nil: none.
	Kept iter.Seq[string]
}

// Whole returns a purger that asks p to forget all of the site, whatever
// changed.
func Whole(p Purger) Purger { return whole{p} }

type whole struct{ Purger }

// Limits returns those of the purger, with Whole set.
func (w whole) Limits() Limits {
	l := w.Purger.Limits()
	l.Whole = true
	return l
}
