package deploy

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// erase finds the bytes that files at the given paths had in any kept release,
// and notes in the head of the view that they are forgotten. What is retired at
// these paths, or has such bytes, is withdrawn. Bytes that are also live at
// another path are public still: they are left alone, and said.
func (d *disposal) erase(ctx context.Context, patterns []string) error {
	if len(patterns) == 0 {
		return nil
	}
	v := d.view
	if live := pathsOf(v.release, patterns); len(live) > 0 {
		return &LivePathError{Paths: live}
	}
	past := make([]*state.Release, 0, len(v.release.History))
	for _, id := range v.release.History {
		rel, err := d.former(ctx, id)
		if err != nil {
			return err
		}
		past = append(past, rel)
	}
	retained := append(slices.Clone(past), &state.Release{Objects: retiredObjects(v.retired)})
	for _, p := range patterns {
		if v.recovers() {
			break // a run that died may have dropped the last release that had it
		}
		if !slices.ContainsFunc(retained, func(r *state.Release) bool { return len(pathsOf(r, []string{p})) > 0 }) {
			return &history.PathError{Path: p}
		}
	}
	d.erased = versions(retained, v.release, patterns)
	gone := map[storage.Digest]bool{}
	for _, e := range d.erased {
		var digest storage.Digest
		if err := digest.UnmarshalText([]byte(e.SHA256)); err != nil {
			return err
		}
		if e.Live == "" {
			gone[digest] = true
		}
	}
	d.withdraw(gone)
	d.disclose(past, gone)
	d.touch()
	v.head.Forget(forgotten(past, gone)...)
	return nil
}

// retiredObjects returns the objects that are retired.
func retiredObjects(retired []state.Retired) []state.Object {
	out := make([]state.Object, len(retired))
	for i := range retired {
		out[i] = retired[i].Object
	}
	return out
}

// withdraw takes out of the view what is retired at a path that is erased, or
// has bytes that are. It will be deleted, wherever it is: no page refers to it.
func (d *disposal) withdraw(gone map[storage.Digest]bool) {
	places := map[heldAt]int{}
	for i, e := range d.erased {
		places[heldAt{e.Path, e.SHA256}] = i
	}
	for _, t := range d.view.retired {
		sum := t.SHA256.String()
		at, known := places[heldAt{t.Path, sum}]
		if !known && !gone[t.SHA256] {
			continue
		}
		if !known {
			at = len(d.erased)
			d.erased = append(d.erased, event.Erased{Path: t.Path, SHA256: sum, Size: t.Size, Releases: []string{}})
		}
		d.erased[at].Retired = true
		d.withdrawn = append(d.withdrawn, t)
	}
	slices.SortStableFunc(d.erased, func(a, b event.Erased) int { return cmp.Compare(a.Path, b.Path) })
	d.view.retired = slices.DeleteFunc(slices.Clone(d.view.retired), func(t state.Retired) bool {
		_, out := findRetired(d.withdrawn, t.Path)
		return out
	})
}

// disclose says at which other paths kept releases had what is erased: a
// rollback to these comes without them, too.
func (d *disposal) disclose(past []*state.Release, gone map[storage.Digest]bool) {
	also := map[string]map[string]bool{} // by digest
	for _, rel := range past {
		for i := range rel.Objects {
			if o := &rel.Objects[i]; gone[o.SHA256] {
				sum := o.SHA256.String()
				if also[sum] == nil {
					also[sum] = map[string]bool{}
				}
				also[sum][o.Path] = true
			}
		}
	}
	for _, e := range d.erased {
		delete(also[e.SHA256], e.Path) // said itself
	}
	for i := range d.erased {
		d.erased[i].Also = slices.Sorted(maps.Keys(also[d.erased[i].SHA256]))
	}
}

// touch adds the paths of what is erased to what CDNs have to forget, and says
// of those that are withdrawn that they are deleted.
func (d *disposal) touch() {
	byPath := map[string]state.Touch{}
	for _, t := range d.touches {
		byPath[t.Path] = t
	}
	for _, e := range d.erased {
		byPath[e.Path] = state.Touch{Path: e.Path}
	}
	for i := range d.withdrawn {
		o := &d.withdrawn[i].Object
		byPath[o.Path] = state.Touch{Path: o.Path, Delete: true, SHA256: &o.SHA256, Size: o.Size}
	}
	d.touches = slices.SortedFunc(maps.Values(byPath), func(a, b state.Touch) int { return cmp.Compare(a.Path, b.Path) })
}

// former reads the record of a former release.
func (r *Run) former(ctx context.Context, id string) (rel *state.Release, err error) {
	_, err = r.get(ctx, state.ReleaseKey(id), func(body io.Reader) (err error) {
		rel, err = state.DecodeRelease(body, r.Site)
		return err
	})
	if notExist(err) {
		err = history.ErrMissing
	}
	if err != nil {
		return nil, &history.RecordError{ID: id, Err: err}
	}
	return rel, nil
}

// pathsOf returns the paths of a release that the patterns mean. A path is
// taken before a glob: names may have brackets.
func pathsOf(rel *state.Release, patterns []string) []string {
	var out []string
	for _, p := range patterns {
		if _, ok := find(rel, p); ok {
			out = append(out, p)
			continue
		}
		if !strings.ContainsAny(p, "*?[{") || !doublestar.ValidatePattern(p) {
			continue
		}
		for i := range rel.Objects {
			if path := rel.Objects[i].Path; doublestar.MatchUnvalidated(p, path) {
				out = append(out, path)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// find returns the place of a path among the objects of a release.
func find(rel *state.Release, path string) (int, bool) {
	return slices.BinarySearchFunc(rel.Objects, path, func(o state.Object, path string) int { return cmp.Compare(o.Path, path) })
}

// heldAt is what a path held once.
type heldAt struct{ path, sha256 string }

// versions returns what the paths held in former releases, by path and digest;
// what has no id is none, and not named.
func versions(past []*state.Release, live *state.Release, patterns []string) []event.Erased {
	elsewhere := make(map[storage.Digest]string, len(live.Objects))
	for _, o := range live.Objects {
		elsewhere[o.SHA256] = o.Path
	}
	var out []event.Erased
	places := map[heldAt]int{}
	for _, rel := range past {
		for _, path := range pathsOf(rel, patterns) {
			i, _ := find(rel, path)
			o := &rel.Objects[i]
			sum := o.SHA256.String()
			at, known := places[heldAt{path, sum}]
			if !known {
				at = len(out)
				places[heldAt{path, sum}] = at
				out = append(out, event.Erased{Path: path, SHA256: sum, Size: o.Size, Releases: []string{}, Live: elsewhere[o.SHA256]})
			}
			if rel.ID != "" {
				out[at].Releases = append(out[at].Releases, rel.ID)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b event.Erased) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// forgotten returns the digests with the newest release that had each, at any
// path.
func forgotten(past []*state.Release, gone map[storage.Digest]bool) []state.Forgotten {
	last := map[storage.Digest]string{}
	for _, rel := range past {
		for i := range rel.Objects {
			if d := rel.Objects[i].SHA256; gone[d] {
				last[d] = rel.ID
			}
		}
	}
	out := make([]state.Forgotten, 0, len(last))
	for d, id := range last {
		out = append(out, state.Forgotten{SHA256: d, Last: id})
	}
	return out
}
