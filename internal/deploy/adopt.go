package deploy

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// adopt adds to what is live the objects that somebody else put where the
// output has a file, so that the plan keeps or overwrites them like any other.
// One listing finds them; it is made only where the output has files that the
// site does not. All else that it finds stays foreign, and is said.
func (r *Run) adopt(ctx context.Context, v *view, a aim) error {
	if !r.Adopt || a.of != nil || a.mend != nil || !v.lacks(a.desired.Objects) {
		return nil
	}
	started := r.begin(event.Adopt, "")
	found, err := r.survey(ctx, v)
	if err != nil {
		return err
	}
	if err := found.outside(a.desired.Objects); err != nil {
		return err
	}
	objects, err := r.compareAll(ctx, a.desired, found)
	if err != nil {
		return err
	}
	if v.adopted == nil {
		v.adopted = make(map[string]bool, len(objects))
	}
	for i := range objects {
		v.adopted[objects[i].Path] = true
	}
	v.objects = append(slices.Clone(v.objects), objects...)
	slices.SortFunc(v.objects, func(a, b state.Object) int { return cmp.Compare(a.Path, b.Path) })
	r.end(event.Adopt, started, english.Plural(len(objects), "object", "")+" to take over")
	if left := found.unwanted(a.desired, v.deleted()); len(left) > 0 {
		r.note("the site's prefix also holds " + english.Plural(len(left), "object", "") +
			" that no deploy of it takes care of; nothing is done to them: " + some(left))
	}
	return nil
}

// lacks reports whether a desired path is not live.
func (v *view) lacks(desired []state.Object) bool {
	return slices.ContainsFunc(desired, func(o state.Object) bool { return !v.has(o.Path) && !v.retains(o.Path) })
}

func (v *view) has(path string) bool {
	_, ok := slices.BinarySearchFunc(v.objects, path, func(o state.Object, path string) int { return cmp.Compare(o.Path, path) })
	return ok
}

// own returns the live objects without those that are only now taken over:
// what guards measure a plan against.
func (v *view) own() []state.Object {
	if len(v.adopted) == 0 {
		return v.objects
	}
	return slices.DeleteFunc(slices.Clone(v.objects), func(o state.Object) bool { return v.adopted[o.Path] })
}

// survey is what one listing of the site's prefix found.
type survey struct {
	foreign map[string]storage.Info // by path: what no deploy of the site put there
	nested  []string                // prefixes of other sites, each ends in a slash
}

// survey lists the site's prefix. Records of sites are no objects of this one;
// where a head lies there is another site, and so is all that is below it.
func (r *Run) survey(ctx context.Context, v *view) (*survey, error) {
	s := &survey{foreign: map[string]storage.Info{}}
	for info, err := range r.Live.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		dir, rest, isState := cutState(info.Key)
		switch {
		case isState && dir != "" && rest == state.HeadKey:
			s.nested = append(s.nested, dir)
		case isState, info.Key == "", v.has(info.Key), v.retains(info.Key):
		default:
			s.foreign[info.Key] = info
		}
	}
	for path := range s.foreign {
		if s.siteOf(path) != "" {
			delete(s.foreign, path)
		}
	}
	return s, nil
}

// cutState cuts a key around its first segment that is the name of a state:
// what lies before, with its slash, and what after.
func cutState(key string) (dir, rest string, ok bool) {
	dir, rest, ok = strings.Cut("/"+key, "/"+state.Dir+"/")
	if !ok || dir == "" {
		return "", rest, ok
	}
	return dir[1:] + "/", rest, true
}

// deleted returns the paths that earlier deploys still have to delete: what
// lies there is said when that is tried.
func (v *view) deleted() map[string]bool {
	m := map[string]bool{}
	for _, d := range v.debts {
		for _, t := range d.touches {
			if d.Delete && t.Delete {
				m[t.Path] = true
			}
		}
	}
	return m
}

// siteOf returns the prefix of the other site that a path lies in, or "".
func (s *survey) siteOf(path string) string {
	i := slices.IndexFunc(s.nested, func(dir string) bool { return strings.HasPrefix(path, dir) })
	if i < 0 {
		return ""
	}
	return s.nested[i]
}

// outside returns a *NestedError where a desired path lies in another site.
func (s *survey) outside(desired []state.Object) error {
	var e NestedError
	for _, o := range desired {
		if in := s.siteOf(o.Path); in != "" && (e.Site == "" || e.Site == in) {
			e.Site, e.Paths = in, append(e.Paths, o.Path)
		}
	}
	if e.Site == "" {
		return nil
	}
	return &e
}

