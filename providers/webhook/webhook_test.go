package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/api"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
	fake "github.com/pandastack-io/pandastack/internal/cdn/cdntest/webhookfake"
	"github.com/pandastack-io/pandastack/providers/webhook"
)

// start returns a receiver and a purger for it.
func start(t *testing.T, o webhook.Options) (*webhook.Purger, *cdntest.Server) {
	t.Helper()
	s := fake.New(t)
	transport := &http.Transport{}
	if o.URL == "" { // one name for all receivers, as its digits come from the URL
		o.URL = "http://localhost" + fake.Path
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(s.URL, "http://"))
		}
	}
	if o.Secret == "" {
		o.Secret = fake.Secret
	}
	t.Cleanup(transport.CloseIdleConnections)
	o.HTTPClient = &http.Client{Transport: transport}
	p, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

func TestConformance(t *testing.T) {
	const another = "another-secret-of-some-length"
	with := func(secret string) func(t *testing.T) (cdn.Purger, cdntest.Fake) {
		return func(t *testing.T) (cdn.Purger, cdntest.Fake) {
			return start(t, webhook.Options{Secret: secret, Tag: "site", Options: api.Options{Retries: 2}})
		}
	}
	cdntest.Run(t, cdntest.Harness{
		New: with(fake.Secret), BadToken: with(another),
		Origin: "https://www.example.com", Secrets: []string{fake.Secret, another},
		Attempts: 3, Parallel: 2,
		// A status of 2xx is success, whatever the body.
		Without: []cdntest.Fault{cdntest.Unsuccessful},
	})
}

// TestSignature is the example of docs/cdn-webhook.md, computed by
// printf '1767225600.{"version":1}' | openssl dgst -sha256 -hmac 'it is a secret of mine'.
func TestSignature(t *testing.T) {
	const want = "v1=efd4b1ab73dc632f90967d55682f840cb187f92232f77f360ab3a8dcb869deac"
	if got := webhook.Sign("it is a secret of mine", time.Unix(1767225600, 0), []byte(`{"version":1}`)); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

// TestDelivery shows that attempts of one request have one id, and requests
// have different ones.
func TestDelivery(t *testing.T) {
	p, s := start(t, webhook.Options{})
	s.Inject(cdntest.ServerError, 1)
	for range 2 {
		if _, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.Everything}); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, a := range s.Log() {
		var b webhook.Body
		if err := json.Unmarshal(a.Body, &b); err != nil || b.Items == nil {
			t.Fatalf("body %s: %v", a.Body, err)
		}
		ids = append(ids, b.Delivery)
	}
	if len(ids) != 3 || ids[0] != ids[1] || ids[1] == ids[2] {
		t.Errorf("deliveries %q", ids)
	}
}

// TestRedirect shows that the signature goes to the receiver alone.
func TestRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	p, s := start(t, webhook.Options{})
	s.Answer(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}, -1)
	_, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.Everything})
	if err == nil || !strings.HasSuffix(err.Error(), ": the answer has status 307") {
		t.Errorf("Purge = %v", err)
	}
}

// TestSecretPath shows that the path of the URL, which may be secret, is in no
// error and not in the name.
func TestSecretPath(t *testing.T) {
	p, _ := start(t, webhook.Options{URL: "http://127.0.0.1:1/T0P/s3cr3t", Options: api.Options{Retries: -1}})
	_, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.Everything})
	if !errors.Is(err, cdn.ErrUnreachable) || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(p.Name(), "s3cr3t") {
		t.Errorf("Purge = %v", err)
	}
	o := webhook.Options{URL: "http://127.0.0.1:1/T0P/other"}
	if webhook.Name(o) == p.Name() {
		t.Error("two receivers on one host have one name")
	}
}

func TestNewRefuses(t *testing.T) {
	good := webhook.Options{URL: "https://example.com/hook", Secret: fake.Secret + "\n"}
	if _, err := webhook.New(good); err != nil {
		t.Errorf("a line break after the secret: %v", err)
	}
	for want, change := range map[string]func(*webhook.Options){
		"access denied: the secret of the webhook is missing":                   func(o *webhook.Options) { o.Secret = "" },
		"access denied: the secret of the webhook has fewer than 16 characters": func(o *webhook.Options) { o.Secret = "short" },
		"the URL of the webhook is not encrypted: use https":                    func(o *webhook.Options) { o.URL = "http://example.com/hook" },
		"the URL of the webhook is not an absolute URL":                         func(o *webhook.Options) { o.URL = "/hook" },
	} {
		o := good
		change(&o)
		if _, err := webhook.New(o); err == nil || err.Error() != want {
			t.Errorf("New: %v, want %s", err, want)
		}
	}
}
