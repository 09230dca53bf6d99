package cloudflare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/cache"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// maxBody is how much of an answer is read. A real one is below 1 kB.
const maxBody = 1 << 20

// run is one call of Purge: how long it may still wait.
type run struct {
	*Purger
	mu   sync.Mutex
	left time.Duration
}

// purge does one request, and returns how many it took. Where Cloudflare calls
// a large batch of URLs malformed, the limit of the account may be the old one:
// it is sent again in small batches, and so are all that follow. The text of
// that refusal is not documented, so it is not looked at.
func (r *run) purge(ctx context.Context, req cdn.Request) (int, error) {
	if req.Kind != cdn.URLs {
		return 1, r.send(ctx, req)
	}
	made := 0
	if batch := int(r.batch.Load()); len(req.Items) <= batch {
		made++
		if err := r.send(ctx, req); len(req.Items) <= smallBatch || !isMalformed(err) {
			return made, err
		}
	}
	for part := range slices.Chunk(req.Items, smallBatch) {
		made++
		if err := r.send(ctx, cdn.Request{Kind: req.Kind, Items: part, Origin: req.Origin}); err != nil {
			return made, err
		}
	}
	r.batch.Store(min(r.batch.Load(), smallBatch))
	return made, nil
}

// send makes one request, with retries.
func (r *run) send(ctx context.Context, req cdn.Request) error {
	pace, n := r.broad, 1
	if req.Kind == cdn.URLs {
		pace, n = r.urls, len(req.Items)
	}
	if err := pace.WaitN(ctx, n); err != nil {
		if ctx.Err() == nil { // the wait would outlast the deadline
			err = context.DeadlineExceeded
		}
		return err
	}
	params := cache.CachePurgeParams{Body: body(req)}
	params.ZoneID.Value, params.ZoneID.Present = r.zone, true
	x := &exchange{run: r}
	// A []byte takes any answer: the SDK would not report success:false.
	var raw []byte
	_, err := r.service.Purge(ctx, params, option.WithMiddleware(x.attempt), option.WithResponseBodyInto(&raw))
	return x.verdict(ctx, err)
}

// body returns a request as the API has it. Its selectors exclude each other.
func body(req cdn.Request) cache.CachePurgeParamsBodyUnion {
	switch req.Kind {
	case cdn.Prefixes:
		var b cache.CachePurgeParamsBodyCachePurgeFlexPurgeByPrefixes
		b.Prefixes.Value, b.Prefixes.Present = bare(req.Items), true
		return b
	case cdn.Hosts:
		var b cache.CachePurgeParamsBodyCachePurgeFlexPurgeByHostnames
		b.Hosts.Value, b.Hosts.Present = req.Items, true
		return b
	case cdn.Tags:
		var b cache.CachePurgeParamsBodyCachePurgeFlexPurgeByTags
		b.Tags.Value, b.Tags.Present = req.Items, true
		return b
	case cdn.Everything:
		var b cache.CachePurgeParamsBodyCachePurgeEverything
		b.PurgeEverything.Value, b.PurgeEverything.Present = true, true
		return b
	}
	if req.Origin == "" {
		var b cache.CachePurgeParamsBodyCachePurgeSingleFile
		b.Files.Value, b.Files.Present = req.Items, true
		return b
	}
	var b cache.CachePurgeParamsBodyCachePurgeSingleFileWithURLAndHeaders
	for _, u := range req.Items {
		var f cache.CachePurgeParamsBodyCachePurgeSingleFileWithURLAndHeadersFile
		f.URL.Value, f.URL.Present = u, true
		f.Headers.Value, f.Headers.Present = map[string]string{"Origin": req.Origin}, true
		b.Files.Value = append(b.Files.Value, f)
	}
	b.Files.Present = true
	return b
}

// bare returns prefixes as the API has them, without their scheme.
func bare(prefixes []string) []string {
	out := make([]string, len(prefixes))
	for i, p := range prefixes {
		_, out[i], _ = strings.Cut(p, "://")
	}
	return out
}

// exchange is one request with its attempts, and the last answer.
type exchange struct {
	*run
	status int // 0: no answer
	body   []byte
	wait   time.Duration // that Cloudflare asked for and was not given
	tries  int
}

// attempt does one attempt. The SDK's own request timeout is not used: it
// would also cut short the wait for Retry-After, and is not retried.
func (x *exchange) attempt(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), x.timeout)
	defer cancel()
	x.tries++
	x.status, x.body, x.wait = 0, nil, 0
	res, err := next(req.WithContext(ctx))
	if err != nil {
		return nil, x.timedOut(req.Context(), ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return nil, x.timedOut(req.Context(), ctx, err)
	}
	x.status, x.body = res.StatusCode, body
	res.Body = io.NopCloser(bytes.NewReader(body))
	x.limitWait(req.Context(), res.Header)
	return res, nil
}

// timedOut names the timeout of an attempt, whose context's error says less.
func (x *exchange) timedOut(parent, attempt context.Context, err error) error {
	if parent.Err() == nil && attempt.Err() != nil {
		return fmt.Errorf("no answer within %s", x.timeout)
	}
	return err
}

// limitWait stops the SDK, which waits as long as Retry-After says, from
// waiting longer than this run has left or than the caller does.
func (x *exchange) limitWait(ctx context.Context, h http.Header) {
	wait, ok := retryAfter(h, time.Now())
	h.Del("Retry-After-Ms")
	h.Del("Retry-After")
	if !ok {
		return
	}
	deadline, bounded := ctx.Deadline()
	late := bounded && time.Now().Add(wait).After(deadline)
	x.mu.Lock()
	defer x.mu.Unlock()
	if late || wait > x.left {
		x.wait = wait
		h.Set("X-Should-Retry", "false")
		return
	}
	x.left -= wait
	h.Set("Retry-After", strconv.FormatFloat(wait.Seconds(), 'f', -1, 64))
}

// retryAfter reads the time to wait from the headers of an answer: seconds, or
// a date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(s) {
		s = min(max(s, 0), 366*24*3600) // beyond this a Duration may overflow
		return time.Duration(s * float64(time.Second)), true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0), true
	}
	return 0, false
}

// verdict says whether the last answer acknowledged the purge. err is what the
// SDK made of it; only where there was no answer does it count.
func (x *exchange) verdict(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case x.status == 0 && err == nil:
		return errors.New("the request was not sent")
	case x.status == 0:
		return fmt.Errorf("%w after %d attempts: %s", cdn.ErrUnreachable, x.tries, x.clean(err.Error()))
	}
	return x.judge()
}
