//go:build !race

// The race detector allocates for itself.

package s3

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestPutAllocations: what a PUT allocates, here and in a server of the same
// process, does not grow with the body.
func TestPutAllocations(t *testing.T) {
	const budget = 24 << 10 // bytes; it takes some 15 KiB
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("ETag", `"00000000000000000000000000000000"`)
	}))
	t.Cleanup(srv.Close)
	s, err := New(t.Context(), Options{Provider: "minio", Bucket: "site", Endpoint: srv.URL, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{100, writeBuffer, 1 << 20} {
		name := filepath.Join(t.TempDir(), "page.html")
		body := make([]byte, size)
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
		src := storage.File(name, size, sha256.Sum256(body))
		least := ^uint64(0)
		for range 5 { // a garbage collection empties the pools
			const n = 50
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range n {
				if _, err := s.Put(t.Context(), "page.html", src, nil, storage.Condition{}); err != nil {
					t.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			least = min(least, (after.TotalAlloc-before.TotalAlloc)/n)
		}
		t.Logf("%d bytes: a PUT allocates %d", size, least)
		if least > budget {
			t.Errorf("a PUT of %d bytes allocates %d, and may allocate %d", size, least, budget)
		}
	}
}
