package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// pattern returns n bytes of which no two parts are alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * (i>>13 + 1))
	}
	return b
}

func servers(t *testing.T) map[string]*testbed.S3 {
	return map[string]*testbed.S3{"minio": testbed.MinIO(t), "versitygw": testbed.VersityGW(t)}
}

// uploads returns how many multipart uploads of the bucket are not finished.
func uploads(t *testing.T, srv *testbed.S3, s *Store) int {
	t.Helper()
	out, err := srv.Client().ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: new("big")})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

func content(t *testing.T, s *Store, key string) []byte {
	t.Helper()
	o, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	b, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	for name, srv := range servers(t) {
		for mode, checksums := range map[string]bool{"": false, " as AWS": true} {
			t.Run(name+mode, func(t *testing.T) {
				s, p := proxied(t, srv, smallParts)
				s.Checksums = checksums
				want := pattern(12*int(mib) + 7)
				h := storage.Headers{storage.ContentType: "video/mp4", storage.CacheControl: "no-cache", "X-Amz-Meta-A": "b"}
				info, err := s.Put(t.Context(), "big", storage.Bytes(want), h, storage.Condition{Absent: true})
				if err != nil {
					t.Fatal(err)
				}
				if info.Size != int64(len(want)) || info.ETag == "" || info.Date.IsZero() {
					t.Errorf("%+v", info)
				}
				checkParts(t, p, want, checksums)
				o, err := s.Get(t.Context(), "big")
				if err != nil {
					t.Fatal(err)
				}
				o.Body.Close()
				if o.ETag != info.ETag || !o.Headers.Equal(h) || !bytes.Equal(content(t, s, "big"), want) {
					t.Errorf("another object is there: %+v", o.Info)
				}

				_, err = s.Put(t.Context(), "big", storage.Bytes(want), h, storage.Condition{Absent: true})
				if !errors.Is(err, storage.ErrPrecondition) {
					t.Errorf("created twice: %v", err)
				}
				_, err = s.Put(t.Context(), "big", storage.Bytes(want), h, storage.Condition{ETag: "0123456789abcdef0123456789abcdef"})
				if !errors.Is(err, storage.ErrPrecondition) {
					t.Errorf("updated another version: %v", err)
				}
				if n := uploads(t, srv, s); n != 0 {
					t.Errorf("%d uploads are left", n)
				}
				if _, err = s.Put(t.Context(), "big", storage.Bytes(want[:7*mib]), h, storage.Condition{ETag: info.ETag}); err != nil {
					t.Errorf("update: %v", err)
				}
			})
		}
	}
}

// checkParts checks that each part was sent once, with its own digest.
func checkParts(t *testing.T, p *testbed.CountingProxy, want []byte, checksums bool) {
	t.Helper()
	count := map[string]int{}
	for _, r := range p.Requests() {
		count[r.Method]++
		if r.Method != http.MethodPut {
			continue
		}
		n := int(r.Query.Get("partNumber")[0]-'1') * 5 * int(mib)
		b := want[n:min(n+5*int(mib), len(want))]
		sum := storage.Bytes(b).SHA256
		if got := r.Header.Get("X-Amz-Content-Sha256"); got != sum.String() || r.Sent != int64(len(b)) {
			t.Errorf("part %s: %d bytes with the digest %s", r.Query.Get("partNumber"), r.Sent, got)
		}
		if got := r.Header.Get("X-Amz-Checksum-Sha256"); (got == *checksum(sum)) != checksums {
			t.Errorf("part %s: checksum %q", r.Query.Get("partNumber"), got)
		}
		if r.Header.Get("Expect") != "" {
			t.Errorf("part %s waits for 100-continue", r.Query.Get("partNumber"))
		}
	}
	if count["PUT"] != 3 || count["POST"] != 2 || len(count) != 2 {
		t.Errorf("requests: %v", count)
	}
}

