// Package bunny makes a bunny.net pull zone forget URLs, prefixes, a tag, or
// everything.
//
// Sources: https://docs.bunny.net/api-reference/core/purge/purge-url,
// https://docs.bunny.net/cdn/purge-cache and
// https://docs.bunny.net/docs/cdn-api-purge-rate-limits (November 2026).
package bunny

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/time/rate"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/api"
)

const (
	defaultBaseURL = "https://api.bunny.net"
	// Rates are per account. Exact is a URL that ends in neither a slash nor
	// an asterisk; all else counts as wide.
	exactBurst, exactPerSecond = 120, 5.0
	wideBurst, widePerSecond   = 20, 0.5
	// mostURLs takes two minutes where each third one ends in a slash, as
	// those of pages do.
	mostURLs = 240
	// mostPrefixes fits into the bucket with room for the next deploy.
	mostPrefixes = 10
	parallel     = 4 // requests in flight
)

// Options says which pull zone to purge, and how. PullZone and Key are
// required.
type Options struct {
	PullZone string // the number of the zone
	Key      string // API key of the account
	// Tag is a CDN-Tag that all answers of the site carry, and no others.
	// Empty: there is none.
	Tag string
	// Faster is how many times the default rates the account has; 0: once.
	Faster float64
	// BaseURL replaces https://api.bunny.net. Plain http is accepted for the
	// local machine only.
	BaseURL string
	api.Options
}

// Purger is a cdn.Purger for one pull zone.
type Purger struct {
	o           Options
	base        *url.URL
	client      *api.Client
	exact, wide *rate.Limiter
}

var zoneNumber = regexp.MustCompile(`^[0-9]{1,19}$`)

// New returns a purger, or an error that says which option is wrong. It makes
// no request.
func New(o Options) (*Purger, error) {
	o.Key = strings.TrimSpace(o.Key) // secrets are often pasted with their line break
	o.Faster = cmp.Or(o.Faster, 1)
	if !zoneNumber.MatchString(o.PullZone) {
		return nil, fmt.Errorf("%q is not the number of a bunny.net pull zone", o.PullZone)
	}
	if err := api.CheckSecret("the bunny.net API key", o.Key); err != nil {
		return nil, err
	}
	base, err := api.ParseURL("the bunny.net API URL", cmp.Or(o.BaseURL, defaultBaseURL))
	if err != nil {
		return nil, err
	}
	limiter := func(burst int, perSecond float64) *rate.Limiter {
		// The service's bucket begins to fill when it sees the first request,
		// which is later than ours does: two are kept for that.
		return rate.NewLimiter(rate.Limit(perSecond*o.Faster), int(float64(burst)*o.Faster)-2)
	}
	return &Purger{
		o: o, base: base, client: api.New(o.Options, []string{o.Key}, words),
		exact: limiter(exactBurst, exactPerSecond), wide: limiter(wideBurst, widePerSecond),
	}, nil
}

// Name returns what a purger with these options is called: "bunny pull zone "
// and its number. It needs no key.
func Name(o Options) string { return "bunny pull zone " + o.PullZone }

// Limits returns those of a purger with these options. It needs no key.
func Limits(o Options) cdn.Limits {
	return cdn.Limits{Batch: 1, MaxURLs: mostURLs, Reserved: "*", Prefixes: mostPrefixes, PrefixBatch: 1, Tag: o.Tag}
}

// Name returns what Name returns for the purger's options.
func (p *Purger) Name() string { return Name(p.o) }

// Limits returns what Limits returns for the purger's options.
func (p *Purger) Limits() cdn.Limits { return Limits(p.o) }

// Purge sends the requests, four at once. The error is a *cdn.Error.
func (p *Purger) Purge(ctx context.Context, requests ...cdn.Request) (cdn.Result, error) {
	run := p.client.Run()
	res, err := cdn.Each(ctx, parallel, requests, func(ctx context.Context, r cdn.Request) (int, error) {
		made := 0
		for _, c := range p.calls(r) {
			if err := wait(ctx, p.pace(c)); err != nil {
				return made, err
			}
			made++
			if err := run.Do(ctx, c); err != nil {
				return made, err
			}
		}
		return made, nil
	})
	return res, api.Fail(p.Name(), err, api.Hints{
		Denied:   "Use the API key of the account that owns the pull zone: it is under Account settings → API, and is not the storage zone's password.",
		NotFound: "Check the number of the pull zone: it is in the address of its page in bunny.net's dashboard.",
	})
}

// wait waits until the account's rate allows one more purge.
func wait(ctx context.Context, l *rate.Limiter) error {
	err := l.Wait(ctx)
	if err != nil && ctx.Err() == nil { // the wait would outlast the deadline
		return context.DeadlineExceeded
	}
	return err
}

// pace returns the rate that a call counts against.
func (p *Purger) pace(c api.Call) *rate.Limiter {
	if u := c.URL.Query().Get("url"); u == "" || strings.HasSuffix(u, "/") || strings.HasSuffix(u, "*") {
		return p.wide
	}
	return p.exact
}

// calls returns what a request takes.
func (p *Purger) calls(r cdn.Request) []api.Call {
	if r.Kind == cdn.Everything {
		return []api.Call{p.call("/pullzone/"+p.o.PullZone+"/purgeCache", nil, nil)}
	}
	var out []api.Call
	for _, item := range r.Items {
		switch r.Kind {
		case cdn.Tags:
			body, _ := json.Marshal(map[string]string{"CacheTag": item}) // strings always encode
			out = append(out, p.call("/pullzone/"+p.o.PullZone+"/purgeCache", nil, body))
		case cdn.Prefixes:
			out = append(out, p.call("/purge", url.Values{"url": {item + "*"}}, nil))
		default:
			// Without exactPath, a URL that ends in a slash purges all below it.
			out = append(out, p.call("/purge", url.Values{"url": {item}, "exactPath": {"true"}}, nil))
		}
	}
	return out
}

func (p *Purger) call(path string, query url.Values, body []byte) api.Call {
	u := *p.base
	u.Path, u.RawQuery = strings.TrimSuffix(u.Path, "/")+path, query.Encode()
	return api.Call{Method: http.MethodPost, URL: &u, Header: http.Header{"Accesskey": {p.o.Key}}, Body: body}
}

// words returns what a refusal says: {"ErrorKey": …, "Field": …, "Message": …}.
func words(body []byte) string {
	var a struct{ Message string }
	if json.Unmarshal(body, &a) != nil {
		return ""
	}
	return a.Message
}
