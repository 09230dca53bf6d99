// Package storage defines Store, the small interface through which a deploy
// reads and writes a bucket, and what all providers share: digests, headers,
// conditions, errors and wrappers. Providers live in providers/ and pass the
// conformance suite in storagetest.
package storage

import (
	"context"
	"io"
	"iter"
	"time"
)

// Store is one bucket, or the part of one below a prefix. All methods are safe
// for concurrent use. Keys are UTF-8, separated by slashes, without a leading
// slash. Every error is an *Error that wraps one of the sentinels of this
// package where one fits, so that callers branch with errors.Is.
//
// A Store retries what its provider calls temporary; callers never retry.
type Store interface {
	// Get opens the object at key. The caller closes Body. A missing object
	// is ErrNotExist, a missing bucket ErrNoBucket.
	Get(ctx context.Context, key string) (*Object, error)

	// Put writes src to key, whole or not at all, with exactly the given
	// headers. The bytes are hashed as they are sent, here or there
	// (Source.Checked): where they are not src.SHA256 or not src.Size long,
	// nothing is left at key that was not there before wherever the provider
	// can tell in time, and the error is ErrModified. An unmet condition is
	// ErrPrecondition, and nothing was written. The returned Info has Key, Size,
	// ETag and Date.
	Put(ctx context.Context, key string, src Source, headers Headers, cond Condition) (Info, error)

	// Delete removes the keys, any number of them. A key that does not exist
	// counts as removed. Where some fail, the error joins one *Error for each
	// failed key, and all others are gone.
	Delete(ctx context.Context, keys ...string) error

	// List yields every object whose key starts with prefix, in ascending
	// byte order of their keys, with Key, Size, ETag and Modified. It ends at
	// the first error, which it yields with a zero Info.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Copier is implemented by stores that can copy an object without its bytes
// passing through this process. Find it with a type assertion; wrappers
// implement it only where what they wrap does.
type Copier interface {
	// Copy copies the object at from to key, with exactly the given headers
	// in place of the source's. Where from.ETag is set and the source has
	// another ETag, the error is ErrPrecondition and nothing was written. A
	// source that this store cannot reach (another provider or endpoint) is
	// ErrUnsupported. Copying a key onto itself replaces its headers. The
	// returned Info has Key, ETag and Date.
	Copy(ctx context.Context, from CopySource, key string, headers Headers) (Info, error)
}

// Stater is implemented by stores that can describe an object without sending
// its bytes. Use Stat, which does without where a store is none.
type Stater interface {
	// Stat returns what Get returns of the object at key, but for Body. A
	// missing object is ErrNotExist; so may be a missing bucket.
	Stat(ctx context.Context, key string) (Info, error)
}

// Stat describes the object at key, as Stater does. Of a store that is none,
// it opens the object and leaves its bytes unread.
func Stat(ctx context.Context, s Store, key string) (Info, error) {
	if st, ok := s.(Stater); ok {
		return st.Stat(ctx, key)
	}
	o, err := s.Get(ctx, key)
	if err != nil {
		return Info{}, err
	}
	return o.Info, o.Body.Close()
}

// Aborter is implemented by stores that write large objects in parts, which a
// process that dies leaves behind: they are paid for, and no List shows them.
type Aborter interface {
	// Abort drops what is left of the given uploads, and returns how many
	// unfinished ones it dropped. One that is too small to be written in
	// parts costs no request. Where some fail, the error joins one *Error for
	// each key.
	Abort(ctx context.Context, uploads ...Upload) (int, error)
}

// Upload names what a process may have begun to write to a key.
type Upload struct {
	Key  string
	Size int64 // bytes of the whole object
	// Since and Until bound when it was begun, by the server's clock, whose
	// seconds are whole: others' uploads to the key stay. A zero Since is no
	// bound.
	Since, Until time.Time
}

// Checker is implemented by stores that know what they would refuse.
type Checker interface {
	// Check returns why a Put of such an object would be refused whatever the
	// bucket holds, or nil. It sends nothing. The error is an *Error.
	Check(key string, size int64, headers Headers) error
}

// CopySource names the object that Copy reads.
type CopySource struct {
	Store Store // nil: the store that copies
	Key   string
	ETag  string // not empty: copy only this version
	Size  int64  // bytes; providers copy large objects in parts
}

// Identifier is implemented by stores that are reached over a network, where
// what a service promises and what it does can differ. A deploy tries those
// out and remembers the result by this name. A store whose conditions are code
// of its own, as a directory's are, does not implement it.
type Identifier interface {
	// Identity names the service and the bucket, without credentials: two
	// stores of the same name keep or break the same promises.
	Identity() string
}

// Meter is implemented by stores that count what they send.
type Meter interface {
	// Usage returns the running totals since the store was made.
	Usage() Usage
}

// Usage is what a store has used so far.
type Usage struct {
	// Requests counts requests, retries and parts included, by kind: GET,
	// HEAD, PUT, COPY, LIST, POST (multipart control) and DELETE.
	Requests map[string]int64
	// BytesSent and BytesReceived count body bytes.
	BytesSent, BytesReceived int64
	// SlowDowns counts answers that asked to send less: 429 and 503.
	SlowDowns int64
}

// Info describes an object.
type Info struct {
	Key      string
	Size     int64     // bytes
	ETag     string    // opaque, without the quotes; never an identity of content
	Modified time.Time // last change, by the server's clock
	Date     time.Time // the server's clock when it answered; zero where it does not tell
	Headers  Headers   // set by Get and Stat only
}

// Object is an object opened for reading.
type Object struct {
	Info
	Body io.ReadCloser
}

// Condition is what must hold at a key for a Put to be done. The zero value
// is no condition. At most one field is set.
type Condition struct {
	Absent bool   // nothing exists at the key
	ETag   string // an object with this ETag exists at the key
}
