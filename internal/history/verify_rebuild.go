package history

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Rebuild is what must be written where the head, or the record of the live
// release, is lost.
type Rebuild struct {
	// Head is to be written in place of what is there. Its Live is empty
	// where Release is not nil.
	Head state.Head
	// Release is a record to be written before it, and to become live: the
	// bucket as it is. Nil: Head names one that is there.
	Release *state.Release
	// Touches are the keys that are not as the release has it, or of which
	// that is not known: an intent with these is written before the head.
	Touches []state.Touch
	// Busy is the deploy that holds the head, if one does: it must end first.
	Busy *state.Busy
	// Newest is the newest id that is known; a new one sorts after it.
	Newest string
}

// clockSlack is how far the clocks of one provider's servers may be apart.
const clockSlack = 5 * time.Second

// suspicion is how long a request of a deploy that nobody knows of any more
// may still land: its lease, and as long as a signed request is good.
const suspicion = 45 * time.Minute

// rebuild says what must be written so that head and live release can be read
// again. live is the record of the live release, where that can be read.
func (s *survey) rebuild(ctx context.Context, live *state.Release) error {
	records, err := s.records(ctx)
	if err != nil {
		return err
	}
	b := &rebuilding{survey: s, records: records, base: live}
	b.Rebuild = &Rebuild{Head: s.salvaged()}
	if n := len(records); n > 0 {
		b.Newest = records[n-1].ID
	}
	if s.head != nil {
		b.Newest = max(b.Newest, s.head.Live)
	}
	if live == nil && len(records) > 0 {
		b.base = b.best()
	}
	if b.base != nil {
		s.claim(b.base)
	}
	if s.busy() {
		b.Busy = s.head.Busy
	}
	s.out.Rebuild = b.Rebuild
	if s.head == nil && b.base != nil && len(b.later()) == 0 {
		return b.choose(ctx)
	}
	return b.recordAsItIs(ctx)
}

// records reads all releases that can be read, oldest first.
func (s *survey) records(ctx context.Context) ([]*state.Release, error) {
	var out []*state.Release
	for _, key := range slices.Sorted(maps.Keys(s.state)) {
		id, ok := isRelease(key)
		if !ok {
			continue
		}
		rel, bad, err := s.record(ctx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case bad == nil:
			out = append(out, rel)
		case s.head == nil || id != s.head.Live:
			s.unread = append(s.unread, id)
			s.find(Finding{Kind: RecordUnreadable, State: true, Path: key, Detail: "a release " + words(bad),
				Remedy: "--repair takes it out of those that a rollback can bring back"})
		}
	}
	return out, nil
}

// salvaged returns the head without what can no longer be read; where the head
// is lost, with all intents in doubt.
func (s *survey) salvaged() state.Head {
	h := state.Head{Format: state.Format, Site: s.Site, Strays: true}
	suspect := func(id string, from time.Time) {
		h.Doubt = append(h.Doubt, id)
		h.Suspects = append(h.Suspects, state.Suspect{Intent: id, Until: from.Add(suspicion).UTC()})
	}
	if s.head == nil {
		for _, id := range slices.Sorted(maps.Keys(s.intents)) {
			suspect(id, s.now)
		}
		return h
	}
	h = *s.head
	h.Strays = true
	strange := func(id string) bool { return slices.Contains(s.strange, id) }
	h.Doubt = slices.DeleteFunc(slices.Clone(h.Doubt), strange)
	h.Owed = slices.DeleteFunc(slices.Clone(h.Owed), func(d state.Debt) bool { return strange(d.Intent) })
	h.Suspects = slices.DeleteFunc(slices.Clone(h.Suspects), func(x state.Suspect) bool { return strange(x.Intent) })
	if h.Busy != nil && !strange(h.Busy.Target) {
		suspect(h.Busy.Target, h.Busy.Expires)
	}
	h.Busy = nil
	return h
}

// rebuilding is a Rebuild in the making.
type rebuilding struct {
	*survey
	*Rebuild
	records []*state.Release
	base    *state.Release // what the rebuilt release goes by; nil: nothing
}

