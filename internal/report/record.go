package report

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

// RecordFormat is the version of Record's JSON. Fields may be added without a
// new one.
const RecordFormat = 1

// RecordSchemaURL is the id of the JSON Schema of Record.
const RecordSchemaURL = "https://raw.githubusercontent.com/pandastack-io/pandastack/main/internal/report/report.schema.json"

// Result is how a run ended, in a word.
type Result string

// The results. docs/exit-codes.md says which exit code each goes with.
const (
	Done        Result = "done"        // as asked, or nothing to do
	Failed      Result = "failed"      // the live site is as it was
	Invalid     Result = "invalid"     // usage or configuration
	Owed        Result = "owed"        // live; something after the commit is left
	Refused     Result = "refused"     // by a guard
	Partial     Result = "partial"     // the live site is partly changed
	Unproved    Result = "unproved"    // visitors did not get the release
	NotFound    Result = "not_found"   // no such bucket, release or path
	Locked      Result = "locked"      // another deploy holds the site
	Superseded  Result = "superseded"  // a newer deploy, or a rollback, was here first
	Denied      Result = "denied"      // credentials
	Changes     Result = "changes"     // plan --exit-code found some
	Damaged     Result = "damaged"     // verify found damage
	Interrupted Result = "interrupted" // by a signal
)

// Record is the facts of one run: what --report writes, and what the job
// summary is made of.
type Record struct {
	// Format is the version of this form.
	Format int `json:"format"`
	// Tool is the program and its version.
	Tool string `json:"tool"`
	// Command is the command that was run, for example deploy.
	Command string `json:"command"`
	// DryRun says that nothing was to be written.
	DryRun bool `json:"dry_run"`
	// Result is how the run ended, in a word.
	Result Result `json:"result" jsonschema:"enum=done,enum=failed,enum=invalid,enum=owed,enum=refused,enum=partial,enum=unproved,enum=not_found,enum=locked,enum=superseded,enum=denied,enum=changes,enum=damaged,enum=interrupted"`
	// ExitCode is the exit code of the command line.
	ExitCode int `json:"exit_code"`
	// Environment is the environment of the configuration. Missing: none.
	Environment string `json:"environment,omitempty"`
	// Provider is the kind of storage, as in the configuration, or
	// s3-compatible: another service at an endpoint of its own. Missing: the
	// run did not get so far.
	Provider string `json:"provider,omitempty"`
	// Target is where the site is published. Missing as Provider is.
	Target string `json:"target,omitempty"`
	// URL is siteUrl, where it is set.
	URL string `json:"url,omitempty"`
	// Source is who and what the run is.
	Source Source `json:"source"`
	// Started is when the run began, in UTC.
	Started time.Time `json:"started"`
	// Elapsed is how long it took, in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Phases are the steps of the run, in the order in which they began.
	Phases []PhaseTime `json:"phases"`
	// Requests counts all requests to the storage, by kind.
	Requests map[string]int64 `json:"requests"`
	// Cost compares the requests with those of aws s3 sync. Missing: nothing
	// was planned from an output.
	Cost *Cost `json:"cost,omitempty"`
	// Messages are notices, warnings and errors, in their order.
	Messages []event.Message `json:"messages"`
	// Planned is the plan.
	Planned *event.Planned `json:"planned,omitempty"`
	// Finished is the receipt for what is live now.
	Finished *event.Finished `json:"finished,omitempty"`
	// Withdrawn is the receipt for a release that was live, and was taken
	// back because of its proof.
	Withdrawn *event.Finished `json:"withdrawn,omitempty"`
	// Verified is how the bucket compares with the records.
	Verified *event.Verified `json:"verified,omitempty"`
	// Collected is what gc has removed, or would.
	Collected *event.Collected `json:"collected,omitempty"`
}

// Source is who and what a run is. What is not known is missing.
type Source struct {
	// CI is the service that runs it: github, gitlab, circleci, bitbucket,
	// buildkite, azure, jenkins, or generic. Missing: a person's machine.
	CI string `json:"ci,omitempty"`
	// Repository is the repository's path at its host.
	Repository string `json:"repository,omitempty"`
	// Commit is the full hash of what was checked out.
	Commit string `json:"commit,omitempty"`
	// Dirty says that the work tree had uncommitted changes.
	Dirty bool `json:"dirty,omitempty"`
	// Ref is the branch or tag.
	Ref string `json:"ref,omitempty"`
	// RunID is the run's id in its CI.
	RunID string `json:"run_id,omitempty"`
	// RunAttempt counts from 1 how often the run was started.
	RunAttempt int `json:"run_attempt,omitempty"`
	// RunURL is where people see the run.
	RunURL string `json:"run_url,omitempty"`
	// Actor is who started it.
	Actor string `json:"actor,omitempty"`
}

