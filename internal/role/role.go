// Package role gets temporary credentials of an AWS role in exchange for the
// identity token that a CI gives to a run (OpenID Connect), so that nobody has
// to keep a long-lived key.
//
// Source: AWS Security Token Service API Reference, AssumeRoleWithWebIdentity.
package role

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
)

// Audience is what AWS wants an identity token to be for.
const Audience = "sts.amazonaws.com"

// How long the credentials of a session may last (API Reference,
// DurationSeconds). A role allows an hour unless its MaxSessionDuration says
// more.
const (
	MinDuration     = 15 * time.Minute
	MaxDuration     = 12 * time.Hour
	DefaultDuration = time.Hour
)

const (
	// renewBefore is how long before the end new credentials are fetched: a
	// request that is signed with the old ones has been accepted by then.
	renewBefore = 5 * time.Minute
	timeout     = 15 * time.Second // one attempt
	attempts    = 3
	maxBackoff  = time.Second
)

// homes are the regions whose endpoints serve where none is named, by the
// partition of the role: those of one know nothing of another.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
var homes = map[string]string{"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}

func (o Options) home() string {
	partition := strings.Split(o.ARN, ":")[1] // check has seen it
	return cmp.Or(homes[partition], homes["aws"])
}

// Options say which role to assume, and with what. ARN and Token are required.
type Options struct {
	ARN string
	// SessionName is what CloudTrail shows beside the role; empty: "pandastack".
	SessionName string
	// Duration is how long the credentials last, between MinDuration and
	// MaxDuration; 0: DefaultDuration. Before that they are renewed.
	Duration time.Duration
	// Region is the one whose endpoint is asked; empty: us-east-1, or the like of
	// it in the role's partition.
	Region string
	// Endpoint replaces AWS's own: the identity token goes there. It is https,
	// or this machine.
	Endpoint string
	// Token returns a fresh identity token for Audience.
	Token func(context.Context) (string, error)
	// Secret is told each token and each key before anything is done with it,
	// possibly by several goroutines; nil: nobody is.
	Secret func(values ...string)
}

// OptionError says which option cannot be right.
type OptionError struct{ Option, Reason string }

// Error returns the option and the reason in one line.
func (e *OptionError) Error() string { return e.Option + ": " + e.Reason }

// API Reference, RoleArn and RoleSessionName. Services other than AWS give
// their roles no account.
var (
	arnPattern     = regexp.MustCompile(`^arn:[a-z-]+:iam::(\d{12})?:role/[\w+=,.@/-]+$`)
	sessionPattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

func (o Options) check() error {
	switch {
	case !arnPattern.MatchString(o.ARN):
		return &OptionError{"role-to-assume", fmt.Sprintf("%q is not the ARN of a role", o.ARN)}
	case !sessionPattern.MatchString(o.SessionName):
		return &OptionError{"role-session-name", fmt.Sprintf("%q is not 2 to 64 letters, digits and characters of =,.@_+-", o.SessionName)}
	case o.Duration < MinDuration || o.Duration > MaxDuration:
		return &OptionError{"role-duration-seconds", fmt.Sprintf("%d is not between %d and %d", o.Duration/time.Second, MinDuration/time.Second, MaxDuration/time.Second)}
	case o.Endpoint != "" && !safe(o.Endpoint):
		return &OptionError{"STS endpoint", fmt.Sprintf("%q is not a URL that begins with https://", o.Endpoint)}
	}
	return nil
}

// safe reports whether a token may go to a URL: nobody reads along.
func safe(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && ip.IsLoopback())
}

// New returns the role's credentials. They are fetched when they are first
// asked for, and again before they end, each time with a fresh token; it is
// safe for concurrent use. An option that cannot be right is an *OptionError;
// what AWS refuses is an *Error when the credentials are asked for.
func New(o Options) (aws.CredentialsProvider, error) {
	o.SessionName = cmp.Or(o.SessionName, "pandastack")
	o.Duration = cmp.Or(o.Duration, DefaultDuration)
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &provider{o: o, client: o.client()}
	return aws.NewCredentialsCache(p, func(c *aws.CredentialsCacheOptions) { c.ExpiryWindow = renewBefore }), nil
}

// client returns a client of STS. It is made without the SDK's configuration,
// whose files and variables can name another endpoint: where the token goes is
// for Options alone to say.
func (o Options) client() *sts.Client {
	so := sts.Options{
		Region: cmp.Or(o.Region, o.home()), Credentials: aws.AnonymousCredentials{}, AppID: "pandastack", Logger: logging.Nop{},
		HTTPClient: &http.Client{
			Timeout: timeout,
			// The token is for the endpoint, and so is all else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Retryer: retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = attempts, maxBackoff
			r.Retryables = append(r.Retryables, retry.RetryableErrorCode{Codes: map[string]struct{}{"IDPCommunicationError": {}}})
		}),
	}
	if o.Endpoint != "" {
		so.BaseEndpoint = aws.String(strings.TrimSuffix(o.Endpoint, "/"))
	}
	return sts.New(so)
}

// provider fetches credentials.
type provider struct {
	o      Options
	client *sts.Client
}

// Retrieve exchanges a fresh identity token for credentials.
func (p *provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	token, err := p.o.Token(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	p.secret(token)
	c, err := stscreds.NewWebIdentityRoleProvider(p.client, p.o.ARN, identity(token), func(w *stscreds.WebIdentityRoleOptions) {
		w.RoleSessionName, w.Duration = p.o.SessionName, p.o.Duration
	}).Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, p.explain(ctx, err, token)
	}
	p.secret(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	return c, nil
}

func (p *provider) secret(values ...string) {
	if p.o.Secret != nil {
		p.o.Secret(values...)
	}
}

// identity is a token that the SDK takes from us.
type identity string

// GetIdentityToken returns the token.
func (i identity) GetIdentityToken() ([]byte, error) { return []byte(i), nil }
