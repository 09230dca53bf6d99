package event

import "time"

// Counts are numbers of files.
type Counts struct {
	Created int `json:"created"`
	Updated int `json:"updated"`
	Headers int `json:"headers"` // same bytes, other headers
	Deleted int `json:"deleted"`
	Kept    int `json:"kept"`
}

// Promotion names a release of another site.
type Promotion struct {
	Environment string `json:"environment"`
	Bucket      string `json:"bucket"` // empty: a local directory
	Prefix      string `json:"prefix"` // empty or ending in a slash
	Release     string `json:"release"`
}

// Release is a release of the site. Where its record cannot be read, Error
// says why, and all but ID, Short and Live is unset.
type Release struct {
	ID            string    `json:"id"`
	Short         string    `json:"-"` // the beginning of ID, for text
	Live          bool      `json:"live"`
	Created       time.Time `json:"created,omitzero"`
	Parent        string    `json:"parent,omitempty"`
	Repository    string    `json:"repository,omitempty"`
	Commit        string    `json:"commit,omitempty"` // full hash
	Dirty         bool      `json:"dirty,omitempty"`  // the work tree had uncommitted changes
	Ref           string    `json:"ref,omitempty"`
	RunID         string    `json:"run_id,omitempty"`
	RunAttempt    int       `json:"run_attempt,omitempty"`
	RunURL        string    `json:"run_url,omitempty"`
	Actor         string    `json:"actor,omitempty"`
	Tool          string    `json:"tool,omitempty"`
	RollbackTo    string    `json:"rollback_to,omitempty"` // the release whose content it brought back
	RollbackShort string    `json:"-"`                     // the beginning of RollbackTo, for text
	// PromotedFrom is the release of another site that it has its content from.
	PromotedFrom *Promotion `json:"promoted_from,omitempty"`
	Forced       bool       `json:"forced,omitempty"` // the order of deploys was overridden
	Error        string     `json:"error,omitempty"`
}

// Listed is a release in a list.
type Listed struct {
	Release
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Retired counts the files that it no longer has and that stay in the
	// bucket for a while, RetiredUntil is when the last of them may go.
	Retired      int       `json:"retired,omitempty"`
	RetiredBytes int64     `json:"retired_bytes,omitempty"`
	RetiredUntil time.Time `json:"retired_until,omitzero"`
	// Changed is the difference to its parent. Nil: that is not kept, or one
	// of the two cannot be read.
	Changed *Counts `json:"changed,omitempty"`
}

// Deploying is a deploy that holds the site.
type Deploying struct {
	Owner   string    `json:"owner"`   // in words
	Release string    `json:"release"` // that it writes
	Expires time.Time `json:"expires"`
	// Expired: it did not finish, and the next deploy takes over.
	Expired bool `json:"expired"`
}

// Releases lists the releases of a site, newest first.
type Releases struct {
	Target   string   `json:"target"`
	Releases []Listed `json:"releases"`
	// More is how many older ones are not listed.
	More      int        `json:"more"`
	Deploying *Deploying `json:"deploying,omitempty"`
}

// File is one file of a release.
type File struct {
	Path string `json:"path"`
	Size int64  `json:"size"` // bytes
}

// Shown is one release in detail.
type Shown struct {
	Target string `json:"target"`
	Listed
	// Changes is the difference to its parent. Nil where Changed is.
	Changes []Change `json:"changes,omitempty"`
	// Unseen says why there is no difference. Empty: there is one.
	Unseen string `json:"unseen,omitempty"`
	// Erased are the files whose bytes were erased from the history: a
	// rollback leaves them out.
	Erased  []string `json:"erased,omitempty"`
	Largest []File   `json:"largest"`
}

// Side is one of two things that are compared.
type Side struct {
	Release string    `json:"release,omitempty"` // id; empty: the output
	Output  string    `json:"output,omitempty"`  // the directory; empty: a release
	Live    bool      `json:"live"`
	Created time.Time `json:"created,omitzero"`
	Files   int       `json:"files"`
	Bytes   int64     `json:"bytes"`
}

// Compared is what turns one release into another, or into the output.
type Compared struct {
	Target  string   `json:"target"`
	From    Side     `json:"from"`
	To      Side     `json:"to"`
	Changes []Change `json:"changes"`
	Counts
}

// Blamed says which releases last changed some paths.
type Blamed struct {
	Target string      `json:"target"`
	Paths  []BlamePath `json:"paths"` // sorted
}

// BlamePath says which release last changed a path.
type BlamePath struct {
	Path    string  `json:"path"`
	Release Release `json:"release"`
	// Change is what that release did. Nil: see Unseen.
	Change *Change `json:"change,omitempty"`
	// Unseen says why nothing is known from before Release, since when the
	// path is as it is. Empty: Change is set.
	Unseen string `json:"unseen,omitempty"`
}

// Type returns the event's name in JSON.
func (Releases) Type() string { return "releases" }

// Type returns the event's name in JSON.
func (Shown) Type() string { return "release" }

// Type returns the event's name in JSON.
func (Compared) Type() string { return "difference" }

// Type returns the event's name in JSON.
func (Blamed) Type() string { return "blame" }
