package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
)

// Blame says which release last changed a path.
type Blame struct {
	Path    string
	Release state.Release // without objects and blobs
	// Change is what the release did to the path; a deletion where the path
	// is not live. Nil where Unseen is set.
	Change *plan.Change
	// Unseen says why nothing is known from before Release, since when the
	// path is as it is: *NotKeptError or *RecordError.
	Unseen error
}

// NotKeptError reports a release that is not kept any more.
type NotKeptError struct{ ID string }

// Error names the release.
func (e *NotKeptError) Error() string { return fmt.Sprintf("release %s is not kept", e.ID) }

// PathError reports a path that no release has, as far as they can be read.
type PathError struct {
	Path   string // or a glob that no live file matches
	Unseen error  // why older releases are not known; nil: there are none
}

// Error names the path, and the release beyond which nothing could be seen.
func (e *PathError) Error() string {
	what := "has a file " + e.Path
	if isGlob(e.Path) {
		what += ", and no live file matches it"
	}
	var unreadable *RecordError
	if errors.As(e.Unseen, &unreadable) {
		return fmt.Sprintf("no release after %s, which cannot be read, %s", unreadable.ID, what)
	}
	return "no kept release " + what
}

// Blame returns which release last changed each path, bytes or headers, sorted
// by path. A pattern is the path of a file, live or not, or a glob such as
// docs/** for live ones. Patterns of which nothing is known are returned
// beside it. The error is *RecordError where the live release cannot be read,
// state.ErrNothing where there is none, or that of a storage that does not
// answer.
func (l *Log) Blame(ctx context.Context, patterns ...string) ([]Blame, []*PathError, error) {
	if len(l.ids) == 0 {
		return nil, nil, state.ErrNothing
	}
	if l.live.Err != nil {
		return nil, nil, l.live.Err
	}
	t := &trail{at: l.live.Release, open: selected(l.live.Release, patterns)}
	for e, err := range l.All(ctx) {
		if err != nil {
			return nil, nil, err
		}
		if e.ID == l.live.ID {
			continue
		}
		if err := t.step(e); err != nil {
			return nil, nil, err
		}
		if len(t.open) == 0 {
			break
		}
	}
	if err := t.end(); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(t.found, func(a, b Blame) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(t.lost, func(a, b *PathError) int { return cmp.Compare(a.Path, b.Path) })
	return t.found, t.lost, nil
}

// trail follows paths from the live release back.
type trail struct {
	at    *state.Release           // how far it has come
	open  map[string]*state.Object // as it is in at and all that follow; nil: it is not there
	found []Blame
	lost  []*PathError
}

// selected returns the objects of the live release that the patterns mean, and
// nil for what is not live. A path is taken before a glob: names may have
// brackets.
func selected(live *state.Release, patterns []string) map[string]*state.Object {
	open := map[string]*state.Object{}
	for _, p := range patterns {
		o := object(live, p)
		open[p] = o
		if o != nil || !isGlob(p) || !doublestar.ValidatePattern(p) {
			continue
		}
		for i := range live.Objects {
			if o := &live.Objects[i]; doublestar.MatchUnvalidated(p, o.Path) {
				open[o.Path] = o
				delete(open, p)
			}
		}
	}
	return open
}

func isGlob(pattern string) bool { return strings.ContainsAny(pattern, `*?[{\`) }

// object returns the object of a release at a path, or nil.
func object(r *state.Release, path string) *state.Object {
	i, ok := slices.BinarySearchFunc(r.Objects, path, func(o state.Object, path string) int { return cmp.Compare(o.Path, path) })
	if !ok {
		return nil
	}
	return &r.Objects[i]
}

// step compares with the next older release, and closes what differs.
func (t *trail) step(older Entry) error {
	switch {
	case t.at.Parent != older.ID: // what was between them is not known
		t.stop(&NotKeptError{t.at.Parent})
	case older.Err != nil:
		t.stop(older.Err)
	default:
		if err := t.compare(older.Release); err != nil {
			return err
		}
		t.at = older.Release
	}
	return nil
}

// compare closes the paths that at changed. older is its parent.
func (t *trail) compare(older *state.Release) error {
	for path, now := range t.open {
		d, err := Compare(list(object(older, path)), list(now))
		if err != nil {
			return err
		}
		if len(d.Changes) > 0 {
			t.found = append(t.found, Blame{Path: path, Release: bare(t.at), Change: &d.Changes[0]})
			delete(t.open, path)
		}
	}
	return nil
}

// list returns the list of one object, or of none.
func list(o *state.Object) []state.Object {
	if o == nil {
		return nil
	}
	return []state.Object{*o}
}

// end closes what no kept release changed. The first release of a site made
// all that it has.
func (t *trail) end() error {
	if len(t.open) == 0 {
		return nil
	}
	if t.at.Parent != "" {
		t.stop(&NotKeptError{t.at.Parent})
		return nil
	}
	if err := t.compare(&state.Release{}); err != nil {
		return err
	}
	t.stop(nil)
	return nil
}

// stop closes all paths, because nothing older can be seen.
func (t *trail) stop(why error) {
	for path, now := range t.open {
		if now == nil {
			t.lost = append(t.lost, &PathError{Path: path, Unseen: why})
		} else {
			t.found = append(t.found, Blame{Path: path, Release: bare(t.at), Unseen: why})
		}
	}
	clear(t.open)
}
