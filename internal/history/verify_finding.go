package history

import (
	"cmp"
	"slices"
)

// Kind is what is wrong.
type Kind string

// The kinds of findings. The first group is about the state.
const (
	HeadMissing      Kind = "head-missing"
	HeadUnreadable   Kind = "head-unreadable"
	RecordMissing    Kind = "record-missing"
	RecordUnreadable Kind = "record-unreadable"
	IntentUnreadable Kind = "intent-unreadable"
	BlobMissing      Kind = "blob-missing"
	BlobAltered      Kind = "blob-altered"
	Unfinished       Kind = "unfinished"  // a deploy did not finish, or is at work
	Owed             Kind = "owed"        // deletions or purges of a release
	Unreachable      Kind = "unreachable" // a note: a kept release lacks bytes
	Stray            Kind = "stray"       // a note: state that nothing needs

	Missing   Kind = "missing"
	Altered   Kind = "altered"   // other bytes
	Headers   Kind = "headers"   // the same bytes with other headers
	Rewritten Kind = "rewritten" // bytes and headers are right, the ETag is not the recorded one
	Taken     Kind = "taken"     // a rebuilt release takes it for the site's
	Retired   Kind = "retired"   // a note: what is retired is gone, or another one
	Foreign   Kind = "foreign"   // a note: no release put it there
)

// kinds are all kinds, in the order in which findings are listed.
var kinds = []Kind{
	HeadMissing, HeadUnreadable, RecordMissing, RecordUnreadable, IntentUnreadable, BlobMissing, BlobAltered, Unfinished, Owed,
	Missing, Altered, Headers, Rewritten, Taken, Retired, Foreign, Unreachable, Stray,
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Kind Kind
	// State says that Path is relative to the state's prefix; else it is
	// relative to the site's.
	State  bool
	Path   string
	Detail string // what is wrong, in words
	Remedy string // what is done about it, and by what; empty: nothing
	// Note says that all is well all the same.
	Note bool
}

func (s *survey) find(f Finding) { s.out.Findings = append(s.out.Findings, f) }

func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Path, b.Path))
	})
}
