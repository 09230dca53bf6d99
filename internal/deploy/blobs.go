package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// blobHeaders are the headers of displaced bytes.
func blobHeaders() storage.Headers {
	return storage.Headers{storage.ContentType: "application/octet-stream", storage.CacheControl: "no-store"}
}

// shelf is the displaced bytes that a deploy knows of.
type shelf struct {
	*Run
	blobs map[storage.Digest]state.Blob
	// found are those that no release has recorded.
	found  map[storage.Digest]bool
	listed bool // found has all of them
}

// blobDir is where the state has its blobs.
const blobDir = "blobs/"

// blobDigest returns which bytes are at a key of the state, and false where it
// is not that of a blob.
func blobDigest(key string) (d storage.Digest, ok bool) {
	name, ok := strings.CutPrefix(key, blobDir)
	return d, ok && d.UnmarshalText([]byte(name)) == nil
}

// newShelf returns the blobs that the live release recorded. After a deploy
// that did not finish there may be others, which are good: a blob appears
// whole or not at all.
func (r *Run) newShelf(ctx context.Context, v *view) (*shelf, error) {
	s := &shelf{Run: r, blobs: map[storage.Digest]state.Blob{}, found: map[storage.Digest]bool{}}
	last := map[storage.Digest]string{}
	if v.release != nil {
		for _, b := range v.release.Blobs {
			s.blobs[b.SHA256] = b
		}
	}
	s.retain(v)
	if !v.recovers() {
		return s, nil
	}
	if v.release != nil {
		for _, t := range v.release.Retired {
			last[t.SHA256] = max(last[t.SHA256], t.Last)
		}
		for i := range v.release.Objects {
			last[v.release.Objects[i].SHA256] = v.head.Live
		}
	}
	for info, err := range r.State.List(ctx, blobDir) {
		if err != nil && len(v.doubts()) == 0 {
			return s, nil // only what could be collected is not known
		}
		if err != nil {
			return nil, err
		}
		d, ok := blobDigest(info.Key)
		if _, known := s.blobs[d]; ok && !known && !v.spoilt[info.Key] { // else it is not ours, or recorded
			s.found[d] = true
			s.blobs[d] = state.Blob{SHA256: d, Size: info.Size, Last: last[d]}
		}
	}
	s.listed = true
	return s, nil
}

// retain notes which known blobs the live release needs. A deploy that did not
// finish may have overwritten its objects, and what it knew of their bytes is
// lost.
func (s *shelf) retain(v *view) {
	if v.release == nil || len(v.doubted) == 0 {
		return
	}
	retain := func(o *state.Object, last string) {
		_, doubted := slices.BinarySearch(v.doubted, o.Path)
		if b, ok := s.blobs[o.SHA256]; ok && doubted {
			b.Last = max(b.Last, last)
			s.blobs[o.SHA256] = b
		}
	}
	for i := range v.release.Objects {
		retain(&v.release.Objects[i], v.release.ID)
	}
	for i := range v.release.Retired {
		retain(&v.release.Retired[i].Object, v.release.Retired[i].Last)
	}
}

// displace copies the bytes that changes drop from the site, once for each
// digest. The source's ETag guards that it is those bytes that are copied, and
// with them what is deleted later without a condition: where there is nothing
// to copy, this is looked at.
func (s *shelf) displace(ctx context.Context, v *view, changes []plan.Change) error {
	g, gctx := s.pace.Group(ctx)
	for _, c := range changes {
		b, known := s.blobs[c.Old.SHA256]
		if !known {
			g.Go(0, func() error { return s.displaceOne(gctx, c.Old) })
			b = state.Blob{SHA256: c.Old.SHA256, Size: c.Old.Size}
		} else if c.Op == plan.Delete {
			g.Go(0, func() error { return s.intact(gctx, c.Old) })
		}
		last := v.head.Live
		if c.Retired != nil {
			last = c.Retired.Last
		}
		b.Last = max(b.Last, last)
		s.blobs[c.Old.SHA256] = b
		delete(s.found, c.Old.SHA256)
	}
	return g.Wait()
}