// TestMultipartSourceChanges: after the first reading, before the parts are
// sent.
func TestMultipartSourceChanges(t *testing.T) {
	srv := testbed.MinIO(t)
	s := open(t, srv, srv.NewBucket(t), smallParts)
	before := pattern(12 * int(mib))
	after := bytes.Clone(before)
	after[11*mib] ^= 1
	var opened atomic.Int32
	src := storage.Bytes(before)
	src.Open = func() (io.ReadSeekCloser, error) {
		if opened.Add(1) == 1 {
			return storage.Bytes(before).Open()
		}
		return storage.Bytes(after).Open()
	}
	_, err := s.Put(t.Context(), "big", src, nil, storage.Condition{})
	if !errors.Is(err, storage.ErrModified) || opened.Load() < 2 {
		t.Errorf("opened %d times, %v", opened.Load(), err)
	}
	if _, err := s.Get(t.Context(), "big"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("something is there: %v", err)
	}
	if n := uploads(t, srv, s); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// TestMultipartCanceled: nothing is left although the context has ended.
func TestMultipartCanceled(t *testing.T) {
	for name, srv := range servers(t) {
		t.Run(name, func(t *testing.T) {
			s, p := proxied(t, srv, smallParts)
			ctx, cancel := context.WithCancel(t.Context())
			p.Around(first(1, func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" },
				func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
					cancel()
					_, _ = io.Copy(io.Discard, r.Body)
					panic(http.ErrAbortHandler)
				}))
			_, err := s.Put(ctx, "big", storage.Bytes(pattern(12*int(mib))), nil, storage.Condition{})
			if !errors.Is(err, context.Canceled) || err.Error() != "put big: context canceled" {
				t.Errorf("got %v", err)
			}
			if got := lines(p); !strings.Contains(got, "DELETE big 204") {
				t.Errorf("not aborted:\n%s", got)
			}
			if n := uploads(t, srv, s); n != 0 {
				t.Errorf("%d uploads are left", n)
			}
		})
	}
}

// TestMultipartLostAnswer: the upload was completed, which the second attempt
// learns as "no such upload".
func TestMultipartLostAnswer(t *testing.T) {
	t.Parallel()
	s, p := proxied(t, testbed.MinIO(t), smallParts)
	p.Around(first(1, func(r *http.Request) bool { return r.Method == "POST" && r.URL.Query().Has("uploadId") }, lose))
	want := pattern(7 * int(mib))
	info, err := s.Put(t.Context(), "big", storage.Bytes(want), storage.Headers{storage.ContentType: "a/b"}, storage.Condition{})
	if err != nil || info.Size != int64(len(want)) {
		t.Fatal(info, err)
	}
	if !bytes.Equal(content(t, s, "big"), want) {
		t.Error("other bytes are there")
	}
}

func TestCopyInParts(t *testing.T) {
	for name, srv := range servers(t) {
		t.Run(name, func(t *testing.T) {
			s, p := proxied(t, srv, func(o *Options) { o.CopyAbove = 8 * mib })
			want := pattern(17 * int(mib))
			src, err := s.Put(t.Context(), "src", storage.Bytes(want), storage.Headers{storage.ContentType: "a/b"}, storage.Condition{})
			if err != nil {
				t.Fatal(err)
			}
			p.Reset()
			h := storage.Headers{storage.ContentType: "c/d", storage.CacheControl: "no-cache"}
			info, err := s.Copy(t.Context(), storage.CopySource{Key: "src", ETag: src.ETag, Size: src.Size}, "big", h)
			if err != nil {
				t.Fatal(err)
			}
			if n := s.Usage().Requests["COPY"]; n != 3 || info.Size != src.Size {
				t.Errorf("%d copies, %+v", n, info)
			}
			if o, err := s.Get(t.Context(), "big"); err != nil || !o.Headers.Equal(h) || o.ETag != info.ETag {
				t.Errorf("%+v, %v", o, err)
			}
			if !bytes.Equal(content(t, s, "big"), want) {
				t.Error("other bytes are there")
			}
			_, err = s.Copy(t.Context(), storage.CopySource{Key: "src", ETag: "0123456789abcdef0123456789abcdef", Size: src.Size}, "big", h)
			if !errors.Is(err, storage.ErrPrecondition) || uploads(t, srv, s) != 0 {
				t.Errorf("%v, %d uploads are left", err, uploads(t, srv, s))
			}
		})
	}
}

