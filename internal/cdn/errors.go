package cdn

import "errors"

// What a purge may fail with, for errors.Is.
var (
	ErrDenied      = errors.New("access denied")
	ErrNotFound    = errors.New("no such zone or distribution")
	ErrLimited     = errors.New("rate limit reached")
	ErrUnreachable = errors.New("the CDN cannot be reached")
)

// Error is a failed purge. Every error of a Purger is one; where a context ended
// the purge, it wraps that context's error.
type Error struct {
	CDN  string // Purger.Name
	Hint string // what to do about it, as a sentence; may be empty
	Err  error
}

// Error returns the CDN and the cause in one line.
func (e *Error) Error() string { return e.CDN + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