// unwanted returns the foreign paths that are not desired, sorted.
func (s *survey) unwanted(desired Desired, deleted map[string]bool) []string {
	var paths []string
	for path := range s.foreign {
		if _, wanted := desired.find(path); !wanted && !deleted[path] {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// compareAll describes the foreign objects at desired paths as they are.
func (r *Run) compareAll(ctx context.Context, desired Desired, s *survey) ([]state.Object, error) {
	var mu sync.Mutex
	var objects []state.Object
	n := 0
	g, gctx := r.pace.Group(ctx)
	for i := range desired.Objects {
		o := &desired.Objects[i]
		info, ok := s.foreign[o.Path]
		if !ok {
			continue
		}
		g.Go(0, func() error {
			found, there, err := r.describe(gctx, o, desired.file(o.Path), info)
			mu.Lock()
			defer mu.Unlock()
			if there {
				objects = append(objects, found)
			}
			n++
			r.Sink.Emit(event.Progress{Phase: event.Adopt, Done: n})
			return err
		})
	}
	return objects, g.Wait()
}

// describe returns the foreign object at the path of a desired one, whose bytes
// are in a file, and whether it is still there. Where its ETag is the MD5 of the desired bytes, only its headers
// are asked for; else it is read. An ETag that is no MD5 (that of an upload in
// parts, of an object under a KMS key, or of a provider's own making) equals
// no MD5 of ours, so that a match needs no knowledge of the provider
// (docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html, ETag).
func (r *Run) describe(ctx context.Context, o *state.Object, file string, info storage.Info) (state.Object, bool, error) {
	same, err := hasMD5(o, file, info)
	if err != nil {
		return state.Object{}, false, err
	}
	if same {
		now, err := storage.Stat(ctx, r.Live, o.Path)
		switch {
		case err == nil && now.ETag == info.ETag && now.Size == info.Size:
			return state.Object{Path: o.Path, Size: o.Size, SHA256: o.SHA256, Headers: now.Headers, ETag: now.ETag}, true, nil
		case err != nil && !notExist(err):
			return state.Object{}, false, err
		}
	}
	now, _, err := r.fetch(ctx, o.Path)
	if notExist(err) {
		return state.Object{}, false, nil
	}
	return now, err == nil, err
}

// hasMD5 reports whether the bytes of the file that is desired have the size and, by its
// ETag, the MD5 of an object. They are held to their SHA-256 as they are read:
// it is what the record says of the object.
func hasMD5(o *state.Object, file string, info storage.Info) (bool, error) {
	if file == "" || o.Size != info.Size || len(info.ETag) != hex.EncodedLen(md5.Size) {
		return false, nil
	}
	src, err := storage.NewReader(storage.File(file, o.Size, o.SHA256))
	if err != nil {
		return false, &storage.Error{Op: "read", Key: o.Path, Err: err}
	}
	defer src.Close()
	h := md5.New()
	if _, err := io.Copy(h, src); err != nil {
		return false, &storage.Error{Op: "read", Key: o.Path, Err: err}
	}
	return strings.EqualFold(info.ETag, hex.EncodeToString(h.Sum(nil))), nil
}

// adopts is what an intent says of a change that takes an object over: which
// one, so that the next run knows whose it is if this one does not finish.
func adopts(c plan.Change) state.Touch {
	t := state.Touch{Path: c.Path(), Adopts: &c.Old.SHA256}
	if c.Op != plan.Adopt {
		t.SHA256, t.Size = &c.New.SHA256, c.New.Size
	}
	return t
}

// purgeable returns the paths of an intent that CDNs have to forget.
func purgeable(touches []state.Touch) []string {
	paths := make([]string, 0, len(touches))
	for _, t := range touches {
		if t.SHA256 != nil || t.Adopts == nil {
			paths = append(paths, t.Path)
		}
	}
	return paths
}

// disown drops the claims to foreign objects, which a deploy that did not
// finish was about to take over, at paths that are no longer desired: nobody
// shall lose an object because of what a deploy only meant to do.
func disown(looks map[string]*look, desired Desired) {
	for path, l := range looks {
		if _, wanted := desired.find(path); !wanted {
			l.claims = slices.DeleteFunc(l.claims, func(c claim) bool { return c.adopted })
		}
	}
}
