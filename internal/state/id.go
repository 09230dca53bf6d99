package state

import (
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// NewID returns the id of a new release: a ULID in lower case, so that ids
// sort by time. Where the clock is behind the parent's id, the new one still
// sorts after it.
func NewID(now time.Time, parent string) string {
	ms := ulid.Timestamp(now)
	if p, err := ulid.ParseStrict(strings.ToUpper(parent)); err == nil && p.Time() >= ms {
		ms = p.Time() + 1
	}
	return strings.ToLower(ulid.MustNew(ms, ulid.DefaultEntropy()).String())
}

// IDTime returns when the release with this id was begun, and false where the
// id was not made by NewID.
func IDTime(id string) (time.Time, bool) {
	u, err := ulid.ParseStrict(strings.ToUpper(id))
	if err != nil {
		return time.Time{}, false
	}
	return ulid.Time(u.Time()).UTC(), true
}
