//go:build !race

// The race detector allocates for itself.

package state

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// costFiles is how many objects the release has by which costs are judged.
const costFiles = 10_000

// costRelease is a release as a real one is: digests and ETags that have nothing
// in common, and headers that the objects share.
func costRelease() *Release {
	rel := &Release{ID: "01a", Site: testSite}
	headers := storage.Headers{storage.ContentType: "text/html; charset=utf-8", storage.CacheControl: "no-cache"}
	for i := range costFiles {
		content := fmt.Append(nil, i)
		rel.Objects = append(rel.Objects, Object{
			Path: fmt.Sprintf("docs/%05d/index.html", i), Size: int64(i * 7919 % 65536), SHA256: sha256.Sum256(content),
			Headers: headers, ETag: fmt.Sprintf("%x", md5.Sum(content)),
		})
	}
	return rel
}

// maxWire is what a file may take in the stored record, in bytes: half of it is
// the digest and the ETag, which do not compress.
const maxWire = 90

// TestCodecCosts holds what a release takes, for each of its files, to budgets
// that are half as much again as what was needed when they were written.
func TestCodecCosts(t *testing.T) {
	rel := costRelease()
	encoded, err := EncodeRelease(rel)
	if err != nil {
		t.Fatal(err)
	}
	if wire := float64(len(encoded)) / costFiles; wire > maxWire {
		t.Errorf("the record has %.1f bytes for each file; it may have %d", wire, maxWire)
	}
	for _, c := range []struct {
		name          string
		allocs, bytes float64
		f             func() error
	}{
		{"encode", 0.2, 120, func() error { _, err := EncodeRelease(rel); return err }},
		{"decode", 3, 370, func() error { _, err := DecodeRelease(bytes.NewReader(encoded), testSite); return err }},
	} {
		allocs, size, err := allocated(c.f)
		t.Logf("%s: %.1f allocations and %.0f bytes for each file", c.name, allocs/costFiles, size/costFiles)
		if err != nil || allocs > c.allocs*costFiles || size > c.bytes*costFiles {
			t.Errorf("%s takes %.1f allocations and %.0f bytes for each file; it may take %v and %v (%v)", c.name, allocs/costFiles, size/costFiles, c.allocs, c.bytes, err)
		}
	}
}

// allocated returns the least that a call allocated: the first one fills the
// pools, which a garbage collection empties.
func allocated(f func() error) (allocs, size float64, err error) {
	allocs, size = math.Inf(1), math.Inf(1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = errors.Join(err, f())
		runtime.ReadMemStats(&after)
		allocs = min(allocs, float64(after.Mallocs-before.Mallocs))
		size = min(size, float64(after.TotalAlloc-before.TotalAlloc))
	}
	return allocs, size, err
}

func BenchmarkRelease(b *testing.B) {
	rel := costRelease()
	encoded, err := EncodeRelease(rel)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := EncodeRelease(rel); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(encoded))/costFiles, "bytes/file")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeRelease(bytes.NewReader(encoded), testSite); err != nil {
				b.Fatal(err)
			}
		}
	})
}
