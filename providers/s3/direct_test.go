package s3

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestDirectIsLikeSDK: what is sent by the short way is what the SDK sends, but
// for what it says of itself and the signature of that.
func TestDirectIsLikeSDK(t *testing.T) {
	own := []string{"Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "User-Agent", "X-Amz-Date", "Authorization", "Content-Length"}
	ok := func(int, *http.Request) *http.Response { return answer(200, "", `ETag: "e"`) }
	html := storage.Headers{storage.ContentType: "text/html; charset=utf-8", storage.CacheControl: "no-cache", storage.MetaPrefix + "Who": "ada"}
	for _, o := range []Options{
		{Provider: "s3", Region: "eu-west-1"},
		{Provider: "s3", Region: "eu-west-1", Bucket: "www.example.com"},
		{Provider: "s3", Region: "cn-north-1", ACL: "public-read", SSE: "aws:kms", KMSKeyID: "key"},
		{Provider: "s3", Endpoint: "https://storage.example.com:9000//"},
		{Provider: "r2", AccountID: "0123456789abcdef0123456789abcdef"},
		{Provider: "gcs"},
	} {
		f := &fake{answer: ok}
		short, sdk := faked(t, f, o), faked(t, f, o)
		if (short.direct == nil) != (o.Provider == "gcs") {
			t.Errorf("%s: a short way is %v", o.Provider, short.direct)
		}
		sdk.direct = nil
		for _, key := range []string{"index.html", "a b/é+%2F=&?#.html", "a//b/", "~-_.!*'()"} {
			for _, body := range []string{"page", ""} {
				for _, h := range []storage.Headers{html, nil} {
					for _, cond := range []storage.Condition{{}, {Absent: true}, {ETag: "e1"}} {
						sent := func(s *Store) string {
							f.requests = nil
							if _, err := s.Put(t.Context(), key, storage.Bytes([]byte(body)), h, cond); err != nil {
								t.Fatalf("%q: %v", key, err)
							}
							r := f.requests[0]
							if key == "index.html" && strings.Contains(r.URL.EscapedPath(), "//") {
								t.Errorf("%s: the path is %s", o.Endpoint, r.URL.EscapedPath())
							}
							for _, name := range own {
								r.Header.Del(name)
							}
							return fmt.Sprint(r.Method, " ", r.URL, " ", r.URL.Host, " ", r.ContentLength, "\n", r.Header)
						}
						if diff := cmp.Diff(sent(sdk), sent(short)); diff != "" {
							t.Errorf("%s %q: %s", o.Provider, key, diff)
						}
					}
				}
			}
		}
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
