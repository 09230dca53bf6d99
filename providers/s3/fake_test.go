package s3

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
)

// fake is an HTTP client that answers by itself: for hosts that tests cannot
// reach, and for answers that no server here gives.
type fake struct {
	mu       sync.Mutex
	requests []*http.Request
	answer   func(n int, r *http.Request) *http.Response // n counts from 0
}

func (f *fake) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	return f.answer(len(f.requests)-1, r), nil
}

// answer makes a response; header is "Name: value" lines.
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{"X-Amz-Request-Id": {"REQ1"}}
	for _, line := range header {
		name, v, _ := strings.Cut(line, ": ")
		h.Set(name, v)
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: h,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), ProtoMajor: 1, ProtoMinor: 1,
	}
}

func s3Error(code, message string) string {
	return `<?xml version="1.0"?><Error><Code>` + code + `</Code><Message>` + message + `</Message></Error>`
}

// faked returns a store whose requests f answers.
func faked(t testing.TB, f *fake, o Options) *Store {
	t.Helper()
	o.HTTPClient = f
	o.Credentials = credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "very-secret", "")
	if o.Bucket == "" {
		o.Bucket = "www"
	}
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
