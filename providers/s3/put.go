package s3

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Put writes src to key, in one request up to MultipartAbove bytes and in
// parts beyond.
//
// A write whose answer was lost is sent again, and then its condition can fail
// because of the first attempt. Put therefore reads back what is at key before
// it reports ErrPrecondition after a repeated request: the same bytes and
// headers count as written. So of two writers that create a key with identical
// bytes at once, both may be told that they did; whoever needs one winner puts
// something of its own into the bytes. Where something else is there, the
// *ResponseError has Unanswered set.
func (s *Store) Put(ctx context.Context, key string, src storage.Source, headers storage.Headers, cond storage.Condition) (storage.Info, error) {
	if err := s.Check(key, src.Size, headers); err != nil {
		return storage.Info{}, err
	}
	w := write{s, key, src, headers, cond}
	put := w.whole
	if src.Size > s.multipartAbove {
		put = w.parts
	}
	info, err := put(ctx)
	if err != nil {
		return storage.Info{}, s.fail("put", key, err)
	}
	return info, nil
}

// Check returns why the service would refuse such an object, by its documented
// limits.
func (s *Store) Check(key string, size int64, headers storage.Headers) error {
	if err := s.checkPut(key, size, headers); err != nil {
		return &storage.Error{Op: "put", Key: key, Err: err}
	}
	return nil
}

func (s *Store) checkPut(key string, size int64, headers storage.Headers) error {
	if err := s.checkKey(key); err != nil {
		return err
	}
	if most := s.Preset.Limits.ObjectBytes; most > 0 && size > most {
		return fmt.Errorf("%w: an object of %d bytes; the most is %d", storage.ErrUnsupported, size, most)
	}
	if n, most := metaBytes(headers), s.Preset.Limits.MetaBytes; most > 0 && n > most {
		return fmt.Errorf("%w: user metadata of %d bytes; the most is %d", storage.ErrUnsupported, n, most)
	}
	return checkHeaders(headers)
}

// metaBytes returns the size of user metadata as S3 counts it: the names,
// without their common prefix, and the values
// (docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html).
func metaBytes(headers storage.Headers) int {
	n := 0
	for name, v := range headers {
		if meta, ok := strings.CutPrefix(name, storage.MetaPrefix); ok {
			n += len(meta) + len(v)
		}
	}
	return n
}

// checkHeaders refuses what could not be sent or would not come back the same.
func checkHeaders(headers storage.Headers) error {
	for name, v := range headers {
		if !storage.CanStore(name) {
			return fmt.Errorf("%w: the header %s", storage.ErrUnsupported, name)
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("%w: the header %s holds a character that is not printable ASCII", storage.ErrUnsupported, name)
		}
	}
	return nil
}

// write is one Put.
type write struct {
	s       *Store
	key     string
	src     storage.Source
	headers storage.Headers
	cond    storage.Condition
}

// conditions returns the condition as the two headers that hold it.
func (w write) conditions() (ifNoneMatch, ifMatch *string) {
	switch {
	case w.cond.Absent:
		return aws.String("*"), nil
	case w.cond.ETag != "":
		return nil, quotedETag(w.cond.ETag)
	}
	return nil, nil
}

// whole writes in one request.
func (w write) whole(ctx context.Context) (storage.Info, error) {
	body, err := openBody(w.src)
	if err != nil {
		return storage.Info{}, err
	}
	defer body.Close()
	in := &awss3.PutObjectInput{Bucket: &w.s.bucket, Key: &w.key, Body: body, ContentLength: &w.src.Size}
	if w.s.Checksums {
		in.ChecksumSHA256 = checksum(w.src.SHA256)
	}
	in.IfNoneMatch, in.IfMatch = w.conditions()
	return w.settled(ctx, func(ctx context.Context) (storage.Info, error) {
		info, first, ok := w.s.direct.put(ctx, w, body)
		if ok {
			return info, nil
		}
		defer first.drop()
		out, err := w.s.client.PutObject(ctx, in, withHeaders(w.headers, w.s.write), withPayload(w.src.SHA256), resume(first))
		if err != nil {
			return storage.Info{}, w.sendError(err, body)
		}
		if aws.ToString(out.ETag) == "" {
			return storage.Info{}, w.s.notS3()
		}
		return storage.Info{Key: w.key, Size: w.src.Size, ETag: bareETag(aws.ToString(out.ETag)), Date: date(out.ResultMetadata)}, nil
	})
}

