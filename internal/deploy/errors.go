package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// ErrOwed reports that the release is live but deletions or purges failed.
// They are recorded, and the next run does them.
var ErrOwed = errors.New("the release is live, but not everything after it is done")

// ErrLost reports that another run took this one's place while it worked.
var ErrLost = errors.New("another deploy took over")

// errMoved reports that the head changed after it had been read.
var errMoved = errors.New("the head has moved")

// isMoved reports whether the head is not as it was when it was read.
func isMoved(err error) bool { return errors.Is(err, errMoved) }

// LockedError reports that another deploy of the site is running.
type LockedError struct{ Busy state.Busy }

// Error says who deploys and until when it is protected.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is deploying this site, until %s at the latest", e.Busy.Owner, e.Busy.Expires.UTC().Format(time.RFC3339))
}

// SupersededError reports that a newer run or commit was here first.
type SupersededError struct {
	Mark state.Mark
	Held bool // a rollback keeps what is at or below the mark away
}

// Error says what is newer.
func (e *SupersededError) Error() string {
	what := "a newer deploy of this site was here first"
	if e.Held {
		what = "this version was rolled back"
	}
	switch {
	case e.Mark.Commit != "":
		return fmt.Sprintf("%s: commit %.12s", what, e.Mark.Commit)
	case e.Mark.RunID != "":
		return fmt.Sprintf("%s: run %s of %s", what, e.Mark.RunID, e.Mark.Repository)
	default:
		return what
	}
}

// MissingError reports bytes that a rollback needs and the bucket has lost.
type MissingError struct{ Paths []string } // sorted

// Error names the first few paths.
func (e *MissingError) Error() string {
	return "the bucket no longer has the bytes of " + some(e.Paths)
}

// SourceMovedError reports that the site that a promote takes its release from
// was deployed meanwhile.
type SourceMovedError struct {
	From           string // the environment
	Promoted, Live string // ids of releases
}

// Error names both releases.
func (e *SourceMovedError) Error() string {
	return fmt.Sprintf("%s was deployed meanwhile: release %s is live there, no longer %s", e.From, e.Live, e.Promoted)
}

// SourceChangedError reports an object that the site that a promote takes its
// release from no longer has as the record of that release says.
type SourceChangedError struct{ From, Release, Path string }

// Error names the object.
func (e *SourceChangedError) Error() string {
	return fmt.Sprintf("%s no longer has the bytes that its release %s recorded for %s", e.From, e.Release, e.Path)
}

// ForeignError reports objects at paths of the site that no release put there,
// or that were changed after a release had put them there.
type ForeignError struct {
	Paths   []string // sorted
	Changed bool     // they were ours once
}

// Error names the first few paths.
func (e *ForeignError) Error() string {
	what := "the bucket already holds"
	if e.Changed {
		what = "something else changed"
	}
	return fmt.Sprintf("%s %s", what, some(e.Paths))
}

// NestedError reports paths of the output that lie inside another site: one
// below this site's prefix, with records of its own.
type NestedError struct {
	Site  string   // relative to this site's prefix, ends in a slash
	Paths []string // sorted
}

// Error names the other site and the first few paths.
func (e *NestedError) Error() string {
	return fmt.Sprintf("the output has files inside another site of the bucket, %s: %s", e.Site, some(e.Paths))
}

// RefusedError reports objects that the storage would refuse.
type RefusedError struct {
	Errs []error // one *storage.Error for each, in the order of the plan
}

// Error names the first few, each with its reason.
func (e *RefusedError) Error() string {
	const most = 5
	lines := make([]string, 0, most+1)
	for _, err := range e.Errs[:min(len(e.Errs), most)] {
		lines = append(lines, err.Error())
	}
	if n := len(e.Errs) - most; n > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors of the objects.
func (e *RefusedError) Unwrap() []error { return e.Errs }

// PartialError reports a deploy that failed after it had begun to overwrite.
type PartialError struct {
	Paths []string // overwritten, or perhaps overwritten; sorted
	Err   error
}

// Error returns the cause and how much is changed.
func (e *PartialError) Error() string {
	return fmt.Sprintf("%v; the live site is partly changed: %s", e.Err, some(e.Paths))
}

// Unwrap returns the cause.
func (e *PartialError) Unwrap() error { return e.Err }

// some lists the first few of many paths.
func some(paths []string) string {
	const most = 5
	if len(paths) <= most {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), len(paths)-most)
}

// notExist reports whether an object is missing. A missing bucket is an error
// of another kind.
func notExist(err error) bool { return errors.Is(err, storage.ErrNotExist) }

// refused reports whether the storage answered that it did not write.
func refused(err error) bool {
	if errors.Is(err, storage.ErrUnanswered) {
		return false
	}
	return slices.ContainsFunc([]error{storage.ErrPrecondition, storage.ErrDenied, storage.ErrCredentials, storage.ErrInvalidKey, storage.ErrUnsupported},
		func(kind error) bool { return errors.Is(err, kind) })
}

// unmet reports whether the condition of a write did not hold.
func unmet(err error) bool { return errors.Is(err, storage.ErrPrecondition) }
