//go:build bench

package bench

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// TestCompare: the check that everything rests on sees what is wrong.
func TestCompare(t *testing.T) {
	b := &bed{TB: t, server: testbed.MinIO(t)}
	trees := generate(t, Site{Files: 20, Seed: 1, Changed: 0.2})
	l := &lane{bed: b, trees: trees, endpoint: b.server.Endpoint}
	bucket := b.server.NewBucket(t)
	c := l.client(1)
	send := func(method, key string, body []byte) {
		t.Helper()
		if err := c.send(t.Context(), method, bucket, key, body, unsigned); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for name := range trees.First.Files {
		names = append(names, name)
	}
	if err := l.putFiles(t.Context(), bucket, names, 4); err != nil {
		t.Fatal(err)
	}
	check := func(what string, want *Wrong) {
		t.Helper()
		if diff := cmp.Diff(want, b.compare(bucket, trees.First)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	check("as it should be", nil)
	send(http.MethodPut, stateDir+"head", []byte("x"))
	check("the state of a site", nil)
	body, err := os.ReadFile(filepath.Join(trees.First.Dir, filepath.FromSlash(names[0])))
	if err != nil {
		t.Fatal(err)
	}
	b.putInParts(bucket, names[0], body)
	check("sent in parts", nil)
	body[0]++
	b.putInParts(bucket, names[0], body)
	check("other bytes in parts", &Wrong{Stale: 1})
	send(http.MethodPut, names[1], make([]byte, trees.First.Files[names[1]].Size))
	send(http.MethodPut, "extra", []byte("x"))
	if _, err := b.server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &names[2]}); err != nil {
		t.Fatal(err)
	}
	check("all at once", &Wrong{Missing: 1, Stale: 2, Extra: 1})
	b.emptyBucket(bucket)
	if err := c.send(context.Background(), http.MethodGet, bucket, names[3], nil, unsigned); err == nil {
		t.Error("the bucket is still there")
	}
}

// putInParts writes an object whose ETag is not the MD5 of its bytes.
func (b *bed) putInParts(bucket, key string, body []byte) {
	b.Helper()
	client, number := b.server.Client(), int32(1)
	up, err := client.CreateMultipartUpload(b.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		b.Fatal(err)
	}
	part, err := client.UploadPart(b.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId, PartNumber: &number, Body: bytes.NewReader(body)})
	if err != nil {
		b.Fatal(err)
	}
	_, err = client.CompleteMultipartUpload(b.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: part.ETag, PartNumber: &number}}},
	})
	if err != nil {
		b.Fatal(err)
	}
}
