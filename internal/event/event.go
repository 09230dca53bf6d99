// Package event is what a run says about itself. The rooms that do the work
// emit events; package report renders them. It is a leaf: it imports nothing
// of this module.
package event

import "time"

// Sink receives events. Emit is safe for concurrent use and never blocks for
// long.
type Sink interface {
	Emit(Event)
}

// Event is one of the types of this package. Their JSON form, with the name
// from Type in the field "event", is what --json prints.
type Event interface {
	// Type is the event's name in JSON: lower case, words joined by _.
	Type() string
}

// Discard is a Sink that forgets all events.
var Discard Sink = discard{}

type discard struct{}

func (discard) Emit(Event) {}

// Phase is a step of a run.
type Phase string

// The phases of a run, in order.
const (
	Install  Phase = "install"
	Build    Phase = "build"
	Scan     Phase = "scan"
	Plan     Phase = "plan"
	Adopt    Phase = "adopt"    // compare the output with what somebody else put into the bucket
	Displace Phase = "displace" // keep the bytes that the upload is about to drop
	Upload   Phase = "upload"
	Restore  Phase = "restore" // put the old bytes back after a failure
	Commit   Phase = "commit"
	Delete   Phase = "delete"
	Purge    Phase = "purge"
	Prove    Phase = "prove"  // compare what visitors get with the release
	Verify   Phase = "verify" // compare the bucket with the records
)

// PhaseStarted opens a phase.
type PhaseStarted struct {
	Phase Phase `json:"phase"`
	// Detail is what is done, for example the build command. May be empty.
	Detail string `json:"detail,omitempty"`
}

// PhaseDone closes a phase that succeeded.
type PhaseDone struct {
	Phase   Phase         `json:"phase"`
	Elapsed time.Duration `json:"elapsed_ns"`
	// Detail is the phase's result in words, for example "240 files, 12 MB".
	Detail string `json:"detail,omitempty"`
}

// Output is a line that the install or build command printed, without its
// newline.
type Output struct {
	Phase Phase  `json:"phase"`
	Line  string `json:"line"`
}

// Progress says how far a phase is. Totals may grow while a phase runs.
type Progress struct {
	Phase      Phase `json:"phase"`
	Done       int   `json:"done"`
	Total      int   `json:"total"`
	Bytes      int64 `json:"bytes"`
	TotalBytes int64 `json:"total_bytes"`
}

// Severity orders messages.
type Severity string

// The severities.
const (
	Debug   Severity = "debug"
	Notice  Severity = "notice"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Message is something that a person should read. An error that ends the run
// is the last message.
type Message struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	// Hint is what to do about it, as a sentence. May be empty.
	Hint string `json:"hint,omitempty"`
	// File, Line and Column are the place in a file of the user's; Line and
	// Column count from 1, and 0 is unknown.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Change is one difference between the live site and the desired one.
type Change struct {
	Op      string `json:"op"` // create, update, headers, adopt, retire, revive, delete
	Path    string `json:"path"`
	Size    int64  `json:"size"`               // bytes, as desired; of a deletion, as it was
	OldSize int64  `json:"old_size,omitempty"` // bytes, as live, where it was live
	Stage   string `json:"stage"`
	Reason  string `json:"reason"`
	// Adopted says that no deploy put there what is live at the path.
	Adopted bool `json:"adopted,omitempty"`
	// HeaderChanges are the headers that differ, by name. A plan has none: it
	// names them in Reason.
	HeaderChanges []HeaderChange `json:"header_changes,omitempty"`
}

// HeaderChange is one header that differs.
type HeaderChange struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"` // empty: it is new
	New  string `json:"new,omitempty"` // empty: it is gone
}

