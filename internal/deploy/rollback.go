package deploy

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Rollback makes the live site what it was in an earlier release, from bytes
// that are in the bucket: nothing is uploaded. name is one that
// state.Release.Find knows; empty, it is the release before the live one. It
// means what it means when the command begins: a deploy that ends while this
// one waits does not move "live~2" to another release. To the live release, as
// long as nothing is in doubt or owed, there is nothing to do. The receipt and the
// errors are those of Deploy; others are state.ErrNoRelease and *MissingError.
func (r *Run) Rollback(ctx context.Context, name string) (event.Finished, error) {
	v, err := r.live(ctx)
	if err != nil {
		return event.Finished{}, err
	}
	id, err := v.find(name)
	if err != nil {
		return event.Finished{}, err
	}
	return r.do(ctx, r.rollbackTo(id))
}

// PreviewRollback returns what Rollback would do, and writes nothing.
func (r *Run) PreviewRollback(ctx context.Context, name string) (event.Planned, error) {
	v, err := r.live(ctx)
	if err != nil {
		return event.Planned{}, err
	}
	a, err := r.rollbackTo(name)(ctx, v)
	if err != nil {
		return event.Planned{}, err
	}
	return r.preview(ctx, v, a)
}

// rollbackTo aims at the content of an earlier release.
func (r *Run) rollbackTo(name string) func(context.Context, *view) (aim, error) {
	return func(ctx context.Context, v *view) (aim, error) {
		full, err := v.find(name)
		if err != nil {
			return aim{}, err
		}
		var rel *state.Release
		_, err = r.get(ctx, state.ReleaseKey(full), func(body io.Reader) (err error) {
			rel, err = state.DecodeRelease(body, r.Site)
			return err
		})
		if notExist(err) {
			return aim{}, fmt.Errorf("%w: the record of %s is missing", state.ErrNoRelease, full)
		}
		if err != nil {
			return aim{}, err
		}
		objects, erased := v.head.Remembered(rel)
		if len(erased) > 0 {
			r.warn("release "+full+" comes back without "+some(erased)+": the bytes were erased from the history", "")
		}
		return aim{desired: wishes(objects), of: rel}, nil
	}
}

// sourceOf says what a release is that brings the content of another one: what
// it is, from there; who made it, from here.
func sourceOf(content *state.Release, by state.Source) state.Source {
	by.Repository, by.Commit, by.Dirty, by.Ref = content.Source.Repository, content.Source.Commit, content.Source.Dirty, content.Source.Ref
	return by
}

// find returns the id of the kept release that a person means by name; empty,
// the one before the live one.
func (v *view) find(name string) (string, error) {
	if v.release == nil {
		return "", state.ErrNothing
	}
	return v.release.Find(cmp.Or(name, "previous"))
}

// reach returns an error unless the bytes of every object that a rollback or a
// promote writes are in reach: on the shelf, among what is live and stays, among
// what is displaced first, or where a promote takes its release from.
func (v *view) reach(p *plan.Plan, s *shelf, from *origin) error {
	have := map[storage.Digest]bool{}
	for i := range v.objects {
		have[v.objects[i].SHA256] = true // it stays, or it is displaced
	}
	for i := range v.retired {
		have[v.retired[i].SHA256] = true
	}
	for d := range s.blobs {
		have[d] = true
	}
	var missing []string
	for _, c := range p.Changes {
		if (c.Op == plan.Create || c.Op == plan.Update) && !have[c.New.SHA256] && !from.has(c.New.SHA256) {
			missing = append(missing, c.Path())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return &MissingError{Paths: missing}
}

// bring copies the bytes of an object from where the bucket has them. A copy
// cannot be made on condition of what it replaces, so this is looked at
// before.
func (u *upload) bring(ctx context.Context, c plan.Change) (storage.Info, error) {
	if err := u.unchanged(ctx, c); err != nil {
		return storage.Info{}, err
	}
	d := c.New.SHA256
	from, ok := u.unmoved[d]
	if _, shelved := u.shelf.blobs[d]; shelved {
		from, ok = storage.CopySource{Store: u.State, Key: state.BlobKey(d), Size: c.New.Size}, true
	}
	if !ok && u.aim.from != nil {
		return u.fetchFrom(ctx, u.aim.from, c)
	}
	if !ok {
		return storage.Info{}, &MissingError{Paths: []string{c.Path()}}
	}
	return u.copy(ctx, u.Live, c.Path(), from, d, c.New.Headers)
}

// brought returns the bytes that a plan takes from the bucket, because there is
// no file.
func (u *upload) brought() map[storage.Digest]bool {
	m := map[storage.Digest]bool{}
	for _, c := range u.plan.Changes {
		if c.New != nil && c.Writes() && u.aim.desired.file(c.Path()) == "" {
			m[c.New.SHA256] = true
		}
	}
	return m
}

// findUnmoved notes where bytes are that the plan brings and also leaves in
// their place.
func (u *upload) findUnmoved() {
	u.unmoved = map[storage.Digest]storage.CopySource{}
	brought := u.brought()
	if len(brought) == 0 {
		return
	}
	note := func(o *state.Object, etag string) {
		if brought[o.SHA256] {
			u.unmoved[o.SHA256] = storage.CopySource{Store: u.Live, Key: o.Path, ETag: etag, Size: o.Size}
		}
	}
	for _, c := range u.plan.Changes {
		if c.Op == plan.Headers { // its ETag may change meanwhile
			note(c.Old, "")
		}
	}
	for i := range u.plan.Retired {
		note(&u.plan.Retired[i].Object, u.plan.Retired[i].ETag)
	}
	for i := range u.plan.Objects {
		if o := &u.plan.Objects[i]; o.ETag != "" {
			note(o, o.ETag)
		}
	}
}

// unchanged returns ErrPrecondition where the key is not as the plan has it.
func (u *upload) unchanged(ctx context.Context, c plan.Change) error {
	now, err := storage.Stat(ctx, u.Live, c.Path())
	switch {
	case notExist(err) && c.Old == nil:
		return nil
	case err != nil && !notExist(err):
		return err
	case err == nil && c.Old != nil && now.ETag == c.Old.ETag:
		return nil
	}
	return &storage.Error{Op: "copy", Key: c.Path(), Err: storage.ErrPrecondition}
}