// body is a source on its way, which marks its own failures as such.
type body struct{ *storage.Reader }

func openBody(src storage.Source) (*body, error) {
	open := storage.NewReader
	if src.Checked { // every request announces the SHA-256
		open = storage.NewSizeReader
	}
	r, err := open(src)
	if err != nil {
		return nil, &localError{err}
	}
	return &body{r}, nil
}

// Read reads the next bytes.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = &localError{err}
	}
	return n, err
}

// sendError returns why sending failed: where the source did, that is the
// reason, whatever the other side said to half a body.
func (b *body) sendError(err error) error {
	if local := b.Err(); local != nil {
		return &localError{local}
	}
	return err
}

// sendError is that of the body. Where it is the service that found out that the
// source is another one, the source itself tells better how it changed; where it
// did not, something on the way has altered it.
func (w write) sendError(err error, body *body) error {
	err = body.sendError(err)
	if !w.src.Checked || !errors.Is(w.s.explain(err), storage.ErrModified) {
		return err
	}
	unchecked := w.src
	unchecked.Checked = false
	again, changed := openBody(unchecked)
	if changed == nil {
		defer again.Close()
		_, changed = io.Copy(io.Discard, again)
	}
	if errors.Is(changed, storage.ErrModified) {
		return changed
	}
	return err
}

func checksum(sum storage.Digest) *string {
	return aws.String(base64.StdEncoding.EncodeToString(sum[:]))
}

// settled sends the request that makes the object, and finds out about it
// where the answer to a repeated one leaves open whether an earlier attempt
// was done.
func (w write) settled(ctx context.Context, send func(context.Context) (storage.Info, error)) (storage.Info, error) {
	counted, sent := countAttempts(ctx)
	info, err := send(counted)
	if err == nil {
		return info, nil
	}
	gone := hasCode(err, "NoSuchUpload") // a completed upload is gone too
	failed := w.s.explain(err)
	if w.cond.ETag != "" && errors.Is(failed, storage.ErrNotExist) {
		failed = &ResponseError{Kind: storage.ErrPrecondition, Status: 404}
	}
	if sent.Load() < 2 || !(gone || errors.Is(failed, storage.ErrPrecondition)) {
		return storage.Info{}, failed
	}
	if info, ok := w.done(ctx); ok {
		return info, nil
	}
	var e *ResponseError
	if errors.As(failed, &e) {
		e.Unanswered = true
		e.Detail = "an earlier attempt of the same write got no answer"
	}
	return storage.Info{}, failed
}

// done reports whether the key holds exactly what w was to write.
func (w write) done(ctx context.Context) (storage.Info, bool) {
	o, err := w.s.Get(ctx, w.key)
	if err != nil {
		return storage.Info{}, false
	}
	defer o.Body.Close()
	for name, v := range w.headers {
		if o.Headers[name] != v && name != storage.WebsiteRedirect { // which not all services keep
			return storage.Info{}, false
		}
	}
	if o.Size != w.src.Size || !sameBytes(o.Body, w.src.SHA256) {
		return storage.Info{}, false
	}
	return storage.Info{Key: w.key, Size: o.Size, ETag: o.ETag, Date: o.Date}, true
}

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

func sameBytes(r io.Reader, want storage.Digest) bool {
	got, err := digest(r)
	return err == nil && got == want
}
