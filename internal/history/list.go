package history

import (
	"context"
	"slices"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
)

// Summary is a release without its lists.
type Summary struct {
	ID      string
	Release state.Release // without its lists; zero where Err is set
	Files   int
	Bytes   int64
	Retired Retained
	// Changed is the difference to its parent. Nil: that is not kept, or one
	// of the two cannot be read.
	Changed *Counts
	Err     error // a *RecordError
}

// List returns the releases, newest first, at most limit of them; 0 is all.
// One record more is read than is listed, for the changes of the last.
func (l *Log) List(ctx context.Context, limit int) ([]Summary, error) {
	var (
		out   []Summary
		newer *state.Release
	)
	ids := l.ids
	if limit > 0 && limit < len(ids) {
		ids = ids[:limit+1]
	}
	for e, err := range l.walk(ctx, ids) {
		if err != nil {
			return nil, err
		}
		if n := len(out); n > 0 && newer != nil {
			if out[n-1].Changed, err = changed(newer, e.Release); err != nil {
				return nil, err
			}
		}
		if limit > 0 && len(out) == limit {
			return out, nil
		}
		out = append(out, summary(e))
		newer = e.Release
	}
	if newer != nil {
		var err error
		if out[len(out)-1].Changed, err = changed(newer, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// changed returns the difference of a release to its parent, or nil where
// older is not the parent. The first release of a site has none.
func changed(rel, older *state.Release) (*Counts, error) {
	var before []state.Object
	switch {
	case rel.Parent == "":
	case older == nil || older.ID != rel.Parent:
		return nil, nil
	default:
		before = older.Objects
	}
	d, err := Compare(before, rel.Objects)
	if err != nil {
		return nil, err
	}
	return &d.Counts, nil
}

func summary(e Entry) Summary {
	if e.Err != nil {
		return Summary{ID: e.ID, Err: e.Err}
	}
	return Summary{ID: e.ID, Release: bare(e.Release), Files: len(e.Release.Objects), Bytes: Bytes(e.Release.Objects), Retired: Retains(e.Release)}
}

// Retained is what a release has no longer and leaves in the bucket for a while.
type Retained struct {
	Files int
	Bytes int64
	Until time.Time // when the last of it may be deleted; zero: there is none
}

// Retains sums up what a release has retired.
func Retains(r *state.Release) Retained {
	out := Retained{Files: len(r.Retired)}
	for i := range r.Retired {
		t := &r.Retired[i]
		out.Bytes += t.Size
		if t.Until.After(out.Until) {
			out.Until = t.Until
		}
	}
	return out
}

// bare returns a release without its lists, which are large.
func bare(r *state.Release) state.Release {
	out := *r
	out.Objects, out.Blobs, out.Retired = nil, nil, nil
	return out
}

// Detail is one release and its difference to its parent.
type Detail struct {
	*state.Release
	Changed *Difference // nil: see Unseen
	Unseen  error       // why there is no difference: *NotKeptError or *RecordError
}

// Show reads the release of an id that Find returned, and its parent. The
// error is a *RecordError, or that of a storage that does not answer.
func (l *Log) Show(ctx context.Context, id string) (*Detail, error) {
	rel, err := l.Release(ctx, id)
	if err != nil {
		return nil, err
	}
	parent, err := l.parent(ctx, rel)
	if err != nil {
		return nil, err
	}
	d := &Detail{Release: rel, Unseen: parent.Err}
	if d.Unseen != nil {
		return d, nil
	}
	d.Changed, err = Compare(parent.Release.Objects, rel.Objects)
	return d, err
}

// parent returns the entry of a release's parent: an empty release where it
// has none.
func (l *Log) parent(ctx context.Context, rel *state.Release) (Entry, error) {
	switch {
	case rel.Parent == "":
		return Entry{Release: &state.Release{}}, nil
	case !slices.Contains(l.ids, rel.Parent):
		return Entry{ID: rel.Parent, Err: &NotKeptError{rel.Parent}}, nil
	default:
		return l.get(ctx, rel.Parent)
	}
}
