package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Rollback makes the live site what it was in an earlier release, from bytes
// that are in the bucket: nothing is uploaded. id may be a unique prefix;
// empty, it is the release before the live one. The receipt and the errors
// are those of Deploy; others are ErrNoRelease and *MissingError.
func (r *Run) Rollback(ctx context.Context, id string) (event.Finished, error) {
	return r.do(ctx, r.rollbackTo(id))
}

// PreviewRollback returns what Rollback would do, and writes nothing.
func (r *Run) PreviewRollback(ctx context.Context, id string) (event.Planned, error) {
	v, err := r.live(ctx)
	if err != nil {
		return event.Planned{}, err
	}
	a, err := r.rollbackTo(id)(ctx, v)
	if err != nil {
		return event.Planned{}, err
	}
	return r.preview(ctx, v, a)
}

// rollbackTo aims at the content of an earlier release.
func (r *Run) rollbackTo(id string) func(context.Context, *view) (aim, error) {
	return func(ctx context.Context, v *view) (aim, error) {
		full, err := v.find(id)
		if err != nil {
			return aim{}, err
		}
		var rel *state.Release
		_, err = r.get(ctx, state.ReleaseKey(full), func(body io.Reader) (err error) {
			rel, err = state.DecodeRelease(body, r.Site)
			return err
		})
		if notExist(err) {
			return aim{}, fmt.Errorf("%w: the record of %s is missing", ErrNoRelease, full)
		}
		if err != nil {
			return aim{}, err
		}
		desired := make([]Desired, len(rel.Objects))
		for i, o := range rel.Objects {
			desired[i] = Desired{Object: o}
		}
		return aim{desired: desired, of: rel}, nil
	}
}

// find returns the id of a kept release that id is a prefix of.
func (v *view) find(id string) (string, error) {
	if v.release == nil {
		return "", fmt.Errorf("%w: nothing was deployed here yet", ErrNoRelease)
	}
	kept := v.release.History
	if id == "" {
		if len(kept) == 0 {
			return "", fmt.Errorf("%w: no release before the live one is kept", ErrNoRelease)
		}
		return kept[len(kept)-1], nil
	}
	matches := slices.DeleteFunc(append(slices.Clone(kept), v.release.ID), func(k string) bool { return !strings.HasPrefix(k, id) })
	switch len(matches) {
	case 1:
		return matches[0], nil
	case 0:
		return "", fmt.Errorf("%w: %s is not kept", ErrNoRelease, id)
	default:
		return "", fmt.Errorf("%w: %s is the beginning of %d ids", ErrNoRelease, id, len(matches))
	}
}

// reach returns an error unless the bytes of every object that a rollback
// writes are in the bucket: on the shelf, among what is live and stays, or
// among what is displaced first.
func (v *view) reach(p *plan.Plan, s *shelf) error {
	have := map[storage.Digest]bool{}
	for i := range v.objects {
		have[v.objects[i].SHA256] = true // it stays, or it is displaced
	}
	for d := range s.blobs {
		have[d] = true
	}
	var missing []string
	for _, c := range p.Changes {
		if (c.Op == plan.Create || c.Op == plan.Update) && !have[c.New.SHA256] {
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
	if !ok {
		return storage.Info{}, &MissingError{Paths: []string{c.Path()}}
	}
	return u.copy(ctx, u.Live, c.Path(), from, d, c.New.Headers)
}

// unmoved returns where the bytes are that the plan leaves in their place.
func (r *Run) unmoved(p *plan.Plan) map[storage.Digest]storage.CopySource {
	m := map[storage.Digest]storage.CopySource{}
	for _, c := range p.Changes {
		if c.Op == plan.Headers { // its ETag may change meanwhile
			m[c.Old.SHA256] = storage.CopySource{Store: r.Live, Key: c.Path(), Size: c.Old.Size}
		}
	}
	for i := range p.Objects {
		if o := &p.Objects[i]; o.ETag != "" {
			m[o.SHA256] = storage.CopySource{Store: r.Live, Key: o.Path, ETag: o.ETag, Size: o.Size}
		}
	}
	return m
}

// unchanged returns ErrPrecondition where the key is not as the plan has it.
func (u *upload) unchanged(ctx context.Context, c plan.Change) error {
	obj, err := u.Live.Get(ctx, c.Path())
	switch {
	case notExist(err) && c.Old == nil:
		return nil
	case err != nil && !notExist(err):
		return err
	}
	if err == nil {
		err = obj.Body.Close()
		if c.Old != nil && obj.ETag == c.Old.ETag {
			return err
		}
	}
	return errors.Join(&storage.Error{Op: "copy", Key: c.Path(), Err: storage.ErrPrecondition}, err)
}
