package s3

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Abort aborts multipart uploads, with one list for each key that is large
// enough for them: MinIO lists only those to the key that is the prefix
// (ListMultipartUploads in its cmd/erasure-multipart.go).
func (s *Store) Abort(ctx context.Context, uploads ...storage.Upload) (int, error) {
	var mu sync.Mutex
	var errs []error
	n := 0
	fail := func(key string, err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, &storage.Error{Op: "abort", Key: key, Err: err})
	}
	g := errgroup.Group{}
	g.SetLimit(deletionsAtATime)
	for _, u := range uploads {
		if err := s.checkKey(u.Key); err != nil {
			fail(u.Key, err)
			continue
		}
		if u.Size <= min(s.multipartAbove, s.copyAbove) {
			continue
		}
		g.Go(func() error {
			aborted, err := s.abortOf(ctx, u)
			if err != nil {
				fail(u.Key, s.explain(err))
			}
			mu.Lock()
			defer mu.Unlock()
			n += aborted
			return nil
		})
	}
	_ = g.Wait() // failures are in errs, by key
	return n, errors.Join(errs...)
}

// abortOf aborts what is left of one upload.
func (s *Store) abortOf(ctx context.Context, u storage.Upload) (n int, err error) {
	ids, err := s.unfinished(ctx, u)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		_, err := s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &u.Key, UploadId: &id})
		switch {
		case err == nil:
			n++
		case !hasCode(err, "NoSuchUpload"): // else it has just ended by itself
			return n, err
		}
	}
	return n, nil
}

// unfinished returns the ids of the multipart uploads to a key that were begun
// in time.
func (s *Store) unfinished(ctx context.Context, u storage.Upload) ([]string, error) {
	in := &awss3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &u.Key}
	if !s.plainList {
		in.EncodingType = types.EncodingTypeUrl
	}
	var ids []string
	for {
		out, err := s.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, o := range out.Uploads {
			key := aws.ToString(o.Key)
			if out.EncodingType == types.EncodingTypeUrl {
				if key, err = url.QueryUnescape(key); err != nil {
					return nil, &localError{err}
				}
			}
			if key == u.Key && begunIn(u, aws.ToTime(o.Initiated)) {
				ids = append(ids, aws.ToString(o.UploadId))
			}
		}
		if !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextKeyMarker) == "" {
			return ids, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// begunIn reports whether a time, which services round to seconds or cut, is
// within what an upload names.
func begunIn(u storage.Upload, at time.Time) bool {
	return !at.Before(u.Since.Truncate(time.Second)) && !at.After(u.Until)
}
