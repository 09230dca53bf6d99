package cloudflare_test

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
	fake "github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudflarefake"
	"github.com/pandastack-io/pandastack/providers/cloudflare"
)

// server adapts the fake to the suite.
type server struct{ *fake.Server }

func (s server) Purged() []cdntest.Item {
	var out []cdntest.Item
	for _, item := range s.Server.Purged() {
		kind, name, ok := strings.Cut(item, " ")
		url, origin, _ := strings.Cut(item, " from ")
		switch {
		case kind == "prefix":
			out = append(out, cdntest.Item{Kind: cdn.Prefixes, Name: "https://" + name})
		case kind == "host":
			out = append(out, cdntest.Item{Kind: cdn.Hosts, Name: name})
		case kind == "tag":
			out = append(out, cdntest.Item{Kind: cdn.Tags, Name: name})
		case kind == "everything" && !ok:
			out = append(out, cdntest.Item{Kind: cdn.Everything})
		default:
			out = append(out, cdntest.Item{Kind: cdn.URLs, Name: url, Origin: origin})
		}
	}
	return out
}

func (s server) Requests() int { return len(s.Log()) }

func (s server) Inject(f cdntest.Fault, n int) {
	s.Server.Inject(n, map[cdntest.Fault]http.HandlerFunc{
		cdntest.RateLimited:  fake.RetryAfter("0.05"),
		cdntest.LongWait:     fake.RetryAfter("3600"),
		cdntest.ServerError:  fake.Failure(500, 1000, "internal"),
		cdntest.Refused:      fake.Failure(422, 1015, "Unable to purge"),
		cdntest.Unsuccessful: fake.Failure(200, 1016, "Unable to purge any urls"),
		cdntest.Page:         fake.Page(502, "<!DOCTYPE html><html><title>Bad gateway</title>"+strings.Repeat("<p>x", 5000)),
		cdntest.Echo: func(w http.ResponseWriter, r *http.Request) {
			fake.Failure(400, 6003, cdntest.Words(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))(w, r)
		},
		cdntest.Stall:  fake.Stall,
		cdntest.HangUp: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}[f])
}

