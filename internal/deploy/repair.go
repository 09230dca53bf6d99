package deploy

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Verify compares the bucket with the records of the site, by listing or, deep,
// by reading every byte, and says of each difference what Repair would do. It
// writes nothing. The errors are those of history.Verify.
func (r *Run) Verify(ctx context.Context, deep bool) (event.Verified, error) {
	x, err := r.examine(ctx, deep)
	if err != nil {
		return event.Verified{}, err
	}
	return r.verified(x, deep), nil
}

func (r *Run) examine(ctx context.Context, deep bool) (*history.Verification, error) {
	started := r.begin(event.Verify, "")
	x, err := history.Verify(ctx, history.VerifyOptions{
		Site: r.Site, Live: r.Live, State: r.State, Aside: r.Aside, Deep: deep, Workers: r.pace.Limit(), Now: r.Now,
		Progress: func(done, total int, bytes, totalBytes int64) {
			r.Sink.Emit(event.Progress{Phase: event.Verify, Done: done, Total: total, Bytes: bytes, TotalBytes: totalBytes})
		},
	})
	if err != nil {
		return nil, err
	}
	r.end(event.Verify, started, english.Plural(x.Objects, "object", ""))
	return x, nil
}

// verified describes what was found.
func (r *Run) verified(x *history.Verification, deep bool) event.Verified {
	e := event.Verified{Target: r.Target, Deep: deep, Sound: x.Sound(), Objects: x.Objects, Bytes: x.Bytes, Findings: []event.Finding{}}
	if x.Release != nil {
		e.Live = x.Release.ID
	}
	for _, f := range x.Findings {
		area := "site"
		if f.State {
			area = "state"
		}
		e.Findings = append(e.Findings, event.Finding{Kind: string(f.Kind), Area: area, Path: f.Path, Detail: f.Detail, Remedy: f.Remedy, Note: f.Note})
	}
	return e
}

// neverDeployed returns an error where there is no head, and yet releases are
// recorded: to begin anew would forget which objects are ours.
func (r *Run) neverDeployed(ctx context.Context) error {
	const dir = "releases/"
	for info, err := range r.State.List(ctx, dir) {
		if err != nil {
			return err
		}
		if _, ours := state.IDTime(strings.TrimPrefix(info.Key, dir)); ours {
			return &state.CorruptError{Kind: "head", Err: errors.New("it is missing, though releases of the site are recorded")}
		}
	}
	return nil
}

// UnmendedError reports objects that a repair could not bring back: their
// bytes are nowhere in the bucket.
type UnmendedError struct{ Paths []string } // sorted

// Error names the first few paths.
func (e *UnmendedError) Error() string {
	return "the bucket no longer has the bytes of " + some(e.Paths) + ": they must be deployed again"
}

// Repair does what Verify announces: it writes a lost head or record again,
// puts back what is missing or altered from bytes that are in the bucket, and
// records what it cannot put back as it is, so that the next deploy sees it. It
// makes a release of that, through the pipeline of a deploy. What it found is
// emitted first. The receipt is valid also with an *UnmendedError and with
// ErrOwed; other errors are those of Deploy and of history.Verify.
func (r *Run) Repair(ctx context.Context, deep bool) (event.Finished, error) {
	defer r.Close()
	if _, err := r.live(ctx); ctx.Err() != nil {
		return event.Finished{}, err
	}
	said, rebuilt := false, false
	for range maxAttempts {
		v, x, err := r.inspectAll(ctx, deep)
		if err != nil {
			return event.Finished{}, err
		}
		if !said {
			said = true
			r.Sink.Emit(r.verified(x, deep))
		}
		switch {
		case x.Rebuild != nil:
			err = r.rebuild(ctx, x)
			rebuilt = rebuilt || err == nil
		case v == nil || v.etag != x.HeadETag:
			continue
		default:
			var fin event.Finished
			if fin, err = r.mend(ctx, v, x); !isMoved(err) {
				fin.Changed = fin.Changed || rebuilt
				return fin, err
			}
		}
		if err != nil && !isMoved(err) {
			return event.Finished{}, err
		}
	}
	return event.Finished{}, ErrLost
}

// inspectAll waits for a deploy that is at work, and looks at the bucket. The
// view is nil where head or live release cannot be read.
func (r *Run) inspectAll(ctx context.Context, deep bool) (*view, *history.Verification, error) {
	v, err := r.read(ctx)
	var corrupt *state.CorruptError
	switch {
	case errors.As(err, &corrupt):
		v = nil
	case err != nil:
		return nil, nil, err
	default:
		if err := r.await(ctx, v); err != nil {
			return nil, nil, err
		}
	}
	x, err := r.examine(ctx, deep)
	return v, x, err
}

