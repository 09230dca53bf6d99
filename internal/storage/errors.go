package storage

import (
	"errors"
	"fmt"
)

// What an operation may fail with, for errors.Is.
var (
	ErrNotExist     = errors.New("object does not exist")
	ErrNoBucket     = errors.New("bucket does not exist")
	ErrPrecondition = errors.New("the object is not in the expected state")
	ErrDenied       = errors.New("access denied")
	ErrCredentials  = errors.New("credentials refused")
	ErrModified     = errors.New("the file changed while it was being sent")
	ErrInvalidKey   = errors.New("the provider cannot store this key")
	ErrUnsupported  = errors.New("not supported by this provider")
	ErrWrongRegion  = errors.New("the bucket is in another region")
	// ErrUnanswered stands beside ErrPrecondition where an earlier attempt of
	// the same Put got no answer: that one may have been done.
	ErrUnanswered  = errors.New("an earlier attempt of the same write got no answer")
	ErrUnreachable = errors.New("the endpoint cannot be reached")
)

// Error says which operation failed, and on which key.
type Error struct {
	Op  string // get, put, delete, list, copy; or as Describe says it
	Key string // empty where the whole operation failed
	Err error
}

// Error returns the operation, the key and the cause in one line.
func (e *Error) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", e.Op, e.Key, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Describe says for people what failed: doing what, in place of the operation
// and the key, which are names that nobody chose. An error that is no *Error is
// returned as it is.
func Describe(err error, doing, what string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	return &Error{Op: doing, Key: what, Err: e.Err}
}
