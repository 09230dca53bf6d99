package cloudfront_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
	fake "github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudfrontfake"
	"github.com/pandastack-io/pandastack/providers/cloudfront"
)

// start returns a server and a purger for it.
func start(t *testing.T, so fake.Options, o cloudfront.Options) (*cloudfront.Purger, *cdntest.Server) {
	t.Helper()
	s := fake.New(t, so)
	o.BaseURL = s.URL
	if o.DistributionID == "" {
		o.DistributionID = fake.DistributionID
	}
	if o.Credentials == nil {
		o.Credentials = credentials.NewStaticCredentialsProvider(fake.AccessKeyID, fake.SecretKey, "")
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o.HTTPClient = &http.Client{Transport: transport}
	p, err := cloudfront.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

func TestConformance(t *testing.T) {
	const another = "another/secret+key"
	with := func(secret string) func(t *testing.T) (cdn.Purger, cdntest.Fake) {
		return func(t *testing.T) (cdn.Purger, cdntest.Fake) {
			return start(t, fake.Options{}, cloudfront.Options{
				Credentials: credentials.NewStaticCredentialsProvider(fake.AccessKeyID, secret, ""), Attempts: 3, Tag: "site",
			})
		}
	}
	cdntest.Run(t, cdntest.Harness{
		New: with(fake.SecretKey), BadToken: with(another),
		Origin: "https://www.example.com", Secrets: []string{fake.AccessKeyID, fake.SecretKey, another},
		Attempts: 3, Parallel: 4,
		// The API has no success:false, and names no time to wait.
		Without: []cdntest.Fault{cdntest.Unsuccessful, cdntest.LongWait},
	})
}

// TestPaths holds the encoding to the rules of the Developer Guide.
func TestPaths(t *testing.T) {
	p, s := start(t, fake.Options{}, cloudfront.Options{})
	_, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.URLs, Items: []string{
		"https://example.com/[id].js", "https://example.com/%5Bid%5D.js", "https://example.com/a|b~c", "https://example.com/a%20b?x=[1]",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/%5Bid%5D.js", "/a%20b?x=%5B1%5D", "/a%7Cb%7Ec"}
	body := string(s.Log()[0].Body)
	for _, path := range want {
		if strings.Count(body, "<Path>"+path+"</Path>") != 1 {
			t.Errorf("%s is not there once: %s", path, body)
		}
	}
}

// TestReference shows that the same paths are invalidated again by the next
// purge, and not by the next attempt.
func TestReference(t *testing.T) {
	p, s := start(t, fake.Options{}, cloudfront.Options{})
	s.Inject(cdntest.HangUp, 1)
	r := cdn.Request{Kind: cdn.Everything, Covers: 1}
	for range 2 {
		if _, err := p.Purge(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	var refs []string
	for _, a := range s.Log() {
		_, rest, _ := strings.Cut(string(a.Body), "<CallerReference>")
		ref, _, _ := strings.Cut(rest, "<")
		refs = append(refs, ref)
	}
	if len(refs) != 3 || refs[0] != refs[1] || refs[1] == refs[2] || len(s.Purged()) != 2 {
		t.Errorf("references %q; purged %v", refs, s.Purged())
	}
}

func wildcards(n int) cdn.Request {
	r := cdn.Request{Kind: cdn.Prefixes, Covers: n}
	for i := range n {
		r.Items = append(r.Items, "https://example.com/"+string(rune('a'+i))+"/")
	}
	return r
}

// TestQuota fills the quota: what does not fit waits until there is room, or
// fails within its bounds.
func TestQuota(t *testing.T) {
	p, s := start(t, fake.Options{Takes: 300 * time.Millisecond}, cloudfront.Options{Delay: 50 * time.Millisecond, MaxWait: time.Minute})
	for range 2 {
		if _, err := p.Purge(t.Context(), wildcards(15)); err != nil {
			t.Fatal(err)
		}
	}
	refused := 0
	for _, a := range s.Log() {
		if a.Status == 400 {
			refused++
		}
	}
	if refused == 0 || len(s.Purged()) != 30 {
		t.Errorf("%d refused; purged %d", refused, len(s.Purged()))
	}

	p, s = start(t, fake.Options{Takes: time.Hour}, cloudfront.Options{Delay: 10 * time.Millisecond, MaxWait: 40 * time.Millisecond})
	_, _ = p.Purge(t.Context(), wildcards(10))
	res, err := p.Purge(t.Context(), wildcards(6))
	var e *cdn.Error
	if !errors.Is(err, cdn.ErrLimited) || !errors.As(err, &e) || len(res.Owed) != 1 {
		t.Fatalf("Purge = %+v, %v", res, err)
	}
	if want := "Other invalidations of the distribution are still in progress: run the command again in a few minutes."; e.Hint != want {
		t.Errorf("hint %q", e.Hint)
	}
	if n := s.Requests(); n != 4 { // 10 ms and 20 ms fit into 40 ms, another 40 ms do not
		t.Errorf("%d requests, want 4", n)
	}
}

func TestWait(t *testing.T) {
	p, s := start(t, fake.Options{Takes: 100 * time.Millisecond}, cloudfront.Options{Wait: true, Delay: 20 * time.Millisecond})
	began := time.Now()
	if _, err := p.Purge(t.Context(), wildcards(1)); err != nil {
		t.Fatal(err)
	}
	if time.Since(began) < 100*time.Millisecond || s.Requests() < 2 {
		t.Errorf("not waited: %d requests", s.Requests())
	}
	p, _ = start(t, fake.Options{Takes: time.Hour}, cloudfront.Options{Wait: true, Delay: 10 * time.Millisecond, Completion: 50 * time.Millisecond})
	res, err := p.Purge(t.Context(), wildcards(1))
	if err == nil || err.Error() != "cloudfront distribution EDFDVBD632BHDS5: the invalidation I0000000000001 is not done after 50ms" || len(res.Owed) != 1 {
		t.Errorf("Purge = %+v, %v", res, err)
	}
}

func TestErrors(t *testing.T) {
	keys := "Set CLOUDFRONT_ACCESS_KEY_ID and CLOUDFRONT_SECRET_ACCESS_KEY, or the inputs of the same names, to keys that may invalidate the distribution; without them, the storage's are used."
	for name, c := range map[string]struct {
		o          cloudfront.Options
		answer     http.HandlerFunc
		text, hint string
	}{
		"unknown key": {
			o:    cloudfront.Options{Credentials: credentials.NewStaticCredentialsProvider("AKIAOTHER", "x", "")},
			text: "access denied: The request signature or its key is not right (InvalidClientTokenId, status 403)", hint: keys,
		},
		"not allowed": {
			answer: fake.Failure(403, "AccessDenied", "User: arn:aws:iam::1:user/ci is not authorized"),
			text:   "access denied: User: arn:aws:iam::1:user/ci is not authorized (AccessDenied, status 403)",
			hint:   "Allow the keys cloudfront:CreateInvalidation on the distribution, and cloudfront:GetInvalidation for \"wait\"; docs/cdn-cloudfront.md has the policy.",
		},
		"no such distribution": {
			o:    cloudfront.Options{DistributionID: "E0"},
			text: "no such zone or distribution: The specified distribution does not exist. (NoSuchDistribution, status 404)",
			hint: "Check the distribution id, and that the keys belong to its account.",
		},
		"no keys": {
			o:    cloudfront.Options{Credentials: credentials.NewStaticCredentialsProvider("", "", "")},
			text: "access denied: there are no AWS credentials: static credentials are empty", hint: keys,
		},
		"a page":       {answer: cdntest.HTML(502, "<html>"), text: "the answer has status 502 and is not CloudFront's"},
		"a good page":  {answer: cdntest.HTML(200, "<html>"), text: "the answer has status 200 and is not CloudFront's"},
		"an empty 200": {answer: cdntest.Status(200), text: "the answer is not CloudFront's: it names no invalidation"},
		"stall": {
			o: cloudfront.Options{Timeout: 50 * time.Millisecond}, answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			text: "the CDN cannot be reached: no answer within 50ms",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Attempts = 1
			p, s := start(t, fake.Options{}, c.o)
			if c.answer != nil {
				s.Answer(c.answer, -1)
			}
			_, err := p.Purge(t.Context(), cdn.Request{Kind: cdn.Everything})
			var e *cdn.Error
			if !errors.As(err, &e) || e.Error() != p.Name()+": "+c.text || e.Hint != c.hint {
				t.Errorf("error:\n got %v\n     %+v\nwant %s\n     %s", err, e, c.text, c.hint)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := cloudfront.New(t.Context(), cloudfront.Options{DistributionID: "d111.cloudfront.net"})
	if want := `"d111.cloudfront.net" is not the id of a CloudFront distribution, which has capital letters and digits`; err == nil || err.Error() != want {
		t.Errorf("New: %v", err)
	}
}

// TestBilling shows that limits make the planner count what AWS bills.
func TestBilling(t *testing.T) {
	l := cloudfront.Limits(cloudfront.Options{})
	plan := cdn.NewPlan(l, cdn.Change{
		Bases: []string{"https://a.example/", "https://b.example/"}, URLs: []string{"https://a.example/x", "https://b.example/x"},
		Kept: slices.Values([]string{"y"}),
	})
	if !l.Billed || plan.Items != 1 {
		t.Errorf("%d paths for one on two hosts", plan.Items)
	}
}

// TestOneSpelling shows that a name with brackets, which links spell in two ways
// and CloudFront in one, is billed once, and that no wildcard for one spelling of
// its directory drops what did not change below the other.
func TestOneSpelling(t *testing.T) {
	p, s := start(t, fake.Options{}, cloudfront.Options{})
	const dir = "https://www.example.com/app/"
	plan := cdn.NewPlan(p.Limits(), cdn.Change{
		Bases: []string{"https://www.example.com/"},
		URLs:  []string{dir + "%5Bslug%5D/a.js", dir + "%5Bslug%5D/b.js", dir + "[slug]/a.js", dir + "[slug]/b.js"},
		Kept:  slices.Values([]string{"app/[slug]/kept.js"}),
	})
	if plan.Items != 2 || plan.Dropped != 0 || plan.Only() != cdn.URLs {
		t.Errorf("plan %+v", plan)
	}
	if _, err := p.Purge(t.Context(), plan.Requests...); err != nil {
		t.Fatal(err)
	}
	for _, item := range s.Purged() {
		if item.Kind != cdn.URLs || strings.Contains(item.Name, "kept") {
			t.Errorf("purged %v", item)
		}
	}
	if n := len(s.Purged()); n != plan.Items {
		t.Errorf("%d paths are billed, and the plan says %d", n, plan.Items)
	}
}
