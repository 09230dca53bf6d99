package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestDirectIsLikeSDK: what is sent by the short way is what the SDK sends, but
// for what it says of itself and the signature of that.
func TestDirectIsLikeSDK(t *testing.T) {
	own := []string{"Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "User-Agent", "X-Amz-Date", "Authorization", "Content-Length"}
	ok := func(_ int, r *http.Request) *http.Response {
		body := ""
		if kind(r) == "COPY" {
			body = copied
		}
		return answer(200, body, `ETag: "e"`)
	}
	html := storage.Headers{storage.ContentType: "text/html; charset=utf-8", storage.CacheControl: "no-cache", storage.MetaPrefix + "Who": "ada"}
	for _, o := range []Options{
		{Provider: "s3", Region: "eu-west-1"},
		{Provider: "s3", Region: "eu-west-1", Bucket: "www.example.com"},
		{Provider: "s3", Region: "cn-north-1", ACL: "public-read", SSE: "aws:kms", KMSKeyID: "key"},
		{Provider: "s3", Endpoint: "https://storage.example.com:9000//"},
		{Provider: "r2", AccountID: "0123456789abcdef0123456789abcdef"},
		{Provider: "tigris"},
		{Provider: "gcs"},
	} {
		f := &fake{answer: ok}
		short, sdk := faked(t, f, o), faked(t, f, o)
		if (short.direct == nil) != (o.Provider == "gcs") {
			t.Errorf("%s: a short way is %v", o.Provider, short.direct)
		}
		if short.direct != nil {
			short.client = nil // nothing is left to it
		}
		sdk.direct = nil
		for _, key := range []string{"index.html", "a b/é+%2F=&?#.html", "a//b/", "~-_.!*'()"} {
			like := func(do func(*Store) error) {
				t.Helper()
				sent := func(s *Store) string {
					f.requests = nil
					if err := do(s); err != nil {
						t.Fatalf("%q: %v", key, err)
					}
					r := f.requests[0]
					if key == "index.html" && strings.Contains(r.URL.EscapedPath(), "//") {
						t.Errorf("%s: the path is %s", o.Endpoint, r.URL.EscapedPath())
					}
					for _, name := range own {
						r.Header.Del(name)
					}
					return fmt.Sprint(len(f.requests), " ", r.Method, " ", r.URL, " ", r.URL.Host, " ", r.ContentLength, "\n", r.Header)
				}
				if diff := cmp.Diff(sent(sdk), sent(short)); diff != "" {
					t.Errorf("%s %q: %s", o.Provider, key, diff)
				}
			}
			like(func(s *Store) error { _, err := s.Stat(t.Context(), key); return err })
			for _, h := range []storage.Headers{html, nil} {
				for _, body := range []string{"page", ""} {
					for _, cond := range []storage.Condition{{}, {Absent: true}, {ETag: "e1"}} {
						like(func(s *Store) error {
							_, err := s.Put(t.Context(), key, storage.Bytes([]byte(body)), h, cond)
							return err
						})
					}
				}
				for _, etag := range []string{"", "e1"} {
					from := storage.CopySource{Key: "from/" + key, ETag: etag, Size: 4}
					like(func(s *Store) error { _, err := s.Copy(t.Context(), from, key, h); return err })
				}
			}
		}
	}
}

const copied = `<?xml version="1.0" encoding="UTF-8"?>
<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;c1&quot;</ETag></CopyObjectResult>`

// TestInfo: what an answer says is read the same on the short way and by the SDK.
func TestInfo(t *testing.T) {
	modified, now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC)
	f := &fake{answer: func(_ int, r *http.Request) *http.Response {
		body := "page"
		if kind(r) == "COPY" {
			body = copied
		}
		return answer(
			200, body, `ETag: W/"e1"`, "Last-Modified: Fri, 2 Jan 2026 03:04:05 GMT", "Date: Sat, 03 Jan 2026 03:04:05 GMT",
			"Content-Type: text/html", "Cache-Control: no-cache", "Content-Encoding: br", "Content-Disposition: inline", "Content-Language: de",
			"Expires: 0", "X-Amz-Website-Redirect-Location: /b", "X-Amz-Meta-Who: ada", "X-Amz-Meta-None: ", "Server: s", "Content-Length: 4")
	}}
	short := faked(t, f, Options{Provider: "s3", Region: "eu-west-1"})
	sdk := *short
	sdk.direct = nil
	stored := storage.Info{Key: "k", Size: 4, ETag: "e1", Modified: modified, Date: now, Headers: storage.Headers{
		storage.ContentType: "text/html", storage.CacheControl: "no-cache", storage.ContentEncoding: "br", storage.ContentDisposition: "inline",
		storage.ContentLanguage: "de", storage.Expires: "0", storage.WebsiteRedirect: "/b", "X-Amz-Meta-Who": "ada", "X-Amz-Meta-None": "",
	}}
	for op, c := range map[string]struct {
		do   func(*Store) (storage.Info, error)
		want storage.Info
	}{
		"stat": {func(s *Store) (storage.Info, error) { return s.Stat(t.Context(), "k") }, stored},
		"get": {func(s *Store) (storage.Info, error) {
			o, err := s.Get(t.Context(), "k")
			if err != nil {
				return storage.Info{}, err
			}
			return o.Info, o.Body.Close()
		}, stored},
		"copy": {func(s *Store) (storage.Info, error) {
			return s.Copy(t.Context(), storage.CopySource{Key: "from", Size: 4}, "k", nil)
		}, storage.Info{Key: "k", Size: 4, ETag: "c1", Date: now}},
		"put": {func(s *Store) (storage.Info, error) {
			return s.Put(t.Context(), "k", storage.Bytes([]byte("page")), nil, storage.Condition{})
		}, storage.Info{Key: "k", Size: 4, ETag: "e1", Date: now}},
	} {
		for way, s := range map[string]*Store{"short": short, "sdk": &sdk} {
			got, err := c.do(s)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%s, %s: %v %s", op, way, err, diff)
			}
		}
	}
}

