package s3

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// ResponseError is why the service, or the way to it, refused a request. It
// wraps one of the sentinels of package storage where one fits, and the cause
// where that is a cancelled context.
type ResponseError struct {
	Kind      error  // a sentinel of storage, or nil
	Code      string // the service's own, for example "SlowDown"; may be empty
	Status    int    // HTTP; 0 where there was no answer
	RequestID string // for the provider's support; may be empty
	Detail    string // one line; may be empty
	Region    string // where the bucket is, as far as the service told

	// Unanswered says that an earlier attempt of a conditional write got no
	// final answer, and that what is there now is not what it sent: if it
	// was done after all, another writer has replaced it since.
	Unanswered bool

	cause error
}

// Error returns the kind and the detail in one line.
func (e *ResponseError) Error() string {
	if e.Kind == nil {
		return cmp.Or(e.Detail, "the request failed")
	}
	if e.Detail == "" {
		return e.Kind.Error()
	}
	return e.Kind.Error() + ": " + e.Detail
}

// Unwrap returns the sentinels and the cause.
func (e *ResponseError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.cause} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if e.Unanswered {
		errs = append(errs, storage.ErrUnanswered)
	}
	return errs
}

// codes maps the error codes of the S3 API, and of the servers that we test
// with, to what callers branch on.
var codes = map[string]error{
	"NoSuchKey":    storage.ErrNotExist,
	"NotFound":     storage.ErrNotExist, // HEAD has no body that tells more
	"NoSuchBucket": storage.ErrNoBucket,

	"PreconditionFailed": storage.ErrPrecondition,

	"AccessDenied":          storage.ErrDenied,
	"AllAccessDisabled":     storage.ErrDenied,
	"AccountProblem":        storage.ErrDenied,
	"Forbidden":             storage.ErrDenied,
	"UnauthorizedAccess":    storage.ErrDenied,
	"KMS.DisabledException": storage.ErrDenied,

	"InvalidAccessKeyId":    storage.ErrCredentials,
	"SignatureDoesNotMatch": storage.ErrCredentials,
	"ExpiredToken":          storage.ErrCredentials,
	"InvalidToken":          storage.ErrCredentials,
	"TokenRefreshRequired":  storage.ErrCredentials,
	"InvalidSecurity":       storage.ErrCredentials,
	"Unauthorized":          storage.ErrCredentials, // R2
	"InvalidClientTokenId":  storage.ErrCredentials,
	"RequestTimeTooSkewed":  storage.ErrCredentials,

	"AuthorizationHeaderMalformed":       storage.ErrWrongRegion, // the region is the part of it that a user sets
	"PermanentRedirect":                  storage.ErrWrongRegion,
	"MovedPermanently":                   storage.ErrWrongRegion,
	"TemporaryRedirect":                  storage.ErrWrongRegion,
	"Redirect":                           storage.ErrWrongRegion,
	"IllegalLocationConstraintException": storage.ErrWrongRegion,
	"IncorrectEndpoint":                  storage.ErrWrongRegion,

	"KeyTooLongError":               storage.ErrInvalidKey,
	"KeyTooLong":                    storage.ErrInvalidKey,
	"InvalidURI":                    storage.ErrInvalidKey,
	"XMinioInvalidObjectName":       storage.ErrInvalidKey,
	"XMinioInvalidResourceName":     storage.ErrInvalidKey,
	"XMinioParentIsObject":          storage.ErrInvalidKey,
	"XMinioObjectExistsAsDirectory": storage.ErrInvalidKey,
	"ObjectParentIsFile":            storage.ErrInvalidKey, // versitygw
	"ExistingObjectIsDirectory":     storage.ErrInvalidKey,
	"DirectoryObjectContainsData":   storage.ErrInvalidKey,

	"BadDigest":                   storage.ErrModified,
	"XAmzContentSHA256Mismatch":   storage.ErrModified,
	"XAmzContentChecksumMismatch": storage.ErrModified,
	"IncompleteBody":              storage.ErrModified,

	"NotImplemented": storage.ErrUnsupported,
}

// fail turns an error of the SDK into one of ours.
func (s *Store) fail(op, key string, err error) error {
	return &storage.Error{Op: op, Key: key, Err: s.explain(err)}
}

// explain finds out why a request failed. What it returns never holds the
// SDK's own text, which names operations and attempts that mean nothing to
// people.
func (s *Store) explain(err error) error {
	var (
		explained *ResponseError
		local     *localError
		creds     *credentialsError
	)
	switch {
	case errors.As(err, &explained):
		return explained
	case errors.As(err, &local):
		return local
	case errors.As(err, &creds):
		return &ResponseError{Kind: storage.ErrCredentials, Detail: creds.detail(), cause: creds.cause()}
	}
	if cause := contextCause(err); cause != nil {
		return &ResponseError{Detail: cause.Error(), cause: cause}
	}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.HTTPStatusCode() >= 300 {
		return s.explainAnswer(err, answer)
	}
	return s.explainSilence(err)
}

// localError is a failure on this side: of the source, or of what was asked.
type localError struct{ error }

// Unwrap returns the failure.
func (e *localError) Unwrap() error { return e.error }

// RetryableError tells the SDK, which takes a body that fails for a broken
// connection, not to send the request again.
func (e *localError) RetryableError() bool { return false }

// contextCause returns why the caller's context ended, or nil. Timeouts of the
// network claim to be context.DeadlineExceeded, so that one must be itself.
func contextCause(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case root(err) == context.DeadlineExceeded:
		return context.DeadlineExceeded
	}
	return nil
}

