// Package history reads the releases of a site: the live one and those that
// are kept beside it. It writes nothing.
//
// A record that is missing or corrupt hides what it alone tells, and nothing
// else: it is named where it would have been used.
package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Options says whose releases are read.
type Options struct {
	Site    state.Site
	Target  string        // what people call the site's place; empty: as Site says it
	State   storage.Store // below the state's prefix
	Workers int           // records read at once; 0: DefaultWorkers
}

// DefaultWorkers is how many records are read at once unless told otherwise.
// Each is held in memory, some hundred bytes for a file.
const DefaultWorkers = 4

// Log is the releases of a site, as they were when it was opened.
type Log struct {
	options Options
	head    *state.Head
	now     time.Time // the server's clock when the head was read
	live    Entry
	ids     []string // newest first
}

// Entry is a release, or the place of one that cannot be read.
type Entry struct {
	ID      string
	Release *state.Release // nil where Err is set
	Err     error          // a *RecordError
}

// RecordError reports a release whose record cannot be read.
type RecordError struct {
	ID  string
	Err error // ErrMissing, or an error of package state
}

// Error names the release and says what is wrong with its record.
func (e *RecordError) Error() string { return fmt.Sprintf("release %s: %v", e.ID, e.Err) }

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Err }

// ErrMissing reports a release whose record is gone.
var ErrMissing = errors.New("its record is missing")

// Open reads the head and the live release: two GETs. A site without a release
// is no error: the log is empty. Where the record of the live release cannot
// be read, the log holds that one alone, because the record names the others.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	l := &Log{options: o, now: time.Now()}
	if err := l.readHead(ctx); err != nil || l.head.Live == "" {
		return l, err
	}
	var err error
	if l.live, err = l.entry(ctx, l.head.Live); err != nil {
		return nil, err
	}
	l.ids = []string{l.head.Live}
	if r := l.live.Release; r != nil {
		l.head.Trim(r)
		l.ids = append(l.ids, r.History...)
		slices.Reverse(l.ids[1:])
	}
	return l, nil
}

func (l *Log) readHead(ctx context.Context) (err error) {
	var date time.Time
	if l.head, date, err = readHead(ctx, l.options); !date.IsZero() {
		l.now = date
	}
	return err
}

// Live returns the id of the live release, or "" where there is none: one GET.
func Live(ctx context.Context, o Options) (string, error) {
	head, _, err := readHead(ctx, o)
	if err != nil {
		return "", err
	}
	return head.Live, nil
}

// readHead returns the head, which is empty before the first deploy, and the
// server's clock, where it tells.
func readHead(ctx context.Context, o Options) (*state.Head, time.Time, error) {
	obj, err := o.State.Get(ctx, state.HeadKey)
	if errors.Is(err, storage.ErrNotExist) {
		return &state.Head{}, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, storage.Describe(err, "reading", "the records of "+cmp.Or(o.Target, o.Site.String()))
	}
	defer obj.Body.Close()
	head, err := state.DecodeHead(obj.Body, o.Site)
	return head, obj.Date, err
}

// entry reads a release. The error is that of a storage that does not answer;
// a record that cannot be read is an entry.
func (l *Log) entry(ctx context.Context, id string) (Entry, error) {
	rel, err := l.record(ctx, id)
	var (
		corrupt *state.CorruptError
		newer   *state.NewerError
		foreign *state.ForeignError
	)
	switch {
	case err == nil:
		return Entry{ID: id, Release: rel}, nil
	case errors.Is(err, storage.ErrNotExist):
		return Entry{ID: id, Err: &RecordError{id, ErrMissing}}, nil
	case errors.As(err, &corrupt), errors.As(err, &newer), errors.As(err, &foreign):
		return Entry{ID: id, Err: &RecordError{id, err}}, nil
	default:
		return Entry{}, err
	}
}

func (l *Log) record(ctx context.Context, id string) (*state.Release, error) {
	obj, err := l.options.State.Get(ctx, state.ReleaseKey(id))
	if err != nil {
		return nil, err
	}
	defer obj.Body.Close()
	rel, err := state.DecodeRelease(obj.Body, l.options.Site)
	if err == nil {
		_, err = io.Copy(io.Discard, obj.Body)
	}
	if err == nil && rel.ID != id {
		err = &state.CorruptError{Kind: "release", Err: fmt.Errorf("it is that of %s", rel.ID)}
	}
	return rel, err
}

// IDs returns the ids of the releases, newest first. The first is live.
func (l *Log) IDs() []string { return slices.Clone(l.ids) }

// Remembered returns the objects of a release without those whose bytes were
// erased from the history, and the paths of these.
func (l *Log) Remembered(r *state.Release) (kept []state.Object, erased []string) {
	return l.head.Remembered(r)
}

// Busy returns who holds the head, or nil, and whether that deploy still has
// the right to it: one that died is busy until another takes over.
func (l *Log) Busy() (*state.Busy, bool) {
	b := l.head.Busy
	return b, b != nil && l.now.Before(b.Expires)
}

// shortest is how much of an id is shown at least: the time in it, which two
// releases of a site never share.
const shortest = 10

// Short returns the shortest beginning of an id, of ten characters or more,
// that no other release of the log begins with.
func (l *Log) Short(id string) string {
	n := shortest
	for _, other := range l.ids {
		same := 0
		for same < min(len(id), len(other)) && id[same] == other[same] {
			same++
		}
		if other != id {
			n = max(n, same+1)
		}
	}
	return id[:min(n, len(id))]
}

// Find returns the id that a person means by name, as state.Release.Find
// does. In an empty log it is state.ErrNothing; where the record of the live
// release cannot be read, only that one is found.
func (l *Log) Find(name string) (string, error) {
	if len(l.ids) == 0 {
		return "", state.ErrNothing
	}
	if l.live.Release != nil {
		return l.live.Release.Find(name)
	}
	id, err := (&state.Release{ID: l.live.ID}).Find(name)
	if err != nil {
		return "", fmt.Errorf("the live release names all others: %w", l.live.Err)
	}
	return id, nil
}

// Release reads the release of an id that Find returned. The live one has been
// read. The error is a *RecordError, or that of a storage that does not answer.
func (l *Log) Release(ctx context.Context, id string) (*state.Release, error) {
	e, err := l.get(ctx, id)
	if err != nil {
		return nil, err
	}
	return e.Release, e.Err
}

// get returns the entry of an id, from memory where it is the live one.
func (l *Log) get(ctx context.Context, id string) (Entry, error) {
	if id == l.live.ID {
		return l.live, nil
	}
	return l.entry(ctx, id)
}
