package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// writeBuffer is the size in bytes of what net/http collects before it calls
// the system. Most files of a site fit: their requests go out in one call, in
// one piece.
const writeBuffer = 32 << 10

// httpClient returns the client for requests, where o has none. It is the
// SDK's buildable one because only that accepts AWS_CA_BUNDLE.
func (o Options) httpClient() *awshttp.BuildableClient {
	workers := cmp.Or(o.Workers, 64)
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 10 * time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			// The default of 10 idle connections per host makes every other
			// request of many workers open a new one.
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 2*workers, 2*workers
			t.WriteBufferSize = writeBuffer
			dial := t.DialContext
			t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := dial(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return conn{c}, nil
			}
			if t.TLSClientConfig == nil {
				t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			t.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(2 * workers)
		})
}

// meter counts what goes through an HTTP client.
type meter struct {
	storage.Counter
	next aws.HTTPClient
	// skew is how far the service's clock was ahead when it answered last, in
	// nanoseconds.
	skew atomic.Int64
}

// attempts is the context key of an *atomic.Int32 that counts the requests
// that were sent for one operation.
type attempts struct{}

func countAttempts(ctx context.Context) (context.Context, *atomic.Int32) {
	n := new(atomic.Int32)
	return context.WithValue(ctx, attempts{}, n), n
}

// Do sends one request.
func (m *meter) Do(r *http.Request) (*http.Response, error) {
	m.Request(kind(r))
	if n, ok := r.Context().Value(attempts{}).(*atomic.Int32); ok {
		n.Add(1)
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &sentBody{r.Body, &m.Counter}
	}
	resp, err := m.next.Do(r)
	if resp != nil && (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable) {
		m.SlowDown()
	}
	if resp != nil && resp.Header.Get("Age") == "" { // else it may be a cache's
		if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			m.skew.Store(int64(time.Until(t)))
		}
	}
	if resp != nil && resp.Body != nil {
		resp.Body = m.CountReceived(resp.Body)
	}
	return resp, err
}

// Usage returns the running totals. A request that the HTTP client sends again
// by itself, because a kept connection was closed before anything was written
// to it, counts once.
func (s *Store) Usage() storage.Usage { return s.meter.Usage() }

// kind sorts a request as price lists do.
func kind(r *http.Request) string {
	if r.Method == http.MethodPut {
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			return "COPY"
		}
		return r.Method
	}
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && q.Has("delete"):
		return "DELETE"
	case r.Method == http.MethodGet && (q.Has("list-type") || q.Has("uploads")):
		return "LIST"
	}
	return r.Method
}

type sentBody struct {
	io.ReadCloser
	counter *storage.Counter
}

// Read counts what it returns.
func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.counter.Sent(int64(n))
	return n, err
}

// conn is a connection that bodies go through in pooled buffers: else each body
// has one of its own, which is half of all memory that a deploy asks for.
type conn struct{ net.Conn }

var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// ReadFrom sends what r has.
func (c conn) ReadFrom(r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buf)
	// Without the method that io.Copy would prefer to the buffer: this one.
	return io.CopyBuffer(struct{ io.Writer }{c.Conn}, r, buf[:])
}

// inOnePiece reads a small body before any of its request is sent. net/http
// sends headers by themselves, and copies a body in small pieces, unless it
// sees that it is in memory.
type inOnePiece struct{ next aws.HTTPClient }

// Do sends one request. It fails where the body does.
func (o inOnePiece) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.ContentLength <= 0 || r.ContentLength > writeBuffer {
		return o.next.Do(r)
	}
	buf := pieces.Get().(*[writeBuffer]byte)
	b := buf[:r.ContentLength]
	_, err := io.ReadFull(r.Body, b)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	// An answer may come before all of the body is sent.
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) { sent.Store(info.Err == nil) }}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
	r.Body = io.NopCloser(bytes.NewReader(b))
	resp, err := o.next.Do(r)
	if sent.Load() {
		pieces.Put(buf)
	}
	return resp, err
}

var pieces = sync.Pool{New: func() any { return new([writeBuffer]byte) }}
