package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"
)

// Reader reads a Source and hashes what it reads. The read that would deliver
// the last byte is answered only once the size and the SHA-256 of everything
// are confirmed, and fails with ErrModified otherwise: whoever announced the
// size and waits for that many bytes never gets a whole body that is not the
// source's. Providers send every Put through one.
//
// Seeking to the start begins anew, for an SDK's retries. Seeking elsewhere is
// free until the next Read, which then reads again what lies before, because
// the hash needs it; so finding the length by seeking costs nothing.
type Reader struct {
	mu     sync.Mutex // an HTTP transport may still read while a retry seeks
	src    io.ReadSeekCloser
	size   int64
	want   Digest
	sum    hash.Hash // nil: only the size is confirmed
	hashed int64     // bytes that sum has seen; where src stands
	pos    int64     // where the caller stands
	err    error
}

// NewReader opens src. It fails with ErrModified where the source is gone or
// has another size already, and, as nobody reads an empty body, where an empty
// source is not empty any more.
func NewReader(src Source) (*Reader, error) { return newReader(src, sha256.New()) }

// NewSizeReader opens src as NewReader does, and confirms only its size, for
// those who let the other side hash what it gets.
func NewSizeReader(src Source) (*Reader, error) { return newReader(src, nil) }

func newReader(src Source, sum hash.Hash) (*Reader, error) {
	f, err := src.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrModified, err)
	}
	if err != nil {
		return nil, err
	}
	r := &Reader{src: f, size: src.Size, want: src.SHA256, sum: sum}
	if err := r.checkSize(); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) checkSize() error {
	n, err := r.src.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if n != r.size {
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrModified, n, r.size)
	}
	if err := r.restart(); err != nil {
		return err
	}
	if r.size == 0 {
		return r.verify()
	}
	return nil
}

// Read reads the next bytes. Its error is ErrModified where the source does
// not have the size or the digest that it was announced with.
func (r *Reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pos >= r.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.read(p[:min(int64(len(p)), r.size-r.pos)])
	if err != nil {
		r.err = err
		return 0, err
	}
	return n, nil
}

func (r *Reader) read(p []byte) (int, error) {
	if err := r.catchUp(); err != nil {
		return 0, err
	}
	n, err := r.src.Read(p)
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	r.hashed += int64(n)
	switch {
	case err == io.EOF && r.hashed < r.size:
		return 0, r.short()
	case err != nil && err != io.EOF:
		return 0, err
	case r.hashed == r.size:
		if err := r.verify(); err != nil {
			return 0, err
		}
	}
	r.pos = r.hashed
	return n, nil
}

// catchUp makes the hash cover exactly what lies before the caller's position.
func (r *Reader) catchUp() error {
	if r.pos < r.hashed {
		if err := r.restart(); err != nil {
			return err
		}
	}
	if r.pos == r.hashed {
		return nil
	}
	seen := io.Discard
	if r.sum != nil {
		seen = r.sum
	}
	n, err := io.CopyN(seen, r.src, r.pos-r.hashed)
	r.hashed += n
	if err == io.EOF {
		return r.short()
	}
	return err
}

func (r *Reader) restart() error {
	_, err := r.src.Seek(0, io.SeekStart)
	if r.sum != nil {
		r.sum.Reset()
	}
	r.hashed = 0
	return err
}

func (r *Reader) short() error {
	return fmt.Errorf("%w: it ended after %d bytes of %d", ErrModified, r.hashed, r.size)
}

// verify confirms, after the last byte, that nothing follows and that the
// digest is the announced one.
func (r *Reader) verify() error {
	var more [1]byte
	n, err := io.ReadFull(r.src, more[:])
	if n > 0 {
		return fmt.Errorf("%w: it is longer than %d bytes", ErrModified, r.size)
	}
	if err != io.EOF {
		return err
	}
	if r.sum == nil {
		return nil
	}
	if got := Digest(r.sum.Sum(nil)); got != r.want {
		return fmt.Errorf("%w: its SHA-256 is %s, not %s", ErrModified, got, r.want)
	}
	return nil
}

// Seek moves the position of the next Read. The end is at the announced size.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, fmt.Errorf("seek: unknown whence %d", whence)
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek: negative position %d", offset)
	}
	r.pos = offset
	return offset, nil
}

// Close closes the source.
func (r *Reader) Close() error { return r.src.Close() }

// Err returns the last error of Read other than io.EOF, or nil. It is for
// providers whose SDK hides the error of the body behind one of its own.
func (r *Reader) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
