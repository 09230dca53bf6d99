package storage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

func TestCheckKey(t *testing.T) {
	for _, key := range []string{"a", "a/b", "a//b", "..", "ü", " ", strings.Repeat("k", storage.MaxKeyBytes)} {
		if err := storage.CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{"", "/", "/a", "a\x00b", "\xff", strings.Repeat("k", storage.MaxKeyBytes+1)} {
		if err := storage.CheckKey(key); !errors.Is(err, storage.ErrInvalidKey) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestCleanPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"": "", "/": "", "blog": "blog/", "blog/": "blog/", "/blog//": "blog/", "a/b": "a/b/", "-": "-/",
	} {
		got := storage.CleanPrefix(prefix)
		if got != want || storage.CleanPrefix(got) != got {
			t.Errorf("%q becomes %q, want %q", prefix, got, want)
		}
	}
}

func TestCounter(t *testing.T) {
	var c storage.Counter
	if u := c.Usage(); len(u.Requests) != 0 || u.BytesSent != 0 || u.BytesReceived != 0 {
		t.Errorf("a new counter has %+v", u)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			c.Request("PUT")
			c.Sent(2)
			io.Copy(io.Discard, c.CountReceived(io.NopCloser(strings.NewReader("abc"))))
		})
	}
	wg.Wait()
	u := c.Usage()
	if u.Requests["PUT"] != 10 || u.BytesSent != 20 || u.BytesReceived != 30 {
		t.Errorf("counted %+v", u)
	}
	u.Requests["PUT"] = 0
	if c.Usage().Requests["PUT"] != 10 {
		t.Errorf("what Usage returned is not the caller's own")
	}
}

func TestCanStore(t *testing.T) {
	for name, want := range map[string]bool{
		"content-type": true, "Cache-Control": true, "EXPIRES": true, "x-amz-meta-a": true,
		"X-Amz-Website-Redirect-Location": true, "X-Amz-Meta-": false, "Content-Security-Policy": false,
		"Access-Control-Allow-Origin": false, "": false, "X-Amz-Metadata": false,
	} {
		if got := storage.CanStore(name); got != want {
			t.Errorf("CanStore(%q) = %t", name, got)
		}
	}
}

func TestDigestText(t *testing.T) {
	d := storage.Bytes([]byte("abc")).SHA256
	const want = `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"` // FIPS 180-4, example
	text, err := json.Marshal(d)
	if err != nil || string(text) != want || `"`+d.String()+`"` != want {
		t.Errorf("%s, %v", text, err)
	}
	var back storage.Digest
	if err := json.Unmarshal(text, &back); err != nil || back != d {
		t.Errorf("%v, %v", back, err)
	}
	for _, bad := range []string{`""`, `"ba78"`, `"` + strings.Repeat("g", 64) + `"`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was read as a digest", bad)
		}
	}
}

func TestErrorText(t *testing.T) {
	err := &storage.Error{Op: "put", Key: "a", Err: storage.ErrDenied}
	if err.Error() != "put a: access denied" || !errors.Is(err, storage.ErrDenied) {
		t.Error(err)
	}
	if err := (&storage.Error{Op: "list", Err: storage.ErrNoBucket}).Error(); err != "list: bucket does not exist" {
		t.Error(err)
	}
}

func TestDescribe(t *testing.T) {
	err := storage.Describe(fmt.Errorf("state: %w", &storage.Error{Op: "get", Key: "head", Err: storage.ErrDenied}), "reading", "the records of s3://www/")
	if got, want := err.Error(), "reading the records of s3://www/: access denied"; got != want || !errors.Is(err, storage.ErrDenied) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, other := range []error{nil, storage.ErrDenied} {
		if got := storage.Describe(other, "reading", "it"); got != other {
			t.Errorf("%v became %v", other, got)
		}
	}
}
