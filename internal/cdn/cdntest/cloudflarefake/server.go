// Package cloudflarefake is a strict stand-in for the part of Cloudflare's API
// that purges caches, for tests. It refuses what the real one refuses, and
// more: whatever a correct client does not send.
//
// Sources: https://developers.cloudflare.com/api/resources/cache/methods/purge/
// and https://developers.cloudflare.com/cache/how-to/purge-cache/.
package cloudflarefake

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// The zone and the token that a server knows unless Options say otherwise.
const (
	ZoneID = "023e105f4ecef8ad9ca31a8372d0c353"
	Token  = "fake-token-5uTqYkM1nWzPAbCdEfGhIjKlMnOpQrSt"
)

// Options says what a server accepts. The zero value is a zone on the Free
// plan.
type Options struct {
	ZoneID  string   // empty: ZoneID
	Token   string   // empty: Token
	Hosts   []string // the zone's hosts; empty: all
	MaxURLs int      // URLs in one request; 0: 100
	// MaxOperations is how many prefixes, hosts or tags one request may have;
	// 0: 30, the lower of the two limits that were documented.
	MaxOperations int
	// PerSecond is how many URLs a second the zone may purge; 0: 800. The
	// bucket holds as many.
	PerSecond int
	// Broad is how many requests by prefix, host, tag or for everything the
	// zone may send at once; 0: 25. One more is allowed every 12 seconds.
	Broad int
}

// Request is one request that a server got.
type Request struct {
	Method string
	Path   string
	// Items are what it asked to purge, as far as the body could be read:
	// URLs, "URL from ORIGIN", "prefix …", "host …", "tag …", "everything".
	Items  []string
	Status int  // of the answer; 0: none yet
	Purged bool // the answer was a success, and the items were purged
}

// Server is a fake API on the local machine. It is safe for concurrent use.
type Server struct {
	// URL is the base URL of the API, with a slash at its end.
	URL string

	o    Options
	http *httptest.Server

	mu     sync.Mutex
	log    []Request
	faults []*fault
	urls   bucket // of URLs
	broad  bucket // of requests of other kinds
}

// bucket is a token bucket.
type bucket struct {
	tokens, perSecond, size float64
	last                    time.Time
}

type fault struct {
	left   int // negative: for ever
	answer http.HandlerFunc
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := NewServer(o)
	t.Cleanup(s.Close)
	return s
}

// NewServer starts a server. The caller closes it.
func NewServer(o Options) *Server {
	if o.ZoneID == "" {
		o.ZoneID = ZoneID
	}
	if o.Token == "" {
		o.Token = Token
	}
	if o.MaxURLs == 0 {
		o.MaxURLs = 100
	}
	if o.PerSecond == 0 {
		o.PerSecond = 800
	}
	if o.MaxOperations == 0 {
		o.MaxOperations = 30
	}
	if o.Broad == 0 {
		o.Broad = 25
	}
	now, perSecond, broad := time.Now(), float64(o.PerSecond), float64(o.Broad)
	s := &Server{o: o, urls: bucket{perSecond, perSecond, perSecond, now}, broad: bucket{broad, 1. / 12, broad, now}}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL + base
	return s
}

// Close stops the server. Requests that are stalled are cut off.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Log returns the requests so far, in the order of their arrival.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Purged returns what was purged, in order, as often as it was.
func (s *Server) Purged() []string {
	var items []string
	for _, r := range s.Log() {
		if r.Purged {
			items = append(items, r.Items...)
		}
	}
	return items
}

// Inject has the next requests answered by the handler instead; a negative
// number means all. They are logged and purge nothing. Faults queue up.
func (s *Server) Inject(requests int, answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{left: requests, answer: answer})
}

// fault returns what answers the next request instead, or nil.
func (s *Server) fault() http.HandlerFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.faults) > 0 {
		switch f := s.faults[0]; {
		case f.left < 0:
			return f.answer
		case f.left > 0:
			f.left--
			return f.answer
		}
		s.faults = s.faults[1:]
	}
	return nil
}

// take reports whether n more URLs, or one more request of another kind where n
// is 0, may be purged now, and if not, after how many seconds.
func (s *Server) take(n int) (wait float64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == 0 {
		return s.broad.take(1)
	}
	return s.urls.take(float64(n))
}

func (b *bucket) take(n float64) (wait float64, ok bool) {
	now := time.Now()
	b.tokens = min(b.size, b.tokens+b.perSecond*now.Sub(b.last).Seconds())
	b.last = now
	if n > b.tokens {
		return (n - b.tokens) / b.perSecond, false
	}
	b.tokens -= n
	return 0, true
}

// arrived logs a request and returns its place in the log.
func (s *Server) arrived(r Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r)
	return len(s.log) - 1
}

// answered completes the log.
func (s *Server) answered(place, status int, purged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log[place].Status, s.log[place].Purged = status, purged
}
