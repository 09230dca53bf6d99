package cdntest_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/dustin/go-humanize"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/api"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/bunnyfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudflarefake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudfrontfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/fastlyfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/webhookfake"
	"github.com/pandastack-io/pandastack/providers/bunny"
	"github.com/pandastack-io/pandastack/providers/cloudflare"
	"github.com/pandastack-io/pandastack/providers/cloudfront"
	"github.com/pandastack-io/pandastack/providers/fastly"
	"github.com/pandastack-io/pandastack/providers/webhook"
)

// delay is added to each request, as a CI runner sees it.
const delay = 100 * time.Millisecond

// late is a transport with that delay.
type late struct{ http.RoundTripper }

// RoundTrip sends a request late.
func (l late) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(delay)
	return l.RoundTripper.RoundTrip(r)
}

// change is n changed URLs of a site in directories of 100 pages each, one in
// ten of which did not change, so that no directory changed as a whole.
func change(n int) cdn.Change {
	c := cdn.Change{Bases: []string{"https://www.example.com/"}}
	var kept []string
	for i := 0; len(c.URLs) < n; i++ {
		path := fmt.Sprintf("s%d/d%03d/p%03d.html", i/10_000, i/100, i%100)
		if i%10 == 9 {
			kept = append(kept, path)
		} else {
			c.URLs = append(c.URLs, c.Bases[0]+path)
		}
	}
	slices.Sort(c.URLs)
	c.Kept = slices.Values(kept)
	return c
}

// purgers returns a purger of each CDN on a fake that enforces the documented
// limits and rates.
func purgers(b testing.TB) []cdn.Purger {
	client := &http.Client{Transport: late{&http.Transport{MaxIdleConnsPerHost: 16}}}
	var out []cdn.Purger
	add := func(p cdn.Purger, err error) {
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, p)
	}
	o := api.Options{HTTPClient: client}
	add(cloudflare.New(cloudflare.Options{
		ZoneID: cloudflarefake.ZoneID, Token: cloudflarefake.Token, BaseURL: cloudflarefake.New(b, cloudflarefake.Options{}).URL, HTTPClient: client,
	}))
	add(cloudfront.New(b.Context(), cloudfront.Options{
		DistributionID: cloudfrontfake.DistributionID, HTTPClient: client, BaseURL: cloudfrontfake.New(b, cloudfrontfake.Options{Takes: time.Minute}).URL,
		Credentials: credentials.NewStaticCredentialsProvider(cloudfrontfake.AccessKeyID, cloudfrontfake.SecretKey, ""),
	}))
	add(fastly.New(fastly.Options{ServiceID: fastlyfake.ServiceID, Token: fastlyfake.Token, BaseURL: fastlyfake.New(b, fastlyfake.Options{}).URL, Options: o}))
	add(bunny.New(bunny.Options{PullZone: bunnyfake.PullZone, Key: bunnyfake.Key, BaseURL: bunnyfake.New(b, bunnyfake.Options{}).URL, Options: o}))
	add(webhook.New(webhook.Options{URL: webhookfake.New(b).URL + webhookfake.Path, Secret: webhookfake.Secret, Options: o}))
	return out
}

// sizes are the numbers of changed URLs in the table.
var sizes = []int{1, 100, 5_000, 100_000}

// row begins a row of the table: all that does not depend on the clock.
func row(n int, p cdn.Purger, plan cdn.Plan) string {
	name, _, _ := strings.Cut(p.Name(), " ")
	var by []string
	for _, r := range plan.Requests {
		by = append(by, string(r.Kind))
	}
	slices.Sort(by)
	return fmt.Sprintf("| %s | %s | %s | %s | %s | ", humanize.Comma(int64(n)), name, strings.Join(slices.Compact(by), ", "),
		humanize.Comma(int64(len(plan.Requests))), humanize.Comma(int64(plan.Dropped)))
}

// TestRates holds the table of docs/purging.md to the planner, but for the time.
func TestRates(t *testing.T) {
	page, err := os.ReadFile("../../../docs/purging.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| changed URLs |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")[2:]
	all := purgers(t)
	if len(rows) != len(sizes)*len(all) {
		t.Fatalf("the table has %d rows, want %d", len(rows), len(sizes)*len(all))
	}
	for i, n := range sizes {
		c := change(n)
		for j, p := range all {
			if got, want := rows[i*len(all)+j], row(n, p, cdn.NewPlan(p.Limits(), c)); !strings.HasPrefix(got, want) {
				t.Errorf("the table says\n%s, want\n%s", got, want)
			}
		}
	}
}

// BenchmarkRates makes the table of docs/purging.md: each purge is really sent,
// once, at the rates that the CDN documents.
//
//	go test ./internal/cdn/cdntest -run '^$' -bench Rates -benchtime 1x
func BenchmarkRates(b *testing.B) {
	var rows strings.Builder
	for _, n := range sizes {
		c := change(n)
		for _, p := range purgers(b) {
			name, _, _ := strings.Cut(p.Name(), " ")
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				plan := cdn.NewPlan(p.Limits(), c)
				var res cdn.Result
				var err error
				for b.Loop() {
					if res, err = p.Purge(b.Context(), plan.Requests...); err != nil {
						b.Fatal(err)
					}
				}
				if res.Requests != len(plan.Requests) {
					b.Errorf("%d requests, planned were %d", res.Requests, len(plan.Requests))
				}
				b.ReportMetric(float64(res.Requests), "requests")
				fmt.Fprintf(&rows, "%s%.1f |\n", row(n, p, plan), b.Elapsed().Seconds()/float64(b.N))
			})
		}
	}
	_, _ = fmt.Fprint(os.Stderr, "| changed URLs | CDN | asked for by | requests | unchanged files dropped | seconds |\n|---|---|---|---|---|---|\n"+rows.String())
}
