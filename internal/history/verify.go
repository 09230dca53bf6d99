package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// VerifyOptions says what is verified, and how thoroughly.
type VerifyOptions struct {
	Site  state.Site
	Live  storage.Store // below the site's prefix
	State storage.Store // below the state's prefix
	// Aside holds the prefixes, relative to Live, below which the state of
	// this site, or of several, lies inside the site's prefix. What lies
	// below a path segment state.Dir is state without being named here.
	Aside []string
	// Deep reads every byte. Otherwise sizes and ETags are believed where
	// they are the recorded ones, and the rest is read.
	Deep    bool
	Workers int // objects read at once; at least 1
	Now     func() time.Time
	// Progress, where it is not nil, hears how many objects, and bytes of
	// them, have been read, and how many there are to read. It must be safe
	// for concurrent use.
	Progress func(done, total int, bytes, totalBytes int64)
}

// Verification is what Verify found.
type Verification struct {
	// HeadETag is that of the head; empty where there is none.
	HeadETag string
	// Release is what the bucket was compared with: the live release, or the
	// one that Rebuild makes live. Its History and Blobs are those that are
	// still there. Nil: there is none yet, or Rebuild makes one.
	Release *state.Release
	// Rebuild is what must be written before anything can be compared, or
	// mended. Nil: head and live release can be read.
	Rebuild *Rebuild
	// Findings are sorted: what is wrong with the state first, then with the
	// site, by kind and path; notes last.
	Findings []Finding
	// Damage describes the paths of Release that are not as it says.
	Damage map[string]Damage
	// Lost are the blobs that are missing or altered, and whose bytes are
	// also at a live path.
	Lost map[storage.Digest]string
	// Changed says that the record of the live release names what is gone.
	Changed bool
	// Useless are keys of the state whose bytes are not what they should be,
	// or were kept for a release that can no longer be read.
	Useless []string
	Objects int   // compared
	Bytes   int64 // read
}

// Damage is a path that is not as the release says.
type Damage struct {
	Found *state.Object // as it is; nil: nothing is there
	// Mendable says that the bytes that should be there are in the bucket:
	// at this path, in Release.Blobs, or at another live path.
	Mendable bool
}

// Sound reports whether all is well: notes apart, nothing was found.
func (v *Verification) Sound() bool {
	return !slices.ContainsFunc(v.Findings, func(f Finding) bool { return !f.Note })
}

// verifyAttempts bounds how often Verify begins anew because a deploy wrote
// the head meanwhile.
const verifyAttempts = 3

// Verify compares the bucket with the records of the site, and says what
// Repair would do about each difference. It writes nothing. It fails with
// state.ErrNothing, *state.NewerError or *state.ForeignError of a record, and
// with what the storage returns.
func Verify(ctx context.Context, o VerifyOptions) (*Verification, error) {
	for attempt := 1; ; attempt++ {
		s := &survey{VerifyOptions: o, out: &Verification{Damage: map[string]Damage{}, Lost: map[storage.Digest]string{}}}
		if err := s.run(ctx); err != nil {
			return nil, err
		}
		if s.out.Sound() || attempt == verifyAttempts {
			return s.out, nil
		}
		etag, err := s.headETag(ctx)
		if err != nil {
			return nil, err
		}
		if etag == s.out.HeadETag {
			return s.out, nil
		}
	}
}

// survey is one look at a bucket.
type survey struct {
	VerifyOptions
	out *Verification

	head    *state.Head // nil: missing or unreadable
	now     time.Time   // the server's clock when the head was read
	state   map[string]storage.Info
	live    map[string]storage.Info
	nested  map[string]storage.Info  // what lies in sites below this one
	intents map[string]*state.Intent // that can be read
	strange []string                 // intents that the head names and that cannot be read
	unread  []string                 // releases that a rebuild could not read
	kept    []*state.Release         // without objects, oldest first, the live one last
	needs   map[storage.Digest]*need

	read   map[string]*state.Object // live paths that were read; nil: gone
	blobs  map[storage.Digest]bool  // blobs that were read, and whether they are good
	count  counting
	doubts map[string]bool // paths that deploys which did not finish may have touched
}