// rebuild writes the record of the live release, or what is in doubt, and then
// the head.
func (r *Run) rebuild(ctx context.Context, x *history.Verification) error {
	b := x.Rebuild
	if b.Busy != nil {
		return &LockedError{Busy: *b.Busy}
	}
	t := &tx{view: &view{head: &b.Head, now: r.Now()}, head: b.Head, etag: x.HeadETag}
	if err := r.tryOut(ctx, t.view); err != nil {
		return err
	}
	if r.probed != nil {
		t.head.Capabilities = r.probed
	}
	known, info, err := r.rawHead()
	switch {
	case err != nil && !notExist(err):
		return err
	case info.ETag != x.HeadETag:
		return errMoved
	}
	t.known = known
	t.id = state.NewID(r.Now(), b.Newest)
	switch {
	case b.Release != nil:
		rel := *b.Release
		rel.ID, rel.Created, rel.Tool = t.id, r.Now().UTC(), r.Tool
		rel.Source.RunID, rel.Source.RunAttempt, rel.Source.RunURL, rel.Source.Actor = r.Source.RunID, r.Source.RunAttempt, r.Source.RunURL, r.Source.Actor
		body, err := state.EncodeRelease(&rel)
		if err != nil {
			return err
		}
		if err := r.putState(ctx, state.ReleaseKey(t.id), body); err != nil {
			return err
		}
		t.head.Live = t.id
	case len(b.Touches) > 0:
		body, err := state.EncodeIntent(&state.Intent{ID: t.id, Base: b.Head.Live, Site: r.Site, Touches: b.Touches})
		if err != nil {
			return err
		}
		if err := r.putState(ctx, state.IntentKey(t.id), body); err != nil {
			return err
		}
		t.head.Doubt = append(t.head.Doubt, t.id)
	}
	return r.write(ctx, t)
}

// mend makes the site what its live release says, as far as the bytes exist,
// and records the rest as it is.
func (r *Run) mend(ctx context.Context, v *view, x *history.Verification) (event.Finished, error) {
	if x.Release == nil {
		r.note("the first deploy of this site did not finish: the next one settles what it left")
		return event.Finished{Target: r.Target, Elapsed: r.Now().Sub(r.start)}, nil
	}
	all := wishes(x.Release.Objects)
	if err := r.resolve(ctx, v, all); err != nil {
		return event.Finished{}, err
	}
	unmended := v.expose(x)
	a := aim{desired: wishes(attainable(x)), mend: x}
	p, err := r.compare(ctx, v, a)
	if err != nil {
		return event.Finished{}, err
	}
	fin := r.finished(v.head.Live, "", a, p)
	if len(p.Changes) > 0 || len(v.doubted) > 0 || !v.settled() || x.Changed {
		if err := r.tryOut(ctx, v); err != nil {
			return event.Finished{}, err
		}
		t, lockErr := r.acquire(ctx, v)
		if lockErr != nil {
			return event.Finished{}, lockErr
		}
		if fin, err = r.apply(ctx, t, a, p); err != nil && !errors.Is(err, ErrOwed) {
			return fin, err
		}
	}
	if len(unmended) > 0 {
		err = errors.Join(err, &UnmendedError{Paths: unmended})
	}
	return fin, err
}

// wishes returns the desired objects for those that are in the bucket, and that
// stay as they are recorded.
func wishes(objects []state.Object) Desired { return Desired{Objects: slices.Clone(objects)} }

// expose puts what was found in the place of what the records say. It returns
// the paths whose bytes are gone, sorted.
func (v *view) expose(x *history.Verification) (unmended []string) {
	v.release, v.damage = x.Release, x.Damage
	v.spoilt = map[string]bool{}
	for _, key := range x.Useless {
		v.spoilt[key] = true
	}
	v.objects = slices.DeleteFunc(slices.Clone(v.objects), func(o state.Object) bool { _, ok := x.Damage[o.Path]; return ok })
	for path, d := range x.Damage {
		v.doubted = append(v.doubted, path)
		if d.Found != nil {
			v.objects = append(v.objects, *d.Found)
		}
		if !d.Mendable {
			unmended = append(unmended, path)
		}
	}
	slices.SortFunc(v.objects, func(a, b state.Object) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(v.doubted)
	v.doubted = slices.Compact(v.doubted)
	slices.Sort(unmended)
	return unmended
}

// attainable returns the objects of the release with those that cannot be put
// back as they are: the next deploy then sees that they differ.
func attainable(x *history.Verification) []state.Object {
	out := make([]state.Object, 0, len(x.Release.Objects))
	for _, o := range x.Release.Objects {
		d, damaged := x.Damage[o.Path]
		switch {
		case !damaged || d.Mendable:
			out = append(out, o)
		case d.Found != nil:
			out = append(out, *d.Found)
		}
	}
	return out
}

// useless returns the keys of the state that a repair removes: those that were
// of no use, unless a good blob has taken the place.
func (v *view) useless(rel *state.Release) []string {
	good := make(map[string]bool, len(rel.Blobs))
	for _, b := range rel.Blobs {
		good[state.BlobKey(b.SHA256)] = true
	}
	var keys []string
	for key := range v.spoilt {
		if !good[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// adopts returns the digest of what a repair found at a path in place of what
// the live release has there, or nil: were the repair to stop, the next run
// would not know that it may be overwritten.
func (v *view) adopts(path string) *storage.Digest {
	if d := v.damage[path]; d.Found != nil {
		return &d.Found.SHA256
	}
	return nil
}

// at returns the object at a path, live or retired, and the newest release that
// had it, or nil.
func (v *view) at(path string) (o *state.Object, last string) {
	if i, ok := slices.BinarySearchFunc(v.objects, path, func(o state.Object, path string) int { return cmp.Compare(o.Path, path) }); ok {
		return &v.objects[i], v.head.Live
	}
	if i, ok := findRetired(v.retired, path); ok {
		return &v.retired[i].Object, v.retired[i].Last
	}
	return nil, ""
}

// refill copies the bytes of lost blobs again from where they are live.
func (s *shelf) refill(ctx context.Context, v *view, x *history.Verification) error {
	if x == nil {
		return nil
	}
	for d, path := range x.Lost {
		o, last := v.at(path)
		if o == nil {
			continue
		}
		if err := s.displaceOne(ctx, o); err != nil {
			return err
		}
		s.blobs[d] = state.Blob{SHA256: d, Size: o.Size, Last: last}
	}
	return nil
}
