package s3

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	// partsAtATime is how many parts of one object are on their way. R2 slows
	// down clients that send many.
	partsAtATime = 4
	// abortTime is how long an upload may take to be aborted, also after its
	// context has ended: an interrupted run has little time. What is left is
	// invisible, but it is paid for.
	abortTime = 2 * time.Second
)

// part is a range of an object.
type part struct {
	number       int32 // from 1
	offset, size int64
	sum          storage.Digest // of its bytes; not set for copies
}

// split cuts size bytes into parts of at least s.partBytes, all of one size
// but the last (R2 insists), and no more of them than the service takes.
func (s *Store) split(size int64) []part {
	each := s.partBytes
	if most := int64(s.Preset.Limits.Parts); most > 0 && size > each*most {
		each = (size + most - 1) / most
	}
	var parts []part
	for offset := int64(0); offset < size; offset += each {
		parts = append(parts, part{number: int32(len(parts) + 1), offset: offset, size: min(each, size-offset)})
	}
	return parts
}

// parts writes in several requests. The source is read twice: once to confirm
// that it is what was announced and to learn the digest of each part, and once
// to send it, when each part is checked against that digest, here as it is
// read and by the service as it arrives. So nothing is held in memory, and no
// part that changed in between can become the object's.
func (w write) parts(ctx context.Context) (storage.Info, error) {
	parts := w.s.split(w.src.Size)
	if err := w.sum(ctx, parts); err != nil {
		return storage.Info{}, err
	}
	u := upload{s: w.s, key: w.key}
	if err := u.create(ctx, w.headers); err != nil {
		return storage.Info{}, err
	}
	done, err := u.each(ctx, parts, func(ctx context.Context, p part) (types.CompletedPart, error) { return u.send(ctx, w.src, p) })
	if err != nil {
		u.abort(ctx)
		return storage.Info{}, err
	}
	info, err := w.settled(ctx, func(ctx context.Context) (storage.Info, error) {
		ifNoneMatch, ifMatch := w.conditions()
		return u.complete(withEffort(ctx, w.src.Size), done, ifNoneMatch, ifMatch)
	})
	if err != nil {
		u.abort(ctx)
		return storage.Info{}, err
	}
	info.Size = w.src.Size
	return info, nil
}

// sum reads the whole source, which confirms its digest, and fills in those of
// the parts.
func (w write) sum(ctx context.Context, parts []part) error {
	r, err := storage.NewReader(w.src)
	if err != nil {
		return &localError{err}
	}
	defer r.Close()
	for i := range parts {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if parts[i].sum, err = digest(io.LimitReader(r, parts[i].size)); err != nil {
			return &localError{err}
		}
	}
	return nil
}

func digest(r io.Reader) (storage.Digest, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return storage.Digest(h.Sum(nil)), err
}

// upload is one multipart upload.
type upload struct {
	s   *Store
	key string
	id  string
}

func (u *upload) create(ctx context.Context, headers storage.Headers) error {
	in := &awss3.CreateMultipartUploadInput{Bucket: &u.s.bucket, Key: &u.key}
	if u.s.Checksums { // a part's checksum must be announced here
		in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	}
	out, err := u.s.client.CreateMultipartUpload(ctx, in, withHeaders(headers, u.s.write))
	if err != nil {
		return err
	}
	u.id = aws.ToString(out.UploadId)
	return nil
}

// each runs do for all parts, some at a time, and ends at the first error.
func (u *upload) each(ctx context.Context, parts []part, do func(context.Context, part) (types.CompletedPart, error)) ([]types.CompletedPart, error) {
	done := make([]types.CompletedPart, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(partsAtATime)
	for i, p := range parts {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			completed, err := do(ctx, p)
			done[i] = completed
			return err
		})
	}
	return done, g.Wait()
}

// send uploads one part of src.
func (u *upload) send(ctx context.Context, src storage.Source, p part) (types.CompletedPart, error) {
	body, err := openBody(storage.Source{Size: p.size, SHA256: p.sum, Open: func() (io.ReadSeekCloser, error) {
		f, err := src.Open()
		if err != nil {
			return nil, err
		}
		return &section{f: f, offset: p.offset, size: p.size}, nil
	}})
	if err != nil {
		return types.CompletedPart{}, err
	}
	defer body.Close()
	in := &awss3.UploadPartInput{
		Bucket: &u.s.bucket, Key: &u.key, UploadId: &u.id, PartNumber: &p.number, Body: body, ContentLength: &p.size,
	}
	if u.s.Checksums {
		in.ChecksumSHA256 = checksum(p.sum)
	}
	out, err := u.s.client.UploadPart(ctx, in, withPayload(p.sum))
	if err != nil {
		return types.CompletedPart{}, body.sendError(err)
	}
	return types.CompletedPart{PartNumber: &p.number, ETag: out.ETag, ChecksumSHA256: in.ChecksumSHA256}, nil
}

func (u *upload) complete(ctx context.Context, parts []types.CompletedPart, ifNoneMatch, ifMatch *string) (storage.Info, error) {
	out, err := u.s.client.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: &u.s.bucket, Key: &u.key, UploadId: &u.id, IfNoneMatch: ifNoneMatch, IfMatch: ifMatch,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return storage.Info{}, err
	}
	if aws.ToString(out.ETag) == "" {
		return storage.Info{}, u.s.notS3()
	}
	return storage.Info{Key: u.key, ETag: bareETag(aws.ToString(out.ETag)), Date: date(out.ResultMetadata)}, nil
}

// abort drops the parts, also where ctx has ended. Its own failure changes
// nothing for the caller: services drop uploads that nobody completes.
func (u *upload) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_, _ = u.s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &u.s.bucket, Key: &u.key, UploadId: &u.id})
}

// section reads size bytes of f from offset on.
type section struct {
	f                 io.ReadSeekCloser
	offset, size, pos int64
}

// Read reads up to the end of the section.
func (s *section) Read(p []byte) (int, error) {
	if s.pos >= s.size {
		return 0, io.EOF
	}
	n, err := s.f.Read(p[:min(int64(len(p)), s.size-s.pos)])
	s.pos += int64(n)
	return n, err
}

// Seek moves within the section.
func (s *section) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.pos
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 || offset > s.size {
		return 0, fmt.Errorf("seek to %d of %d bytes", offset, s.size)
	}
	s.pos = offset
	_, err := s.f.Seek(s.offset+offset, io.SeekStart)
	return offset, err
}

// Close closes the source.
func (s *section) Close() error { return s.f.Close() }
