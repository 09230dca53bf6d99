package s3

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	keysPerDelete    = 1000 // S3 API reference, DeleteObjects
	deletesAtATime   = 4    // requests of many keys
	deletionsAtATime = 16   // requests of one key
)

// Delete removes the keys, 1,000 per request, and one by one where the service
// does not take that request.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	var failed failures
	batch, alone := s.sortKeys(keys, &failed)
	g := errgroup.Group{}
	g.SetLimit(deletesAtATime)
	for chunk := range slices.Chunk(batch, keysPerDelete) {
		g.Go(func() error {
			s.deleteMany(ctx, chunk, &failed)
			return nil
		})
	}
	_ = g.Wait() // failures are in failed, by key
	s.deleteEach(ctx, alone, &failed)
	return failed.err()
}

// failures collects an error for each key that is still there, or may be.
type failures struct {
	mu   sync.Mutex
	errs []error
}

func (f *failures) add(key string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, &storage.Error{Op: "delete", Key: key, Err: err})
}

func (f *failures) err() error { return errors.Join(f.errs...) }

// sortKeys separates the keys that need a request of their own: one key alone
// costs less so, and XML cannot hold control characters, for which the SDK
// would silently name another key.
func (s *Store) sortKeys(keys []string, failed *failures) (batch, alone []string) {
	for _, key := range keys {
		if err := s.checkKey(key); err != nil {
			failed.add(key, err)
		} else if s.singleDelete || len(keys) == 1 || strings.ContainsFunc(key, notXML) {
			alone = append(alone, key)
		} else {
			batch = append(batch, key)
		}
	}
	return batch, alone
}

func notXML(r rune) bool { return unicode.IsControl(r) || r == '\uFFFE' || r == '\uFFFF' }

// deleteMany removes up to keysPerDelete keys with one request.
func (s *Store) deleteMany(ctx context.Context, keys []string, failed *failures) {
	objects := make([]types.ObjectIdentifier, len(keys))
	for i := range keys {
		objects[i].Key = &keys[i]
	}
	out, err := s.client.DeleteObjects(ctx, &awss3.DeleteObjectsInput{
		Bucket: &s.bucket, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	}, s.withMD5)
	if err != nil {
		s.deleteManyFailed(ctx, keys, err, failed)
		return
	}
	for _, e := range out.Errors {
		if code := aws.ToString(e.Code); code != "NoSuchKey" {
			r := &ResponseError{Kind: classify(code, 0, false), Code: code, Detail: oneLine(aws.ToString(e.Message))}
			s.describe(r, "")
			failed.add(aws.ToString(e.Key), r)
		}
	}
}

// withMD5 sends Content-MD5 next to the SDK's CRC32, because many services
// insist on it. AWS does not.
func (s *Store) withMD5(o *awss3.Options) {
	if !s.Checksums {
		o.APIOptions = append(o.APIOptions, smithyhttp.AddContentChecksumMiddleware)
	}
}

// refusals are the answers of services that lack DeleteObjects, or do not like
// its checksums.
var refusals = []string{"NotImplemented", "MethodNotAllowed", "MissingContentMD5", "InvalidRequest", "InvalidArgument", "InvalidDigest", "BadDigest", "XAmzContentSHA256Mismatch"}

func (s *Store) deleteManyFailed(ctx context.Context, keys []string, err error, failed *failures) {
	if slices.ContainsFunc(refusals, func(code string) bool { return hasCode(err, code) }) {
		s.deleteEach(ctx, keys, failed)
		return
	}
	why := s.explain(err)
	for _, key := range keys {
		failed.add(key, why)
	}
}

// deleteEach removes keys with a request each.
func (s *Store) deleteEach(ctx context.Context, keys []string, failed *failures) {
	g := errgroup.Group{}
	g.SetLimit(deletionsAtATime)
	for _, key := range keys {
		g.Go(func() error {
			_, err := s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
			if err == nil {
				return nil
			}
			if why := s.explain(err); !errors.Is(why, storage.ErrNotExist) {
				failed.add(key, why)
			}
			return nil
		})
	}
	_ = g.Wait()
}
