package s3

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

func TestDeleteInBatches(t *testing.T) {
	s, p := proxied(t, testbed.MinIO(t))
	keys := make([]string, 1001)
	for i := range keys {
		keys[i] = fmt.Sprintf("k/%04d", i)
	}
	for _, key := range []string{keys[0], keys[1000]} {
		if _, err := s.Put(t.Context(), key, storage.Bytes([]byte("x")), nil, storage.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	p.Reset()
	if err := s.Delete(t.Context(), keys...); err != nil {
		t.Fatal(err)
	}
	reqs := p.Requests()
	if len(reqs) != 2 || reqs[0].Method != "POST" || reqs[0].Header.Get("Content-Md5") == "" || reqs[0].Header.Get("X-Amz-Checksum-Crc32") == "" {
		t.Errorf("requests:\n%s", lines(p))
	}
	for range s.List(t.Context(), "") {
		t.Error("something is left")
	}
	p.Reset()
	if err := s.Delete(t.Context()); err != nil || len(p.Requests()) != 0 {
		t.Errorf("nothing to delete: %v, %d requests", err, len(p.Requests()))
	}
}

// TestDeleteWithoutBatches: services that refuse the request for many keys get
// one for each.
func TestDeleteWithoutBatches(t *testing.T) {
	for _, code := range []string{"NotImplemented", "MissingContentMD5", "InvalidRequest"} {
		s, p := proxied(t, testbed.MinIO(t))
		for _, key := range []string{"a", "b"} {
			if _, err := s.Put(t.Context(), key, storage.Bytes([]byte("x")), nil, storage.Condition{}); err != nil {
				t.Fatal(err)
			}
		}
		p.Around(first(100, method("POST"), refuse(400, code)))
		if err := s.Delete(t.Context(), "a", "b", "c"); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		for range s.List(t.Context(), "") {
			t.Errorf("%s: something is left", code)
		}
	}
}

func TestDeleteErrorsInA200(t *testing.T) {
	f := &fake{answer: func(int, *http.Request) *http.Response {
		return answer(200, `<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`+
			`<Error><Key>c</Key><Code>InternalError</Code><Message>try again</Message></Error><Error><Key>d</Key><Code>NoSuchKey</Code></Error></DeleteResult>`)
	}}
	err := faked(t, f, Options{Provider: "s3", Region: "eu-west-1"}).Delete(t.Context(), "a", "b", "c", "d")
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 || !errors.Is(err, storage.ErrDenied) {
		t.Fatalf("got %v", err)
	}
	want := "delete b: access denied: Access Denied\ndelete c: https://s3.eu-west-1.amazonaws.com could not: InternalError: try again"
	if err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if f.requests[0].Header.Get("Content-Md5") != "" {
		t.Error("AWS gets a Content-MD5 it does not need")
	}
}

// TestDeleteKeysThatXMLCannotHold: the SDK would send another key.
func TestDeleteKeysThatXMLCannotHold(t *testing.T) {
	f := &fake{answer: func(_ int, r *http.Request) *http.Response {
		if r.Method == "DELETE" {
			return answer(204, "")
		}
		return answer(200, `<DeleteResult></DeleteResult>`)
	}}
	if err := faked(t, f, Options{Provider: "s3", Region: "eu-west-1"}).Delete(t.Context(), "a", "b\x01", "c"); err != nil {
		t.Fatal(err)
	}
	if len(f.requests) != 2 || f.requests[1].URL.EscapedPath() != "/b%01" {
		t.Errorf("%d requests, %s", len(f.requests), f.requests[len(f.requests)-1].URL)
	}
}