// start returns a server and a purger for it.
func start(t *testing.T, so fake.Options, o cloudflare.Options) (*cloudflare.Purger, *fake.Server) {
	t.Helper()
	s := fake.New(t, so)
	o.ZoneID, o.BaseURL = fake.ZoneID, s.URL
	if o.Token == "" {
		o.Token = fake.Token
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o.HTTPClient = &http.Client{Transport: transport}
	p, err := cloudflare.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

// purge plans and purges URLs of example.com.
func purge(t *testing.T, p cdn.Purger, urls ...string) (cdn.Result, error) {
	t.Helper()
	return p.Purge(t.Context(), cdn.NewPlan(p.Limits(), cdn.Change{Bases: []string{"https://example.com/"}, URLs: urls}).Requests...)
}

func TestConformance(t *testing.T) {
	with := func(token string) func(t *testing.T) (cdn.Purger, cdntest.Fake) {
		return func(t *testing.T) (cdn.Purger, cdntest.Fake) {
			p, s := start(t, fake.Options{Hosts: []string{"www.example.com"}}, cloudflare.Options{Token: token, Retries: 2, Tag: "site"})
			return p, server{s}
		}
	}
	cdntest.Run(t, cdntest.Harness{
		New: with(fake.Token), BadToken: with("another-token"),
		Origin: "https://www.example.com", Secrets: []string{fake.Token, "another-token"},
		Attempts: 3, Parallel: 4,
	})
}

// TestBatches counts the requests of a set that is no multiple of the limit.
func TestBatches(t *testing.T) {
	p, s := start(t, fake.Options{}, cloudflare.Options{})
	urls := make([]string, 250)
	for i := range urls {
		urls[i] = fmt.Sprintf("https://example.com/%03d", i)
	}
	res, err := purge(t, p, urls...)
	if err != nil || res.URLs != 250 || res.Requests != 3 || res.Owed != nil {
		t.Errorf("Purge = %+v, %v", res, err)
	}
	for _, r := range s.Log() {
		if !r.Purged {
			t.Errorf("a request of %d URLs was refused: %d", len(r.Items), r.Status)
		}
	}
}

// TestSmallBatches is an account with the limit of 30 that was there before.
func TestSmallBatches(t *testing.T) {
	p, s := start(t, fake.Options{MaxURLs: 30}, cloudflare.Options{})
	urls := make([]string, 0, 1000)
	for i := range 1000 {
		urls = append(urls, "https://example.com/"+strings.Repeat("a", i/26)+string(rune('a'+i%26)))
	}
	slices.Sort(urls)
	res, err := purge(t, p, urls...)
	if err != nil || res.URLs != 1000 {
		t.Fatalf("Purge = %+v, %v", res, err)
	}
	got := s.Purged()
	slices.Sort(got)
	if !slices.Equal(got, urls) {
		t.Errorf("purged %d URLs, want all 1000 once", len(got))
	}
	first := len(s.Log())
	if res.Requests != first {
		t.Errorf("Result = %+v, but there were %d requests", res, first)
	}
	// The account's limit is remembered.
	if _, err := purge(t, p, urls[:60]...); err != nil {
		t.Fatal(err)
	}
	if again := len(s.Log()) - first; again != 2 {
		t.Errorf("60 more URLs took %d requests, want 2", again)
	}
}

func TestFailures(t *testing.T) {
	url := []string{"https://example.com/"}
	for name, c := range map[string]struct {
		server fake.Options
		answer http.HandlerFunc
		urls   []string
		is     error
		text   string
		hint   string
	}{
		"success false in a 200": {
			answer: fake.Failure(200, 1016, "Unable to purge any urls"),
			text:   "cloudflare zone 023e105f: Unable to purge any urls (code 1016) (status 200)",
		},
		"no permission": {
			server: fake.Options{Token: "other"}, is: cdn.ErrDenied,
			text: "cloudflare zone 023e105f: access denied: Authentication error (code 10000) (status 403)",
			hint: "Give the API token the permission Zone → Cache Purge → Purge for this zone, and check that it has not expired.",
		},
		"invalid token in a 400": {
			answer: fake.Failure(400, 9109, "Invalid access token"), is: cdn.ErrDenied,
			text: "cloudflare zone 023e105f: access denied: Invalid access token (code 9109) (status 400)",
			hint: "Give the API token the permission Zone → Cache Purge → Purge for this zone, and check that it has not expired.",
		},
		"error chain": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(400)
				_, _ = w.Write([]byte(`{"success":false,"errors":[{"code":6003,"message":"Invalid request headers","error_chain":[{"code":6111,"message":"Invalid format"}]}]}`))
			},
			is:   cdn.ErrDenied,
			text: "cloudflare zone 023e105f: access denied: Invalid request headers (code 6003); Invalid format (code 6111) (status 400)",
			hint: "Give the API token the permission Zone → Cache Purge → Purge for this zone, and check that it has not expired.",
		},
		"no such zone": {
			server: fake.Options{ZoneID: strings.Repeat("0", 32)}, is: cdn.ErrNotFound,
			text: "cloudflare zone 023e105f: no such zone or distribution: Could not route to /client/v4/zones/" + fake.ZoneID + "/purge_cache, perhaps your object identifier is invalid? (code 7003) (status 404)",
			hint: "Check the zone id: it is on the overview page of the zone in the Cloudflare dashboard.",
		},
		"URL of another zone": {
			server: fake.Options{Hosts: []string{"example.org"}},
			text:   "cloudflare zone 023e105f: Unable to purge 'https://example.com/'. You can only purge files for this zone (code 1082) (status 400)",
			hint:   "Check that siteUrl is a host of this zone.",
		},
		"page from a proxy": {
			answer: fake.Page(403, "<html>Blocked</html>"), is: cdn.ErrDenied,
			text: "cloudflare zone 023e105f: access denied: the answer has status 403 and is not JSON",
			hint: "The answer is not from Cloudflare's API: check for a proxy or firewall in between.",
		},
		"page with status 200": {
			answer: fake.Page(200, "<html>Welcome to the hotel</html>"),
			text:   "cloudflare zone 023e105f: the answer has status 200 and is not JSON",
		},
		"empty JSON": {
			answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
			text:   "cloudflare zone 023e105f: the answer has status 200 and gives no reason",
		},
		"redirect": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://example.net/")
				w.WriteHeader(http.StatusTemporaryRedirect)
			},
			text: "cloudflare zone 023e105f: the answer has status 307 and is not JSON",
		},
		"an hour to wait": {
			answer: fake.RetryAfter("3600"), is: cdn.ErrLimited,
			text: "cloudflare zone 023e105f: rate limit reached: Rate limit reached (code 10429) (status 429); Cloudflare asks to wait 1h0m0s",
			hint: "Run the command again in 1h0m0s.",
		},
		"wait without a number": {
			answer: fake.RetryAfter("NaN"), is: cdn.ErrLimited,
			text: "cloudflare zone 023e105f: rate limit reached: Rate limit reached (code 10429) (status 429)",
			hint: "Run the command again in a few minutes.",
		},
		"a URL that is not encoded": {
			urls: []string{"https://example.com/é"},
			text: "cloudflare zone 023e105f: Unable to purge 'https://example.com/é': it is not percent-encoded (code 1015) (status 400)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s := start(t, c.server, cloudflare.Options{Token: fake.Token, Retries: -1})
			if c.answer != nil {
				s.Inject(-1, c.answer)
			}
			if c.urls == nil {
				c.urls = url
			}
			res, err := purge(t, p, c.urls...)
			var e *cdn.Error
			if !errors.As(err, &e) {
				t.Fatalf("Purge = %v", err)
			}
			if e.Error() != c.text || e.Hint != c.hint {
				t.Errorf("error:\n got %s\n     %s\nwant %s\n     %s", e, e.Hint, c.text, c.hint)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
			if res.URLs != 0 || res.Requests != 1 || len(res.Owed) != 1 {
				t.Errorf("Result = %+v", res)
			}
		})
	}
}

