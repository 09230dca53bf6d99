package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// recovers reports whether an earlier run may have left objects in the state
// that nothing refers to: it did not finish, could not collect what another
// one had left, or was suspected of late requests until now. Only then is the
// state listed.
func (v *view) recovers() bool {
	return len(v.doubts()) > 0 || v.head.Strays || len(v.suspects()) != len(v.head.Suspects)
}

// revivable reports whether the next run may need anew what this one removes
// after the commit: it displaces bytes that are live to the key of a blob that
// is dropped, or that a repair found to be of no use. Then the head is held
// until that is gone.
func (t *tx) revivable() bool {
	dropped := make(map[storage.Digest]bool, len(t.drop.blobs))
	for _, b := range t.drop.blobs {
		dropped[b.SHA256] = true
	}
	return len(t.drop.useless) > 0 || slices.ContainsFunc(t.release.Objects, func(o state.Object) bool { return dropped[o.SHA256] })
}

// abort drops the uploads in parts that the deploys in doubt have left half
// made. It comes before the commit, after which no head names their intents
// any more. The keys are those of the intents, and of the blobs that they may
// have displaced; the time is from the intent to this run's lease.
func (r *Run) abort(t *tx) int {
	var live, blobs []storage.Upload
	for _, in := range t.view.unfinished {
		for _, touch := range in.touches {
			u := storage.Upload{Key: touch.Path, Size: touch.Size, Since: in.written.Add(-clockSlack), Until: t.began}
			if !touch.Delete {
				live = append(live, u)
			}
			if touch.SHA256 != nil { // the next one may have displaced it
				u.Key = state.BlobKey(*touch.SHA256)
				blobs = append(blobs, u)
			}
			if old := recorded(t.view.release, touch.Path); old != nil {
				u.Key, u.Size = state.BlobKey(old.SHA256), old.Size
				blobs = append(blobs, u)
			}
		}
	}
	n := r.abortIn(t.ctx, r.Live, live) + r.abortIn(t.ctx, r.State, blobs)
	if n > 0 {
		r.note("aborted " + english.Plural(n, "upload", "") + " that an earlier deploy did not finish")
	}
	return n
}

// abortIn drops uploads to one store, each once. A failure costs storage, and
// nothing else: it is said, and the deploy goes on.
func (r *Run) abortIn(ctx context.Context, s storage.Store, uploads []storage.Upload) int {
	a, ok := s.(storage.Aborter)
	if !ok {
		return 0
	}
	n, err := a.Abort(ctx, uploads...)
	if err != nil {
		r.warn("uploads that an earlier deploy did not finish may be left: "+oneLine(err),
			"They cost storage until the bucket's lifecycle rule for incomplete multipart uploads, or you, abort them.")
	}
	return n
}

// recorded returns what a release, which may be nil, says of a path, live or
// retired, or nil.
func recorded(rel *state.Release, path string) *state.Object {
	if rel == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(rel.Objects, path, func(o state.Object, path string) int { return strings.Compare(o.Path, path) })
	if ok {
		return &rel.Objects[i]
	}
	if i, ok := findRetired(rel.Retired, path); ok {
		return &rel.Retired[i].Object
	}
	return nil
}

// tidy removes from the state what nothing refers to any more. A run that
// recovers lists the state for that. It returns an error where something may
// have stayed.
func (s *settlement) tidy(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	own := s.disused()
	keys := append(slices.Clone(own), s.unfinished()...)
	var found event.Recovered
	var failed error
	var strays []storage.Info
	if s.tx.view.recovers() || s.tx.collects {
		strays, failed = s.strays(ctx)
		for _, info := range strays {
			keys = append(keys, info.Key)
		}
		found = countStrays(strays, own)
		found.Blobs += s.tx.drop.strays
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) > 0 {
		if err := s.State.Delete(ctx, keys...); err != nil {
			return errors.Join(failed, err)
		}
	}
	s.tx.removed = strays
	s.collected(found)
	return failed
}

// disused returns what this run has made needless itself: the intents of what
// is settled, and what the new release does not keep.
func (s *settlement) disused() []string {
	var ids []string
	if s.tx.release != nil {
		ids = append(ids, s.tx.id)
	}
	for _, d := range s.debts {
		ids = append(ids, d.Intent)
	}
	keys := append(s.intentKeys(ids), s.tx.drop.useless...)
	for _, id := range s.tx.drop.releases {
		keys = append(keys, state.ReleaseKey(id))
	}
	for _, b := range s.tx.drop.blobs {
		keys = append(keys, state.BlobKey(b.SHA256))
	}
	return keys
}

