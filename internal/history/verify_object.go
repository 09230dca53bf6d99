package history

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// compare holds the bucket to the release: objects, then blobs, then what
// could be mended, and how.
func (s *survey) compare(ctx context.Context) error {
	rel := s.out.Release
	s.out.Objects = len(rel.Objects)
	if err := s.readObjects(ctx, s.suspected(rel)); err != nil {
		return err
	}
	var broken []*state.Object
	for i := range rel.Objects {
		if o := &rel.Objects[i]; s.kindAt(o) != "" {
			broken = append(broken, o)
		}
	}
	if err := s.readBlobs(ctx, broken); err != nil {
		return err
	}
	s.compareBlobs()
	sources := s.sources(rel)
	for _, o := range broken {
		s.damaged(o, sources)
	}
	s.compareRetired(rel)
	s.foreign(rel)
	return nil
}

// suspected returns the paths of a release that must be read, sorted: all, or
// those that are not as a listing should show them, and those in doubt.
func (s *survey) suspected(rel *state.Release) []string {
	var paths []string
	for o := range described(rel) {
		info, there := s.live[o.Path]
		if there && !s.inHand(o.Path) && (s.Deep || s.doubts[o.Path] || !listedAs(info, o)) {
			paths = append(paths, o.Path)
		}
	}
	return paths
}

// inHand reports whether a deploy that is at work has a path in hand.
func (s *survey) inHand(path string) bool { return s.busy() && s.doubts[path] }

// listedAs reports whether a listing shows an object as it was recorded.
func listedAs(info storage.Info, o *state.Object) bool {
	return info.Size == o.Size && info.ETag == o.ETag
}

// kindAt returns what is wrong at a path, or "".
func (s *survey) kindAt(o *state.Object) Kind {
	if s.inHand(o.Path) {
		return ""
	}
	if _, there := s.live[o.Path]; !there {
		return Missing
	}
	found, read := s.read[o.Path]
	switch {
	case !read:
		return ""
	case found == nil:
		return Missing
	case found.SHA256 != o.SHA256:
		return Altered
	case !found.Headers.Equal(o.Headers):
		return Headers
	case found.ETag != o.ETag:
		return Rewritten
	}
	return ""
}

// damaged reports an object that is not as the release says.
func (s *survey) damaged(o *state.Object, sources map[storage.Digest]string) {
	kind := s.kindAt(o)
	from, ok := sources[o.SHA256]
	d := Damage{Found: s.read[o.Path], Mendable: ok || kind == Headers || kind == Rewritten}
	s.out.Damage[o.Path] = d
	f := Finding{Kind: kind, Path: o.Path}
	switch kind {
	case Missing:
		f.Detail = "it is gone"
	case Altered:
		f.Detail = fmt.Sprintf("it has other bytes: %d, where the release has %d", d.Found.Size, o.Size)
		if d.Found.Size == o.Size {
			f.Detail = "it has other bytes of the same size"
		}
	case Headers:
		f.Detail = differing(d.Found.Headers, o.Headers)
		f.Remedy = "--repair writes the recorded headers"
	case Rewritten:
		f.Detail = "something else wrote the same bytes and headers"
		f.Remedy = "--repair records its new ETag"
	}
	switch {
	case f.Remedy != "":
	case ok:
		f.Remedy = "--repair puts it back from " + from
	case kind == Missing:
		f.Remedy = "its bytes are nowhere in the bucket: --repair takes it out of the release, and the next deploy uploads it"
	default:
		f.Remedy = "its bytes are nowhere in the bucket: --repair records it as it is, and the next deploy uploads the right ones"
	}
	s.find(f)
}

// differing names the headers that differ.
func differing(got, want storage.Headers) string {
	var out []string
	names := slices.AppendSeq(slices.Collect(maps.Keys(got)), maps.Keys(want))
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if got[n] != want[n] {
			out = append(out, fmt.Sprintf("%s is %q, not %q", n, got[n], want[n]))
		}
	}
	return strings.Join(out, ", ")
}

// sources returns where the bytes of each digest are: a blob, else a path, live
// or retired, that is as the release says.
func (s *survey) sources(rel *state.Release) map[storage.Digest]string {
	m := map[storage.Digest]string{}
	maps.Copy(m, s.liveDigests(rel))
	for _, b := range rel.Blobs {
		m[b.SHA256] = state.BlobKey(b.SHA256)
	}
	return m
}

// foreign notes what no release put there.
func (s *survey) foreign(rel *state.Release) {
	for _, path := range slices.Sorted(maps.Keys(s.live)) {
		if object(rel, path) == nil && retiredAt(rel, path) == nil && !s.doubts[path] {
			s.find(Finding{Kind: Foreign, Note: true, Path: path, Detail: "no release put it there"})
		}
	}
}

// readBlobs reads all blobs, or those without which broken objects cannot be
// put back.
func (s *survey) readBlobs(ctx context.Context, broken []*state.Object) error {
	want := map[storage.Digest]bool{}
	for _, o := range broken {
		want[o.SHA256] = true
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, s.Workers))
	var mu sync.Mutex
	for _, d := range s.listedBlobs() {
		if !s.Deep && !want[d] {
			continue
		}
		s.count.expect(s.state[state.BlobKey(d)].Size)
		g.Go(func() error {
			o, err := s.describe(ctx, s.State, state.BlobKey(d))
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			s.blobs[d] = o != nil && o.SHA256 == d
			return nil
		})
	}
	return g.Wait()
}

// listedBlobs returns the digests of the blobs that the bucket holds.
func (s *survey) listedBlobs() []storage.Digest {
	var out []storage.Digest
	for key := range s.state {
		var d storage.Digest
		if name, ok := strings.CutPrefix(key, "blobs/"); ok && d.UnmarshalText([]byte(name)) == nil && key == state.BlobKey(d) {
			out = append(out, d)
		}
	}
	return out
}

// readObjects reads live objects and notes what they are.
func (s *survey) readObjects(ctx context.Context, paths []string) error {
	for _, path := range paths {
		s.count.expect(s.live[path].Size)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, s.Workers))
	var mu sync.Mutex
	for _, path := range paths {
		g.Go(func() error {
			o, err := s.describe(ctx, s.Live, path)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			s.read[path] = o
			return nil
		})
	}
	return g.Wait()
}

// describe reads an object and says what it is; nil where it is gone. Its
// bytes are hashed as they come.
func (s *survey) describe(ctx context.Context, store storage.Store, key string) (*state.Object, error) {
	obj, err := store.Get(ctx, key)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer obj.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, obj.Body)
	if err != nil {
		return nil, &storage.Error{Op: "get", Key: key, Err: err}
	}
	s.count.done(n, s.Progress)
	return &state.Object{Path: key, Size: n, SHA256: storage.Digest(h.Sum(nil)), Headers: obj.Headers, ETag: obj.ETag}, nil
}

// counting is how far reading is.
type counting struct {
	mu            sync.Mutex
	n, total      int
	bytes, nbytes int64
}

func (c *counting) expect(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.nbytes += size
}

func (c *counting) done(size int64, progress func(done, total int, bytes, totalBytes int64)) {
	c.mu.Lock()
	c.n++
	c.bytes += size
	n, total, bytes, nbytes := c.n, c.total, c.bytes, c.nbytes
	c.mu.Unlock()
	if progress != nil {
		progress(n, total, bytes, nbytes)
	}
}
