// Package cloudflare makes a Cloudflare zone forget URLs.
//
// It uses the cache package of cloudflare-go alone: the module's root package
// triples the binary and reads credentials from the environment.
package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/cache"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// Limits of purging by URL on the Free plan, the lowest of all plans, from
// https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits.
const (
	DefaultBatchSize = 100 // URLs in one request
	MaxBatchSize     = 500 // URLs in one request, Enterprise plan
	urlsPerSecond    = 800 // per account, moving average
)

// smallBatch is how many URLs one request could hold until 2025. Accounts
// that still have that limit answer 400 to more.
const smallBatch = 30

const (
	defaultBaseURL = "https://api.cloudflare.com/client/v4/"
	defaultRetries = 4
	defaultTimeout = 20 * time.Second
	defaultMaxWait = 2 * time.Minute
	parallel       = 4 // requests in flight; enough to reach urlsPerSecond at 400 ms each
)

// Options says which zone to purge, and how. ZoneID and Token are required.
type Options struct {
	ZoneID string // 32 hexadecimal digits
	Token  string // API token with the permission Zone → Cache Purge
	// BaseURL replaces https://api.cloudflare.com/client/v4/. Plain http is
	// accepted for the local machine only.
	BaseURL string
	// BatchSize is the number of URLs in one request, at most MaxBatchSize;
	// 0: DefaultBatchSize.
	BatchSize int
	// HTTPClient is used instead of one on http.DefaultTransport. Redirects
	// are never followed.
	HTTPClient *http.Client
	// Timeout bounds each attempt; 0: 20 seconds.
	Timeout time.Duration
	// MaxWait bounds how long one Purge waits in all because Cloudflare asked
	// it to (Retry-After); 0: 2 minutes. A longer wait is refused at once.
	MaxWait time.Duration
	// Retries is how often a request is tried again; 0: 4, negative: never.
	Retries int
}

// Purger is a cdn.Purger for one zone.
type Purger struct {
	name    string
	zone    string
	token   string
	timeout time.Duration
	maxWait time.Duration
	batch   atomic.Int64 // URLs in one request; shrinks to smallBatch for good
	pace    *rate.Limiter
	service *cache.CacheService
}

var zoneID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// New returns a purger, or an error that says which option is wrong. It makes
// no request.
func New(o Options) (*Purger, error) {
	o = o.withDefaults()
	if !zoneID.MatchString(o.ZoneID) {
		return nil, fmt.Errorf("%q is not a Cloudflare zone id, which has 32 hexadecimal digits; it is on the overview page of the zone", o.ZoneID)
	}
	if err := checkToken(o.Token); err != nil {
		return nil, err
	}
	if err := checkBaseURL(o.BaseURL); err != nil {
		return nil, err
	}
	if o.BatchSize < 1 || o.BatchSize > MaxBatchSize {
		return nil, fmt.Errorf("a batch of %d URLs is outside 1 to %d", o.BatchSize, MaxBatchSize)
	}
	client := *o.HTTPClient
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &Purger{
		name: "cloudflare zone " + o.ZoneID[:8], zone: o.ZoneID, token: o.Token,
		timeout: o.Timeout, maxWait: o.MaxWait, pace: newPace(o.BatchSize),
		service: cache.NewCacheService(
			option.WithBaseURL(o.BaseURL), option.WithAPIToken(o.Token),
			option.WithHTTPClient(&client), option.WithMaxRetries(max(o.Retries, 0))),
	}
	p.batch.Store(int64(o.BatchSize))
	return p, nil
}

func (o Options) withDefaults() Options {
	o.Token = strings.TrimSpace(o.Token) // secrets are often pasted with their line break
	if o.BaseURL == "" {
		o.BaseURL = defaultBaseURL
	}
	if o.BatchSize == 0 {
		o.BatchSize = DefaultBatchSize
	}
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{}
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxWait == 0 {
		o.MaxWait = defaultMaxWait
	}
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	return o
}

func checkToken(token string) error {
	if token == "" {
		return fmt.Errorf("%w: there is no Cloudflare API token", cdn.ErrDenied)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%w: the Cloudflare API token contains a space, a line break or a character that is not ASCII", cdn.ErrDenied)
	}
	return nil
}

// checkBaseURL keeps the token off networks that others can read.
func checkBaseURL(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the Cloudflare API URL %q is not an absolute URL", base)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return fmt.Errorf("the Cloudflare API URL %q would send the token unencrypted: use https", base)
	}
	return nil
}

// newPace returns a limiter that lets at most urlsPerSecond through in any
// second: what it lets through at once counts too.
func newPace(batch int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(max(urlsPerSecond-batch, batch)), batch)
}

// Name returns "cloudflare zone " and the first eight digits of the zone id.
func (p *Purger) Name() string { return p.name }

// Purge purges the URLs by file. It stops at the first request that Cloudflare
// refuses for good. The error is a *cdn.Error.
func (p *Purger) Purge(ctx context.Context, set cdn.ChangeSet) (cdn.Result, error) {
	run := &run{Purger: p, left: p.maxWait}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for rest := set.URLs; len(rest) > 0 && gctx.Err() == nil; {
		n := min(len(rest), int(p.batch.Load()))
		urls := rest[:n]
		rest = rest[n:]
		g.Go(func() error { return run.purge(gctx, urls) })
	}
	err := g.Wait()
	done := run.result()
	if ctx.Err() != nil && done.URLs < len(set.URLs) {
		err = ctx.Err() // what the requests in flight say is only its echo
	}
	return done, p.failed(err)
}

// failed makes a *cdn.Error of err, unless it is nil.
func (p *Purger) failed(err error) error {
	if err == nil {
		return nil
	}
	out := &cdn.Error{CDN: p.name, Err: err}
	var a *answerError
	if errors.As(err, &a) {
		out.Hint = a.hint()
	}
	return out
}
