// Package state is what the bucket remembers about a site: the head, the
// release records and the intents, and their encodings. It does no I/O.
//
// docs/format.md describes every object for readers and other tools.
package state

import (
	"fmt"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Format is the version of the state that this package writes. A record with
// a higher one is refused, never rewritten.
const Format = 1

// Dir is the path segment that holds the state of a site. The output of a
// build may not contain it.
const Dir = ".pandastack"

// HeadKey is the key of the head, relative to the state's prefix.
const HeadKey = "head"

// ReleaseKey returns the key of a release record, relative to the state's
// prefix.
func ReleaseKey(id string) string { return "releases/" + id }

// BlobKey returns the key of displaced bytes, relative to the state's prefix.
func BlobKey(d storage.Digest) string { return "blobs/" + d.String() }

// ProbeDir is where a probe of the storage writes, relative to the state's
// prefix. What lies there is of no use to anybody else.
const ProbeDir = "probe/"

// IntentsDir is where the intents lie, relative to the state's prefix.
const IntentsDir = "intents/"

// IntentKey returns the key of an intent, relative to the state's prefix.
func IntentKey(id string) string { return IntentsDir + id }

// Site names the place that state belongs to. State that names another one is
// refused: it was copied, or two sites share a state prefix.
type Site struct {
	Bucket string `json:"bucket"` // empty for a local directory
	Prefix string `json:"prefix"` // empty or ending in a slash
}

// String returns the site as bucket/prefix.
func (s Site) String() string { return s.Bucket + "/" + s.Prefix }

// Head is the one mutable object: which release is live, who deploys now, what
// is in doubt and what is owed. It changes by conditional PUT only and is
// never deleted.
type Head struct {
	Format int    `json:"format"`
	Site   Site   `json:"site"`
	Live   string `json:"live,omitempty"` // id of the live release; empty before the first
	Busy   *Busy  `json:"busy,omitempty"` // nil: idle
	// Doubt holds the ids of intents whose keys may be in any state, because
	// the deploy that wrote them did not finish.
	Doubt []string `json:"doubt,omitempty"`
	// Owed is what committed releases still have to do, oldest first.
	Owed []Debt `json:"owed,omitempty"`
	// Suspects are intents of deploys whose lease ran out: a request of
	// theirs may still land.
	Suspects []Suspect `json:"suspects,omitempty"`
	// Mark is the newest commit and run that this site has seen. Nil: none is
	// known.
	Mark *Mark `json:"mark,omitempty"`
	// Strays is set where a run could not remove from the state what nothing
	// refers to any more: the next run that writes a release lists the state,
	// and removes it.
	Strays bool `json:"strays,omitempty"`
	// Held is set where the live release was chosen over the mark, by a
	// rollback: what is at or below the mark does not come back by itself.
	Held bool `json:"held,omitempty"`
	// Oldest is the oldest release that is kept: releases with a lower id are
	// not, nor are blobs whose Last is lower, though the record of the live
	// release lists them. Empty: all that it lists is kept.
	Oldest string `json:"oldest,omitempty"`
	// Forgotten are bytes that were erased on purpose, sorted by digest,
	// though a kept release has them.
	Forgotten []Forgotten `json:"forgotten,omitempty"`
	// Withdrawn are paths that the live release retains, sorted, whose objects
	// were erased on purpose since it was made: they are not retained any more.
	Withdrawn []string `json:"withdrawn,omitempty"`
	// Capabilities is what the storage was found to do. Nil: its conditions
	// are known to hold, or nobody has looked yet.
	Capabilities *Capabilities `json:"capabilities,omitempty"`
}

// Forgotten is bytes that were erased from all history.
type Forgotten struct {
	SHA256 storage.Digest `json:"sha256"`
	// Last is the newest release that had an object with these bytes. When it
	// is not kept any more, nothing has to be known of them.
	Last string `json:"last"`
}

// Suspect is an intent whose keys are to be looked at again.
type Suspect struct {
	Intent string `json:"intent"`
	// Until is when no request of that deploy can land any more, by the
	// server's clock.
	Until time.Time `json:"until"`
}

// Mark is a place in the order of deploys.
type Mark struct {
	Commit     string `json:"commit,omitempty"` // full hash
	Repository string `json:"repository,omitempty"`
	RunID      string `json:"runId,omitempty"`
	RunAttempt int    `json:"runAttempt,omitempty"`
}

// Busy says who deploys now.
type Busy struct {
	Owner  Owner  `json:"owner"`
	Nonce  string `json:"nonce"`  // unique to one attempt to deploy
	Base   string `json:"base"`   // the release that was live when it began
	Target string `json:"target"` // id of the release and intent that it writes
	// Expires is when others may take over, by the server's clock.
	Expires time.Time `json:"expires"`
}

// Owner is who runs a deploy, for people to read.
type Owner struct {
	Repository string `json:"repository,omitempty"`
	RunID      string `json:"runId,omitempty"`
	RunAttempt int    `json:"runAttempt,omitempty"`
	RunURL     string `json:"runUrl,omitempty"`
	Actor      string `json:"actor,omitempty"`
	Host       string `json:"host,omitempty"`
}

// String names the owner by the most telling thing known.
func (o Owner) String() string {
	where := o.RunURL
	if where == "" {
		where = o.Host
	}
	switch {
	case o.Actor != "" && where != "":
		return o.Actor + " (" + where + ")"
	case o.Actor != "" || where != "":
		return o.Actor + where
	default:
		return "an unknown owner"
	}
}

// Debt is what a committed release still has to do for the keys of an intent.
type Debt struct {
	Intent string `json:"intent"` // id of the intent that lists the keys
	// Delete: the intent's deletions are not all done.
	Delete bool `json:"delete,omitempty"`
	// Purge holds the names of the CDNs that have not acknowledged.
	Purge []string `json:"purge,omitempty"`
}

// Settled reports whether nothing is left to do.
func (d Debt) Settled() bool { return !d.Delete && len(d.Purge) == 0 }

// Object is one file of a release, as it is stored.
type Object struct {
	Path    string          // relative to the site's prefix
	Size    int64           // bytes
	SHA256  storage.Digest  // of the stored bytes
	Headers storage.Headers // as stored
	ETag    string          // as the provider answered; a guard, not an identity
}

// Release is the immutable record of one release. A record that no head ever
// named is no release.
type Release struct {
	Format  int       `json:"format"`
	ID      string    `json:"id"`
	Parent  string    `json:"parent,omitempty"`
	Site    Site      `json:"site"`
	Created time.Time `json:"created"` // by the server's clock where it tells, else ours
	Source  Source    `json:"source"`
	Tool    string    `json:"tool"` // name and version of what wrote it
	// RollbackTo is the release whose content this one brings back.
	RollbackTo string `json:"rollbackTo,omitempty"`
	// PromotedFrom is the release of another site that this one has its
	// content from. Nil: none.
	PromotedFrom *Promotion `json:"promotedFrom,omitempty"`
	// Repaired says that this release mends, or describes, what something else
	// did to the one before it.
	Repaired bool `json:"repaired,omitempty"`
	// Forced says that the order of deploys was overridden.
	Forced bool `json:"forced,omitempty"`
	// History holds the ids of the releases that are kept beside this one,
	// oldest first. The last is Parent.
	History []string `json:"history,omitempty"`
	// Objects are sorted by Path in byte order, each path once.
	Objects []Object `json:"-"`
	// Blobs are the displaced bytes that are kept, sorted by digest.
	Blobs []Blob `json:"-"`
	// Retired are the objects that the release no longer has and that are
	// still in the bucket, sorted by Path. None of their paths is in Objects.
	Retired []Retired `json:"-"`
}

// Retired is an object that stays for a while after its release: pages that
// browsers still hold refer to it.
type Retired struct {
	Object
	// Last is the newest release that had the object at this path. When it
	// is not kept any more, no kept release needs the object.
	Last string
	// Until is when it may be deleted, by the server's clock.
	Until time.Time
}

// Promotion names a release of another site.
type Promotion struct {
	Environment string `json:"environment,omitempty"` // as the configuration called the site
	Site        Site   `json:"site"`
	Release     string `json:"release"`
}

// Blob is displaced bytes under BlobKey.
type Blob struct {
	SHA256 storage.Digest `json:"blob"`
	Size   int64          `json:"size"` // bytes
	// Last is the newest release that had an object with these bytes. When it
	// is not kept any more, no kept release needs the blob.
	Last string `json:"last"`
}

// Source is where a release came from, as far as it is known.
type Source struct {
	Repository string `json:"repository,omitempty"`
	Commit     string `json:"commit,omitempty"` // full hash
	Dirty      bool   `json:"dirty,omitempty"`  // the work tree had uncommitted changes
	Ref        string `json:"ref,omitempty"`    // branch or tag
	RunID      string `json:"runId,omitempty"`
	RunAttempt int    `json:"runAttempt,omitempty"`
	RunURL     string `json:"runUrl,omitempty"`
	Actor      string `json:"actor,omitempty"`
}

// Intent lists the keys that a deploy may touch. It is written before the
// first of them is touched and removed when the deploy owes nothing.
type Intent struct {
	Format  int     `json:"format"`
	ID      string  `json:"id"`
	Base    string  `json:"base,omitempty"` // the release that it starts from
	Site    Site    `json:"site"`
	Touches []Touch `json:"-"` // sorted by Path
}

// Touch is one key of an intent. An object that has neither one of these
// digests nor the one that the base release records is not ours.
type Touch struct {
	Path   string `json:"path"`
	Delete bool   `json:"delete,omitempty"`
	// SHA256 is the digest of what is written, or of what is deleted. Nil:
	// the key is left as it is and only purged.
	SHA256 *storage.Digest `json:"sha256,omitempty"`
	// Adopts is the digest of the foreign object at the key that the deploy
	// takes over. Where SHA256 is nil, that is recorded as it is, and neither
	// written nor purged.
	Adopts *storage.Digest `json:"adopts,omitempty"`
	// Size is that of what is written or deleted, in bytes: it says whether
	// an upload in parts may have been left half made.
	Size int64 `json:"size,omitempty"`
}

// checkSite returns an error where a record belongs to another site.
func checkSite(kind string, got, want Site) error {
	if got == want {
		return nil
	}
	return &ForeignError{Kind: kind, Got: got, Want: want}
}

// ForeignError reports state that belongs to another site.
type ForeignError struct {
	Kind      string // head, release or intent
	Got, Want Site
}

// Error says which site the state belongs to.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("the %s belongs to the site %q, not to %q", e.Kind, e.Got, e.Want)
}

// NewerError reports state that a newer version of the tool wrote.
type NewerError struct {
	Kind   string // head, release or intent
	Format int
}

// Error says which format was found and which is known.
func (e *NewerError) Error() string {
	return fmt.Sprintf("the %s has format %d, and this version knows formats up to %d", e.Kind, e.Format, Format)
}

// CorruptError reports state that cannot be read.
type CorruptError struct {
	Kind string // head, release or intent
	Err  error
}

// Error says what is corrupt and how.
func (e *CorruptError) Error() string { return fmt.Sprintf("the %s is corrupt: %v", e.Kind, e.Err) }

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// ValidID reports whether id can be the id of a release: it becomes part of a
// key.
func ValidID(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}
