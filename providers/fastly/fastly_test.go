package fastly_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/api"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
	fake "github.com/pandastack-io/pandastack/internal/cdn/cdntest/fastlyfake"
	"github.com/pandastack-io/pandastack/providers/fastly"
)

// start returns a server and a purger for it.
func start(t *testing.T, so fake.Options, o fastly.Options) (*fastly.Purger, *cdntest.Server) {
	t.Helper()
	s := fake.New(t, so)
	o.ServiceID, o.BaseURL, o.Soft = fake.ServiceID, s.URL, so.Soft
	if o.Token == "" {
		o.Token = fake.Token
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o.HTTPClient = &http.Client{Transport: transport}
	p, err := fastly.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

func TestConformance(t *testing.T) {
	with := func(token string) func(t *testing.T) (cdn.Purger, cdntest.Fake) {
		return func(t *testing.T) (cdn.Purger, cdntest.Fake) {
			return start(t, fake.Options{Hosts: []string{"www.example.com"}},
				fastly.Options{Token: token, Tag: "site", Options: api.Options{Retries: 2}})
		}
	}
	cdntest.Run(t, cdntest.Harness{
		New: with(fake.Token), BadToken: with("another-token"),
		Origin: "https://www.example.com", Secrets: []string{fake.Token, "another-token"},
		Attempts: 3, Parallel: 8,
	})
}

func TestSoft(t *testing.T) {
	p, s := start(t, fake.Options{Soft: true}, fastly.Options{Tag: "site"})
	res, err := p.Purge(t.Context(),
		cdn.Request{Kind: cdn.URLs, Items: []string{"https://example.com/|^.html"}, Covers: 1},
		cdn.Request{Kind: cdn.Tags, Items: []string{"site"}, Covers: 2},
		cdn.Request{Kind: cdn.Everything, Covers: 3})
	if err != nil || res.URLs != 6 || len(s.Purged()) != 3 {
		t.Errorf("Purge = %+v, %v; purged %v", res, err, s.Purged())
	}
}

// TestKeyBatches splits keys at the limit of one request.
func TestKeyBatches(t *testing.T) {
	p, s := start(t, fake.Options{}, fastly.Options{})
	r := cdn.Request{Kind: cdn.Tags, Covers: 1}
	for i := range 300 {
		r.Items = append(r.Items, fmt.Sprintf("key-%03d", i))
	}
	res, err := p.Purge(t.Context(), r)
	if err != nil || res.Requests != 2 || len(s.Purged()) != 300 {
		t.Errorf("Purge = %+v, %v; purged %d keys", res, err, len(s.Purged()))
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		server     fake.Options
		answer     http.HandlerFunc
		token      string
		text, hint string
	}{
		"token": {
			token: "wrong", text: "fastly service SU1Z0isxPaozGVKXdv0eY: access denied: Provided credentials are missing or invalid (status 401)",
			hint: "Give the Fastly API token the scopes purge_select and purge_all for this service, and check that it has not expired.",
		},
		"foreign host": {
			server: fake.Options{Hosts: []string{"example.org"}},
			text:   "fastly service SU1Z0isxPaozGVKXdv0eY: access denied: You are not authorized to perform this action (status 403)",
			hint:   "Give the Fastly API token the scopes purge_select and purge_all for this service, and check that it has not expired.",
		},
		"no such service": {
			answer: cdntest.Status(404), text: "fastly service SU1Z0isxPaozGVKXdv0eY: no such zone or distribution: the answer has status 404",
			hint: "Check the service id: it is below the service's name in Fastly's web interface.",
		},
		"an hour": {
			answer: cdntest.RetryAfter("3600"), text: "fastly service SU1Z0isxPaozGVKXdv0eY: rate limit reached: the answer has status 429; it asks to wait 1h0m0s",
			hint: "Run the command again in 1h0m0s.",
		},
		"200 of a hotel": {
			answer: cdntest.HTML(200, "<html>Welcome"), text: "fastly service SU1Z0isxPaozGVKXdv0eY: the answer is an HTML page (status 200)",
		},
		"403 of a proxy": {
			answer: cdntest.HTML(403, "<html>Blocked"), text: "fastly service SU1Z0isxPaozGVKXdv0eY: access denied: the answer is an HTML page (status 403)",
			hint: "The answer is an HTML page and not the API's own: check for a proxy or firewall in between.",
		},
		"empty 200": {
			answer: cdntest.Status(200), text: "fastly service SU1Z0isxPaozGVKXdv0eY: the answer does not say that the purge was accepted (status 200)",
		},
		"redirect": {
			answer: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://example.net/", http.StatusTemporaryRedirect)
			},
			text: "fastly service SU1Z0isxPaozGVKXdv0eY: the answer has status 307",
		},
		"stall": {
			answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			text:   "fastly service SU1Z0isxPaozGVKXdv0eY: the CDN cannot be reached: after 1 attempts: no answer within 50ms",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := time.Duration(0)
			if name == "stall" {
				timeout = 50 * time.Millisecond
			}
			p, s := start(t, c.server, fastly.Options{Token: c.token, Options: api.Options{Retries: -1, Timeout: timeout}})
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
	good := fastly.Options{ServiceID: "abc", Token: "t\n"}
	if _, err := fastly.New(good); err != nil {
		t.Errorf("a line break after the token: %v", err)
	}
	for want, change := range map[string]func(*fastly.Options){
		`"a/b" is not a Fastly service id, which has letters and digits only`:                                 func(o *fastly.Options) { o.ServiceID = "a/b" },
		"access denied: the Fastly API token is missing":                                                      func(o *fastly.Options) { o.Token = " \n" },
		"access denied: the Fastly API token contains a space, a line break or a character that is not ASCII": func(o *fastly.Options) { o.Token = "se cret" },
		"the Fastly API URL is not encrypted: use https":                                                      func(o *fastly.Options) { o.BaseURL = "http://api.example.com/" },
		"the Fastly API URL is not an absolute URL":                                                           func(o *fastly.Options) { o.BaseURL = "api" },
	} {
		o := good
		change(&o)
		if _, err := fastly.New(o); err == nil || err.Error() != want {
			t.Errorf("New: %v, want %s", err, want)
		}
	}
}