// run fills in the verification.
func (s *survey) run(ctx context.Context) error {
	s.read, s.blobs, s.doubts = map[string]*state.Object{}, map[storage.Digest]bool{}, map[string]bool{}
	headErr, err := s.readHead(ctx)
	if err != nil {
		return err
	}
	if err := s.list(ctx); err != nil {
		return err
	}
	if s.out.HeadETag == "" && !s.recorded() {
		return state.ErrNothing
	}
	if err := s.readIntents(ctx); err != nil {
		return err
	}
	if err := s.release(ctx, headErr); err != nil {
		return err
	}
	if s.out.Release != nil {
		if err := s.compare(ctx); err != nil {
			return err
		}
	}
	s.unfinished()
	s.strays()
	sortFindings(s.out.Findings)
	s.out.Bytes = s.count.bytes
	return nil
}

// release finds the release that the bucket is compared with, or what must be
// rebuilt before there is one.
func (s *survey) release(ctx context.Context, headErr error) error {
	var live *state.Release
	var liveErr error
	if s.head != nil && s.head.Live != "" {
		var err error
		if live, liveErr, err = s.record(ctx, s.head.Live); err != nil {
			return err
		}
		if liveErr != nil {
			s.find(Finding{Kind: kindOf(liveErr, RecordMissing, RecordUnreadable), State: true, Path: state.ReleaseKey(s.head.Live),
				Detail: "the record of the live release " + words(liveErr)})
		}
	}
	if s.head == nil {
		s.find(Finding{Kind: kindOf(headErr, HeadMissing, HeadUnreadable), State: true, Path: state.HeadKey,
			Detail: "the head " + words(headErr) + ": which release is live, and who deploys, is not known"})
	}
	if s.head == nil || liveErr != nil || len(s.strange) > 0 {
		return s.rebuild(ctx, live)
	}
	if live == nil {
		return nil // the first deploy did not get far
	}
	s.head.Trim(live)
	return s.follow(ctx, live)
}

// follow reads the records that are kept beside a release, and makes that one
// what the bucket is compared with.
func (s *survey) follow(ctx context.Context, live *state.Release) error {
	s.needs = map[storage.Digest]*need{}
	var history []string
	for _, id := range live.History {
		rel, bad, err := s.record(ctx, id)
		if err != nil {
			return err
		}
		if bad != nil {
			if !slices.Contains(s.unread, id) {
				s.find(Finding{Kind: kindOf(bad, RecordMissing, RecordUnreadable), State: true, Path: state.ReleaseKey(id),
					Detail: "a release that is kept " + words(bad), Remedy: "--repair takes it out of those that a rollback can bring back"})
			}
			s.out.Changed = true
			if _, there := s.state[state.ReleaseKey(id)]; there {
				s.out.Useless = append(s.out.Useless, state.ReleaseKey(id))
			}
			continue
		}
		history = append(history, id)
		s.keep(rel)
	}
	s.keep(live)
	s.claim(live)
	rel := *live
	rel.History = history
	s.out.Release = &rel
	return nil
}

// keep notes what a release needs, and forgets its objects.
func (s *survey) keep(rel *state.Release) {
	for i := range rel.Objects {
		o := &rel.Objects[i]
		if s.head != nil && s.head.Forgot(o.SHA256) {
			continue // it is gone on purpose
		}
		n := s.needs[o.SHA256]
		if n == nil {
			n = &need{size: o.Size, path: o.Path}
			s.needs[o.SHA256] = n
		}
		if len(n.releases) == 0 || n.releases[len(n.releases)-1] != rel.ID {
			n.releases = append(n.releases, rel.ID)
		}
	}
	s.kept = append(s.kept, &state.Release{ID: rel.ID, Blobs: rel.Blobs})
}