// TestCopyFailsLate: an answer to a COPY begins before the bytes are copied, so
// that it can be that of success and tell of an error, or break off
// (docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
func TestCopyFailsLate(t *testing.T) {
	broken := func() *http.Response {
		r := answer(200, "")
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(copied[:80]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		return r
	}
	says := func(body string) func() *http.Response {
		return func() *http.Response { return answer(200, body) }
	}
	for name, c := range map[string]struct {
		answer   func() *http.Response
		to       int // so many requests at first, then success
		requests int
		want     error // or success
	}{
		"whitespace": {says("  \n \n" + copied), 1, 1, nil}, // keeps the connection alive
		"temporary":  {says(s3Error("InternalError", "try again")), 1, 2, nil},
		"broken":     {broken, 1, 2, nil},
		"cut short":  {says(copied[:len(copied)-10]), 1, 1, storage.ErrUnreachable},  // after the ETag
		"refused":    {says(s3Error("AccessDenied", "no")), 8, 8, storage.ErrDenied}, // the SDK takes all of them for temporary
		"no answer":  {says("<html>Welcome</html>"), 1, 1, storage.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{answer: func(n int, _ *http.Request) *http.Response {
				if n < c.to {
					return c.answer()
				}
				return answer(200, copied)
			}}
			s := faked(t, f, Options{Provider: "s3", Region: "eu-west-1", MaxBackoff: time.Millisecond})
			info, err := s.Copy(t.Context(), storage.CopySource{Key: "from", Size: 4}, "k", nil)
			if !errors.Is(err, c.want) || err == nil && info.ETag != "c1" {
				t.Errorf("%+v, %v", info, err)
			}
			if len(f.requests) != c.requests {
				t.Errorf("%d requests", len(f.requests))
			}
		})
	}
}

// TestSessionToken: temporary credentials are sent whole, and signed.
func TestSessionToken(t *testing.T) {
	f := &fake{answer: func(int, *http.Request) *http.Response { return answer(200, "", `ETag: "e"`) }}
	s := faked(t, f, Options{Provider: "s3", Region: "eu-west-1"})
	s.direct.credentials = credentials.NewStaticCredentialsProvider("key", "secret", "token")
	if _, err := s.Put(t.Context(), "k", storage.Bytes([]byte("x")), nil, storage.Condition{}); err != nil {
		t.Fatal(err)
	}
	r := f.requests[0]
	if r.Header.Get("X-Amz-Security-Token") != "token" || !strings.Contains(r.Header.Get("Authorization"), "x-amz-security-token") {
		t.Error(r.Header)
	}
}

// TestWrongClock: where this machine's clock is wrong, the service's is used, for
// the short way, too.
func TestWrongClock(t *testing.T) {
	const ahead = time.Hour
	f := &fake{answer: func(_ int, r *http.Request) *http.Response {
		now := time.Now().Add(ahead)
		date := "Date: " + now.UTC().Format(http.TimeFormat)
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || now.Sub(signed).Abs() > 15*time.Minute {
			return answer(403, s3Error("RequestTimeTooSkewed", "The difference is too large."), date)
		}
		return answer(200, "", `ETag: "e"`, date)
	}}
	s := faked(t, f, Options{Provider: "s3", Region: "eu-west-1"})
	put := func(key string) {
		t.Helper()
		if _, err := s.Put(t.Context(), key, storage.Bytes([]byte("x")), nil, storage.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	put("first") // nothing is known of the clock
	sent := len(f.requests)
	put("second")
	if len(f.requests) != sent+1 {
		t.Errorf("the second PUT took %d requests", len(f.requests)-sent)
	}
}
