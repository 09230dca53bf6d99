package history

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// compareBlobs replaces the blobs that the release records by those that are
// there, are good, and are needed, and reports those that are not.
func (s *survey) compareBlobs() {
	rel := s.out.Release
	recorded := map[storage.Digest]state.Blob{}
	for _, b := range rel.Blobs {
		recorded[b.SHA256] = b
	}
	rel.Blobs = nil
	live := s.liveDigests(rel)
	for _, d := range s.listedBlobs() {
		rec, isRecorded := recorded[d]
		size, last := s.needOf(d, rec)
		switch {
		case last == "" && !isRecorded:
			continue // a stray
		case last == "": // the release that needed it can no longer be read
			delete(recorded, d)
			s.out.Useless = append(s.out.Useless, state.BlobKey(d))
			continue
		case s.spoilt(d, size):
			s.out.Useless = append(s.out.Useless, state.BlobKey(d))
			continue
		}
		delete(recorded, d)
		rel.Blobs = append(rel.Blobs, state.Blob{SHA256: d, Size: size, Last: last})
	}
	sortBlobs(rel.Blobs)
	for d := range recorded {
		s.lost(d, live)
	}
	s.unreachable(rel, live)
}

func sortBlobs(blobs []state.Blob) {
	slices.SortFunc(blobs, func(a, b state.Blob) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
}

// needOf returns the size of a blob and the newest release that needs it; ""
// where none does.
func (s *survey) needOf(d storage.Digest, rec state.Blob) (size int64, last string) {
	size = rec.Size
	if slices.ContainsFunc(s.kept, func(r *state.Release) bool { return r.ID == rec.Last }) {
		last = rec.Last
	}
	if n := s.needs[d]; n != nil {
		size, last = n.size, max(last, n.last())
	}
	return size, last
}

// spoilt reports whether a blob that is listed is not what its name says.
func (s *survey) spoilt(d storage.Digest, size int64) bool {
	good, read := s.blobs[d]
	return s.state[state.BlobKey(d)].Size != size || read && !good
}

// liveDigests returns a path for each digest that is live, or retired, as the
// release says.
func (s *survey) liveDigests(rel *state.Release) map[storage.Digest]string {
	m := map[storage.Digest]string{}
	for o := range described(rel) {
		if s.kindAt(o) == "" && !s.inHand(o.Path) {
			m[o.SHA256] = o.Path
		}
	}
	return m
}

// lost reports a blob that the release records and that is not there, or not
// what its name says.
func (s *survey) lost(d storage.Digest, live map[storage.Digest]string) {
	s.out.Changed = true
	f := Finding{Kind: BlobMissing, State: true, Path: state.BlobKey(d), Detail: "kept bytes are gone"}
	if _, there := s.state[f.Path]; there {
		f.Kind, f.Detail = BlobAltered, "kept bytes are not what the name says"
	}
	n := s.needs[d]
	path, ok := live[d]
	switch {
	case n == nil:
		f.Remedy = "--repair takes it off the list: no release needs it"
	case ok:
		s.out.Lost[d] = path
		f.Detail += ", such as those of " + n.path
		f.Remedy = "--repair copies them again from " + path
	default:
		f.Detail += ", such as those of " + n.path
		f.Remedy = "--repair takes it off the list: " + cannotReturn(n.releases)
	}
	s.find(f)
}

func cannotReturn(releases []string) string {
	return english.PluralWord(len(releases), "release", "") + " " + strings.Join(releases, ", ") + " cannot be brought back"
}

// unreachable notes the kept releases whose bytes are not all there.
func (s *survey) unreachable(rel *state.Release, live map[storage.Digest]string) {
	have := maps.Clone(live)
	for _, b := range rel.Blobs {
		have[b.SHA256] = ""
	}
	missing := map[string]int{}
	for d, n := range s.needs {
		if _, ok := have[d]; ok {
			continue
		}
		for _, id := range n.releases {
			if id != rel.ID {
				missing[id]++
			}
		}
	}
	for id, n := range missing {
		s.find(Finding{Kind: Unreachable, State: true, Note: true, Path: state.ReleaseKey(id),
			Detail: fmt.Sprintf("a rollback to it is refused: %s of its content %s gone", english.Plural(n, "piece", ""), english.PluralWord(n, "is", "are"))})
	}
}
