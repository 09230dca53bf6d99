// Package cloudfront makes a CloudFront distribution forget paths, prefixes,
// a cache tag, or everything, by invalidations.
//
// Sources: Amazon CloudFront Developer Guide, "Invalidating files",
// "Specify the files to invalidate", "Invalidation limits", "Invalidate by cache
// tags".
package cloudfront

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/smithy-go/logging"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

const (
	// Paths, and paths with a wildcard, that may be in progress at once
	// (Developer Guide, "Invalidation limits").
	mostPaths, mostWildcards = 3000, 15
	// longest is how many characters a path may have.
	longest = 4000

	defaultAttempts = 5
	defaultTimeout  = 30 * time.Second
	// Invalidations take a minute or so; a quota that is used up is free
	// again soon.
	defaultMaxWait    = 5 * time.Minute
	defaultCompletion = 15 * time.Minute
	defaultDelay      = 10 * time.Second
	maxDelay          = time.Minute
	parallel          = 4 // requests in flight; a plan hardly ever has more

	// home is the region of the one endpoint that all regions of a partition
	// share.
	home = "us-east-1"
)

// Options says which distribution to invalidate, and how. DistributionID is
// required.
type Options struct {
	DistributionID string
	// Credentials are used in place of those that the SDK finds by itself.
	Credentials aws.CredentialsProvider
	// Profile is the one of the SDK's files that credentials are taken from,
	// also where the environment has others. Empty: as the SDK does.
	Profile string
	// Tag is a cache tag that all answers of the site carry, and no others.
	// Empty: there is none.
	Tag string
	// Wait makes Purge wait until the invalidations are done everywhere.
	Wait bool
	// Completion bounds that; 0: 15 minutes.
	Completion time.Duration
	// MaxWait bounds how long one request waits for others in progress, where
	// these use up the distribution's quota; 0: 5 minutes.
	MaxWait time.Duration
	// Delay is how long is waited before the quota, or an invalidation, is
	// looked at again for the first time; 0: 10 seconds.
	Delay time.Duration
	// BaseURL replaces the SDK's endpoint, for tests.
	BaseURL string
	// HTTPClient is used instead of the SDK's own.
	HTTPClient *http.Client
	// Timeout bounds each attempt; 0: 30 seconds.
	Timeout time.Duration
	// Attempts is how often a request is tried; 0: 5.
	Attempts int
}

// Purger is a cdn.Purger for one distribution.
type Purger struct {
	o      Options
	creds  aws.CredentialsProvider
	client *sdk.Client
}

var distributionID = regexp.MustCompile(`^[A-Z0-9]{1,32}$`)

// New returns a purger, or an error that says which option is wrong. It reads
// the SDK's configuration, and makes no request.
func New(ctx context.Context, o Options) (*Purger, error) {
	if !distributionID.MatchString(o.DistributionID) {
		return nil, fmt.Errorf("%q is not the id of a CloudFront distribution, which has capital letters and digits", o.DistributionID)
	}
	o.Completion = cmp.Or(o.Completion, defaultCompletion)
	o.MaxWait = cmp.Or(o.MaxWait, defaultMaxWait)
	o.Delay = cmp.Or(o.Delay, defaultDelay)
	// Only the SDK's own client accepts AWS_CA_BUNDLE.
	client := awshttp.NewBuildableClient().WithTimeout(cmp.Or(o.Timeout, defaultTimeout))
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(client), config.WithLogger(logging.Nop{})}
	if o.Credentials != nil {
		load = append(load, config.WithCredentialsProvider(o.Credentials))
	}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	p := &Purger{o: o, creds: cfg.Credentials}
	p.client = sdk.NewFromConfig(cfg, p.configure)
	return p, nil
}

// configure sets what the SDK does otherwise, or not at all.
func (p *Purger) configure(so *sdk.Options) {
	if !strings.HasPrefix(so.Region, "cn-") { // China is a partition of its own
		so.Region = home
	}
	so.Credentials = marked{p.creds}
	so.AppID = "pandastack"
	if p.o.BaseURL != "" {
		so.BaseEndpoint = aws.String(p.o.BaseURL)
	}
	if p.o.HTTPClient != nil {
		client := *p.o.HTTPClient
		client.Timeout = cmp.Or(p.o.Timeout, defaultTimeout)
		so.HTTPClient = &client
	}
	so.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts, r.MaxBackoff, r.RateLimiter = cmp.Or(p.o.Attempts, defaultAttempts), maxDelay/6, ratelimit.None
		r.Retryables = append(r.Retryables, retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{
			http.StatusRequestTimeout: {}, http.StatusTooManyRequests: {},
		}})
	})
}

// Name returns what a purger with these options is called: "cloudfront
// distribution " and its id. It needs no credentials.
func Name(o Options) string { return "cloudfront distribution " + o.DistributionID }

// Limits returns those of a purger with these options. It needs no
// credentials.
func Limits(o Options) cdn.Limits {
	return cdn.Limits{
		PathsOnly: true, Billed: true, Batch: mostPaths, MaxURLs: mostPaths,
		Prefixes: mostWildcards, PrefixBatch: mostWildcards,
		// A path may grow by its encoding to three times its length.
		ItemLength: longest / 3, Reserved: "*", Escaped: unsafe, Tag: o.Tag,
	}
}

// Name returns what Name returns for the purger's options.
func (p *Purger) Name() string { return Name(p.o) }

// Limits returns what Limits returns for the purger's options.
func (p *Purger) Limits() cdn.Limits { return Limits(p.o) }

// Purge creates an invalidation for each request, four at once. The error is a
// *cdn.Error.
func (p *Purger) Purge(ctx context.Context, requests ...cdn.Request) (cdn.Result, error) {
	res, err := cdn.Each(ctx, parallel, requests, p.purge)
	return res, p.failed(err)
}
