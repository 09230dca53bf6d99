// Package edge looks at a site as visitors do, through its public URL: whether
// they get what a release holds (Prove), and whether they can read what is not
// theirs (Readable). It asks only, and bounds what it asks for in number, size
// and time.
package edge

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
)

// Change is a path whose answer to visitors is compared.
type Change struct {
	Path string
	New  *state.Object // as it is released; nil: it is removed
	Old  *state.Object // as it was before; nil: it was not there, or that is not known
	// Changed says that this release made it another one: it is not looked at
	// only because an earlier release left something to do, or in any case.
	Changed bool
}

// Kind is what an answer turned out to be.
type Kind string

// The kinds.
const (
	// Proved: visitors get the release; of a removed path, no longer the old
	// bytes.
	Proved Kind = "proved"
	// Stale: the bytes or the Content-Type of the release before.
	Stale Kind = "stale"
	// Missing: not found, or another page that stands in for what is not.
	Missing Kind = "missing"
	// NoIndex: the file is right at its own URL, and not at that of its
	// directory.
	NoIndex Kind = "no index"
	// Mistyped: the bytes are right, the status or the Content-Type is not.
	Mistyped Kind = "mistyped"
	// Altered: the release, changed on its way.
	Altered Kind = "altered"
	// Different: neither this release nor the one before it.
	Different Kind = "different"
	// Blocked: a login or a bot rule answers in place of the site.
	Blocked Kind = "blocked"
	// Unreachable: no answer, or that of a broken server.
	Unreachable Kind = "unreachable"
)

// harmful reports whether visitors are known to get something other than the
// release, at their own URL and not because somebody stands in between.
func (k Kind) harmful() bool { return k == Stale || k == Missing || k == Different || k == Mistyped }

// Result is what visitors get at one URL.
type Result struct {
	Path    string
	URL     string
	Removed bool // it must not be there any more
	Changed bool // as in Change
	Kind    Kind
	Detail  string // what was seen instead, in words; may be empty
	// CacheControl is how the header differs, in words. Empty: it does not.
	// It is of no account for Kind.
	CacheControl string
	Attempts     int // how often it was asked for
}

// Harmful reports whether visitors get something other than the release because
// of this deploy, so that the release before would serve them better. What this
// one did not change, and all other kinds, would be answered in the same way.
func (r Result) Harmful() bool { return r.Changed && r.Kind.harmful() }

// Options says how a site is looked at.
type Options struct {
	Base      *url.URL // where visitors see the site
	UserAgent string
	// Timeout bounds a whole proof.
	Timeout time.Duration
	// RequestTimeout bounds one request with its redirects; 0:
	// DefaultRequestTimeout.
	RequestTimeout time.Duration
	// Backoff is how long the first wait between two attempts is; each
	// following one is twice as long, up to 15 seconds. 0: one second.
	Backoff time.Duration
	// Purge tells the CDNs again to forget these paths. Nil: there is no CDN.
	Purge func(ctx context.Context, paths []string) error
	// Stored opens the bytes of an object as they are stored: of the release,
	// or (live is false) of the one before it. It is asked only where an
	// answer has other bytes, to see why. Nil: they are not known.
	Stored func(ctx context.Context, o *state.Object, live bool) (io.ReadCloser, error)
	// Transport sends the requests; nil: one of its own.
	Transport http.RoundTripper
}

// Limits of what is asked for.
const (
	// DefaultRequestTimeout is how long one request may take.
	DefaultRequestTimeout = 10 * time.Second
	// MaxBody is how many bytes of an answer are read. Larger files are not
	// sampled.
	MaxBody = 8 << 20

	readableTimeout = 5 * time.Second
	maxRedirects    = 5
	maxPurges       = 3
	maxBackoff      = 15 * time.Second
	workers         = 4
)
