package bunny_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/api"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
	fake "github.com/pandastack-io/pandastack/internal/cdn/cdntest/bunnyfake"
	"github.com/pandastack-io/pandastack/providers/bunny"
)

// start returns a server and a purger for it.
func start(t *testing.T, so fake.Options, o bunny.Options) (*bunny.Purger, *cdntest.Server) {
	t.Helper()
	s := fake.New(t, so)
	o.PullZone, o.BaseURL = fake.PullZone, s.URL
	if o.Key == "" {
		o.Key = fake.Key
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o.HTTPClient = &http.Client{Transport: transport}
	p, err := bunny.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

func TestConformance(t *testing.T) {
	with := func(key string) func(t *testing.T) (cdn.Purger, cdntest.Fake) {
		return func(t *testing.T) (cdn.Purger, cdntest.Fake) {
			return start(t, fake.Options{Hosts: []string{"www.example.com"}, Faster: 1000},
				bunny.Options{Key: key, Tag: "site", Faster: 1000, Options: api.Options{Retries: 2}})
		}
	}
	cdntest.Run(t, cdntest.Harness{
		New: with(fake.Key), BadToken: with("another-key"),
		Origin: "https://www.example.com", Secrets: []string{fake.Key, "another-key"},
		Attempts: 3, Parallel: 4,
		// Success has no body.
		Without: []cdntest.Fault{cdntest.Unsuccessful},
	})
}

// TestRates keeps to the documented rates: a purge that fits the buckets is
// never told to wait, and one that does not fit waits by itself.
func TestRates(t *testing.T) {
	p, s := start(t, fake.Options{}, bunny.Options{Options: api.Options{Retries: -1}})
	var requests []cdn.Request
	for i := range 125 {
		requests = append(requests, cdn.Request{Kind: cdn.URLs, Items: []string{fmt.Sprintf("https://example.com/%d", i)}, Covers: 1})
	}
	for i := range 21 {
		requests = append(requests, cdn.Request{Kind: cdn.URLs, Items: []string{fmt.Sprintf("https://example.com/%d/", i)}, Covers: 1})
	}
	res, err := p.Purge(t.Context(), requests...)
	if err != nil || res.URLs != 146 {
		t.Errorf("Purge = %d URLs, %v", res.URLs, err)
	}
	for _, a := range s.Log() {
		if a.Status != 200 {
			t.Fatalf("%s: status %d", a.Path, a.Status)
		}
	}
}

// TestMostURLs bounds how long a purge of pages takes at the rates.
func TestMostURLs(t *testing.T) {
	l := bunny.Limits(bunny.Options{})
	slashes, others := float64(l.MaxURLs)/3, float64(l.MaxURLs)*2/3
	if s := max((slashes-20)/0.5, (others-120)/5); s > 120 {
		t.Errorf("%d URLs take %.0f seconds", l.MaxURLs, s)
	}
	if l.Prefixes > 20 {
		t.Errorf("%d prefixes do not fit into the bucket", l.Prefixes)
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		server     fake.Options
		answer     http.HandlerFunc
		key        string
		text, hint string
	}{
		"key": {
			key: "wrong", text: "bunny pull zone 1483720: access denied: The request authorization failed (status 401)",
			hint: "Use the API key of the account that owns the pull zone: it is under Account settings → API, and is not the storage zone's password.",
		},
		"foreign host": {
			server: fake.Options{Hosts: []string{"example.org"}},
			text:   "bunny pull zone 1483720: no such zone or distribution: The hostname was not found (status 404)",
			hint:   "Check the number of the pull zone: it is in the address of its page in bunny.net's dashboard.",
		},
		"200 of a hotel": {
			answer: cdntest.HTML(200, "<html>Welcome"), text: "bunny pull zone 1483720: the answer is an HTML page (status 200)",
		},
		"limited": {
			answer: cdntest.RetryAfter("7"), text: "bunny pull zone 1483720: rate limit reached: the answer has status 429",
			hint: "Run the command again in a few minutes.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s := start(t, c.server, bunny.Options{Key: c.key, Options: api.Options{Retries: -1}})
			if c.answer != nil {
				s.Answer(c.answer, -1)
			}
			_, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.URLs, Items: []string{"https://example.com/"}})
			var e *cdn.Error
			if !errors.As(err, &e) || e.Error() != c.text || e.Hint != c.hint {
				t.Errorf("error:\n got %v\n     %+v\nwant %s\n     %s", err, e, c.text, c.hint)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := bunny.Options{PullZone: "1", Key: "k\n"}
	if _, err := bunny.New(good); err != nil {
		t.Errorf("a line break after the key: %v", err)
	}
	for want, change := range map[string]func(*bunny.Options){
		`"www" is not the number of a bunny.net pull zone`: func(o *bunny.Options) { o.PullZone = "www" },
		"access denied: the bunny.net API key is missing":  func(o *bunny.Options) { o.Key = "" },
		"the bunny.net API URL is not encrypted: use https": func(o *bunny.Options) {
			o.BaseURL = "http://api.example.com/"
		},
	} {
		o := good
		change(&o)
		if _, err := bunny.New(o); err == nil || err.Error() != want {
			t.Errorf("New: %v, want %s", err, want)
		}
	}
}
