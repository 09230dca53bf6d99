// Package webhook tells a receiver of the user's own what to purge, by a
// signed request: for every CDN that pandastack does not know.
// docs/cdn-webhook.md describes the requests.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/api"
)

const (
	// Version is that of the body. A receiver refuses one that it does not
	// know.
	Version = 1
	// The headers beside the body. Delivery is the same for all attempts of
	// one request.
	TimestampHeader = "Pandastack-Timestamp"
	SignatureHeader = "Pandastack-Signature"
	DeliveryHeader  = "Pandastack-Delivery"

	// minSecret is the fewest bytes of a secret: what a person makes up is
	// guessed from one captured request.
	minSecret = 16
	// What a receiver gets in one request, and in one purge, stays below a
	// megabyte or two.
	urlBatch, mostURLs       = 1000, 10_000
	prefixBatch, hostBatch   = 100, 100
	longestURL, deepestSlash = 4000, 64
	parallel                 = 2 // requests in flight
)

// Options says where the receiver is. URL and Secret are required.
type Options struct {
	// URL is the receiver's. Plain http is accepted for the local machine
	// only.
	URL    string
	Secret string // at least 16 bytes; it signs the requests
	// Tag is a cache tag that all answers of the site carry, and no others.
	// Empty: there is none.
	Tag string
	api.Options
}

// Purger is a cdn.Purger for one receiver.
type Purger struct {
	o      Options
	url    *url.URL
	client *api.Client
	now    func() time.Time
}

// New returns a purger, or an error that says which option is wrong. It makes
// no request.
func New(o Options) (*Purger, error) {
	o.Secret = strings.TrimSpace(o.Secret) // secrets are often pasted with their line break
	if err := api.CheckSecret("the secret of the webhook", o.Secret); err != nil {
		return nil, err
	}
	if len(o.Secret) < minSecret {
		return nil, fmt.Errorf("%w: the secret of the webhook has fewer than %d characters", cdn.ErrDenied, minSecret)
	}
	u, err := api.ParseURL("the URL of the webhook", o.URL)
	if err != nil {
		return nil, err
	}
	return &Purger{o: o, url: u, client: api.New(o.Options, []string{o.Secret}, words), now: time.Now}, nil
}

// Name returns what a purger with these options is called: "webhook ", the
// host, and eight digits that tell several receivers on it apart. The rest of
// the URL may be secret. It needs no secret.
func Name(o Options) string {
	host := "receiver"
	if u, err := url.Parse(o.URL); err == nil && u.Host != "" {
		host = u.Host
	}
	sum := sha256.Sum256([]byte(o.URL))
	return "webhook " + host + " " + hex.EncodeToString(sum[:4])
}

// Limits returns those of a purger with these options. It needs no secret.
func Limits(o Options) cdn.Limits {
	return cdn.Limits{
		Batch: urlBatch, MaxURLs: mostURLs, ItemLength: longestURL,
		Prefixes: prefixBatch, PrefixBatch: prefixBatch, PrefixDepth: deepestSlash, HostBatch: hostBatch,
		Tag: o.Tag, PerOrigin: true,
	}
}

// Name returns what Name returns for the purger's options.
func (p *Purger) Name() string { return Name(p.o) }

// Limits returns what Limits returns for the purger's options.
func (p *Purger) Limits() cdn.Limits { return Limits(p.o) }

// Body is what a receiver gets.
type Body struct {
	Version  int      `json:"version"`
	Delivery string   `json:"delivery"` // the same for all attempts
	Kind     cdn.Kind `json:"kind"`
	Items    []string `json:"items"` // of everything: empty
	// Origin makes URLs those variants that were asked for with this header.
	Origin string `json:"origin,omitempty"`
}

// Purge sends the requests, two at once. The error is a *cdn.Error.
func (p *Purger) Purge(ctx context.Context, requests ...cdn.Request) (cdn.Result, error) {
	run := p.client.Run()
	res, err := cdn.Each(ctx, parallel, requests, func(ctx context.Context, r cdn.Request) (int, error) {
		c, err := p.call(r)
		if err != nil {
			return 0, err
		}
		return 1, run.Do(ctx, c)
	})
	return res, api.Fail(p.Name(), err, api.Hints{
		Denied:   "Give the receiver and this run the same secret, and check that both clocks are right.",
		NotFound: "Check the URL of the webhook.",
	})
}

// call returns a signed POST.
func (p *Purger) call(r cdn.Request) (api.Call, error) {
	b := Body{Version: Version, Delivery: rand.Text(), Kind: r.Kind, Items: append([]string{}, r.Items...), Origin: r.Origin}
	body, err := json.Marshal(b)
	return api.Call{
		Method: http.MethodPost, URL: p.url, Body: body, Header: http.Header{DeliveryHeader: {b.Delivery}},
		Sign: func(h http.Header) {
			at := p.now()
			h.Set(TimestampHeader, strconv.FormatInt(at.Unix(), 10))
			h.Set(SignatureHeader, Sign(p.o.Secret, at, body))
		},
	}, err
}

// Sign returns the signature of a body that is sent at a time: "v1=" and the
// HMAC-SHA256, in hexadecimal digits, of the seconds since 1970, a full stop,
// and the body.
func Sign(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// words returns what a refusal says, where it is short text or {"error": "…"}.
func words(body []byte) string {
	var a struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &a) == nil {
		return a.Error
	}
	return string(body)
}
