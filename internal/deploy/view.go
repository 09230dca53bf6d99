package deploy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"
	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// view is what a run knows of the bucket.
type view struct {
	head    *state.Head    // never nil; empty before the first deploy
	etag    string         // of the head; empty: there is none
	now     time.Time      // the server's clock when the head was read
	release *state.Release // nil before the first
	objects []state.Object // as they are in the bucket, as far as it is known
	doubted []string       // paths that unfinished deploys may have touched; sorted
	debts   []debt
}

// debt is one of head.Owed with what its intent says.
type debt struct {
	state.Debt
	touches []state.Touch
}

// busy reports whether another deploy holds the head.
func (v *view) busy() bool { return v.head.Busy != nil && v.now.Before(v.head.Busy.Expires) }

// settled reports whether nothing is left over from earlier deploys.
func (v *view) settled() bool {
	return v.head.Busy == nil && len(v.head.Doubt) == 0 && len(v.head.Owed) == 0
}

// doubts returns the ids of the intents in doubt. A lease that ran out leaves
// its intent in doubt.
func (v *view) doubts() []string {
	ids := slices.Clone(v.head.Doubt)
	if v.head.Busy != nil && !slices.Contains(ids, v.head.Busy.Target) {
		ids = append(ids, v.head.Busy.Target)
	}
	return ids
}

// read gets the head and the release that it names: two GETs.
func (r *Run) read(ctx context.Context) (*view, error) {
	v := &view{head: &state.Head{Format: state.Format, Site: r.Site}, now: r.Now()}
	info, err := r.get(ctx, state.HeadKey, func(body io.Reader) (err error) {
		v.head, err = state.DecodeHead(body, r.Site)
		return err
	})
	switch {
	case notExist(err):
		return v, nil
	case err != nil:
		return nil, err
	}
	v.etag = info.ETag
	if !info.Date.IsZero() {
		v.now = info.Date
	}
	if v.head.Live == "" {
		return v, nil
	}
	_, err = r.get(ctx, state.ReleaseKey(v.head.Live), func(body io.Reader) (err error) {
		v.release, err = state.DecodeRelease(body, r.Site)
		return err
	})
	if notExist(err) {
		return nil, &state.CorruptError{Kind: "state", Err: fmt.Errorf("the record of the live release %s is missing", v.head.Live)}
	}
	if err != nil {
		return nil, err
	}
	v.objects = v.release.Objects
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
func (r *Run) resolve(ctx context.Context, v *view, desired []Desired) error {
	ours := map[string][]storage.Digest{}
	note := func(t state.Touch) {
		digests := ours[t.Path]
		if t.SHA256 != nil {
			digests = append(digests, *t.SHA256)
		}
		ours[t.Path] = digests
	}
	for _, id := range v.doubts() {
		touches, err := r.intent(ctx, id)
		if err != nil {
			return err
		}
		for _, t := range touches {
			note(t)
		}
	}
	for _, d := range v.head.Owed {
		touches, err := r.intent(ctx, d.Intent)
		if err != nil {
			return err
		}
		v.debts = append(v.debts, debt{d, touches})
		for _, t := range touches {
			if d.Delete && t.Delete && wanted(desired, t.Path) {
				note(t)
			}
		}
	}
	if len(ours) == 0 {
		return nil
	}
	r.note("an earlier deploy did not finish: reading " + english.Plural(len(ours), "path", "") + " that it may have touched")
	return r.inspect(ctx, v, ours)
}

// wanted reports whether a path is among the desired objects, which are sorted.
func wanted(desired []Desired, path string) bool {
	_, ok := slices.BinarySearchFunc(desired, path, func(d Desired, path string) int { return cmp.Compare(d.Path, path) })
	return ok
}

// intent returns what an intent lists. A deploy that stopped before it wrote
// its intent has touched nothing.
func (r *Run) intent(ctx context.Context, id string) ([]state.Touch, error) {
	var in *state.Intent
	_, err := r.get(ctx, state.IntentKey(id), func(body io.Reader) (err error) {
		in, err = state.DecodeIntent(body, r.Site)
		return err
	})
	if notExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return in.Touches, nil
}

// inspect replaces what the release says of the doubted paths by what is in
// the bucket. An object with a digest that no deploy of ours meant to write
// there is left out, so that writing to it is refused as to any foreign one.
func (r *Run) inspect(ctx context.Context, v *view, ours map[string][]storage.Digest) error {
	kept := make([]state.Object, 0, len(v.objects))
	for _, o := range v.objects {
		if digests, ok := ours[o.Path]; ok {
			ours[o.Path] = append(digests, o.SHA256)
		} else {
			kept = append(kept, o)
		}
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Workers)
	for path, digests := range ours {
		v.doubted = append(v.doubted, path)
		g.Go(func() error {
			o, err := r.fetch(ctx, path)
			if notExist(err) || err == nil && !slices.Contains(digests, o.SHA256) {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, o)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.Sort(v.doubted)
	slices.SortFunc(kept, func(a, b state.Object) int { return cmp.Compare(a.Path, b.Path) })
	v.objects = kept
	return nil
}

// fetch reads a live object and describes it as it is now.
func (r *Run) fetch(ctx context.Context, path string) (state.Object, error) {
	obj, err := r.Live.Get(ctx, path)
	if err != nil {
		return state.Object{}, err
	}
	defer obj.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, obj.Body)
	if err != nil {
		return state.Object{}, &storage.Error{Op: "get", Key: path, Err: err}
	}
	return state.Object{Path: path, Size: n, SHA256: storage.Digest(h.Sum(nil)), Headers: obj.Headers, ETag: obj.ETag}, nil
}
