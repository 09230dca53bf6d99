package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// Digest is the SHA-256 of stored bytes. Its text form is lower-case hex.
type Digest [sha256.Size]byte

// String returns the digest in lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText returns the digest in lower-case hex.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads 64 hex digits.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("a SHA-256 has %d hex digits, not %d", hex.EncodedLen(len(d)), len(b))
	}
	_, err := hex.Decode(d[:], b)
	return err
}

// Source is what a Put sends. It is opened again for each attempt.
type Source struct {
	Size   int64  // bytes
	SHA256 Digest // of all bytes
	Open   func() (io.ReadSeekCloser, error)
	// Checked says that the service was seen to refuse a body whose SHA-256 is
	// not the one that was announced: a Put that announces it need not hash the
	// bytes once more.
	Checked bool
}

// Bytes returns a source that sends b.
func Bytes(b []byte) Source {
	return Source{Size: int64(len(b)), SHA256: sha256.Sum256(b), Open: func() (io.ReadSeekCloser, error) {
		return nopCloser{bytes.NewReader(b)}, nil
	}}
}

// File returns a source that sends the file name, which had the given size in
// bytes and digest when it was scanned.
func File(name string, size int64, sum Digest) Source {
	return Source{Size: size, SHA256: sum, Open: func() (io.ReadSeekCloser, error) { return os.Open(name) }}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