// Planned is the plan, before anything is written.
type Planned struct {
	Target  string  `json:"target"`         // where, for example "s3://www/blog/"
	Live    string  `json:"live,omitempty"` // the live release's id; empty before the first
	Changes Changes `json:"changes"`
	Created int     `json:"created"`
	Updated int     `json:"updated"`
	Headers int     `json:"headers"` // same bytes, other headers
	Deleted int     `json:"deleted"`
	Kept    int     `json:"kept"`
	Adopted int     `json:"adopted,omitempty"` // of all these, taken over from somebody else
	// Retired counts those that the site no longer has and that stay for a
	// while, Revived those of Kept that had been retired.
	Retired int `json:"retired,omitempty"`
	Revived int `json:"revived,omitempty"`
	// RetiredUntil is until when Retired stay, by the server's clock. Zero:
	// there are none.
	RetiredUntil time.Time `json:"retired_until,omitzero"`
	UploadBytes  int64     `json:"upload_bytes"`
	TotalBytes   int64     `json:"total_bytes"` // of the whole desired site
	PurgeURLs    int       `json:"purge_urls"`
	// Purges is what each CDN would be asked for. A CDN that would be asked
	// for nothing is left out.
	Purges []CDNPurge `json:"purges,omitempty"`
	// Owed is what earlier runs left to this one, in words. Empty: nothing.
	Owed []string `json:"owed,omitempty"`
	// Pays is set where the run does only that. Programs know it from the
	// command that they ran.
	Pays bool `json:"-"`
}

// CDNPurge is what one CDN would be asked for.
type CDNPurge struct {
	CDN      string `json:"cdn"`
	URLs     int    `json:"urls"`
	Requests int    `json:"requests"`
	// By lists what the requests name, sorted: urls, prefixes, hosts, tags,
	// everything.
	By []string `json:"by"`
	// Dropped counts the unchanged files that the CDN forgets as well.
	Dropped int `json:"dropped,omitempty"`
	// Billed is how many paths the CDN charges for. 0: it charges for none.
	Billed int `json:"billed,omitempty"`
}

// Finished is the receipt of a run.
type Finished struct {
	// Release is the release that is live now, Parent the one before it.
	Release string `json:"release,omitempty"`
	Parent  string `json:"parent,omitempty"`
	Target  string `json:"target"`
	URL     string `json:"url,omitempty"` // siteUrl, where it is set
	Changed bool   `json:"changed"`       // a new release was committed
	Created int    `json:"created"`
	Updated int    `json:"updated"`
	Headers int    `json:"headers"`
	Deleted int    `json:"deleted"`
	Kept    int    `json:"kept"`
	Adopted int    `json:"adopted,omitempty"` // of all these, taken over from somebody else
	// Retired counts those that the site no longer has and that stay for a
	// while, Revived those of Kept that had been retired.
	Retired int `json:"retired,omitempty"`
	Revived int `json:"revived,omitempty"`
	// RetiredUntil is until when Retired stay, by the server's clock. Zero:
	// there are none.
	RetiredUntil time.Time `json:"retired_until,omitzero"`
	// Requests counts storage requests by kind.
	Requests      map[string]int64 `json:"requests"`
	BytesUploaded int64            `json:"bytes_uploaded"`
	PurgedURLs    int              `json:"purged_urls"`
	PurgeRequests int              `json:"purge_requests"`
	// Owed names what the next run still has to do. Empty: nothing.
	Owed []string `json:"owed,omitempty"`
	// Proof is what visitors get. Nil: nobody has looked.
	Proof *Proof `json:"proof,omitempty"`
	// Recovered is what earlier deploys that did not finish have left, and
	// this run has put right. Nil: nothing.
	Recovered *Recovered    `json:"recovered,omitempty"`
	Elapsed   time.Duration `json:"elapsed_ns"`
}

// Proof is what visitors got at a sample of URLs after a deploy.
type Proof struct {
	URLs []ProvedURL `json:"urls"`
	// Proved counts those that are as the release has them.
	Proved int `json:"proved"`
	// Purges counts how often the CDNs were asked again for those that are not.
	Purges  int           `json:"purges,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns"`
}

// ProvedURL is one URL of a proof.
type ProvedURL struct {
	URL     string `json:"url"`
	Path    string `json:"path"`
	Removed bool   `json:"removed,omitempty"`
	// Result is proved, stale, missing, no index, mistyped, altered, different,
	// blocked or unreachable.
	Result string `json:"result"`
	// Detail is what was seen instead, in words. May be empty.
	Detail string `json:"detail,omitempty"`
	// CacheControl says how the header differs from the release's. Empty: it
	// does not.
	CacheControl string `json:"cache_control,omitempty"`
	Attempts     int    `json:"attempts"`
}

