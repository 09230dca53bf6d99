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
	for _, size := range []int64{4 << 10, 50 << 10, 300 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			bothWays(b, func(b *testing.B, s *Store) { benchmarkPut(b, s, size) })
		})
	}
}

// BenchmarkCopy measures the same of a COPY, as of what a deploy replaces.
func BenchmarkCopy(b *testing.B) {
	bothWays(b, func(b *testing.B, s *Store) {
		from := storage.CopySource{Key: "docs/guide/index.html", Size: 4 << 10, ETag: "00000000000000000000000000000000"}
		h := storage.Headers{storage.ContentType: "text/html; charset=utf-8", storage.CacheControl: "no-store"}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Copy(b.Context(), from, "blobs/0", h); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStat measures the same of a HEAD.
func BenchmarkStat(b *testing.B) {
	bothWays(b, func(b *testing.B, s *Store) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Stat(b.Context(), "docs/guide/index.html"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func bothWays(b *testing.B, f func(*testing.B, *Store)) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("ETag", `"00000000000000000000000000000000"`)
		if kind(r) == "COPY" {
			_, _ = io.WriteString(w, copied)
		}
	}))
	defer srv.Close()
	for _, way := range []string{"short", "sdk"} {
		b.Run(way, func(b *testing.B) {
			s, err := New(b.Context(), Options{Provider: "minio", Bucket: "site", Endpoint: srv.URL, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")})
			if err != nil {
				b.Fatal(err)
			}
			if way == "sdk" {
				s.direct = nil
			}
			f(b, s)
		})
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