// best returns the release that is most like what the bucket lists: with the
// fewest of its objects missing or different, and the fewest others beside
// them that a record knows. Of several, it is the newest: a record is written
// when all of its objects are, so that one that no head ever named can only
// win where its objects are what is in the bucket.
func (b *rebuilding) best() *state.Release {
	best, least := b.records[0], -1
	for _, r := range b.records {
		if n := b.distance(r); least < 0 || n <= least {
			best, least = r, n
		}
	}
	return best
}

// distance counts the paths at which the bucket is not as a release has it.
func (b *rebuilding) distance(r *state.Release) int {
	n := 0
	has := make(map[string]bool, len(r.Objects))
	for i := range r.Objects {
		o := &r.Objects[i]
		has[o.Path] = true
		if info, there := b.live[o.Path]; !b.doubts[o.Path] && (!there || !listedAs(info, o)) {
			n++
		}
	}
	for i := range r.Retired {
		has[r.Retired[i].Path] = true // there or not
	}
	for path := range b.ours() {
		if !has[path] && !b.doubts[path] {
			n++
		}
	}
	return n
}

// ours returns, for each path that lists as some record has it, that object of
// the newest such record.
func (b *rebuilding) ours() map[string]*state.Object {
	m := map[string]*state.Object{}
	for _, r := range b.records {
		for o := range described(r) {
			if info, there := b.live[o.Path]; there && listedAs(info, o) {
				m[o.Path] = o
			}
		}
	}
	return m
}

// choose makes a recorded release live again, and puts in doubt what the
// bucket has otherwise.
func (b *rebuilding) choose(ctx context.Context) error {
	b.Head.Live = b.base.ID
	b.Head.Mark, b.Head.Held = b.mark()
	b.Touches = b.differences()
	b.remedy(fmt.Sprintf("--repair writes it again with release %s live: %d of its %s are as it recorded them",
		b.base.ID, len(b.base.Objects)-b.differing(), english.Plural(len(b.base.Objects), "object", "")))
	return b.follow(ctx, b.base)
}

// differing counts the objects of the base that are missing or different.
func (b *rebuilding) differing() int {
	n := 0
	for i := range b.base.Objects {
		o := &b.base.Objects[i]
		if info, there := b.live[o.Path]; !there || !listedAs(info, o) {
			n++
		}
	}
	return n
}

// remedy says of the findings so far what Repair does about them all.
func (b *rebuilding) remedy(text string) {
	for i := range b.out.Findings {
		if f := &b.out.Findings[i]; f.Remedy == "" {
			f.Remedy = text
		}
	}
}

// mark returns the order mark that a release left: its own source, unless it
// was made by a rollback, which keeps the mark, or by a repair.
func (b *rebuilding) mark() (mark *state.Mark, held bool) {
	first := true
	for _, r := range slices.Backward(b.records) {
		if r.ID > b.base.ID || r.ID != b.base.ID && !slices.Contains(b.base.History, r.ID) || r.Repaired {
			continue
		}
		if first {
			held, first = r.RollbackTo != "", false
		}
		m := state.Mark{Commit: r.Source.Commit, Repository: r.Source.Repository, RunID: r.Source.RunID, RunAttempt: r.Source.RunAttempt}
		if r.RollbackTo == "" && m != (state.Mark{}) {
			return &m, held
		}
	}
	return nil, held
}

// differences returns the keys that are not as the base has it, and whose they
// are as far as a record tells, sorted.
func (b *rebuilding) differences() []state.Touch {
	ours := b.ours()
	var out []state.Touch
	has := map[string]bool{}
	for i := range b.base.Objects {
		o := &b.base.Objects[i]
		has[o.Path] = true
		other := ours[o.Path]
		switch info, there := b.live[o.Path]; {
		case other != nil && other.SHA256 != o.SHA256:
			out = append(out, state.Touch{Path: o.Path, SHA256: &o.SHA256, Adopts: &other.SHA256})
		case !there || !listedAs(info, o), other != nil && !other.Headers.Equal(o.Headers):
			out = append(out, state.Touch{Path: o.Path, SHA256: &o.SHA256})
		}
	}
	for path, o := range ours {
		if t := retiredAt(b.base, path); !has[path] && (t == nil || t.SHA256 != o.SHA256) {
			out = append(out, state.Touch{Path: path, Delete: true, SHA256: &o.SHA256})
		}
	}
	slices.SortFunc(out, func(a, c state.Touch) int { return cmp.Compare(a.Path, c.Path) })
	return out
}

