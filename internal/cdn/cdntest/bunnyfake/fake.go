// Package bunnyfake is a strict stand-in for the part of bunny.net's API that
// purges caches, for tests. It refuses what the real one refuses, and more:
// whatever a correct client does not send.
//
// Sources: https://docs.bunny.net/api-reference/core/purge/purge-url and
// https://docs.bunny.net/docs/cdn-api-purge-rate-limits.
package bunnyfake

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
)

// The pull zone and the key that a server knows.
const (
	PullZone = "1483720"
	Key      = "fake-bunny-0b5a6c1e-4f1d-4c9e-a3a7-8d2f61b09c55"
)

// Options says what a server accepts.
type Options struct {
	Hosts  []string // of the account's zones; empty: all
	Faster float64  // how many times the default rates the account has; 0: once
}

type judge struct {
	o           Options
	exact, wide *cdntest.Bucket
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *cdntest.Server {
	t.Helper()
	f := cmp.Or(o.Faster, 1)
	return cdntest.NewServer(t, judge{o, cdntest.NewBucket(120*f, 5*f), cdntest.NewBucket(20*f, 0.5*f)})
}

// Judge answers as the API does.
func (j judge) Judge(r *http.Request, body []byte) cdntest.Verdict {
	item, refused := j.item(r, body)
	switch {
	case r.Method != http.MethodPost: // GET is another endpoint, which is deprecated
		refused = refuse(405, "method", "Method not allowed")
	case r.Header.Get("AccessKey") != Key:
		refused = refuse(401, "unauthorized", "The request authorization failed")
	}
	if refused != nil {
		return cdntest.Verdict{Items: []cdntest.Item{item}, Answer: refused}
	}
	status := http.StatusNoContent
	if item.Kind == cdn.URLs || item.Kind == cdn.Prefixes {
		status = http.StatusOK
	}
	return cdntest.Verdict{Items: []cdntest.Item{item}, Purged: true, Answer: cdntest.Status(status)}
}

// item returns what a request names.
func (j judge) item(r *http.Request, body []byte) (cdntest.Item, http.HandlerFunc) {
	if r.URL.Path == "/purge" {
		return j.url(r, body)
	}
	rest, _ := strings.CutPrefix(r.URL.Path, "/pullzone/")
	id, action, _ := strings.Cut(rest, "/")
	switch {
	case action != "purgeCache" || r.URL.RawQuery != "":
		return cdntest.Item{}, refuse(404, "route", "No such route")
	case id != PullZone:
		return cdntest.Item{}, refuse(404, "pullzone.not_found", "The requested Pull Zone was not found")
	case len(body) == 0:
		return cdntest.Item{Kind: cdn.Everything}, nil
	}
	var in struct{ CacheTag string }
	if err := cdntest.Strict(body, &in); err != nil || in.CacheTag == "" || len(in.CacheTag) > 1024 {
		return cdntest.Item{}, refuse(400, "tag", fmt.Sprintf("Bad tag (%v)", err))
	}
	return cdntest.Item{Kind: cdn.Tags, Name: in.CacheTag}, nil
}

// url reads the parameters of the endpoint for URLs, strictly. Without
// exactPath, a URL that ends in a slash is all below it.
func (j judge) url(r *http.Request, body []byte) (cdntest.Item, http.HandlerFunc) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	for name, values := range q {
		if !slices.Contains([]string{"url", "async", "exactPath"}, name) || len(values) != 1 {
			return cdntest.Item{}, refuse(400, "parameters", "Unknown or repeated parameter "+name)
		}
	}
	if err != nil || len(body) > 0 {
		return cdntest.Item{}, refuse(400, "parameters", "Malformed request")
	}
	u, exact := q.Get("url"), q.Get("exactPath") == "true"
	item := cdntest.Item{Kind: cdn.URLs, Name: u}
	if prefix, wild := strings.CutSuffix(u, "*"); wild || strings.HasSuffix(u, "/") && !exact {
		item = cdntest.Item{Kind: cdn.Prefixes, Name: prefix}
		u = prefix
	}
	if wrong := cdntest.WrongURL(u); wrong != "" {
		return item, refuse(400, "url", "Invalid URL: "+wrong)
	}
	host, _, _ := strings.Cut(u[strings.Index(u, "://")+3:], "/")
	if len(j.o.Hosts) > 0 && !slices.Contains(j.o.Hosts, host) {
		return item, refuse(404, "hostname", "The hostname was not found")
	}
	return item, nil
}

// Spend takes a token from the bucket of the kind: a URL that ends in a slash
// counts as a prefix, also an exact one.
func (j judge) Spend(items []cdntest.Item) http.HandlerFunc {
	bucket := j.wide
	if items[0].Kind == cdn.URLs && !strings.HasSuffix(items[0].Name, "/") {
		bucket = j.exact
	}
	if wait := bucket.Take(1); wait > 0 {
		return cdntest.RetryAfter(strconv.Itoa(int(math.Ceil(wait))))
	}
	return nil
}

func refuse(status int, key, message string) http.HandlerFunc {
	return cdntest.JSON(status, map[string]string{"ErrorKey": key, "Field": "", "Message": message})
}

// Fault returns the faults with bunny.net's words.
func (judge) Fault(f cdntest.Fault) http.HandlerFunc {
	switch f {
	case cdntest.Refused:
		return refuse(400, "refused", "The fake refuses")
	case cdntest.Echo:
		return func(w http.ResponseWriter, r *http.Request) {
			refuse(400, "key", cdntest.Words(r.Header.Get("AccessKey")))(w, r)
		}
	}
	return nil
}