// Recovered counts what a run has put right of earlier ones.
type Recovered struct {
	Paths   int `json:"paths"`   // in doubt: read, and made what they shall be
	Records int `json:"records"` // collected: intents, and records of no release
	Blobs   int `json:"blobs"`   // collected: of no use to any release that is kept
	Uploads int `json:"uploads"` // aborted: half made
}

// Finding is one thing in the bucket that is not as the records say.
type Finding struct {
	// Kind is what is wrong: docs/verify.md lists them.
	Kind string `json:"kind"`
	// Area is "site" or "state": what Path is relative to.
	Area   string `json:"area"`
	Path   string `json:"path"`
	Detail string `json:"detail"`
	// Remedy is what is done about it, and by what. Empty: nothing.
	Remedy string `json:"remedy,omitempty"`
	// Note says that all is well all the same.
	Note bool `json:"note"`
}

// Verified is how the bucket compares with the records.
type Verified struct {
	Target string `json:"target"`
	// Live is the id of the release that the bucket was compared with. Empty:
	// there is none.
	Live     string    `json:"live,omitempty"`
	Deep     bool      `json:"deep"`    // every byte was read
	Sound    bool      `json:"sound"`   // there are notes at most
	Objects  int       `json:"objects"` // compared
	Bytes    int64     `json:"bytes"`   // read
	Findings []Finding `json:"findings"`
}

// Collected is what was removed from the history, or would be.
type Collected struct {
	Target string `json:"target"`
	DryRun bool   `json:"dry_run"` // nothing was written
	Live   string `json:"live"`    // the live release's id
	Kept   int    `json:"kept"`    // former releases that are kept
	// Releases are the ids of those that are kept no more, oldest first.
	Releases []string `json:"releases"`
	Blobs    int      `json:"blobs"`  // removed: bytes that no kept release needs, or that were erased
	Strays   int      `json:"strays"` // removed: other objects that nothing refers to
	// Retired counts the objects that were deleted because they were erased:
	// the site no longer had them, and they were still there for a while.
	Retired int   `json:"retired"`
	Bytes   int64 `json:"bytes"` // freed
	// Erased are the files whose bytes were erased from all history, by path
	// and digest.
	Erased []Erased `json:"erased"`
	// Unreached says in words where copies of what was erased may still be.
	Unreached     []string         `json:"unreached,omitempty"`
	PurgedURLs    int              `json:"purged_urls"`
	PurgeRequests int              `json:"purge_requests"`
	Requests      map[string]int64 `json:"requests"` // of the storage, by kind
	// Owed names what the next run still has to do. Empty: nothing.
	Owed    []string      `json:"owed,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Erased is one version of a file that was erased from all history.
type Erased struct {
	Path     string   `json:"path"`
	SHA256   string   `json:"sha256"`
	Size     int64    `json:"size"`     // bytes
	Releases []string `json:"releases"` // ids of the kept ones that had it, oldest first
	// Also are other paths at which kept releases had the same bytes, which
	// are erased with them; sorted.
	Also []string `json:"also,omitempty"`
	// Live is a path of the live release that has the same bytes: they are
	// not erased. Empty: they are.
	Live string `json:"live,omitempty"`
	// Retired: it was also still in the site's place, and is deleted there.
	Retired bool `json:"retired,omitempty"`
}

// Type returns the event's name in JSON.
func (Collected) Type() string { return "collected" }

// Type returns the event's name in JSON.
func (Verified) Type() string { return "verified" }

// Type returns the event's name in JSON.
func (PhaseStarted) Type() string { return "phase_started" }

// Type returns the event's name in JSON.
func (PhaseDone) Type() string { return "phase_done" }

// Type returns the event's name in JSON.
func (Output) Type() string { return "output" }

// Type returns the event's name in JSON.
func (Progress) Type() string { return "progress" }

// Type returns the event's name in JSON.
func (Message) Type() string { return "message" }

// Type returns the event's name in JSON.
func (Planned) Type() string { return "planned" }

// Type returns the event's name in JSON.
func (Finished) Type() string { return "finished" }
