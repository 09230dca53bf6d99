package deploy

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// erase finds the bytes that files at the given paths had in any kept release,
// and notes in the head of the view that they are forgotten. Bytes that are
// also live at another path are public still: they are left alone, and said.
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
	for _, p := range patterns {
		if v.recovers() {
			break // a run that died may have dropped the last release that had it
		}
		if !slices.ContainsFunc(past, func(r *state.Release) bool { return len(pathsOf(r, []string{p})) > 0 }) {
			return &history.PathError{Path: p}
		}
	}
	d.erased = versions(past, v.release, patterns)
	gone := map[storage.Digest]bool{}
	for i, e := range d.erased {
		var digest storage.Digest
		if err := digest.UnmarshalText([]byte(e.SHA256)); err != nil {
			return err
		}
		if e.Live == "" {
			gone[digest] = true
		}
		if i == 0 || d.erased[i-1].Path != e.Path {
			d.touches = append(d.touches, state.Touch{Path: e.Path})
		}
	}
	slices.SortFunc(d.touches, func(a, b state.Touch) int { return cmp.Compare(a.Path, b.Path) })
	d.touches = slices.CompactFunc(d.touches, func(a, b state.Touch) bool { return a.Path == b.Path })
	v.head.Forget(forgotten(past, gone)...)
	return nil
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

// versions returns what the paths held in former releases, by path and digest.
func versions(past []*state.Release, live *state.Release, patterns []string) []event.Erased {
	elsewhere := make(map[storage.Digest]string, len(live.Objects))
	for _, o := range live.Objects {
		elsewhere[o.SHA256] = o.Path
	}
	var out []event.Erased
	for _, rel := range past {
		for _, path := range pathsOf(rel, patterns) {
			i, _ := find(rel, path)
			o := &rel.Objects[i]
			sum := o.SHA256.String()
			at := slices.IndexFunc(out, func(e event.Erased) bool { return e.Path == path && e.SHA256 == sum })
			if at < 0 {
				at = len(out)
				out = append(out, event.Erased{Path: path, SHA256: sum, Size: o.Size, Live: elsewhere[o.SHA256]})
			}
			out[at].Releases = append(out[at].Releases, rel.ID)
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

// remembered returns the objects of a former release without those whose bytes
// were erased, and the paths of these.
func (v *view) remembered(rel *state.Release) (kept []state.Object, erased []string) {
	for _, o := range rel.Objects {
		if v.head.Forgot(o.SHA256) {
			erased = append(erased, o.Path)
		} else {
			kept = append(kept, o)
		}
	}
	return kept, erased
}
