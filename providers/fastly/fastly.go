// Package fastly makes a Fastly service forget URLs, a surrogate key, or
// everything.
//
// It speaks HTTP itself: three endpoints need no SDK.
// Source: https://www.fastly.com/documentation/reference/api/purging/.
package fastly

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/api"
)

const (
	defaultBaseURL = "https://api.fastly.com"
	// keyBatch is how many surrogate keys one request may have.
	keyBatch = 256
	// mostURLs is how many URLs are worth a request each. Fastly has no
	// prefixes: beyond it, all of the service is purged.
	mostURLs = 1000
	parallel = 8 // requests in flight
)

// Options says which service to purge, and how. ServiceID and Token are
// required.
type Options struct {
	ServiceID string
	Token     string // API token with the scopes purge_select and purge_all
	// Soft marks what is purged as stale instead of dropping it, so that it
	// may still be served while it is fetched anew. Purging everything is
	// never soft.
	Soft bool
	// Tag is a surrogate key that all answers of the site carry, and no
	// others. Empty: there is none.
	Tag string
	// BaseURL replaces https://api.fastly.com. Plain http is accepted for the
	// local machine only.
	BaseURL string
	api.Options
}

// Purger is a cdn.Purger for one service.
type Purger struct {
	o      Options
	base   *url.URL
	client *api.Client
}

var serviceID = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// New returns a purger, or an error that says which option is wrong. It makes
// no request.
func New(o Options) (*Purger, error) {
	o.Token = strings.TrimSpace(o.Token) // secrets are often pasted with their line break
	if !serviceID.MatchString(o.ServiceID) {
		return nil, fmt.Errorf("%q is not a Fastly service id, which has letters and digits only", o.ServiceID)
	}
	if err := api.CheckSecret("the Fastly API token", o.Token); err != nil {
		return nil, err
	}
	base, err := api.ParseURL("the Fastly API URL", cmp.Or(o.BaseURL, defaultBaseURL))
	if err != nil {
		return nil, err
	}
	return &Purger{o: o, base: base, client: api.New(o.Options, []string{o.Token}, words)}, nil
}

// Name returns what a purger with these options is called: "fastly service "
// and its id. It needs no token.
func Name(o Options) string { return "fastly service " + o.ServiceID }

// Limits returns those of a purger with these options. It needs no token.
func Limits(o Options) cdn.Limits { return cdn.Limits{Batch: 1, MaxURLs: mostURLs, Tag: o.Tag} }

// Name returns what Name returns for the purger's options.
func (p *Purger) Name() string { return Name(p.o) }

// Limits returns what Limits returns for the purger's options.
func (p *Purger) Limits() cdn.Limits { return Limits(p.o) }

// Purge sends the requests, eight at once. The error is a *cdn.Error.
func (p *Purger) Purge(ctx context.Context, requests ...cdn.Request) (cdn.Result, error) {
	run := p.client.Run()
	res, err := cdn.Each(ctx, parallel, requests, func(ctx context.Context, r cdn.Request) (int, error) {
		calls := p.calls(r)
		for i, c := range calls {
			if err := run.Do(ctx, c); err != nil {
				return i + 1, err
			}
		}
		return len(calls), nil
	})
	return res, api.Fail(p.Name(), err, api.Hints{
		Denied:   "Give the Fastly API token the scopes purge_select and purge_all for this service, and check that it has not expired.",
		NotFound: "Check the service id: it is below the service's name in Fastly's web interface.",
	})
}

// calls returns what a request takes.
func (p *Purger) calls(r cdn.Request) []api.Call {
	var out []api.Call
	switch r.Kind {
	case cdn.Everything:
		out = append(out, p.call("/service/"+p.o.ServiceID+"/purge_all", nil, false, isOK))
	case cdn.Tags:
		for keys := range slices.Chunk(r.Items, keyBatch) {
			body, _ := json.Marshal(map[string][]string{"surrogate_keys": keys}) // strings always encode
			out = append(out, p.call("/service/"+p.o.ServiceID+"/purge", body, p.o.Soft, hasKeys(keys)))
		}
	default:
		for _, u := range r.Items {
			_, rest, _ := strings.Cut(u, "://")
			out = append(out, p.call("/purge/"+rest, nil, p.o.Soft, isOK))
		}
	}
	return out
}

// call returns a POST. The path is sent byte for byte: Fastly compares it with
// what browsers send, and net/url would encode some of it.
func (p *Purger) call(path string, body []byte, soft bool, accept func([]byte) string) api.Call {
	u := *p.base
	u.Opaque = strings.TrimSuffix(u.EscapedPath(), "/") + path
	h := http.Header{"Fastly-Key": {p.o.Token}}
	if soft {
		h.Set("Fastly-Soft-Purge", "1")
	}
	return api.Call{Method: http.MethodPost, URL: &u, Header: h, Body: body, Accept: accept}
}

// isOK accepts {"status": "ok", …}.
func isOK(body []byte) string {
	var a struct {
		Status string `json:"status"`
	}
	if json.Unmarshal(body, &a) == nil && a.Status == "ok" {
		return ""
	}
	return cmp.Or(words(body), "the answer does not say that the purge was accepted")
}

// hasKeys accepts an object with the id of a purge for each key.
func hasKeys(keys []string) func([]byte) string {
	return func(body []byte) string {
		var ids map[string]any
		ok := json.Unmarshal(body, &ids) == nil
		for _, k := range keys {
			_, has := ids[k]
			ok = ok && has
		}
		if ok {
			return ""
		}
		return cmp.Or(words(body), "the answer does not say that the purge was accepted")
	}
}

// words returns what a refusal says: {"msg": "…", "detail": "…"}.
func words(body []byte) string {
	var a struct {
		Msg    string `json:"msg"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &a) != nil {
		return ""
	}
	if a.Msg != "" && a.Detail != "" {
		return a.Msg + ": " + a.Detail
	}
	return a.Msg + a.Detail
}
