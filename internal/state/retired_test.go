package state

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// goldenRetired is a record with retired objects, which every later version
// must read.
func goldenRetired() Release {
	_, r, _ := golden()
	js := storage.Headers{storage.ContentType: "text/javascript; charset=utf-8"}
	until := time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC)
	r.Blobs = []Blob{{SHA256: digest(9), Size: 3, Last: "01jd0000000000000000000000"}}
	r.Retired = []Retired{
		{Object{Path: "assets/app-3f9c1b2e.js", Size: 4, SHA256: digest(4), Headers: js, ETag: "e4"}, "01jd0000000000000000000000", until},
		{Object{Path: "assets/app-8e0d7a51.js", Size: 5, SHA256: digest(5), Headers: js, ETag: "e5"}, "01jd0000000000000000000001", until.Add(time.Hour)},
	}
	return r
}

func TestGoldenRetired(t *testing.T) {
	r := goldenRetired()
	encoded := must[[]byte](t)(EncodeRelease(&r))
	plain := must[[]byte](t)(io.ReadAll(must[*zstd.Decoder](t)(zstd.NewReader(bytes.NewReader(encoded)))))
	file := filepath.Join("testdata", "format1", "release-retired")
	if *update {
		if err := errors.Join(os.WriteFile(file+".zst", encoded, 0o644), os.WriteFile(file+".jsonl", plain, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(must[[]byte](t)(os.ReadFile(file+".jsonl"))), string(plain)); diff != "" {
		t.Errorf("it is written in another way than format 1 (-want +got):\n%s", diff)
	}
	got := must[*Release](t)(DecodeRelease(bytes.NewReader(must[[]byte](t)(os.ReadFile(file+".zst"))), testSite))
	if diff := cmp.Diff(&r, got); diff != "" {
		t.Error(diff)
	}
}

// TestCorruptRetired changes one thing of a good record.
func TestCorruptRetired(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "format1", "release-retired.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{`"retired":2`, `"retired":3`, "unexpected EOF"},
		{`"retired":2`, `"retired":1`, "it goes on after its end"},
		{`"retired":2`, `"retired":0`, "it goes on after its end"},
		{"assets/app-3f9c1b2e.js", "assets/app-9f9c1b2e.js", `the retired "assets/app-8e0d7a51.js" is out of order`},
		{"assets/app-3f9c1b2e.js", "assets/app-8e0d7a51.js", `the retired "assets/app-8e0d7a51.js" is out of order`},
		{"assets/app-3f9c1b2e.js", "app.js", `"app.js" is both live and retired`},
		{"assets/app-3f9c1b2e.js", "../app.js", `"../app.js" is not a clean relative path`},
		{"assets/app-3f9c1b2e.js", ".pandastack/head", `".pandastack/head" lies in the state`},
		{`"headers":2,"etag":"e4"`, `"headers":3,"etag":"e4"`, `"assets/app-3f9c1b2e.js" refers to header set 3 of 3`},
		{`"last":"01jd0000000000000000000001"`, `"last":"../x"`, `"../x", which last had the retired "assets/app-8e0d7a51.js", is not the id of a release`},
		{`"until":"2026-01-03T04:04:05Z"`, `"since":0`, `the retired "assets/app-8e0d7a51.js" is there until no time`},
	} {
		t.Run(tt.new, func(t *testing.T) {
			if !strings.Contains(string(b), tt.old) {
				t.Fatalf("no %s in\n%s", tt.old, b)
			}
			_, err := DecodeRelease(bytes.NewReader(pack(t, strings.Replace(string(b), tt.old, tt.new, 1))), testSite)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