// unfinished returns the intents of the deploys that this run has settled.
func (s *settlement) unfinished() []string {
	ids := s.tx.view.doubts()
	for _, x := range s.tx.view.head.Suspects {
		ids = append(ids, x.Intent)
	}
	return s.intentKeys(ids)
}

// intentKeys returns the keys of those intents that no head will refer to.
func (s *settlement) intentKeys(ids []string) []string {
	needed := s.neededIntents()
	var keys []string
	for _, id := range ids {
		if key := state.IntentKey(id); !needed[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// neededIntents returns the intents of what is still owed and suspected.
func (s *settlement) neededIntents() map[string]bool {
	needed := map[string]bool{}
	for _, d := range s.owing() {
		needed[state.IntentKey(d.Intent)] = true
	}
	for _, x := range s.tx.current().Suspects {
		needed[state.IntentKey(x.Intent)] = true
	}
	return needed
}

// strays lists the state, and returns what neither the head nor the live
// release needs. Where the lists fail, it returns what they have shown.
func (s *settlement) strays(ctx context.Context) ([]storage.Info, error) {
	needed := s.needed()
	dirs := []string{state.IntentKey(""), state.ReleaseKey("")}
	if !s.tx.drop.listed {
		dirs = append(dirs, blobDir)
	}
	var out []storage.Info
	for _, dir := range dirs {
		for info, err := range s.State.List(ctx, dir) {
			if err != nil {
				return out, err
			}
			if !needed[info.Key] && s.collectable(dir, info) {
				out = append(out, info)
			}
		}
	}
	return out, nil
}

// needed returns the keys that the head and the live release refer to.
func (s *settlement) needed() map[string]bool {
	needed, live := s.neededIntents(), s.tx.release
	if live == nil {
		live = s.tx.view.release
	}
	if live == nil {
		return needed
	}
	needed[state.ReleaseKey(live.ID)] = true
	for _, id := range live.History {
		needed[state.ReleaseKey(id)] = true
	}
	for _, b := range live.Blobs {
		needed[state.BlobKey(b.SHA256)] = true
	}
	return needed
}

// collectable reports whether an object in a directory of the state is the
// work of an earlier run: a record by its id, a blob by its time. What has
// another name is not ours, and what is newer belongs to a run that has taken
// over from this one.
func (s *settlement) collectable(dir string, info storage.Info) bool {
	if dir == blobDir {
		_, ok := blobDigest(info.Key)
		return ok && info.Modified.Before(s.tx.began.Add(clockSlack))
	}
	id := strings.TrimPrefix(info.Key, dir)
	return state.ValidID(id) && id < s.tx.id
}

// countStrays counts what others than this run have left.
func countStrays(strays []storage.Info, own []string) (n event.Recovered) {
	mine := map[string]bool{}
	for _, key := range own {
		mine[key] = true
	}
	for _, info := range strays {
		switch {
		case mine[info.Key]:
		case strings.HasPrefix(info.Key, blobDir):
			n.Blobs++
		default:
			n.Records++
		}
	}
	return n
}

// collected notes what was removed.
func (s *settlement) collected(n event.Recovered) {
	s.recovered.Records, s.recovered.Blobs = n.Records, n.Blobs
	var what []string
	if n.Records > 0 {
		what = append(what, english.Plural(n.Records, "record", ""))
	}
	if n.Blobs > 0 {
		what = append(what, english.Plural(n.Blobs, "blob", ""))
	}
	if len(what) > 0 {
		s.note("collected what earlier deploys left in the state and nothing refers to: " + strings.Join(what, ", "))
	}
}

// owing returns what this run leaves to the next one.
func (s *settlement) owing() []state.Debt {
	var out []state.Debt
	for _, d := range s.debts {
		if !d.Settled() {
			out = append(out, d.Debt)
		}
	}
	return out
}

// sweep tidies while the run holds the head, so that nobody can need anew what
// it removes. It reports whether the next run has to try again.
func (s *settlement) sweep() (again bool) {
	err := s.tidy(s.tx.ctx)
	if err != nil && s.tx.ctx.Err() == nil {
		s.warn("what nothing refers to any more could not be removed from the state: "+oneLine(err), "The next deploy that changes something tries again.")
	}
	return err != nil
}

// forget tidies after the commit has given the head back. What stays does no
// harm: the next run that recovers finds it.
func (s *settlement) forget() {
	ctx, cancel := context.WithTimeout(s.last, lastTime)
	defer cancel()
	if err := s.tidy(ctx); err != nil {
		s.Sink.Emit(event.Message{Severity: event.Debug, Text: "tidying the state: " + oneLine(err)})
	}
}
