package s3

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// open returns the bucket of a test server, with the options that a test
// changes.
func open(t testing.TB, srv *testbed.S3, bucket string, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{Provider: "minio", Bucket: bucket, Endpoint: srv.Endpoint, Credentials: srv.Credentials()}
	for _, f := range change {
		f(&o)
	}
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func harness(srv *testbed.S3, change func(*Options)) storagetest.Harness {
	return storagetest.Harness{
		New:      func(t *testing.T) storage.Store { return open(t, srv, srv.NewBucket(t), change) },
		NoBucket: func(t *testing.T) storage.Store { return open(t, srv, "no-such-bucket", change) },
		BeginUpload: func(t *testing.T, s storage.Store, key string) {
			begin(t, srv, s.(*Store).bucket, key)
		},
		Unfinished: func(t *testing.T, s storage.Store, key string) int {
			return len(unfinished(t, srv, s.(*Store).bucket, key))
		},
	}
}

// begin leaves a multipart upload with one part behind, and returns its id.
func begin(t *testing.T, srv *testbed.S3, bucket, key string) string {
	t.Helper()
	out, err := srv.Client().CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	_, err = srv.Client().UploadPart(t.Context(), &awss3.UploadPartInput{
		Bucket: &bucket, Key: &key, UploadId: out.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("part"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.UploadId
}

// unfinished returns the ids of the multipart uploads to a key.
func unfinished(t *testing.T, srv *testbed.S3, bucket, key string) []string {
	t.Helper()
	out, err := srv.Client().ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &key})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, u := range out.Uploads {
		if *u.Key == key {
			ids = append(ids, *u.UploadId)
		}
	}
	return ids
}

// smallParts makes the suite's large objects multipart uploads and copies.
func smallParts(o *Options) { o.MultipartAbove, o.PartBytes, o.CopyAbove = 6*mib, 5*mib, 7*mib }

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("minio", func(t *testing.T) {
		t.Parallel()
		h := harness(testbed.MinIO(t), func(*Options) {})
		h.NoWebsiteRedirect = "MinIO does not know the header"
		h.Collisions = storagetest.CollisionsBroken
		storagetest.Run(t, h)
	})
	t.Run("versitygw", func(t *testing.T) {
		t.Parallel()
		h := harness(testbed.VersityGW(t), smallParts)
		h.Collisions = storagetest.CollisionsRefused
		h.SelfCopyKeeps = "versitygw keeps headers that a copy onto itself does not replace"
		storagetest.Run(t, h)
	})
}
