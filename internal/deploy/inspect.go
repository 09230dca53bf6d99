package deploy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// inspect replaces what the release says of the paths by what is in the
// bucket. An object that no deploy of ours can have written is left out, so
// that writing to it is refused as to any foreign one.
func (r *Run) inspect(ctx context.Context, v *view, looks map[string]*look) error {
	known, retired := v.setAside(looks)
	var mu sync.Mutex
	g, ctx := r.pace.Group(ctx)
	for _, path := range slices.Sorted(maps.Keys(looks)) {
		l := looks[path]
		g.Go(0, func() error {
			o, ok, err := r.seen(ctx, path, l)
			if err != nil {
				return err
			}
			was, listed := known[path]
			mu.Lock()
			defer mu.Unlock()
			if t, is := retired[path]; ok && is && t.SHA256 == o.SHA256 {
				t.Object = o
				v.retired = append(v.retired, t)
			} else if ok {
				v.objects = append(v.objects, o)
			}
			if l.doubted || ok != listed || ok && !sameObject(o, was) {
				v.doubted = append(v.doubted, path)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.Sort(v.doubted)
	slices.SortFunc(v.objects, func(a, b state.Object) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(v.retired, func(a, b state.Retired) int { return cmp.Compare(a.Path, b.Path) })
	return nil
}

// setAside takes the objects of the paths that are looked at out of the view,
// and claims them. It returns them all by path, and again those that are
// retired.
func (v *view) setAside(looks map[string]*look) (known map[string]state.Object, retired map[string]state.Retired) {
	known, retired = map[string]state.Object{}, map[string]state.Retired{}
	aside := func(o state.Object) bool {
		l := looks[o.Path]
		if l != nil {
			l.claims = append(l.claims, claim{digest: o.SHA256})
			known[o.Path] = o
		}
		return l != nil
	}
	v.objects = slices.DeleteFunc(slices.Clone(v.objects), aside)
	v.retired = slices.DeleteFunc(slices.Clone(v.retired), func(t state.Retired) bool {
		if aside(t.Object) {
			retired[t.Path] = t
			return true
		}
		return false
	})
	return known, retired
}

// seen returns the object at a path, where there is one and it is ours.
func (r *Run) seen(ctx context.Context, path string, l *look) (state.Object, bool, error) {
	o, modified, err := r.fetch(ctx, path)
	if notExist(err) || errors.Is(err, storage.ErrInvalidKey) { // what it cannot hold is not there
		return state.Object{}, false, nil
	}
	ours := slices.ContainsFunc(l.claims, func(c claim) bool { return c.covers(o.SHA256, modified) })
	return o, ours, err
}

func sameObject(a, b state.Object) bool {
	return a.SHA256 == b.SHA256 && a.ETag == b.ETag && a.Headers.Equal(b.Headers)
}

// fetch reads a live object and describes it as it is now, with the time of
// its last change.
func (r *Run) fetch(ctx context.Context, path string) (state.Object, time.Time, error) {
	obj, err := r.Live.Get(ctx, path)
	if err != nil {
		return state.Object{}, time.Time{}, err
	}
	defer obj.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, obj.Body)
	if err != nil {
		return state.Object{}, time.Time{}, &storage.Error{Op: "get", Key: path, Err: err}
	}
	o := state.Object{Path: path, Size: n, SHA256: storage.Digest(h.Sum(nil)), Headers: obj.Headers, ETag: obj.ETag}
	return o, obj.Modified, nil
}

// vouch reports whether an object whose ETag is not the recorded one is the
// recorded object all the same, and then takes its ETag: a service may have
// named a wrong one, or somebody may have put the same there again.
func (r *Run) vouch(ctx context.Context, o *state.Object) (bool, error) {
	now, _, err := r.fetch(ctx, o.Path)
	if notExist(err) {
		return false, nil
	}
	if err != nil || now.ETag == o.ETag || now.SHA256 != o.SHA256 || !now.Headers.Equal(o.Headers) {
		return false, err
	}
	o.ETag = now.ETag
	return true, nil
}
