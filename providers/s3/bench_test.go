package s3

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// BenchmarkPut measures what a PUT costs the client, with a server in the same
// process that does nothing: the short way of its first attempt, and that of
// the SDK.
func BenchmarkPut(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("ETag", `"00000000000000000000000000000000"`)
	}))
	defer srv.Close()
	for _, size := range []int64{4 << 10, 50 << 10, 300 << 10} {
		for _, way := range []string{"short", "sdk"} {
			b.Run(fmt.Sprintf("%d/%s", size, way), func(b *testing.B) {
				s, err := New(b.Context(), Options{Provider: "minio", Bucket: "site", Endpoint: srv.URL, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")})
				if err != nil {
					b.Fatal(err)
				}
				if way == "sdk" {
					s.direct = nil
				}
				benchmarkPut(b, s, size)
			})
		}
	}
}

func benchmarkPut(b *testing.B, s *Store, size int64) {
	body := make([]byte, size)
	name := filepath.Join(b.TempDir(), "page.html")
	if err := os.WriteFile(name, body, 0o600); err != nil {
		b.Fatal(err)
	}
	src := storage.File(name, size, sha256.Sum256(body))
	src.Checked = true // as what a deploy sends to a service that was seen to check
	h := storage.Headers{storage.ContentType: "text/html; charset=utf-8", storage.CacheControl: "public, max-age=0, must-revalidate"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Put(b.Context(), "docs/guide/index.html", src, h, storage.Condition{Absent: true}); err != nil {
			b.Fatal(err)
		}
	}
}
