package deploy

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// view is what a run knows of the bucket.
type view struct {
	head    *state.Head     // never nil; empty before the first deploy
	etag    string          // of the head; empty: there is none
	raw     []byte          // the head as it is stored
	now     time.Time       // the server's clock when the head was read
	skew    time.Duration   // how far the server's clock is ahead of ours
	release *state.Release  // nil before the first
	objects []state.Object  // as they are in the bucket, as far as it is known
	retired []state.Retired // those that the release retains, as they are in the bucket
	doubted []string        // paths that unfinished deploys may have touched; sorted
	debts   []debt
	adopted map[string]bool // paths of objects that no release put there, and that this run takes over
	void    []string        // ids of debts that nobody can, or has to, pay any more
	// unfinished is what the deploys in doubt announced.
	unfinished []intent
	// damage is what a repair found at paths of the live release, and spoilt
	// the keys of the state that it found to be of no use.
	damage map[string]history.Damage
	spoilt map[string]bool
	// takeover: this run takes the place of the one that holds the head,
	// though its lease has not run out.
	takeover bool
	// strays are intents that the head does not know of, where one that
	// deploys can lose the head to another without hearing of it.
	strays []string
}

// debt is one of head.Owed with what its intent says.
type debt struct {
	state.Debt
	touches []state.Touch
}

// owed says what earlier deploys left to do.
func (v *view) owed() []string {
	var out []string
	if n := len(v.doubted); n > 0 {
		out = append(out, "settle "+english.Plural(n, "path", "")+" that an unfinished deploy may have touched")
	}
	for _, d := range v.debts {
		if d.Delete {
			n := 0
			for _, t := range d.touches {
				if t.Delete {
					n++
				}
			}
			out = append(out, "delete "+english.Plural(n, "object", "")+" of release "+d.Intent)
		}
		for _, name := range d.Purge {
			out = append(out, "purge "+english.Plural(len(purgeable(d.touches)), "path", "")+" of release "+d.Intent+" at "+name)
		}
	}
	return out
}

// busy reports whether another deploy holds the head.
func (v *view) busy() bool { return v.head.Busy != nil && v.now.Before(v.head.Busy.Expires) }

// settled reports whether nothing is left over from earlier deploys that a
// run would have to do.
func (v *view) settled() bool {
	return v.head.Busy == nil && len(v.head.Doubt) == 0 && len(v.head.Owed) == 0 && len(v.doubted) == 0 &&
		len(v.suspects()) == len(v.head.Suspects)
}

// doubts returns the ids of the intents in doubt. A lease that ran out leaves
// its intent in doubt.
func (v *view) doubts() []string {
	ids := slices.Clone(v.head.Doubt)
	if v.head.Busy != nil && (v.takeover || !v.busy()) && !slices.Contains(ids, v.head.Busy.Target) {
		ids = append(ids, v.head.Busy.Target)
	}
	return append(ids, v.strays...)
}

// suspicion is how long after a lost lease a request may still land: one that
// is signed is refused when it is older than 15 minutes
// (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html),
// and one that was accepted may take a while.
const suspicion = 30 * time.Minute

// suspects returns the intents whose keys are to be looked at again: those
// that the head names, and that of a deploy whose place this one takes.
func (v *view) suspects() []state.Suspect {
	out := slices.Clone(v.head.Suspects)
	if b := v.head.Busy; b != nil {
		out = append(out, state.Suspect{Intent: b.Target, Until: b.Expires.Add(suspicion)})
	}
	for _, id := range v.strays { // who wrote it may still be at work
		out = append(out, state.Suspect{Intent: id, Until: v.now.Add(lease + suspicion).UTC().Truncate(time.Second)})
	}
	return slices.DeleteFunc(out, func(s state.Suspect) bool { return !v.now.Before(s.Until) })
}

// read gets the head and the release that it names: two GETs.
func (r *Run) read(ctx context.Context) (*view, error) {
	asked := r.Now()
	v := &view{head: &state.Head{Format: state.Format, Site: r.Site}, now: asked}
	began := time.Now()
	info, err := r.getHead(ctx, v)
	if err == nil || notExist(err) {
		r.pace.Answered(time.Since(began))
	}
	switch {
	case notExist(err):
		return v, r.neverDeployed(ctx)
	case err != nil:
		return nil, storage.Describe(err, "reading", "the records of "+r.Target)
	}
	v.etag = info.ETag
	if !info.Date.IsZero() {
		v.now = info.Date
		// Date has whole seconds: what is less than that is no difference,
		// and would make the ids of runs that follow each other go back.
		if skew := info.Date.Sub(asked); skew.Abs() >= 2*time.Second {
			v.skew = skew
		}
	}
	if err := r.recall(ctx, v); err != nil {
		return nil, err
	}
	if v.head.Live == "" {
		return v, nil
	}
	_, err = r.get(ctx, state.ReleaseKey(v.head.Live), func(body io.Reader) (err error) {
		v.release, err = state.DecodeRelease(body, r.Site)
		return err
	})
	switch {
	case notExist(err):
		return nil, &state.CorruptError{Kind: "state", Err: fmt.Errorf("the record of the live release %s is missing", v.head.Live)}
	case err != nil:
		return nil, err
	case v.release.ID != v.head.Live:
		return nil, &state.CorruptError{Kind: "release", Err: fmt.Errorf("it is that of %s, not of %s", v.release.ID, v.head.Live)}
	}
	v.head.Trim(v.release)
	v.objects, v.retired = v.release.Objects, v.release.Retired
	return v, nil
}

