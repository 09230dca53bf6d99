package cloudfront

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// answerError is a request that CloudFront did not acknowledge.
type answerError struct {
	kind error  // of package cdn, or nil
	hint string // may be empty
	text string
}

// Error returns the kind and CloudFront's words.
func (e *answerError) Error() string {
	if e.kind == nil {
		return e.text
	}
	return e.kind.Error() + ": " + e.text
}

// Unwrap returns the sentinel of package cdn, if one fits.
func (e *answerError) Unwrap() error { return e.kind }

// failed makes a *cdn.Error of err, unless it is nil.
func (p *Purger) failed(err error) error {
	if err == nil {
		return nil
	}
	out := &cdn.Error{CDN: p.Name(), Err: err}
	var a *answerError
	if errors.As(err, &a) {
		out.Hint = a.hint
	}
	return out
}

const (
	keysHint   = "Set CLOUDFRONT_ACCESS_KEY_ID and CLOUDFRONT_SECRET_ACCESS_KEY, or the inputs of the same names, to keys that may invalidate the distribution; without them, the storage's are used."
	deniedHint = "Allow the keys cloudfront:CreateInvalidation on the distribution, and cloudfront:GetInvalidation for \"wait\"; docs/cdn-cloudfront.md has the policy."
)

// Codes of requests that came too fast, and of keys that are not known. AWS
// has them in "Common errors" of the CloudFront API reference.
var (
	limitedCodes = []string{"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
	keyCodes     = []string{"InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "MissingAuthenticationToken", "UnrecognizedClientException", "IncompleteSignature", "OptInRequired"}
)

// judge returns what a failed request means, without the SDK's words around
// it; nil where err is nil.
func (p *Purger) judge(ctx context.Context, err error) error {
	var late *unfinishedError
	var none *credentialsError
	var api smithy.APIError
	var known *answerError
	switch {
	case err == nil || ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &known):
		return known
	case errors.As(err, &late):
		return &answerError{text: late.Error(), hint: `CloudFront goes on with it, and the next run sends it again; remove "wait" to not wait for it.`}
	case errors.As(err, &none):
		return &answerError{cdn.ErrDenied, keysHint, p.clean(ctx, "there are no AWS credentials: "+cause(none.err))}
	case errors.As(err, &api) && api.ErrorCode() != "" && !errors.As(err, new(*smithy.DeserializationError)):
		return p.refused(ctx, api, status(err))
	case status(err) > 0:
		return &answerError{kindOf("", status(err)), "", fmt.Sprintf("the answer has status %d and is not CloudFront's", status(err))}
	case timedOut(err):
		return &answerError{cdn.ErrUnreachable, "", fmt.Sprintf("no answer within %s", cmp.Or(p.o.Timeout, defaultTimeout))}
	}
	return &answerError{cdn.ErrUnreachable, "", p.clean(ctx, cause(err))}
}

// timedOut reports whether an attempt had no answer in time.
func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// refused describes an error of the API.
func (p *Purger) refused(ctx context.Context, api smithy.APIError, status int) *answerError {
	var full *types.TooManyInvalidationsInProgress
	e := &answerError{kind: kindOf(api.ErrorCode(), status)}
	e.text = p.clean(ctx, fmt.Sprintf("%s (%s, status %d)", api.ErrorMessage(), api.ErrorCode(), status))
	switch {
	case errors.As(api, &full):
		e.kind, e.hint = cdn.ErrLimited, "Other invalidations of the distribution are still in progress: run the command again in a few minutes."
	case errors.Is(e.kind, cdn.ErrLimited):
		e.hint = "Run the command again in a few minutes."
	case errors.Is(e.kind, cdn.ErrNotFound):
		e.hint = "Check the distribution id, and that the keys belong to its account."
	case slices.Contains(keyCodes, api.ErrorCode()):
		e.hint = keysHint
	case errors.Is(e.kind, cdn.ErrDenied):
		e.hint = deniedHint
	}
	return e
}

func kindOf(code string, status int) error {
	switch {
	case slices.Contains(limitedCodes, code) || status == http.StatusTooManyRequests:
		return cdn.ErrLimited
	case slices.Contains(keyCodes, code) || status == http.StatusForbidden || status == http.StatusUnauthorized:
		return cdn.ErrDenied
	case code == "NoSuchDistribution":
		return cdn.ErrNotFound
	}
	return nil
}

// status returns the HTTP status of an answer, or 0.
func status(err error) int {
	var r *smithyhttp.ResponseError
	if errors.As(err, &r) && r.Response != nil {
		return r.HTTPStatusCode()
	}
	return 0
}

// cause returns the words of the innermost error: those around it repeat the
// operation and the URL.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// clean makes words from the network fit for a log.
func (p *Purger) clean(ctx context.Context, s string) string {
	c, err := p.creds.Retrieve(ctx)
	if err != nil {
		c = aws.Credentials{} // then there is nothing that could be echoed
	}
	return cdn.Clean(s, c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
}

// marked tells failures to find credentials from all others.
type marked struct{ aws.CredentialsProvider }

// Retrieve returns the credentials.
func (m marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialsError{err}
	}
	return c, err
}

type credentialsError struct{ err error }

// Error returns the SDK's words.
func (e *credentialsError) Error() string { return e.err.Error() }

// Unwrap returns the SDK's error.
func (e *credentialsError) Unwrap() error { return e.err }
