package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// proxied returns a store behind a proxy that notes its requests, and the
// bucket that both lead to.
func proxied(t *testing.T, srv *testbed.S3, change ...func(*Options)) (*Store, *testbed.CountingProxy) {
	t.Helper()
	p := testbed.NewCountingProxy(t, srv.Endpoint)
	behind := *srv
	behind.Endpoint = p.URL
	return open(t, &behind, srv.NewBucket(t), change...), p
}

// lines returns the requests as "PUT key 200".
func lines(p *testbed.CountingProxy) string {
	var b strings.Builder
	for _, r := range p.Requests() {
		_, key, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
		fmt.Fprintf(&b, "%s %s %d\n", r.Method, key, r.Status)
	}
	return b.String()
}

// first runs fault for the first n requests that match, and forwards the rest.
func first(n int32, match func(*http.Request) bool, fault func(w http.ResponseWriter, r *http.Request, forward http.Handler)) func(http.Handler) http.Handler {
	var seen atomic.Int32
	return func(forward http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if match(r) && seen.Add(1) <= n {
				fault(w, r, forward)
				return
			}
			forward.ServeHTTP(w, r)
		})
	}
}

func method(m string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == m }
}

// refuse answers without the server.
func refuse(status int, code string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, s3Error(code, "later"))
	}
}

