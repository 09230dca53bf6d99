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
	"golang.org/x/time/rate"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// account is what an account may ask for, by its plan
// (https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits,
// as of July 2026).
type account struct {
	batch         int           // URLs in one request
	urlsPerSecond int           // moving average
	broadEvery    time.Duration // requests by prefix, host, tag, or for everything
	broadBurst    int
}

// accounts are the plans. The limits are those of the account, not of the zone.
var accounts = map[string]account{
	"free":       {100, 800, 12 * time.Second, 25},
	"pro":        {100, 1500, time.Second / 5, 25},
	"business":   {100, 1500, time.Second / 10, 50},
	"enterprise": {500, 3000, time.Second / 50, 500},
}

// DefaultPlan has the lowest limits.
const DefaultPlan = "free"

// MaxBatchSize is how many URLs one request may have on any plan.
const MaxBatchSize = 500

const (
	// smallBatch is how many URLs one request could hold until 2025, and how
	// many prefixes or hosts. Accounts that still have that limit answer 400
	// to more.
	smallBatch = 30
	// patience is how many seconds of URLs at the plan's rate a purge may
	// have, before prefixes are quicker. On all plans this stays far below
	// the 1,200 requests in five minutes that the API takes from one user.
	patience = 25
	// deepest is how many slashes a prefix may have
	// (https://developers.cloudflare.com/cache/how-to/purge-cache/purge_by_prefix/).
	deepest = 31
)

const (
	defaultBaseURL = "https://api.cloudflare.com/client/v4/"
	defaultRetries = 4
	defaultTimeout = 20 * time.Second
	defaultMaxWait = 2 * time.Minute
	parallel       = 4 // requests in flight; enough to reach 800 URLs a second at 400 ms each
)

// Options says which zone to purge, and how. ZoneID and Token are required.
type Options struct {
	ZoneID string // 32 hexadecimal digits
	Token  string // API token with the permission Zone → Cache Purge
	// BaseURL replaces https://api.cloudflare.com/client/v4/. Plain http is
	// accepted for the local machine only.
	BaseURL string
	// Plan is the account's plan: free, pro, business or enterprise. It
	// decides how much is asked for at once. Empty: DefaultPlan.
	Plan string
	// Tag is a Cache-Tag that all answers of the site carry, and no others.
	// Empty: there is none.
	Tag string
	// BatchSize is the number of URLs in one request, at most MaxBatchSize;
	// 0: what the plan allows.
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
	limits  cdn.Limits
	timeout time.Duration
	maxWait time.Duration
	batch   atomic.Int64  // URLs in one request; shrinks to smallBatch for good
	urls    *rate.Limiter // URLs
	broad   *rate.Limiter // requests of all other kinds
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
	plan, ok := accounts[o.Plan]
	if !ok {
		return nil, fmt.Errorf("%q is not a plan of Cloudflare: free, pro, business or enterprise", o.Plan)
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
		name: Name(o), zone: o.ZoneID, token: o.Token, limits: Limits(o),
		timeout: o.Timeout, maxWait: o.MaxWait, urls: newPace(plan.urlsPerSecond, o.BatchSize),
		broad: rate.NewLimiter(rate.Every(plan.broadEvery), plan.broadBurst),
		service: cache.NewCacheService(
			option.WithBaseURL(o.BaseURL), option.WithAPIToken(o.Token),
			option.WithHTTPClient(&client), option.WithMaxRetries(max(o.Retries, 0))),
	}
	p.batch.Store(int64(o.BatchSize))
	return p, nil
}

func (o Options) withDefaults() Options {
	o.ZoneID = strings.ToLower(o.ZoneID)
	o.Token = strings.TrimSpace(o.Token) // secrets are often pasted with their line break
	if o.BaseURL == "" {
		o.BaseURL = defaultBaseURL
	}
	if o.Plan == "" {
		o.Plan = DefaultPlan
	}
	if o.BatchSize == 0 {
		o.BatchSize = accounts[o.Plan].batch
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

// newPace returns a limiter that lets at most so many URLs through in any
// second: what it lets through at once counts too.
func newPace(perSecond, batch int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(max(perSecond-batch, batch)), batch)
}

// Name returns what a purger with these options is called: "cloudflare zone "
// and the first eight digits of the zone id. It needs no token.
func Name(o Options) string {
	id := strings.ToLower(o.ZoneID)
	return "cloudflare zone " + id[:min(8, len(id))]
}

// Limits returns those of a purger with these options. It needs no token.
func Limits(o Options) cdn.Limits {
	o = o.withDefaults()
	return cdn.Limits{
		Batch: o.BatchSize, MaxURLs: patience * accounts[o.Plan].urlsPerSecond,
		Prefixes: smallBatch, PrefixBatch: smallBatch, PrefixDepth: deepest, HostBatch: smallBatch,
		Tag: o.Tag, PerOrigin: true,
	}
}

// Name returns what Name returns for the purger's options.
func (p *Purger) Name() string { return p.name }

// Limits returns what Limits returns for the purger's options.
func (p *Purger) Limits() cdn.Limits { return p.limits }

// Purge sends the requests, four at once. The error is a *cdn.Error.
func (p *Purger) Purge(ctx context.Context, requests ...cdn.Request) (cdn.Result, error) {
	run := &run{Purger: p, left: p.maxWait}
	res, err := cdn.Each(ctx, parallel, requests, run.purge)
	return res, p.failed(err)
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
