package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Get opens the object at key. Where the connection breaks while Body is read,
// the rest of the same version is asked for, so a body that ends without an
// error is whole.
//
// AWS answers "access denied" for a missing object to credentials that may
// not list the bucket.
func (s *Store) Get(ctx context.Context, key string) (*storage.Object, error) {
	if err := s.checkKey(key); err != nil {
		return nil, &storage.Error{Op: "get", Key: key, Err: err}
	}
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, s.fail("get", key, err)
	}
	if aws.ToString(out.ETag) == "" {
		out.Body.Close()
		return nil, s.fail("get", key, s.notS3())
	}
	info := infoOf(key, answered(out.ResultMetadata))
	return &storage.Object{Info: info, Body: &download{s: s, ctx: ctx, info: info, ReadCloser: out.Body}}, nil
}

// Stat asks for the headers of the object at key. An answer to HEAD has no body
// that could tell a missing bucket from a missing object.
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := s.checkKey(key); err != nil {
		return storage.Info{}, &storage.Error{Op: "stat", Key: key, Err: err}
	}
	info, first, ok := s.direct.stat(ctx, key)
	if ok {
		return info, nil
	}
	defer first.drop()
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &s.bucket, Key: &key}, resume(first))
	if err != nil {
		return storage.Info{}, s.fail("stat", key, err)
	}
	return infoOf(key, answered(out.ResultMetadata)), nil
}

// infoOf returns what the headers of an answer say of the object at key.
func infoOf(key string, resp *http.Response) storage.Info {
	info := storage.Info{
		Key: key, Size: max(resp.ContentLength, 0), ETag: bareETag(resp.Header.Get("ETag")),
		Modified: httpTime(resp, "Last-Modified"), Date: httpTime(resp, "Date"), Headers: storage.Headers{},
	}
	for name, values := range resp.Header {
		if storage.CanStore(name) && (values[0] != "" || strings.HasPrefix(name, storage.MetaPrefix)) {
			info.Headers[name] = values[0]
		}
	}
	return info
}

// httpTime returns the time that a header says, or zero.
func httpTime(resp *http.Response, header string) time.Time {
	t, _ := smithyhttp.ParseTime(resp.Header.Get(header))
	return t
}

// answered returns the answer that the SDK got.
func answered(m middleware.Metadata) *http.Response {
	return awsmiddleware.GetRawResponse(m).(*smithyhttp.Response).Response
}

func (s *Store) checkKey(key string) error {
	if err := storage.CheckKey(key); err != nil {
		return err
	}
	l := s.Preset.Limits
	if l.KeyBytes > 0 && len(key) > l.KeyBytes {
		return fmt.Errorf("%w: it has %d bytes, and the most is %d", storage.ErrInvalidKey, len(key), l.KeyBytes)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if l.SegmentBytes > 0 && len(segment) > l.SegmentBytes {
			return fmt.Errorf("%w: %s takes at most %d bytes between two slashes", storage.ErrInvalidKey, s.Title, l.SegmentBytes)
		}
		if segment == "." || segment == ".." {
			return fmt.Errorf("%w: %q is no name between slashes", storage.ErrInvalidKey, segment)
		}
	}
	return nil
}

func bareETag(tag string) string { return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`) }

// date returns the server's clock when it gave an answer, or zero.
func date(m middleware.Metadata) time.Time { return httpTime(answered(m), "Date") }

func quotedETag(tag string) *string { return aws.String(`"` + tag + `"`) }

// resumes bounds how often one body is asked for again.
const resumes = 5

// download is an object's bytes that survive broken connections.
type download struct {
	io.ReadCloser
	s       *Store
	ctx     context.Context // of the Get, which its body belongs to
	info    storage.Info
	read    int64
	resumed int
}

// Read reads on, over a new connection where the old one broke.
func (d *download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.read += int64(n)
	if err == nil || err == io.EOF {
		return n, err
	}
	if d.resumed++; d.resumed > resumes || isStalled(err) && d.resumed >= stallAttempts || d.ctx.Err() != nil || d.info.ETag == "" {
		return n, d.s.fail("get", d.info.Key, err)
	}
	return n, d.reopen()
}

func (d *download) reopen() error {
	d.ReadCloser.Close()
	out, err := d.s.client.GetObject(d.ctx, &awss3.GetObjectInput{
		Bucket: &d.s.bucket, Key: &d.info.Key, IfMatch: quotedETag(d.info.ETag),
		Range: aws.String(fmt.Sprintf("bytes=%d-", d.read)),
	})
	if err != nil {
		d.ReadCloser = io.NopCloser(strings.NewReader(""))
		return d.s.fail("get", d.info.Key, err)
	}
	d.ReadCloser = out.Body
	if d.read > 0 && aws.ToInt64(out.ContentLength) != d.info.Size-d.read {
		return d.s.fail("get", d.info.Key, &localError{errors.New("the service does not continue an interrupted answer")})
	}
	return nil
}