// intact returns a *ForeignError where the live object is not this one.
func (s *shelf) intact(ctx context.Context, o *state.Object) error {
	now, err := storage.Stat(ctx, s.Live, o.Path)
	if err == nil {
		if now.ETag == o.ETag {
			return nil
		}
		if ours, _ := s.vouch(ctx, o); ours {
			return nil
		}
	}
	if err == nil || notExist(err) {
		return &ForeignError{Paths: []string{o.Path}, Changed: true}
	}
	return err
}

func (s *shelf) displaceOne(ctx context.Context, o *state.Object) error {
	from := storage.CopySource{Store: s.Live, Key: o.Path, ETag: o.ETag, Size: o.Size}
	_, err := s.copy(ctx, s.State, state.BlobKey(o.SHA256), from, o.SHA256, blobHeaders())
	if unmet(err) {
		if ours, _ := s.vouch(ctx, o); ours {
			from.ETag = o.ETag
			_, err = s.copy(ctx, s.State, state.BlobKey(o.SHA256), from, o.SHA256, blobHeaders())
		}
	}
	switch {
	case unmet(err), notExist(err):
		return &ForeignError{Paths: []string{o.Path}, Changed: true}
	default:
		return err
	}
}

// list returns the blobs that are kept while those are that the release keeps,
// sorted, and those that are not. What was only found is not kept where the
// release's objects, or the retired ones, have the same bytes, and what was
// erased is not kept at all.
func (s *shelf) list(rel *state.Release, head *state.Head) (kept, dropped []state.Blob) {
	forget := func(o *state.Object) {
		if s.found[o.SHA256] {
			s.blobs[o.SHA256] = state.Blob{SHA256: o.SHA256, Size: o.Size}
		}
	}
	for i := range rel.Objects {
		forget(&rel.Objects[i])
	}
	for i := range rel.Retired {
		forget(&rel.Retired[i].Object)
	}
	for _, b := range s.blobs {
		if slices.Contains(rel.History, b.Last) && !head.Forgot(b.SHA256) {
			kept = append(kept, b)
		} else {
			dropped = append(dropped, b)
		}
	}
	byDigest := func(a, b state.Blob) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) }
	slices.SortFunc(kept, byDigest)
	slices.SortFunc(dropped, byDigest)
	return kept, dropped
}

// copy copies an object between the stores of a site: on the server where it
// can, else through this machine. The bytes are those of digest, by the guard
// on the source's ETag or because they are hashed on their way.
func (r *Run) copy(ctx context.Context, to storage.Store, key string, from storage.CopySource, digest storage.Digest, h storage.Headers) (storage.Info, error) {
	if info, ok, err := r.copyThere(ctx, to, key, from, h); ok {
		return info, err
	}
	return r.carry(ctx, to, key, from, digest, h)
}

// copyThere copies an object on the server; ok is false where that cannot be
// done, or not be trusted.
func (r *Run) copyThere(ctx context.Context, to storage.Store, key string, from storage.CopySource, h storage.Headers) (info storage.Info, ok bool, err error) {
	copier, ok := r.copier(to)
	if !ok || from.ETag != "" && r.caps.CopyIf != state.Kept {
		return storage.Info{}, false, nil
	}
	info, err = copier.Copy(ctx, from, key, h)
	return info, !errors.Is(err, storage.ErrUnsupported), err
}

// carry copies an object through a temporary file of this machine. Nothing is
// written before all of it is there and found to be what is wanted.
func (r *Run) carry(ctx context.Context, to storage.Store, key string, from storage.CopySource, digest storage.Digest, h storage.Headers) (storage.Info, error) {
	obj, err := from.Store.Get(ctx, from.Key)
	if err != nil {
		return storage.Info{}, err
	}
	defer obj.Body.Close()
	f, err := os.CreateTemp("", "pandastack-*")
	if err != nil {
		return storage.Info{}, err
	}
	defer os.Remove(f.Name())
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), obj.Body)
	if err := errors.Join(err, f.Close()); err != nil {
		return storage.Info{}, fmt.Errorf("copying %s: %w", from.Key, err)
	}
	if storage.Digest(sum.Sum(nil)) != digest {
		return storage.Info{}, &storage.Error{Op: "copy", Key: from.Key, Err: storage.ErrPrecondition}
	}
	return to.Put(ctx, key, storage.File(f.Name(), n, digest), h, storage.Condition{})
}
