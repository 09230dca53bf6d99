package bench

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// Wrong counts how a bucket differs from a directory.
type Wrong struct {
	Missing int `json:"missing,omitempty"` // in the directory only
	Stale   int `json:"stale,omitempty"`   // other bytes
	Extra   int `json:"extra,omitempty"`   // in the bucket only
}

// stateDir is where pandastack keeps its records, below the site.
const stateDir = ".pandastack/"

// compare looks at the bucket without any code of pandastack: by the sizes and
// MD5 ETags of a listing, and by the bytes of what was sent in parts. It
// returns nil where the bucket is the tree.
func (b *bed) compare(bucket string, tree Tree) *Wrong {
	b.Helper()
	var w Wrong
	seen := 0
	b.list(bucket, func(o types.Object) {
		want, ok := tree.Files[*o.Key]
		switch {
		case strings.HasPrefix(*o.Key, stateDir):
		case !ok:
			w.Extra++
		default:
			seen++
			if *o.Size != want.Size || b.sumOf(bucket, o) != want.MD5 {
				w.Stale++
			}
		}
	})
	w.Missing = len(tree.Files) - seen
	if w == (Wrong{}) {
		return nil
	}
	return &w
}

// list calls f for each object of a bucket.
func (b *bed) list(bucket string, f func(types.Object)) {
	b.Helper()
	pages := s3.NewListObjectsV2Paginator(b.server.Client(), &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range page.Contents {
			f(o)
		}
	}
}

// sumOf returns the MD5 of an object, in hex: its ETag, unless it was sent in
// parts.
func (b *bed) sumOf(bucket string, o types.Object) string {
	b.Helper()
	if tag := strings.Trim(*o.ETag, `"`); !strings.Contains(tag, "-") {
		return tag
	}
	got, err := b.server.Client().GetObject(b.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
	if err != nil {
		b.Fatal(err)
	}
	defer got.Body.Close()
	sum, _, err := md5Of(got.Body)
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

func md5Of(r io.Reader) (sum string, size int64, err error) {
	h := md5.New()
	size, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func contentOf(name string) (Content, error) {
	f, err := os.Open(name)
	if err != nil {
		return Content{}, err
	}
	defer f.Close() // read only
	sum, size, err := md5Of(f)
	return Content{Size: size, MD5: sum}, err
}

// emptyBucket frees the room that a bucket takes, and removes it.
func (b *bed) emptyBucket(bucket string) {
	b.Helper()
	var batch []types.ObjectIdentifier
	flush := func() {
		if len(batch) == 0 {
			return
		}
		out, err := b.server.Client().DeleteObjects(b.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: batch, Quiet: aws.Bool(true)}})
		if err != nil || len(out.Errors) > 0 {
			b.Fatalf("empty the bucket: %v, %d errors", err, len(out.Errors))
		}
		batch = nil
	}
	b.list(bucket, func(o types.Object) {
		if batch = append(batch, types.ObjectIdentifier{Key: o.Key}); len(batch) == 1000 {
			flush()
		}
	})
	flush()
	if _, err := b.server.Client().DeleteBucket(context.WithoutCancel(b.Context()), &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		b.Errorf("remove the bucket: %v", err)
	}
	b.server.EmptyTrash(b)
}

// Traffic is what a command said to the server.
type Traffic struct {
	// Requests by what they do: GET, HEAD, PUT, DELETE, LIST, COPY, BATCH (a
	// deletion of many), PART (anything about an upload in parts) and PROBE,
	// which is any request with which pandastack tries out a new bucket.
	Requests map[string]int `json:"requests"`
	Sent     int64          `json:"sent"`     // bytes of bodies, without headers
	Received int64          `json:"received"` // the same, of the answers
	// Probing is the time from the first PROBE to the end of the last one, in
	// seconds.
	Probing float64 `json:"probing,omitempty"`
}

// summarize counts requests by what they do.
func summarize(requests []testbed.Request) *Traffic {
	t := &Traffic{Requests: map[string]int{}}
	var first, last time.Time
	for _, r := range requests {
		what := does(r)
		t.Requests[what]++
		t.Sent += r.Sent
		t.Received += r.Received
		if what == probe && (first.IsZero() || r.Begun.Before(first)) {
			first = r.Begun
		}
		if what == probe && r.Ended.After(last) {
			last = r.Ended
		}
	}
	t.Probing = last.Sub(first).Seconds()
	return t
}

// probe is what a request does that only tries out a bucket.
const probe = "PROBE"

func does(r testbed.Request) string {
	has := func(name string) bool { _, ok := r.Query[name]; return ok }
	object := strings.Count(strings.Trim(r.Path, "/"), "/") > 0
	switch {
	case strings.Contains(r.Path, "/"+stateDir+"probe/") || strings.HasSuffix(r.Query.Get("prefix"), stateDir+"probe/"):
		return probe
	case has("uploads") || has("uploadId"):
		return "PART"
	case has("delete"):
		return "BATCH"
	case r.Header.Get("X-Amz-Copy-Source") != "":
		return "COPY"
	case r.Method == http.MethodGet && !object && (has("list-type") || has("prefix") || has("marker") || len(r.Query) == 0):
		return "LIST"
	default:
		return r.Method
	}
}

// delayed lets each request wait before it is forwarded.
func delayed(by time.Duration) func(http.Handler) http.Handler {
	return func(forward http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(by)
			forward.ServeHTTP(w, r)
		})
	}
}