// TestWaitIsShared shows that the waits of one purge add up.
func TestWaitIsShared(t *testing.T) {
	p, s := start(t, fake.Options{}, cloudflare.Options{MaxWait: 100 * time.Millisecond, Retries: 9})
	s.Inject(-1, fake.RetryAfter("0.04"))
	_, err := purge(t, p, "https://example.com/")
	if !errors.Is(err, cdn.ErrLimited) {
		t.Fatalf("Purge = %v", err)
	}
	if n := len(s.Log()); n != 3 {
		t.Errorf("%d requests, want 3: two waits of 40 ms fit into 100 ms", n)
	}
}

// TestNoAnswer shows that an attempt ends, and is tried again.
func TestNoAnswer(t *testing.T) {
	p, s := start(t, fake.Options{}, cloudflare.Options{Timeout: 50 * time.Millisecond, Retries: 1})
	s.Inject(-1, fake.Stall)
	_, err := purge(t, p, "https://example.com/")
	if !errors.Is(err, cdn.ErrUnreachable) || !strings.HasSuffix(err.Error(), "after 2 attempts: no answer within 50ms") {
		t.Errorf("Purge = %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := cloudflare.Options{ZoneID: fake.ZoneID, Token: "t"}
	for want, change := range map[string]func(*cloudflare.Options){
		`"example.com" is not a Cloudflare zone id, which has 32 hexadecimal digits; it is on the overview page of the zone`: func(o *cloudflare.Options) { o.ZoneID = "example.com" },
		"access denied: there is no Cloudflare API token":                                                                    func(o *cloudflare.Options) { o.Token = " \n" },
		"access denied: the Cloudflare API token contains a space, a line break or a character that is not ASCII":            func(o *cloudflare.Options) { o.Token = "se cret" },
		`the Cloudflare API URL "http://api.example.com/" would send the token unencrypted: use https`:                       func(o *cloudflare.Options) { o.BaseURL = "http://api.example.com/" },
		`the Cloudflare API URL "api" is not an absolute URL`:                                                                func(o *cloudflare.Options) { o.BaseURL = "api" },
		`"gold" is not a plan of Cloudflare: free, pro, business or enterprise`:                                              func(o *cloudflare.Options) { o.Plan, o.BatchSize = "gold", 1 },
		"a batch of 501 URLs is outside 1 to 500":                                                                            func(o *cloudflare.Options) { o.BatchSize = 501 },
	} {
		o := good
		change(&o)
		if _, err := cloudflare.New(o); err == nil || err.Error() != want {
			t.Errorf("New: %v, want %s", err, want)
		}
	}
	good.Token = "t\n"
	if _, err := cloudflare.New(good); err != nil {
		t.Errorf("a line break after the token: %v", err)
	}
}

// TestEnvironmentIsNotRead plants what the SDK's root client would send.
func TestEnvironmentIsNotRead(t *testing.T) {
	for _, name := range []string{"CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_USER_SERVICE_KEY"} {
		t.Setenv(name, "planted")
	}
	t.Setenv("CLOUDFLARE_BASE_URL", "http://127.0.0.1:1/")
	p, _ := start(t, fake.Options{}, cloudflare.Options{})
	if _, err := purge(t, p, "https://example.com/"); err != nil {
		t.Error(err)
	}
}

// TestDependencies keeps the SDK's root package out of the binary: it costs
// 12 MB, minutes of building, and reads the environment.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	const sdk = "github.com/cloudflare/cloudflare-go/v7"
	if !slices.Contains(deps, sdk+"/cache") {
		t.Fatalf("the SDK's cache package is not among %d dependencies", len(deps))
	}
	if slices.Contains(deps, sdk) {
		t.Error("the SDK's root package is a dependency")
	}
}