// explainAnswer reads what the service answered.
func (s *Store) explainAnswer(err error, answer *awshttp.ResponseError) error {
	e := &ResponseError{Status: answer.HTTPStatusCode(), RequestID: answer.ServiceRequestID()}
	var api smithy.APIError
	if errors.As(err, &api) {
		e.Code, e.Detail = api.ErrorCode(), oneLine(api.ErrorMessage())
	}
	region := answer.Response.Header.Get("X-Amz-Bucket-Region")
	e.Kind = classify(e.Code, e.Status, region != "" && region != s.region)
	e.Region = region
	s.describe(e, region)
	return e
}

// classify finds the sentinel for an answer: by its code, or by its status
// where a service uses a code of its own.
func classify(code string, status int, otherRegion bool) error {
	if otherRegion && (status == http.StatusMovedPermanently || status == http.StatusBadRequest || status == http.StatusTemporaryRedirect) {
		return storage.ErrWrongRegion
	}
	if kind, ok := codes[code]; ok {
		return kind
	}
	switch status {
	case http.StatusMovedPermanently:
		return storage.ErrWrongRegion
	case http.StatusUnauthorized:
		return storage.ErrCredentials
	case http.StatusForbidden:
		return storage.ErrDenied
	case http.StatusNotFound:
		return storage.ErrNotExist
	case http.StatusPreconditionFailed:
		return storage.ErrPrecondition
	case http.StatusNotImplemented:
		return storage.ErrUnsupported
	}
	return nil
}

// describe puts into words what the service left out.
func (s *Store) describe(e *ResponseError, region string) {
	switch e.Kind {
	case storage.ErrNotExist, storage.ErrPrecondition:
		e.Detail = ""
	case storage.ErrNoBucket:
		e.Detail = fmt.Sprintf("%q at %s", s.bucket, s.host)
	case storage.ErrWrongRegion:
		if region != "" {
			e.Detail = fmt.Sprintf("%q is in %s, not in %s", s.bucket, region, s.region)
		} else {
			e.Detail = fmt.Sprintf("%q is not in %s: %s", s.bucket, s.region, e.Detail)
		}
	case storage.ErrDenied, storage.ErrCredentials:
		e.Detail = cmp.Or(e.Detail, fmt.Sprintf("bucket %q at %s", s.bucket, s.host))
		if e.Code != "" && e.Kind == storage.ErrCredentials {
			e.Detail = e.Code + ": " + e.Detail
		}
	case nil:
		if e.Status == 0 { // one key of a DeleteObjects
			e.Detail = fmt.Sprintf("%s could not: %s", s.host, strings.TrimSuffix(e.Code+": "+e.Detail, ": "))
			return
		}
		e.Detail = fmt.Sprintf("%s answered %d %s", s.host, e.Status, strings.TrimSuffix(e.Code+": "+e.Detail, ": "))
	}
}

// explainSilence is for requests without a usable answer.
func (s *Store) explainSilence(err error) error {
	e := &ResponseError{Kind: storage.ErrUnreachable}
	var (
		dns     *net.DNSError
		op      *net.OpError
		decode  *smithy.DeserializationError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &dns):
		e.Detail = fmt.Sprintf("%s: no such host %s", s.host, dns.Name)
	case errors.Is(err, http.ErrSchemeMismatch):
		e.Detail = s.host + " speaks HTTP, not HTTPS"
	case certificateProblem(err):
		e.Detail = fmt.Sprintf("%s: its certificate is not accepted: %v", s.host, root(err))
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		e.Detail = s.host + " closed the connection"
	case errors.As(err, &decode) && !isStalled(err):
		return s.notS3()
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Detail = s.host + " does not answer in time"
	case errors.As(err, &op):
		e.Detail = fmt.Sprintf("%s: %v", s.host, root(op))
	default:
		e.Detail = fmt.Sprintf("%s: %s", s.host, oneLine(root(err).Error()))
	}
	return e
}

// notS3 is for answers that no S3 service gives, for example a success
// without an ETag: something else answered, or the service failed after it had
// begun to answer.
func (s *Store) notS3() *ResponseError {
	return &ResponseError{Kind: storage.ErrUnreachable, Detail: s.host + " does not answer as an S3 service does"}
}

// certificateProblem reports whether TLS failed because of whom the server
// says it is.
func certificateProblem(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification)
}

func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// oneLine keeps a message of a service to one line of bearable length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// markCredentials makes failures to get credentials recognisable, and final.
func markCredentials(p aws.CredentialsProvider) aws.CredentialsProvider {
	if p == nil || aws.IsCredentialsProvider(p, aws.AnonymousCredentials{}) {
		return p
	}
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		c, err := p.Retrieve(ctx)
		if err != nil && ctx.Err() == nil {
			err = &credentialsError{err}
		}
		return c, err
	})
}

type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "credentials: " + e.err.Error() }

func (e *credentialsError) Unwrap() error { return e.err }

// cause returns what the provider of credentials failed with, which callers may
// know better; nil where it is the end of a context, which is not the caller's.
func (e *credentialsError) cause() error {
	if errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded) {
		return nil
	}
	return e.err
}

// RetryableError tells the SDK not to try again: each provider of credentials
// has done so itself.
func (e *credentialsError) RetryableError() bool { return false }

// detail says what to do where nothing was found, and what went wrong where
// something was.
func (e *credentialsError) detail() string {
	var api smithy.APIError
	if errors.As(e.err, &api) {
		return oneLine(api.ErrorCode() + ": " + api.ErrorMessage())
	}
	var op *smithy.OperationError
	if errors.As(e.err, &op) && op.ServiceID == "ec2imds" {
		return "none were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	}
	return oneLine(root(e.err).Error())
}