// need is who needs which bytes.
type need struct {
	size     int64    // bytes
	path     string   // for example
	releases []string // ids, oldest first
}

func (n *need) last() string { return n.releases[len(n.releases)-1] }

// unfinished reports what deploys left undone.
func (s *survey) unfinished() {
	h := s.head
	if h == nil {
		return
	}
	if b := h.Busy; b != nil {
		detail := "the deploy of " + b.Owner.String() + " did not finish"
		if s.busy() {
			detail = b.Owner.String() + " is deploying: what it has in hand is not compared"
		}
		s.find(Finding{Kind: Unfinished, State: true, Path: state.IntentKey(b.Target), Detail: detail, Remedy: "the next deploy settles it, and so does --repair"})
	}
	for _, id := range h.Doubt {
		s.find(Finding{Kind: Unfinished, State: true, Path: state.IntentKey(id), Detail: "a deploy did not finish", Remedy: "the next deploy settles it, and so does --repair"})
	}
	for _, d := range h.Owed {
		what := "purges"
		if d.Delete {
			what = "deletions"
		}
		s.find(Finding{Kind: Owed, State: true, Path: state.IntentKey(d.Intent), Detail: what + " of a release are not done", Remedy: "the next deploy does them, and so does --repair"})
	}
}

// busy reports whether a deploy holds the head.
func (s *survey) busy() bool {
	return s.head != nil && s.head.Busy != nil && s.now.Before(s.head.Busy.Expires)
}

// strays reports objects of the state that nothing needs.
func (s *survey) strays() {
	if s.busy() || s.out.Rebuild != nil {
		return // they may be the deploy's; or nobody knows yet
	}
	known := map[string]bool{state.HeadKey: true}
	for id := range s.named() {
		known[state.IntentKey(id)] = true
	}
	if r := s.out.Release; r != nil {
		for _, id := range append(slices.Clone(r.History), r.ID) {
			known[state.ReleaseKey(id)] = true
		}
		for _, b := range r.Blobs {
			known[state.BlobKey(b.SHA256)] = true
		}
	}
	for _, key := range s.out.Useless { // said with the release that needed it
		known[key] = true
	}
	for _, f := range s.out.Findings {
		known[f.Path] = known[f.Path] || f.State
	}
	for _, key := range slices.Sorted(maps.Keys(s.state)) {
		if !known[key] {
			s.find(Finding{Kind: Stray, State: true, Note: true, Path: key, Detail: "nothing refers to it"})
		}
	}
}

// named returns the ids of the intents that the head names.
func (s *survey) named() map[string]bool {
	ids := map[string]bool{}
	if h := s.head; h != nil {
		for _, id := range h.Doubt {
			ids[id] = true
		}
		for _, d := range h.Owed {
			ids[d.Intent] = true
		}
		for _, x := range h.Suspects {
			ids[x.Intent] = true
		}
		if h.Busy != nil {
			ids[h.Busy.Target] = true
		}
	}
	return ids
}

// words says how a record fails.
func words(err error) string {
	if errors.Is(err, storage.ErrNotExist) {
		return "is missing"
	}
	var c *state.CorruptError
	if errors.As(err, &c) {
		return fmt.Sprintf("cannot be read (%v)", c.Err)
	}
	return fmt.Sprintf("cannot be read (%v)", err)
}

func kindOf(err error, missing, unreadable Kind) Kind {
	if errors.Is(err, storage.ErrNotExist) {
		return missing
	}
	return unreadable
}

// isRelease reports whether a key of the state is that of a record, and
// returns its id. A site below releases/ has a head there.
func isRelease(key string) (id string, ok bool) {
	id, ok = strings.CutPrefix(key, "releases/")
	if _, made := state.IDTime(id); !made {
		return "", false
	}
	return id, ok
}