// recordAsItIs makes a release of what is in the bucket, read to the last
// byte: the record of the live release is lost, or nobody knows any more what
// a deploy may have touched.
func (b *rebuilding) recordAsItIs(ctx context.Context) error {
	paths, taken := b.owned()
	if err := b.readObjects(ctx, paths); err != nil {
		return err
	}
	rel := &state.Release{Format: state.Format, Site: b.Site, Repaired: true}
	for _, path := range paths {
		o := b.read[path]
		if o == nil {
			continue
		}
		if t := retiredAt(b.base, path); t != nil && t.SHA256 == o.SHA256 {
			rel.Retired = append(rel.Retired, state.Retired{Object: *o, Last: t.Last, Until: t.Until})
		} else {
			rel.Objects = append(rel.Objects, *o)
		}
	}
	b.inherit(rel)
	b.Release, b.Head.Live = rel, ""
	b.out.Objects = len(rel.Objects)
	b.remedy(fmt.Sprintf("--repair makes a release of the %s that are there; no record that can be read knows %d of them",
		english.Plural(len(rel.Objects), "object", ""), len(taken)))
	for _, path := range taken {
		b.find(Finding{Kind: Taken, Path: path, Note: true, Detail: "no record that can be read knows it",
			Remedy: "--repair takes it for the site's: the next deploy deletes it unless the output has it; see pandastack plan"})
	}
	b.disclose()
	return nil
}

// owned returns the paths that a rebuilt release has, and those among them
// that no record knows: without any record, all; else those that were written
// after the deploy began whose record is lost. Both are sorted.
func (b *rebuilding) owned() (paths, taken []string) {
	known := map[string]bool{}
	for path := range b.ours() {
		known[path] = true
	}
	if b.base != nil {
		for i := range b.base.Objects {
			known[b.base.Objects[i].Path] = true
		}
	}
	since, bounded := b.since()
	for path, info := range b.live {
		switch {
		case known[path]:
			paths = append(paths, path)
		case b.doubts[path]: // an intent that can be read says whose it is
		case !bounded || !info.Modified.IsZero() && !info.Modified.Before(since.Add(-clockSlack)):
			paths, taken = append(paths, path), append(taken, path)
		}
	}
	slices.Sort(paths)
	slices.Sort(taken)
	return paths, taken
}

// later returns the ids of records that cannot be read and that are newer than
// the base: one of them may have been live.
func (b *rebuilding) later() []string {
	return slices.DeleteFunc(slices.Clone(b.unread), func(id string) bool { return id < b.base.ID })
}

// since returns when the oldest deploy began whose doings are lost, and false
// where nothing bounds that.
func (b *rebuilding) since() (time.Time, bool) {
	if b.base == nil {
		return time.Time{}, false
	}
	ids := append(b.later(), b.strange...)
	if b.head != nil && b.base.ID != b.head.Live {
		ids = append(ids, b.head.Live)
	}
	if len(ids) == 0 {
		return time.Time{}, false
	}
	return state.IDTime(slices.Min(ids))
}

// inherit gives a rebuilt release what its base knows: the releases that are
// kept, and the blobs that they need.
func (b *rebuilding) inherit(rel *state.Release) {
	if b.base == nil {
		return
	}
	b.needs = map[storage.Digest]*need{}
	for _, r := range b.records {
		if r.ID == b.base.ID || slices.Contains(b.base.History, r.ID) {
			rel.History = append(rel.History, r.ID)
			b.keep(r)
		}
	}
	rel.Parent = b.base.ID
	rel.Source.Repository = b.base.Source.Repository
	for _, d := range b.listedBlobs() {
		if n := b.needs[d]; n != nil && !b.spoilt(d, n.size) {
			rel.Blobs = append(rel.Blobs, state.Blob{SHA256: d, Size: n.size, Last: n.last()})
		}
	}
	sortBlobs(rel.Blobs)
}

// disclose reports, where the live release can be read, how the bucket differs
// from it: all of this is recorded as it is.
func (b *rebuilding) disclose() {
	if b.head == nil || b.base == nil || b.base.ID != b.head.Live {
		return
	}
	for i := range b.base.Objects {
		if o := &b.base.Objects[i]; b.kindAt(o) != "" && b.kindAt(o) != Rewritten {
			b.damaged(o, nil)
		}
	}
	b.out.Damage = map[string]Damage{}
}
