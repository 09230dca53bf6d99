package s3

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// List yields the objects below prefix, 1,000 per request.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		in := &awss3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix}
		if !s.plainList {
			in.EncodingType = types.EncodingTypeUrl // XML 1.0 cannot hold every character of a key
		}
		for {
			out, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				if err = s.fail("list", prefix, err); !errors.Is(err, storage.ErrInvalidKey) {
					yield(storage.Info{}, err)
				} // else no key begins like that
				return
			}
			if !s.yieldPage(out, yield) {
				return
			}
			if !aws.ToBool(out.IsTruncated) {
				return
			}
			if aws.ToString(out.NextContinuationToken) == "" {
				yield(storage.Info{}, &storage.Error{Op: "list", Key: prefix, Err: fmt.Errorf("%s cut the list short and gave no way to go on", s.host)})
				return
			}
			in.ContinuationToken = out.NextContinuationToken
		}
	}
}

// yieldPage yields one answer's objects. It returns false where there is
// nothing more to yield.
func (s *Store) yieldPage(out *awss3.ListObjectsV2Output, yield func(storage.Info, error) bool) bool {
	for _, o := range out.Contents {
		key := aws.ToString(o.Key)
		if out.EncodingType == types.EncodingTypeUrl {
			decoded, err := url.QueryUnescape(key)
			if err != nil {
				yield(storage.Info{}, &storage.Error{Op: "list", Key: key, Err: err})
				return false
			}
			key = decoded
		}
		info := storage.Info{Key: key, Size: aws.ToInt64(o.Size), ETag: bareETag(aws.ToString(o.ETag)), Modified: aws.ToTime(o.LastModified)}
		if !yield(info, nil) {
			return false
		}
	}
	return true
}
