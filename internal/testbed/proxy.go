package testbed

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Request is one request that went through a CountingProxy.
type Request struct {
	Method   string
	Path     string     // as sent, still encoded
	Query    url.Values // decoded
	Header   http.Header
	Host     string
	Status   int   // of the answer; 0 where the connection was cut
	Sent     int64 // body bytes of the request that the proxy read
	Received int64 // body bytes of the answer
	// Begun and Ended are when it came, and when its answer was written; Ended
	// is zero before that.
	Begun, Ended time.Time
}

// CountingProxy stands in front of a server, records each request and forwards
// it with its Host header, so that signatures made for the proxy's address
// stay valid.
type CountingProxy struct {
	URL string

	mu       sync.Mutex
	requests []*Request
	open     int // requests that are not finished
	around   func(http.Handler) http.Handler
	forward  http.Handler
}

// NewCountingProxy starts a proxy in front of target, an http URL without a
// path. It is gone with the test.
func NewCountingProxy(t testing.TB, target string) *CountingProxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatalf("testbed: %v", err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	p := &CountingProxy{forward: &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, r.In.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	srv := httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() {
		srv.Close()
		transport.CloseIdleConnections()
	})
	p.URL = srv.URL
	return p
}

// Around puts a handler around the forwarding of all requests to come, which
// is how tests make faults: it may answer itself, change what goes through, or
// cut the connection with panic(http.ErrAbortHandler) before or after it calls
// forward. Nil takes it away.
func (p *CountingProxy) Around(handler func(forward http.Handler) http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.around = handler
}

// Requests returns what went through since the start or the last Reset, in
// the order in which it came. It gives requests that are still open a second
// to end: a client can have its answer before the proxy has noted it.
func (p *CountingProxy) Requests() []Request {
	for range 100 {
		if requests, open := p.snapshot(); open == 0 {
			return requests
		}
		time.Sleep(10 * time.Millisecond)
	}
	requests, _ := p.snapshot()
	return requests
}

func (p *CountingProxy) snapshot() ([]Request, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := make([]Request, len(p.requests))
	for i, r := range p.requests {
		requests[i] = *r
	}
	return requests, p.open
}

// Reset forgets all requests.
func (p *CountingProxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
}

func (p *CountingProxy) serve(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	body := &countingBody{ReadCloser: r.Body}
	r.Body = body
	req, handler := p.begin(r)
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		req.Status, req.Sent, req.Received, req.Ended = rec.status, body.n.Load(), rec.n, time.Now()
		p.open--
	}()
	handler.ServeHTTP(rec, r)
}

// begin notes a request and returns what handles it.
func (p *CountingProxy) begin(r *http.Request) (*Request, http.Handler) {
	req := &Request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.Query(), Header: r.Header.Clone(), Host: r.Host, Begun: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, req)
	p.open++
	if p.around != nil {
		return req, p.around(p.forward)
	}
	return req, p.forward
}

// countingBody is read by the transport, which may go on after the answer.
type countingBody struct {
	io.ReadCloser
	n atomic.Int64
}

// Read counts what it returns.
func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

// recorder notes the status and size of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	n      int64
}

// WriteHeader notes the status that is answered.
func (r *recorder) WriteHeader(status int) {
	if status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts what it writes.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.n += int64(n)
	return n, err
}

// Unwrap gives http.ResponseController the real writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
