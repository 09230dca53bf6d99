//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// object is what a bucket holds at a key.
type object struct {
	body, contentType, cacheControl string
}

// bucket is a bucket of a real server, and a proxy that counts what the
// program asks of it.
type bucket struct {
	server *testbed.S3
	name   string
	proxy  *testbed.CountingProxy
}

func newBucket(t *testing.T) *bucket {
	return bucketOf(t, testbed.MinIO(t))
}

func bucketOf(t *testing.T, server *testbed.S3) *bucket {
	return &bucket{server: server, name: server.NewBucket(t), proxy: testbed.NewCountingProxy(t, server.Endpoint)}
}

// storage is the block of pandastack.json for a site below prefix.
func (b *bucket) storage(prefix string) map[string]any {
	return map[string]any{"provider": "minio", "endpoint": b.proxy.URL, "bucket": b.name, "prefix": prefix}
}

func (b *bucket) put(t *testing.T, key string, o object) {
	t.Helper()
	_, err := b.server.Client().PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: bytes.NewReader([]byte(o.body)), ContentType: &o.contentType, CacheControl: &o.cacheControl,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// objects reads the whole bucket.
func (b *bucket) objects(t *testing.T) map[string]object {
	t.Helper()
	return b.under(t, "")
}

// under reads what has keys that begin so.
func (b *bucket) under(t *testing.T, prefix string) map[string]object {
	t.Helper()
	all := map[string]object{}
	pages := s3.NewListObjectsV2Paginator(b.server.Client(), &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range page.Contents {
			all[*entry.Key] = b.read(t, *entry.Key)
		}
	}
	return all
}

// read reads an object. Where it ends early it is read again: rclone, busy,
// announces the length of the version before for a while.
func (b *bucket) read(t *testing.T, key string) object {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		out, err := b.server.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.name, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(out.Body)
		out.Body.Close()
		switch {
		case err == nil:
			return object{string(body), aws.ToString(out.ContentType), aws.ToString(out.CacheControl)}
		case !errors.Is(err, io.ErrUnexpectedEOF) || time.Now().After(until):
			t.Fatalf("%s: %v", key, err)
		}
	}
}

// traffic is what one run asked of the server, by what it touched.
type traffic struct {
	reads      int      // of anything
	puts       []string // paths of the site whose bytes were sent, sorted
	copies     []string // paths of the site that were copied by the server, sorted
	statePuts  int
	deletions  int   // requests
	bytesSent  int64 // with puts, copies and statePuts
	unexpected []string
}

// traffic returns what went over the wire since the last call, for a site
// below prefix.
func (b *bucket) traffic(t *testing.T, prefix string) traffic {
	t.Helper()
	var sum traffic
	site := "/" + b.name + "/" + prefix
	for _, r := range b.proxy.Requests() {
		path, err := url.PathUnescape(r.Path)
		if err != nil {
			t.Fatal(err)
		}
		path, below := strings.CutPrefix(path, site)
		sum.bytesSent += r.Sent
		switch {
		case r.Method == http.MethodGet, r.Method == http.MethodHead:
			sum.reads++
		case r.Method == http.MethodDelete, r.Method == http.MethodPost && r.Query.Has("delete"):
			sum.deletions++
		case r.Method != http.MethodPut || !below:
			sum.unexpected = append(sum.unexpected, r.Method+" "+r.Path)
		case strings.HasPrefix(path, ".pandastack/"):
			sum.statePuts++
		case r.Header.Get("X-Amz-Copy-Source") != "":
			sum.copies = append(sum.copies, path)
		default:
			sum.puts = append(sum.puts, path)
		}
	}
	b.proxy.Reset()
	slices.Sort(sum.puts)
	slices.Sort(sum.copies)
	return sum
}
