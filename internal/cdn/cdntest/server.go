package cdntest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Verdict is how a fake answers a request.
type Verdict struct {
	Items  []Item // that the request names
	Purged bool   // the answer acknowledges them
	Answer http.HandlerFunc
}

// Judge decides about one request. It is called for each, also where a fault
// answers in its place, so that it must not spend anything: Spend does.
type Judge interface {
	Judge(r *http.Request, body []byte) Verdict
	// Spend takes what an acceptable request costs from the rates and quotas,
	// or returns the answer that refuses it.
	Spend(items []Item) http.HandlerFunc
	// Fault returns how this CDN fails in a way; nil: as servers in general.
	Fault(f Fault) http.HandlerFunc
}

// Arrived is one request that a server got.
type Arrived struct {
	Method, Path string
	Header       http.Header
	Body         []byte
	Items        []Item
	Status       int // of the answer; 0: none yet
	Purged       bool
}

// Server is a fake API on the local machine: what the fakes of the CDNs have
// in common. It is safe for concurrent use.
type Server struct {
	// URL is the server's, without a slash at its end.
	URL string

	judge  Judge
	mu     sync.Mutex
	log    []Arrived
	faults []*pending
}

type pending struct {
	left   int // negative: for ever
	answer http.HandlerFunc
}

var _ Fake = (*Server)(nil)

// NewServer starts a server that ends with the test.
func NewServer(t testing.TB, j Judge) *Server {
	t.Helper()
	s := &Server{judge: j}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	s.URL = h.URL
	return s
}

// ServeHTTP judges a request, logs it, and answers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	v := s.judge.Judge(r, body)
	place, fault := s.arrived(Arrived{Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body, Items: v.Items})
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log[place].Status, s.log[place].Purged = rec.status, v.Purged
	}()
	answer := v.Answer
	if fault != nil {
		v.Purged, answer = false, fault
	} else if v.Purged {
		if refused := s.judge.Spend(v.Items); refused != nil {
			v.Purged, answer = false, refused
		}
	}
	answer(rec, r)
}

// arrived logs a request, and returns its place and what answers it instead.
func (s *Server) arrived(a Arrived) (int, http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, a)
	for len(s.faults) > 0 {
		f := s.faults[0]
		if f.left != 0 {
			f.left = max(f.left-1, -1)
			return len(s.log) - 1, f.answer
		}
		s.faults = s.faults[1:]
	}
	return len(s.log) - 1, nil
}

// Log returns the requests so far, in the order of their arrival.
func (s *Server) Log() []Arrived {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Requests counts the requests that arrived.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

// Purged returns what was acknowledged, in order, as often as it was.
func (s *Server) Purged() []Item {
	var items []Item
	for _, a := range s.Log() {
		if a.Purged {
			items = append(items, a.Items...)
		}
	}
	return items
}

// Inject makes the next requests fail, all of them where the number is
// negative. They purge nothing. Faults queue up.
func (s *Server) Inject(f Fault, requests int) {
	answer := s.judge.Fault(f)
	if answer == nil {
		answer = general(f)
	}
	s.Answer(answer, requests)
}

// Answer is Inject with any answer.
func (s *Server) Answer(answer http.HandlerFunc, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &pending{requests, answer})
}

// general returns how servers of all kinds fail.
func general(f Fault) http.HandlerFunc {
	return map[Fault]http.HandlerFunc{
		RateLimited: RetryAfter("0.05"),
		LongWait:    RetryAfter("3600"),
		ServerError: Status(500),
		Refused:     Status(422),
		Page:        HTML(502, "<!DOCTYPE html><html><title>Bad gateway</title>"+strings.Repeat("<p>x", 5000)),
		Stall:       func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		HangUp:      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}[f]
}

// Status answers with a status and no body.
func Status(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// RetryAfter answers 429 and asks to wait: seconds, or an HTTP date.
func RetryAfter(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", value)
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

// HTML answers with a page, as a proxy in between does.
func HTML(status int, page string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, page)
	}
}

// JSON answers with a JSON value.
func JSON(status int, value any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value)
	}
}

// Strict decodes the one JSON value of a body, and refuses unknown fields.
func Strict(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return io.ErrUnexpectedEOF
	}
	return nil
}

type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status that is answered.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Bucket is a token bucket, full at first. It is safe for concurrent use.
type Bucket struct {
	mu              sync.Mutex
	tokens          float64
	size, perSecond float64
	last            time.Time
}

// NewBucket returns a bucket of a size that is refilled at a rate.
func NewBucket(size, perSecond float64) *Bucket {
	return &Bucket{tokens: size, size: size, perSecond: perSecond, last: time.Now()}
}

// Take takes n tokens, and returns 0, or takes none and returns how many
// seconds to wait for them.
func (b *Bucket) Take(n float64) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens = min(b.size, b.tokens+b.perSecond*now.Sub(b.last).Seconds())
	b.last = now
	if n > b.tokens {
		return (n - b.tokens) / b.perSecond
	}
	b.tokens -= n
	return 0
}

// WrongURL returns what is wrong with an absolute URL that a CDN is asked to
// purge, or "": it must be percent-encoded, and have neither wildcard nor
// fragment.
func WrongURL(u string) string {
	scheme, rest, ok := strings.Cut(u, "://")
	host, _, slash := strings.Cut(rest, "/")
	switch {
	case !ok || scheme != "http" && scheme != "https":
		return "it has no scheme"
	case strings.ContainsFunc(u, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\`{}", r) }):
		return "it is not percent-encoded"
	case host == "" || host != strings.ToLower(host) || strings.ContainsAny(host, "@*?"):
		return "its host is missing, or not a plain one in lower case"
	case !slash:
		return "it has no path"
	case strings.ContainsAny(u, "#*"):
		return "it has a fragment or a wildcard"
	}
	return badEscape(u)
}

func badEscape(u string) string {
	for i := range len(u) {
		if u[i] == '%' && (i+2 >= len(u) || !isHex(u[i+1]) || !isHex(u[i+2])) {
			return "it has a bad escape"
		}
	}
	return ""
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
