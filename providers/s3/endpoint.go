package s3

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
)

// endpoint answers the SDK with the same URL for every request. The SDK's own
// resolver compiles the regular expressions of all partitions twice a request,
// which costs more than everything else that a small PUT does. It is asked
// once, so its rules for partitions, dotted buckets and styles hold.
//
// The SDK compares resolvers, so this is used by pointer only.
type endpoint struct{ smithyendpoints.Endpoint }

// ResolveEndpoint returns the URL of the bucket. Each request gets properties
// of its own, because the SDK writes to them.
func (e *endpoint) ResolveEndpoint(context.Context, awss3.EndpointParameters) (smithyendpoints.Endpoint, error) {
	own := smithyendpoints.Endpoint{URI: e.URI, Headers: e.Headers.Clone()}
	own.Properties.SetAll(&e.Properties)
	if options, ok := smithyauth.GetAuthOptions(&own.Properties); ok {
		copies := make([]*smithyauth.Option, len(options))
		for i, o := range options {
			copies[i] = &smithyauth.Option{SchemeID: o.SchemeID}
			copies[i].IdentityProperties.SetAll(&o.IdentityProperties)
			copies[i].SignerProperties.SetAll(&o.SignerProperties)
		}
		smithyauth.SetAuthOptions(&own.Properties, copies)
	}
	return own, nil
}

func resolveEndpoint(ctx context.Context, t target) (*endpoint, error) {
	params := awss3.EndpointParameters{
		Bucket: aws.String(t.bucket), Region: aws.String(t.region), ForcePathStyle: aws.Bool(t.pathStyle),
	}
	if t.endpoint != "" {
		params.Endpoint = aws.String(strings.TrimRight(t.endpoint, "/"))
	}
	e, err := awss3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, params.WithDefaults())
	if err != nil {
		return nil, &OptionError{"bucket", fmt.Sprintf("%q cannot be addressed: %v", t.bucket, err)}
	}
	return &endpoint{e}, nil
}

// serviceURL returns scheme and host without the bucket.
func (e *endpoint) serviceURL(bucket string) string {
	return e.URI.Scheme + "://" + strings.TrimPrefix(e.URI.Host, bucket+".")
}

// lastLabels returns the end of an AWS host name from "amazonaws" on, or all
// of it.
func lastLabels(host string) string {
	if i := strings.LastIndex(host, ".amazonaws."); i >= 0 {
		return host[i+1:]
	}
	return host
}
