package role_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/role"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// world is a server that trusts an issuer, and what was said to be secret.
type world struct {
	*testing.T
	issuer *testbed.Issuer
	server *testbed.Federated
	mu     sync.Mutex
	told   []string
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, issuer: testbed.NewIssuer(t)}
	w.server = testbed.MinIOFor(t, w.issuer, role.Audience)
	return w
}

// options are those of a run that everybody trusts.
func (w *world) options() role.Options {
	env := map[string]string{}
	for _, kv := range w.issuer.Env() {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	return role.Options{
		ARN: w.server.Role, Endpoint: w.server.Endpoint,
		Token: func(ctx context.Context) (string, error) {
			return ci.IdentityToken(ctx, func(name string) string { return env[name] }, role.Audience)
		},
		Secret: func(values ...string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, values...)
		},
	}
}

func (w *world) retrieve(o role.Options) (aws.Credentials, error) {
	w.Helper()
	p, err := role.New(o)
	if err != nil {
		w.Fatal(err)
	}
	return p.Retrieve(w.Context())
}

// TestAssume does what a job of GitHub Actions does, against a server that
// checks the token by the issuer's keys, and uses what it gets.
func TestAssume(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Duration = 2 * time.Hour
	c, err := w.retrieve(o)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(c.Expires); !c.CanExpire || left < 100*time.Minute || left > 2*time.Hour {
		t.Errorf("the credentials last %v", left)
	}
	want := append(w.issuer.Issued(), c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	if len(want) != 4 || !slices.Equal(w.told, want) {
		t.Errorf("%d secrets were told: %q", len(w.told), w.told)
	}
	client := s3.New(s3.Options{
		BaseEndpoint: &w.server.Endpoint, Region: w.server.Region, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }),
	})
	bucket := w.server.NewBucket(t)
	if _, err := client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucket}); err != nil {
		t.Errorf("the credentials do not work: %v", err)
	}

	// The server has one code for all that is wrong with a token.
	for name, change := range map[string]func(map[string]any){
		"audience": func(c map[string]any) { c["aud"] = "somebody" },
		"expired":  func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
	} {
		t.Run(name, func(t *testing.T) {
			w.issuer.Change(change)
			_, err := w.retrieve(w.options())
			var e *role.Error
			if !errors.As(err, &e) || !errors.Is(err, role.ErrToken) {
				t.Fatalf("got %v", err)
			}
			if e.Subject != "repo:owner/site:ref:refs/heads/main" || e.Issuer == "" || e.Audience == "" {
				t.Errorf("the token says %q, %q, %q", e.Issuer, e.Subject, e.Audience)
			}
			if tokens := w.issuer.Issued(); strings.Contains(err.Error(), tokens[len(tokens)-1]) {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
}

const answer = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Credentials><AccessKeyId>ASIAFAKE%[1]d</AccessKeyId><SecretAccessKey>fake-secret-%[1]d</SecretAccessKey><SessionToken>fake-session-%[1]d</SessionToken><Expiration>%[2]s</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`

// fake is STS as far as no real server shows it.
func fake(t *testing.T, serve http.HandlerFunc) role.Options {
	t.Helper()
	srv := httptest.NewServer(serve)
	t.Cleanup(srv.Close)
	payload := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://token.example","sub":"repo:owner/site:pull_request","aud":"sts.amazonaws.com"}`))
	var n atomic.Int64
	return role.Options{
		ARN: "arn:aws:iam::111122223333:role/deploy", Endpoint: srv.URL,
		Token: func(context.Context) (string, error) {
			return fmt.Sprintf("head.%s.signature%d", payload, n.Add(1)), nil
		},
	}
}

// TestRenew lets credentials come to their end: the next request fetches new
// ones, with a new token.
func TestRenew(t *testing.T) {
	calls := 0
	var tokens []string
	o := fake(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		tokens = append(tokens, r.FormValue("WebIdentityToken"))
		ends := time.Now().Add(time.Hour)
		if calls == 1 {
			ends = time.Now().Add(4 * time.Minute) // within what counts as ended
		}
		fmt.Fprintf(w, answer, calls, ends.UTC().Format(time.RFC3339))
	})
	p, err := role.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for range 3 {
		c, err := p.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, c.AccessKeyID)
	}
	if want := []string{"ASIAFAKE1", "ASIAFAKE2", "ASIAFAKE2"}; !slices.Equal(keys, want) || len(tokens) != 2 || tokens[0] == tokens[1] {
		t.Errorf("keys %q by %d tokens", keys, len(tokens))
	}
}

// TestRefused holds AWS's answers to their kinds.
func TestRefused(t *testing.T) {
	for code, want := range map[string]error{
		"AccessDenied": role.ErrUntrusted, "InvalidIdentityToken": role.ErrToken, "IDPRejectedClaim": role.ErrToken,
		"ExpiredTokenException": role.ErrExpired, "ValidationError": role.ErrInvalid, "RegionDisabledException": role.ErrRegion, "Novel": role.ErrUnreachable,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			o := fake(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>no to %s</Message></Error></ErrorResponse>`, code, r.FormValue("WebIdentityToken"))
			})
			p, err := role.New(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Retrieve(t.Context())
			var e *role.Error
			if !errors.As(err, &e) || e.Kind != want {
				t.Fatalf("got %v, want %v", err, want)
			}
			if e.Subject != "repo:owner/site:pull_request" || e.Region != "us-east-1" || !strings.HasSuffix(e.Detail, "no to ***") {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// TestNoRedirect asks nobody but the endpoint.
func TestNoRedirect(t *testing.T) {
	var reached atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer elsewhere.Close()
	o := fake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	})
	p, err := role.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Retrieve(t.Context()); !errors.Is(err, role.ErrUnreachable) || reached.Load() {
		t.Errorf("got %v; followed: %v", err, reached.Load())
	}
}

func TestOptions(t *testing.T) {
	good := role.Options{ARN: "arn:aws-cn:iam::111122223333:role/ci/deploy"}
	for name, o := range map[string]role.Options{
		"role-to-assume":        {ARN: "arn:aws:iam::111122223333:user/deploy"},
		"role-session-name":     {ARN: good.ARN, SessionName: "a b"},
		"role-duration-seconds": {ARN: good.ARN, Duration: 14 * time.Minute},
		"STS endpoint":          {ARN: good.ARN, Endpoint: "http://sts.example.com"},
	} {
		_, err := role.New(o)
		var e *role.OptionError
		if !errors.As(err, &e) || e.Option != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := role.New(good); err != nil {
		t.Error(err)
	}
}

// TestHome asks in the role's own partition where no region is named: STS of
// another one does not know it.
func TestHome(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>")
	}))
	defer server.Close()
	for arn, want := range map[string]string{
		"arn:aws:iam::111122223333:role/r":        "us-east-1",
		"arn:aws-cn:iam::111122223333:role/r":     "cn-north-1",
		"arn:aws-us-gov:iam::111122223333:role/r": "us-gov-west-1",
		"arn:minio:iam:::role/r":                  "us-east-1",
	} {
		p, err := role.New(role.Options{ARN: arn, Endpoint: server.URL, Token: func(context.Context) (string, error) { return "token", nil }})
		if err != nil {
			t.Fatal(err)
		}
		var refused *role.Error
		if _, err := p.Retrieve(t.Context()); !errors.As(err, &refused) || refused.Region != want {
			t.Errorf("%s: %+v, want one of %s", arn, refused, want)
		}
	}
}