// get reads an object of the state.
func (r *Run) get(ctx context.Context, key string, decode func(io.Reader) error) (storage.Info, error) {
	obj, err := r.State.Get(ctx, key)
	if err != nil {
		return storage.Info{}, err
	}
	defer obj.Body.Close()
	return obj.Info, decode(obj.Body)
}

// resolve reads what earlier deploys left behind: each key in doubt is read
// from the bucket, because nothing else knows its state, and the intents of
// what is owed are loaded. So is what is still to be deleted and is wanted
// again: it is ours, but no longer in the release.
func (r *Run) resolve(ctx context.Context, v *view, desired Desired) error {
	looks := map[string]*look{}
	for _, id := range v.doubts() {
		in, err := r.intent(ctx, id)
		if err != nil {
			return err
		}
		in.add(looks, true, nil)
		v.unfinished = append(v.unfinished, in)
	}
	owed, err := r.owedIntents(ctx, v.head.Owed)
	if err != nil {
		return err
	}
	for i, d := range v.head.Owed {
		in := owed[i]
		if in.written.IsZero() && in.touches == nil {
			// A run removes the intents of what it has paid before it gives
			// the head back: where one died, this is paid.
			if v.head.Busy == nil && len(v.head.Doubt) == 0 {
				r.warn("what release "+d.Intent+" still had to delete and purge is no longer recorded", "Purge the CDN by hand.")
			}
			v.void = append(v.void, d.Intent)
			continue
		}
		v.debts = append(v.debts, debt{d, in.touches})
		back := func(t state.Touch) bool {
			_, wanted := desired.find(t.Path)
			return d.Delete && t.Delete && wanted
		}
		in.add(looks, true, back)
	}
	doubts := len(looks)
	for _, s := range v.head.Suspects {
		in, err := r.intent(ctx, s.Intent)
		if err != nil {
			return err
		}
		in.add(looks, false, nil)
	}
	switch {
	case len(looks) == 0 && len(v.doubts()) > 0:
		r.note("an earlier deploy did not finish: it left no path in doubt")
	case doubts > 0:
		r.note("an earlier deploy did not finish: reading " + english.Plural(len(looks), "path", "") + " that it may have touched")
	}
	if len(looks) == 0 {
		return nil
	}
	disown(looks, desired)
	return r.inspect(ctx, v, looks)
}

// look is a path that is read from the bucket, because the records are not
// enough.
type look struct {
	claims []claim
	// doubted: nothing is known of the path. Otherwise it is as the release
	// says, unless a late request has changed it.
	doubted bool
}

// add adds the paths of an intent, or those that only reports true for.
func (in intent) add(looks map[string]*look, doubted bool, only func(state.Touch) bool) {
	for _, t := range in.touches {
		if only != nil && !only(t) {
			continue
		}
		l := looks[t.Path]
		if l == nil {
			l = &look{}
			looks[t.Path] = l
		}
		l.claims = append(l.claims, in.claims(t)...)
		l.doubted = l.doubted || doubted
	}
}

// claim says which object at a path is ours.
type claim struct {
	digest storage.Digest
	// since is when the deploy announced that it would write the object, by
	// the server's clock: an older one with the same bytes is not its work.
	// Zero: any.
	since time.Time
	// adopted: the object is somebody else's, and a deploy was about to take
	// it over.
	adopted bool
}

// clockSlack is how far the clocks of one provider's servers may be apart.
const clockSlack = 5 * time.Second

// covers reports whether an object with this digest, last changed at the
// given time, is ours.
func (c claim) covers(digest storage.Digest, modified time.Time) bool {
	return c.digest == digest && (c.since.IsZero() || modified.IsZero() || !modified.Before(c.since.Add(-clockSlack)))
}

// intent is what an intent lists, and when it was written.
type intent struct {
	touches []state.Touch
	written time.Time
}

// claims returns what a touch says about whose the object is.
func (in intent) claims(t state.Touch) []claim {
	var out []claim
	if t.Adopts != nil {
		out = append(out, claim{digest: *t.Adopts, adopted: true})
	}
	switch {
	case t.SHA256 == nil:
		return out
	case t.Delete: // it was in the release that the deploy started from
		return append(out, claim{digest: *t.SHA256})
	default:
		return append(out, claim{digest: *t.SHA256, since: in.written})
	}
}

// intent reads an intent. A deploy that stopped before it wrote its intent has
// touched nothing.
func (r *Run) intent(ctx context.Context, id string) (intent, error) {
	var out intent
	info, err := r.get(ctx, state.IntentKey(id), func(body io.Reader) error {
		in, err := state.DecodeIntent(body, r.Site)
		if err != nil {
			return err
		}
		if in.ID != id {
			return &state.CorruptError{Kind: "intent", Err: fmt.Errorf("it is that of %s, not of %s", in.ID, id)}
		}
		out.touches = in.Touches
		return nil
	})
	if notExist(err) {
		return intent{}, nil
	}
	out.written = info.Modified
	return out, err
}
