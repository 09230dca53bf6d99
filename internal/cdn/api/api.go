// Package api makes the HTTP requests of purgers that have no SDK: with
// retries, with bounds on every wait, without following redirects, and with
// errors that never hold a secret.
package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sethvargo/go-retry"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

const (
	defaultRetries = 4
	defaultTimeout = 20 * time.Second
	defaultMaxWait = 2 * time.Minute
	firstBackoff   = 250 * time.Millisecond
	maxBackoff     = 8 * time.Second
	// maxBody is how much of an answer is read. Real ones are below 100 kB.
	maxBody = 1 << 20
)

// Options says how a client makes its requests.
type Options struct {
	// HTTPClient is used instead of one on http.DefaultTransport. Redirects
	// are never followed.
	HTTPClient *http.Client
	// Timeout bounds each attempt; 0: 20 seconds.
	Timeout time.Duration
	// MaxWait bounds how long one purge waits in all because the CDN asked it
	// to (Retry-After); 0: 2 minutes. A longer wait is refused at once.
	MaxWait time.Duration
	// Retries is how often a request is tried again; 0: 4, negative: never.
	Retries int
}

// Client talks to one API. It is safe for concurrent use.
type Client struct {
	http    *http.Client
	secrets []string
	timeout time.Duration
	maxWait time.Duration
	retries uint64
	words   func(body []byte) string
}

// New returns a client. Errors have no secret in them; words returns what the
// body of a refusal says to a person, or "".
func New(o Options, secrets []string, words func(body []byte) string) *Client {
	client := http.Client{}
	if o.HTTPClient != nil {
		client = *o.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		http: &client, secrets: secrets, words: words,
		timeout: cmp.Or(o.Timeout, defaultTimeout), maxWait: cmp.Or(o.MaxWait, defaultMaxWait),
		retries: uint64(max(cmp.Or(o.Retries, defaultRetries), 0)),
	}
}

// Call is one request. Its body, if any, is JSON.
type Call struct {
	Method string
	URL    *url.URL
	Header http.Header // beside Content-Type
	Body   []byte
	// Sign, where it is set, is asked before each attempt for more headers.
	Sign func(http.Header)
	// Accept judges the body of an answer with a status of 2xx: what is
	// wrong with it, or "".
	Accept func(body []byte) string
}

// Run is one purge, whose requests share the time that they may wait.
type Run struct {
	*Client
	mu   sync.Mutex
	left time.Duration
}

// Run begins a purge.
func (c *Client) Run() *Run { return &Run{Client: c, left: c.maxWait} }

// Do makes a request, again where its failure may pass. It returns nil where
// the CDN acknowledged it, else an *Error, or ctx's error.
func (r *Run) Do(ctx context.Context, call Call) error {
	var wait time.Duration
	next := retry.WithMaxRetries(r.retries, retry.WithJitterPercent(25, retry.WithCappedDuration(maxBackoff, retry.NewExponential(firstBackoff))))
	asked := retry.BackoffFunc(func() (time.Duration, bool) {
		d, stop := next.Next()
		return max(d, wait), stop
	})
	tries := 0
	err := retry.Do(ctx, asked, func(ctx context.Context) error {
		tries++
		err := r.attempt(ctx, call)
		var e *Error
		if !errors.As(err, &e) || !e.passing() || !r.grant(ctx, e) {
			return err
		}
		wait = e.asked
		return retry.RetryableError(err)
	})
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	var e *Error
	if errors.As(err, &e) && e.Status == 0 {
		e.text = fmt.Sprintf("after %d attempts: %s", tries, e.text)
	}
	return err
}

// grant takes the time that the CDN asks to wait from what the run has left,
// and reports whether there is enough.
func (r *Run) grant(ctx context.Context, e *Error) bool {
	deadline, bounded := ctx.Deadline()
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.asked > r.left || bounded && time.Now().Add(e.asked).After(deadline) {
		e.Wait = e.asked
		return false
	}
	r.left -= e.asked
	return true
}

// attempt does one attempt.
func (c *Client) attempt(parent context.Context, call Call) error {
	ctx, cancel := context.WithTimeout(parent, c.timeout)
	defer cancel()
	req := (&http.Request{Method: call.Method, URL: call.URL, Host: call.URL.Host, Header: call.Header.Clone()}).WithContext(ctx)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("User-Agent", "pandastack")
	req.Header.Set("Accept", "application/json")
	if call.Body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(string(call.Body))), int64(len(call.Body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(call.Body))), nil }
	}
	if call.Sign != nil {
		call.Sign(req.Header)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(parent, ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return c.unreachable(parent, ctx, err)
	}
	return c.judge(call, res, body)
}

// unreachable describes an attempt without an answer. The URL is left out: it
// may be long, and a webhook's may be secret.
func (c *Client) unreachable(parent, attempt context.Context, err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	text := c.clean(err.Error())
	if parent.Err() == nil && attempt.Err() != nil {
		text = fmt.Sprintf("no answer within %s", c.timeout)
	}
	return &Error{Kind: cdn.ErrUnreachable, text: text}
}

// clean makes words from the network fit for a log.
func (c *Client) clean(s string) string { return cdn.Clean(s, c.secrets...) }

// CheckSecret returns an error that says what is wrong with a token or key,
// without it: what is a phrase such as "the Fastly API token". It wraps
// cdn.ErrDenied.
func CheckSecret(what, secret string) error {
	switch {
	case secret == "":
		return fmt.Errorf("%w: %s is missing", cdn.ErrDenied, what)
	case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%w: %s contains a space, a line break or a character that is not ASCII", cdn.ErrDenied, what)
	}
	return nil
}

// ParseURL returns an API's URL. Plain http is accepted for the local machine
// only: elsewhere, others could read the secret. what is a phrase such as "the
// Fastly API URL".
func ParseURL(what, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%s is not an absolute URL", what)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return nil, fmt.Errorf("%s is not encrypted: use https", what)
	}
	return u, nil
}
