package s3

import (
	"testing"

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
	}
}

// smallParts makes the suite's large objects multipart uploads and copies.
func smallParts(o *Options) { o.MultipartAbove, o.PartBytes, o.CopyAbove = 6*mib, 5*mib, 7*mib }

func TestConformance(t *testing.T) {
	t.Run("minio", func(t *testing.T) {
		h := harness(testbed.MinIO(t), func(*Options) {})
		h.NoWebsiteRedirect = "MinIO does not know the header"
		h.Collisions = storagetest.CollisionsBroken
		storagetest.Run(t, h)
	})
	t.Run("versitygw", func(t *testing.T) {
		h := harness(testbed.VersityGW(t), smallParts)
		h.Collisions = storagetest.CollisionsRefused
		h.SelfCopyKeeps = "versitygw keeps headers that a copy onto itself does not replace"
		storagetest.Run(t, h)
	})
}