// PhaseTime is when a phase of a run was, and what became of it.
type PhaseTime struct {
	// Phase is its name.
	Phase event.Phase `json:"phase"`
	// Offset is when it began, in nanoseconds since the run began.
	Offset time.Duration `json:"offset_ns"`
	// Elapsed is how long it took, in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Detail is its result in words.
	Detail string `json:"detail,omitempty"`
	// Unfinished says that the run ended within it.
	Unfinished bool `json:"unfinished,omitempty"`
	// Tail is the last lines that the command of an unfinished phase printed,
	// for the summary: the runner hides in that what it hides in the log, and
	// nobody does so in a file.
	Tail []string `json:"-"`
}

// How much of a command's output is kept for the case that it fails.
const (
	tailLines = 20
	tailWidth = 300 // runes
)

// Recorder keeps the facts of a run. It is a sink beside the one that shows
// them, and safe for concurrent use.
type Recorder struct {
	mu   sync.Mutex
	now  func() time.Time
	rec  Record
	open map[event.Phase]int // index in rec.Phases
}

// NewRecorder returns a Recorder for a run that begins now.
func NewRecorder(now func() time.Time) *Recorder {
	return &Recorder{now: now, rec: Record{Format: RecordFormat, Started: now()}, open: map[event.Phase]int{}}
}

// Note changes the facts that no event carries.
func (r *Recorder) Note(change func(*Record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.rec)
}

// Emit keeps an event, but for how far a phase is. Of what a build prints it
// keeps the end.
func (r *Recorder) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := e.(type) {
	case event.PhaseStarted:
		r.open[e.Phase] = len(r.rec.Phases)
		r.rec.Phases = append(r.rec.Phases, PhaseTime{Phase: e.Phase, Offset: r.now().Sub(r.rec.Started), Unfinished: true})
	case event.PhaseDone:
		r.done(e)
	case event.Output:
		r.printed(e)
	case event.Message:
		if e.Severity != event.Debug {
			r.rec.Messages = append(r.rec.Messages, e)
		}
	case event.Planned:
		r.rec.Planned = &e
	case event.Finished:
		if r.rec.Finished != nil {
			r.rec.Withdrawn = r.rec.Finished
		}
		r.rec.Finished = &e
	case event.Verified:
		r.rec.Verified = &e
	case event.Collected:
		r.rec.Collected = &e
	}
}

// done closes a phase. One that did not say when it began took the time until
// now.
func (r *Recorder) done(e event.PhaseDone) {
	i, ok := r.open[e.Phase]
	if !ok {
		i = len(r.rec.Phases)
		r.rec.Phases = append(r.rec.Phases, PhaseTime{Phase: e.Phase, Offset: max(0, r.now().Sub(r.rec.Started)-e.Elapsed)})
	}
	p := &r.rec.Phases[i]
	p.Elapsed, p.Detail, p.Unfinished, p.Tail = e.Elapsed, e.Detail, false, nil
	delete(r.open, e.Phase)
}

// printed keeps a line of a command's output, and drops the oldest.
func (r *Recorder) printed(e event.Output) {
	i, ok := r.open[e.Phase]
	text := clipped(line(e.Line, false), tailWidth)
	if !ok || strings.TrimSpace(text) == "" {
		return
	}
	p := &r.rec.Phases[i]
	if p.Tail = append(p.Tail, text); len(p.Tail) > tailLines {
		p.Tail = append([]string(nil), p.Tail[1:]...)
	}
}

// Record returns the facts so far. Lists and maps in it are never nil.
func (r *Recorder) Record() Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.rec
	out.Elapsed = r.now().Sub(out.Started)
	out.Phases = append([]PhaseTime{}, out.Phases...)
	for i, p := range out.Phases {
		if p.Unfinished {
			out.Phases[i].Elapsed = out.Elapsed - p.Offset
		}
	}
	out.Messages = append([]event.Message{}, out.Messages...)
	out.Started = out.Started.UTC()
	out.Requests = maps.Clone(out.Requests)
	if out.Requests == nil {
		out.Requests = map[string]int64{}
	}
	out.Planned, out.Finished, out.Withdrawn = whole(out.Planned), whole(out.Finished), whole(out.Withdrawn)
	out.Verified, out.Collected = whole(out.Verified), whole(out.Collected)
	out.Cost = cost(out)
	return out
}

// whole returns an event with empty lists and maps in place of missing ones.
func whole[E event.Event](e *E) *E {
	if e == nil {
		return nil
	}
	f := filled(*e).(E)
	return &f
}
