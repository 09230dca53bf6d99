package storagetest

import (
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// every holds each header that an object may carry, less the redirect of
// websites, which is tested apart.
var every = storage.Headers{
	storage.ContentType:          "text/css; charset=utf-8",
	storage.CacheControl:         "public, max-age=31536000, immutable",
	storage.ContentEncoding:      "gzip",
	storage.ContentDisposition:   `attachment; filename="a b.css"`,
	storage.ContentLanguage:      "de, en",
	storage.Expires:              "Thu, 01 Dec 2044 16:00:00 GMT",
	"X-Amz-Meta-Build":           "42",
	"X-Amz-Meta-Cache-Tag":       "ps-html, ps-release-1",
	"X-Amz-Meta-With-Spaces-In":  "a  b",
	"X-Amz-Meta-Punctuation-Set": `!#$%&'*+-.^_|~ "quoted" (x) [y] {z} <w> @ / \ ? = ; : ,`,
}

func headersKept(t *testing.T, f *fixture) {
	given := every.Clone()
	info, err := f.store.Put(t.Context(), "all.css", storage.Bytes([]byte("body")), given, storage.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	given[storage.ContentType] = "changed/afterwards"
	wantHeaders(t, f.store, "all.css", every)
	// A stored Content-Encoding is a header only: bytes come as they were put.
	if got := get(t, f.store, "all.css"); got.body != "body" || got.ETag != info.ETag {
		t.Errorf("got %q", got.body)
	}
	for name, value := range every {
		one := storage.Headers{storage.ContentType: "text/plain", name: value}
		put(t, f.store, "one", "body", one)
		wantHeaders(t, f.store, "one", one)
	}
	get(t, f.store, "all.css").Headers[storage.ContentType] = "changed/by-caller"
	wantHeaders(t, f.store, "all.css", every)
}

// headersNone checks that nothing is added but a Content-Type: S3 documents a
// default for that one.
func headersNone(t *testing.T, f *fixture) {
	for _, given := range []storage.Headers{nil, {}} {
		put(t, f.store, "bare.bin", "body", given)
		got := get(t, f.store, "bare.bin").Headers.Clone()
		switch got[storage.ContentType] {
		case "", "application/octet-stream", "binary/octet-stream":
		default:
			t.Errorf("the default Content-Type is %q", got[storage.ContentType])
		}
		delete(got, storage.ContentType)
		if len(got) > 0 {
			t.Errorf("an object that was put without headers has %v", got)
		}
	}
}

func headersReplaced(t *testing.T, f *fixture) {
	put(t, f.store, "page.html", "body", every)
	put(t, f.store, "page.html", "body", page)
	wantHeaders(t, f.store, "page.html", page)
	put(t, f.store, "page.html", "body", every)
	wantHeaders(t, f.store, "page.html", every)
}

func websiteRedirect(t *testing.T, f *fixture) {
	redirect := storage.Headers{storage.ContentType: "text/html", storage.WebsiteRedirect: "/new/page.html"}
	put(t, f.store, "old.html", "moved", redirect)
	want := redirect.Clone()
	if deviates(t, f.NoWebsiteRedirect) {
		delete(want, storage.WebsiteRedirect)
	}
	wantHeaders(t, f.store, "old.html", want)
	put(t, f.store, "old.html", "here again", page)
	wantHeaders(t, f.store, "old.html", page)
}
