package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Copy copies within the bucket, or from another bucket of the same service
// that the same credentials may read. from.Size decides whether it is done in
// parts.
func (s *Store) Copy(ctx context.Context, from storage.CopySource, key string, headers storage.Headers) (storage.Info, error) {
	named := from.Key // as the caller knows it
	from = from.Resolve()
	bucket, err := s.sourceBucket(from.Store)
	if err == nil {
		err = errors.Join(s.checkKey(from.Key), s.checkPut(key, from.Size, headers))
	}
	if err != nil {
		return storage.Info{}, &storage.Error{Op: "copy", Key: key, Err: err}
	}
	c := serverCopy{s: s, source: copySource(bucket, from.Key), key: key, headers: headers, size: from.Size}
	if from.ETag != "" {
		c.ifMatch = quotedETag(from.ETag)
	}
	copyIt := c.whole
	if from.Size > s.copyAbove {
		copyIt = c.parts
	}
	info, err := copyIt(ctx)
	if err != nil {
		return storage.Info{}, c.fail(named, err)
	}
	return info, nil
}

// sourceBucket returns the bucket of a store that s can copy from.
func (s *Store) sourceBucket(from storage.Store) (string, error) {
	if from == nil {
		return s.bucket, nil
	}
	o, ok := from.(*Store)
	if !ok || !s.sameService(o) {
		return "", fmt.Errorf("%w: a copy from another service", storage.ErrUnsupported)
	}
	return o.bucket, nil
}

// copySource encodes the value of x-amz-copy-source, in which all but slashes
// must be encoded: services read a plus sign as a space.
func copySource(bucket, key string) string {
	escaped := strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(key))
	return bucket + "/" + escaped
}

// serverCopy is one Copy.
type serverCopy struct {
	s           *Store
	source, key string
	ifMatch     *string
	headers     storage.Headers
	size        int64
}

func (c serverCopy) whole(ctx context.Context) (storage.Info, error) {
	ctx, sent := countAttempts(withEffort(ctx, c.size))
	info, first, ok := c.s.direct.copy(ctx, c)
	if ok {
		return info, nil
	}
	defer first.drop()
	out, err := c.s.client.CopyObject(ctx, &awss3.CopyObjectInput{
		Bucket: &c.s.bucket, Key: &c.key, CopySource: &c.source, CopySourceIfMatch: c.ifMatch,
		MetadataDirective: types.MetadataDirectiveReplace,
	}, withHeaders(c.headers, c.s.write), resume(first))
	if err != nil {
		return storage.Info{}, c.repeated(err, sent.Load())
	}
	if out.CopyObjectResult == nil || aws.ToString(out.CopyObjectResult.ETag) == "" {
		return storage.Info{}, c.s.notS3()
	}
	return storage.Info{Key: c.key, Size: c.size, ETag: bareETag(aws.ToString(out.CopyObjectResult.ETag)), Date: date(out.ResultMetadata)}, nil
}

// repeated marks a condition that failed after several attempts: the first may
// have been done, and where an object is copied onto itself, its ETag may be
// another one since.
func (c serverCopy) repeated(err error, attempts int32) error {
	failed := c.s.explain(err)
	var e *ResponseError
	if attempts > 1 && errors.Is(failed, storage.ErrPrecondition) && errors.As(failed, &e) {
		e.Unanswered = true
	}
	return failed
}

// parts copies what is too large for one request.
func (c serverCopy) parts(ctx context.Context) (storage.Info, error) {
	if c.s.noMultipartCopy {
		return storage.Info{}, &localError{fmt.Errorf("%w: %s copies at most %d bytes", storage.ErrUnsupported, c.s.Title, c.s.copyAbove)}
	}
	u := upload{s: c.s, key: c.key}
	if err := u.create(ctx, c.headers); err != nil {
		return storage.Info{}, err
	}
	done, err := u.each(ctx, c.s.splitCopy(c.size), func(ctx context.Context, p part) (types.CompletedPart, error) { return c.part(ctx, u.id, p) })
	if err != nil {
		u.abort(ctx)
		return storage.Info{}, err
	}
	info, err := u.complete(withEffort(ctx, c.size), done, nil, nil)
	if err != nil {
		u.abort(ctx)
		return storage.Info{}, err
	}
	info.Size = c.size
	return info, nil
}

// splitCopy cuts into parts of at most what one request copies, and not more
// of them than needed: no bytes travel.
func (s *Store) splitCopy(size int64) []part {
	n := (size + s.copyAbove - 1) / s.copyAbove
	each := (size + n - 1) / n
	parts := make([]part, n)
	for i := range parts {
		offset := int64(i) * each
		parts[i] = part{number: int32(i + 1), offset: offset, size: min(each, size-offset)}
	}
	return parts
}

func (c serverCopy) part(ctx context.Context, id string, p part) (types.CompletedPart, error) {
	out, err := c.s.client.UploadPartCopy(withEffort(ctx, p.size), &awss3.UploadPartCopyInput{
		Bucket: &c.s.bucket, Key: &c.key, UploadId: &id, PartNumber: &p.number,
		CopySource: &c.source, CopySourceIfMatch: c.ifMatch,
		CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", p.offset, p.offset+p.size-1)),
	})
	if err != nil {
		return types.CompletedPart{}, err
	}
	if out.CopyPartResult == nil {
		return types.CompletedPart{}, &localError{fmt.Errorf("%s did not say what it copied", c.s.host)}
	}
	return types.CompletedPart{PartNumber: &p.number, ETag: out.CopyPartResult.ETag, ChecksumSHA256: out.CopyPartResult.ChecksumSHA256}, nil
}

// fail names the source where that is what is missing or has changed.
func (c serverCopy) fail(source string, err error) error {
	failed := c.s.explain(err)
	if errors.Is(failed, storage.ErrNotExist) || errors.Is(failed, storage.ErrPrecondition) {
		return &storage.Error{Op: "copy", Key: source, Err: failed}
	}
	return &storage.Error{Op: "copy", Key: c.key, Err: failed}
}
