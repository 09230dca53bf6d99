package s3

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	maxBackoff = 10 * time.Second
	// dialAttempts bounds the attempts of a request that never reached a
	// server: a wrong address is reported after seconds, not after a minute.
	dialAttempts = 3
)

// retryer retries what the service calls temporary. The SDK's quota of retries
// is switched off: it is shared by all requests of a client and runs dry when
// a service slows many of them down at once.
type retryer struct {
	*retry.Standard
	maxBackoff time.Duration
}

func newRetryer(maxAttempts int, maxBackoff time.Duration) aws.Retryer {
	return retryer{maxBackoff: maxBackoff, Standard: retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = maxAttempts, maxBackoff, ratelimit.None
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(final)}, o.Retryables...)
		o.Retryables = append(o.Retryables,
			retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{
				http.StatusRequestTimeout: {}, http.StatusTooManyRequests: {},
			}},
			retry.IsErrorRetryableFunc(cutShort),
			// 409s of a write that raced another one; the S3 API reference
			// says of both to try again.
			retry.RetryableErrorCode{Codes: map[string]struct{}{
				"OperationAborted": {}, "ConditionalRequestConflict": {},
			}})
	})}
}

// final names the failures that the SDK would take for a broken connection,
// and that will not go away.
func final(err error) aws.Ternary {
	if errors.Is(err, storage.ErrModified) || errors.Is(err, http.ErrSchemeMismatch) || certificateProblem(err) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// cutShort names answers that broke off or stopped while they were read.
func cutShort(err error) aws.Ternary {
	if errors.Is(err, io.ErrUnexpectedEOF) || isStalled(err) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// RetryDelay returns how long to wait after the given attempt. Its error, which
// ends the operation, is err itself.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	var op *net.OpError
	if attempt >= dialAttempts && errors.As(err, &op) && op.Op == "dial" {
		return 0, err
	}
	if attempt >= stallAttempts && isStalled(err) {
		return 0, err
	}
	d, delayErr := r.Standard.RetryDelay(attempt, err)
	if delayErr != nil {
		return 0, delayErr
	}
	return max(d, min(retryAfter(err), r.maxBackoff)), nil
}

// retryAfter returns what the answer's Retry-After asks for, in seconds, or 0.
func retryAfter(err error) time.Duration {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil {
		return 0
	}
	n, convErr := strconv.Atoi(answer.Response.Header.Get("Retry-After"))
	if convErr != nil || n < 0 || n > 3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}
