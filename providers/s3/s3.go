// Package s3 is storage on Amazon S3 and on the services that speak its
// protocol: one provider, with a table of presets for what differs.
package s3

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Store is one bucket. It implements storage.Store, storage.Copier,
// storage.Aborter, storage.Checker, storage.Identifier and storage.Meter.
type Store struct {
	target
	client *awss3.Client
	direct *direct // nil: all is left to the client
	meter  *meter
	host   string            // scheme://host that errors name
	write  map[string]string // headers of every request that makes an object

	multipartAbove, partBytes, copyAbove int64
}

var (
	_ storage.Store      = (*Store)(nil)
	_ storage.Copier     = (*Store)(nil)
	_ storage.Aborter    = (*Store)(nil)
	_ storage.Meter      = (*Store)(nil)
	_ storage.Checker    = (*Store)(nil)
	_ storage.Identifier = (*Store)(nil)
)

// New returns the bucket that o describes. It sends no request to it; an
// option that cannot be right is an *OptionError.
func New(ctx context.Context, o Options) (*Store, error) {
	t, err := o.resolve()
	if err != nil {
		return nil, err
	}
	cfg, err := loadConfig(ctx, o, &t)
	if err != nil {
		return nil, err
	}
	ep, err := resolveEndpoint(ctx, t)
	if err != nil {
		return nil, err
	}
	s := &Store{
		target: t, meter: &meter{next: &patience{inOnePiece{cfg.HTTPClient}, cmp.Or(o.AnswerTime, answerTime)}}, write: o.writeHeaders(), host: ep.serviceURL(t.bucket),
		multipartAbove: cmp.Or(o.MultipartAbove, 64*mib),
		partBytes:      cmp.Or(o.PartBytes, 16*mib),
		copyAbove:      cmp.Or(o.CopyAbove, t.Limits.PutBytes),
	}
	s.client = awss3.New(s.clientOptions(cfg, o, ep))
	s.direct = s.newDirect(ep, s.client.Options().Credentials)
	return s, nil
}

// Siblings reports whether the bucket can hold the key "about" beside
// "about/index.html".
func (s *Store) Siblings() bool { return s.Preset.Siblings }

// Limits returns what the service accepts.
func (s *Store) Limits() Limits { return s.Preset.Limits }

// Endpoint returns the URL of the service, without the bucket.
func (s *Store) Endpoint() string { return s.host }

// Identity returns the URL of the bucket, in path style whatever the requests
// use.
func (s *Store) Identity() string { return s.host + "/" + s.bucket }

// Region returns the region that requests are signed for.
func (s *Store) Region() string { return s.region }

// writeHeaders are sent with every request that makes an object, so a copy is
// encrypted and readable like an upload.
func (o Options) writeHeaders() map[string]string {
	h := map[string]string{}
	for name, v := range map[string]string{
		"X-Amz-Acl":                                   o.ACL,
		"X-Amz-Server-Side-Encryption":                o.SSE,
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": o.KMSKeyID,
	} {
		if v != "" {
			h[name] = v
		}
	}
	return h
}

// loadConfig reads the SDK's configuration (environment and shared files) and
// fills in t's region from it where nothing else gave one.
func loadConfig(ctx context.Context, o Options, t *target) (aws.Config, error) {
	opts := []func(*config.LoadOptions) error{config.WithHTTPClient(o.httpClient()), config.WithLogger(logging.Nop{})}
	if t.region != "" {
		opts = append(opts, config.WithRegion(t.region))
	}
	if o.Credentials != nil {
		opts = append(opts, config.WithCredentialsProvider(o.Credentials))
	}
	if t.endpoint != "" {
		// The role of an EC2 machine means nothing to another service, and
		// looking for one takes seconds where there is none.
		opts = append(opts, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return cfg, fmt.Errorf("AWS configuration: %w", err)
	}
	if o.HTTPClient != nil {
		cfg.HTTPClient = o.HTTPClient
	}
	if t.region = cfg.Region; t.region == "" {
		return cfg, &OptionError{"region", "is needed, here or in AWS_REGION"}
	}
	return cfg, nil
}

func (s *Store) clientOptions(cfg aws.Config, o Options, ep *endpoint) awss3.Options {
	return awss3.Options{
		Region:             s.region,
		Credentials:        markCredentials(cfg.Credentials),
		HTTPClient:         s.meter,
		EndpointResolverV2: ep,
		Retryer:            newRetryer(cmp.Or(o.MaxAttempts, 8), cmp.Or(o.MaxBackoff, maxBackoff)),
		// Bodies carry the SHA-256 that is known before they are sent, so the
		// SDK's own trailing checksum, which other services choke on, is not
		// needed anywhere.
		RequestChecksumCalculation:                aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation:                s.responseChecksums(),
		DisableLogOutputChecksumValidationSkipped: true,
		ContinueHeaderThresholdBytes:              -1, // Expect: 100-continue costs a round trip per part
		APIOptions:                                s.middleware(),
		AppID:                                     "pandastack",
	}
}

func (s *Store) responseChecksums() aws.ResponseChecksumValidation {
	if s.Checksums {
		return aws.ResponseChecksumValidationWhenSupported
	}
	return aws.ResponseChecksumValidationWhenRequired
}

// sameService reports whether a server-side copy from o to s is possible.
func (s *Store) sameService(o *Store) bool {
	if s.endpoint == "" && o.endpoint == "" { // AWS copies between its regions
		return partition(s.host) == partition(o.host)
	}
	return s.host == o.host
}

// partition returns the part of an AWS host name that does not depend on the
// region: amazonaws.com, amazonaws.com.cn, …
func partition(host string) string {
	u, err := url.Parse(host)
	if err != nil {
		return host
	}
	return lastLabels(u.Hostname())
}