func TestCopyBetweenBuckets(t *testing.T) {
	for name, srv := range servers(t) {
		t.Run(name, func(t *testing.T) {
			from, to := open(t, srv, srv.NewBucket(t)), open(t, srv, srv.NewBucket(t))
			if _, err := from.Put(t.Context(), "a/b c+d.txt", storage.Bytes([]byte("hello")), nil, storage.Condition{}); err != nil {
				t.Fatal(err)
			}
			if _, err := to.Copy(t.Context(), storage.CopySource{Store: storage.Prefixed(from, "a"), Key: "b c+d.txt", Size: 5}, "k", nil); err != nil {
				t.Fatal(err)
			}
			if got := content(t, to, "k"); string(got) != "hello" {
				t.Errorf("got %q", got)
			}
			other := open(t, srv, "x", func(o *Options) { o.Endpoint = "http://127.0.0.1:1" })
			if _, err := to.Copy(t.Context(), storage.CopySource{Store: other, Key: "k", Size: 5}, "k", nil); !errors.Is(err, storage.ErrUnsupported) {
				t.Errorf("from another service: %v", err)
			}
		})
	}
}

func TestSameService(t *testing.T) {
	f := &fake{}
	store := func(o Options) *Store { return faked(t, f, o) }
	eu, us := store(Options{Provider: "s3", Region: "eu-west-1"}), store(Options{Provider: "s3", Region: "us-east-1", Bucket: "a.b"})
	for _, tc := range []struct {
		a, b *Store
		want bool
	}{
		{eu, us, true},
		{eu, store(Options{Provider: "s3", Region: "cn-north-1"}), false},
		{eu, store(Options{Provider: "wasabi", Region: "eu-west-1"}), false},
		{store(Options{Provider: "wasabi", Region: "eu-west-1"}), store(Options{Provider: "wasabi", Region: "eu-west-1", Bucket: "z"}), true},
		{store(Options{Provider: "wasabi", Region: "eu-west-1"}), store(Options{Provider: "wasabi", Region: "eu-west-2"}), false},
		{store(Options{Provider: "r2", AccountID: "a"}), store(Options{Provider: "r2", AccountID: "b"}), false},
	} {
		if got := tc.a.sameService(tc.b); got != tc.want {
			t.Errorf("%s and %s: %t", tc.a.host, tc.b.host, got)
		}
	}
}

func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.SampledFrom([]int{1000, 10_000}).Draw(t, "most")
		s := &Store{partBytes: rapid.Int64Range(5*mib, 64*mib).Draw(t, "part"), copyAbove: rapid.Int64Range(5*mib, 5*gib).Draw(t, "copy")}
		s.Preset.Limits.Parts = most
		size := rapid.Int64Range(1, 5*tib).Draw(t, "size")
		parts := s.split(size)
		if len(parts) > most {
			t.Fatalf("%d parts", len(parts))
		}
		checkCover(t, parts, size)
		for _, p := range parts[:len(parts)-1] {
			if p.size != parts[0].size || p.size < s.partBytes {
				t.Fatalf("a part has %d bytes, the first %d", p.size, parts[0].size)
			}
		}
		if parts[len(parts)-1].size > parts[0].size {
			t.Fatal("the last part is larger")
		}
		if size > s.copyAbove {
			parts = s.splitCopy(size)
			checkCover(t, parts, size)
			for _, p := range parts {
				if p.size > s.copyAbove {
					t.Fatalf("copies %d bytes at once", p.size)
				}
			}
		}
	})
}

func checkCover(t *rapid.T, parts []part, size int64) {
	var end int64
	for i, p := range parts {
		if p.number != int32(i+1) || p.offset != end || p.size <= 0 {
			t.Fatalf("part %d is %+v, after %d bytes", i, p, end)
		}
		end += p.size
	}
	if end != size {
		t.Fatalf("the parts have %d bytes of %d", end, size)
	}
}