// lose lets the server do it, and nobody hear of it.
func lose(_ http.ResponseWriter, r *http.Request, forward http.Handler) {
	forward.ServeHTTP(discard{http.Header{}}, r)
	panic(http.ErrAbortHandler)
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func TestOneRequestPerPut(t *testing.T) {
	s, p := proxied(t, testbed.MinIO(t))
	for _, size := range []int{0, 1, 5 << 20} { // beyond 2 MiB the SDK would expect 100-continue
		p.Reset()
		body := bytes.Repeat([]byte("x"), size)
		if _, err := s.Put(t.Context(), "k", storage.Bytes(body), storage.Headers{storage.ContentType: "text/plain"}, storage.Condition{}); err != nil {
			t.Fatal(err)
		}
		reqs := p.Requests()
		if len(reqs) != 1 || reqs[0].Method != http.MethodPut || reqs[0].Sent != int64(size) || reqs[0].Status != 200 {
			t.Fatalf("%d bytes: %+v", size, reqs)
		}
		for _, name := range []string{"Expect", "X-Amz-Acl", "X-Amz-Trailer", "X-Amz-Decoded-Content-Length", "Content-Encoding", "Transfer-Encoding"} {
			if v := reqs[0].Header.Get(name); v != "" {
				t.Errorf("%d bytes: %s: %s was sent", size, name, v)
			}
		}
		if got, want := reqs[0].Header.Get("X-Amz-Content-Sha256"), storage.Bytes(body).SHA256.String(); got != want {
			t.Errorf("%d bytes: the signed digest is %s, want %s", size, got, want)
		}
	}
}

// TestChecksumIsKept: what AWS gets with each object, on servers that know it.
func TestChecksumIsKept(t *testing.T) {
	for name, srv := range servers(t) {
		s := open(t, srv, srv.NewBucket(t))
		s.Checksums = true
		src := storage.Bytes([]byte("hello"))
		if _, err := s.Put(t.Context(), "k", src, nil, storage.Condition{Absent: true}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out, err := srv.Client().HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &s.bucket, Key: aws.String("k"), ChecksumMode: types.ChecksumModeEnabled})
		if err != nil || aws.ToString(out.ChecksumSHA256) != *checksum(src.SHA256) {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}

// TestTemporaryFailures: each is tried again, and the write is done once.
func TestTemporaryFailures(t *testing.T) {
	srv := testbed.MinIO(t)
	for _, tc := range []struct {
		status int
		code   string
	}{
		{429, "TooManyRequests"}, {429, "ServiceUnavailable"}, {408, "RequestTimeout"}, {409, "ConditionalRequestConflict"}, {409, "OperationAborted"},
		{500, "InternalError"}, {503, "SlowDown"}, {503, ""},
	} {
		t.Run(fmt.Sprint(tc.status, tc.code), func(t *testing.T) {
			t.Parallel()
			s, p := proxied(t, srv)
			p.Around(first(1, method("PUT"), refuse(tc.status, tc.code)))
			if _, err := s.Put(t.Context(), "k", storage.Bytes([]byte("x")), nil, storage.Condition{Absent: true}); err != nil {
				t.Fatal(err)
			}
			if got, want := lines(p), fmt.Sprintf("PUT k %d\nPUT k 200\n", tc.status); got != want {
				t.Errorf("requests:\n%s\nwant:\n%s", got, want)
			}
			if n := s.Usage().Requests["PUT"]; n != 2 {
				t.Errorf("%d PUTs counted", n)
			}
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	s, p := proxied(t, testbed.MinIO(t), func(o *Options) { o.MaxAttempts = 2 })
	p.Around(first(100, method("PUT"), refuse(503, "SlowDown")))
	_, err := s.Put(t.Context(), "k", storage.Bytes([]byte("x")), nil, storage.Condition{})
	if want := "put k: " + p.URL + " answered 503 SlowDown: later"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if n := len(p.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestRetryDelay(t *testing.T) {
	f := &fake{answer: func(n int, _ *http.Request) *http.Response {
		return answer(429, s3Error("TooManyRequests", ""), "Retry-After: "+[]string{"7", "3000", "soon"}[n])
	}}
	s := faked(t, f, Options{Provider: "r2", AccountID: "a", MaxAttempts: 1})
	r := newRetryer(8, maxBackoff)
	for _, want := range []struct{ least, most time.Duration }{{7 * time.Second, 7 * time.Second}, {maxBackoff, maxBackoff}, {0, 2 * time.Second}} {
		_, err := s.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &s.bucket, Key: aws.String("k")})
		if d, delayErr := r.RetryDelay(1, err); delayErr != nil || d < want.least || d > want.most {
			t.Errorf("after %v: %v, %v", err, d, delayErr)
		}
	}
	refused := fmt.Errorf("sending: %w", &net.OpError{Op: "dial", Err: errors.New("refused")})
	if _, err := r.RetryDelay(dialAttempts-1, refused); err != nil {
		t.Errorf("gives up too early: %v", err)
	}
	if _, err := r.RetryDelay(dialAttempts, refused); err != refused {
		t.Errorf("does not give up: %v", err)
	}
}

// TestLostAnswer: the server has done a conditional write whose answer never
// came. The second attempt fails its condition, because of the first.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	srv := testbed.MinIO(t)
	page := storage.Headers{storage.ContentType: "text/html", storage.CacheControl: "no-cache"}

	t.Run("create", func(t *testing.T) {
		s, p := proxied(t, srv)
		p.Around(first(1, method("PUT"), lose))
		info, err := s.Put(t.Context(), "k", storage.Bytes([]byte("mine")), page, storage.Condition{Absent: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := lines(p), "PUT k 0\nPUT k 412\nGET k 200\n"; got != want {
			t.Errorf("requests:\n%s\nwant:\n%s", got, want)
		}
		o, err := s.Get(t.Context(), "k")
		if err != nil || o.ETag != info.ETag || info.ETag == "" || info.Date.IsZero() {
			t.Errorf("%+v is there, Put returned %+v, %v", o, info, err)
		}
	})
	t.Run("update", func(t *testing.T) {
		s, p := proxied(t, srv)
		old, err := s.Put(t.Context(), "k", storage.Bytes([]byte("old")), page, storage.Condition{})
		if err != nil {
			t.Fatal(err)
		}
		p.Around(first(1, method("PUT"), lose))
		info, err := s.Put(t.Context(), "k", storage.Bytes([]byte("new")), page, storage.Condition{ETag: old.ETag})
		if err != nil || info.ETag == old.ETag {
			t.Fatal(info, err)
		}
	})
	for name, other := range map[string]storage.Headers{"other bytes": page, "same bytes, other headers": {storage.ContentType: "text/plain"}} {
		t.Run("then another writer with "+name, func(t *testing.T) {
			s, p := proxied(t, srv)
			body := "mine"
			if name == "other bytes" {
				body = "hers"
			}
			direct := open(t, srv, s.bucket)
			p.Around(first(1, method("PUT"), func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				if _, err := direct.Put(r.Context(), "k", storage.Bytes([]byte(body)), other, storage.Condition{}); err != nil {
					t.Error(err)
				}
				panic(http.ErrAbortHandler)
			}))
			_, err := s.Put(t.Context(), "k", storage.Bytes([]byte("mine")), page, storage.Condition{Absent: true})
			var r *ResponseError
			if !errors.Is(err, storage.ErrPrecondition) || !errors.As(err, &r) || !r.Unanswered {
				t.Errorf("got %#v", err)
			}
			if want := "put k: the object is not in the expected state: an earlier attempt of the same write got no answer"; err.Error() != want {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("no doubt without a lost answer", func(t *testing.T) {
		s, p := proxied(t, srv)
		if _, err := s.Put(t.Context(), "k", storage.Bytes([]byte("mine")), page, storage.Condition{}); err != nil {
			t.Fatal(err)
		}
		p.Reset()
		_, err := s.Put(t.Context(), "k", storage.Bytes([]byte("mine")), page, storage.Condition{Absent: true})
		var r *ResponseError
		if !errors.Is(err, storage.ErrPrecondition) || !errors.As(err, &r) || r.Unanswered || len(p.Requests()) != 1 {
			t.Errorf("got %v after\n%s", err, lines(p))
		}
	})
}

// TestInterruptedDownload: the rest is asked for, and only of the same version.
func TestInterruptedDownload(t *testing.T) {
	s, p := proxied(t, testbed.MinIO(t))
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if _, err := s.Put(t.Context(), "k", storage.Bytes(want), nil, storage.Condition{}); err != nil {
		t.Fatal(err)
	}
	cut := func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		forward.ServeHTTP(&short{ResponseWriter: w, left: 300_000}, r)
	}
	p.Reset()
	p.Around(first(2, method("GET"), cut))
	o, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(o.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	o.Body.Close()
	if reqs := p.Requests(); len(reqs) != 3 || reqs[2].Header.Get("Range") == "" || reqs[2].Header.Get("If-Match") != `"`+o.ETag+`"` {
		t.Errorf("requests: %s", lines(p))
	}

	p.Around(first(1, method("GET"), cut))
	if o, err = s.Get(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	if _, err := s.Put(t.Context(), "k", storage.Bytes([]byte("another")), nil, storage.Condition{}); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o.Body); !errors.Is(err, storage.ErrPrecondition) || !bytes.HasPrefix(want, got) {
		t.Errorf("after a change: %d bytes, %v", len(got), err)
	}
}

// short cuts the connection after some bytes of the body.
type short struct {
	http.ResponseWriter
	left int
}

func (s *short) Write(p []byte) (int, error) {
	n, err := s.ResponseWriter.Write(p[:min(len(p), s.left)])
	if s.left -= n; s.left <= 0 {
		_ = http.NewResponseController(s.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func TestCutAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s, p := proxied(t, testbed.MinIO(t))
	if _, err := s.Put(t.Context(), "k", storage.Bytes([]byte("x")), nil, storage.Condition{}); err != nil {
		t.Fatal(err)
	}
	p.Around(first(1, method("GET"), func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		forward.ServeHTTP(&short{ResponseWriter: w, left: 50}, r)
	}))
	n := 0
	for _, err := range s.List(t.Context(), "") {
		if n++; err != nil {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d objects", n)
	}
}
