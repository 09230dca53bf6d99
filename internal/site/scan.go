package site

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Options says what Scan reads and how.
type Options struct {
	Dir        string       // the output, absolute
	ConfigFile string       // absolute name of pandastack.json, refused inside Dir; empty: none
	Ignore     []string     // patterns after DefaultIgnore, as the type pattern describes them; the last match wins, ! re-includes
	Exclude    []string     // absolute names of our own inside Dir, left out silently
	Headers    []HeaderRule // over the default headers
	MixedPaths bool         // the provider holds `about` beside `about/…`
	Workers    int          // files hashed at once; 0: one for each core
	// Progress, if set, is told the running totals after each file. Calls do
	// not overlap; it should return soon.
	Progress func(files int, bytes int64)
}

// Scan walks and hashes the output and returns the files to publish, in
// ascending byte order of their paths. Memory grows with the number of files,
// not with their size. The Headers of files that have the same ones are shared:
// clone them before a change.
//
// Symbolic links inside Dir are followed. Precompressed siblings (app.js.br,
// app.js.gz) are files like any other, with the type of their own extension and
// no Content-Encoding.
//
// The error is an *OutputError (no, or an empty, output), a *PatternError, a
// *RefusedError with all that must not or cannot be published, an error of the
// file system, or that of ctx.
func Scan(ctx context.Context, o Options) ([]File, error) {
	s, w, err := prepare(o)
	if err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(s.jobs)
		return w.walk(ctx)
	})
	for range cmp.Or(o.Workers, runtime.GOMAXPROCS(0)) {
		g.Go(func() error { return s.work(ctx) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return s.finish(o, w.ignored)
}

// scanner hashes what the walker finds.
type scanner struct {
	dir      string
	jobs     chan job
	patterns patterns
	headers  *HeaderSet
	refused  refusals
	progress func(int, int64)

	mu    sync.Mutex
	files []File
	bytes int64
}

// job is a file to hash.
type job struct {
	path       string
	source     string // absolute name on disk
	reincludes []int  // the `!` patterns that match it
}

func prepare(o Options) (*scanner, *walker, error) {
	ps, err := compilePatterns(o.Ignore)
	if err != nil {
		return nil, nil, err
	}
	hs, err := NewHeaderSet(o.Headers)
	if err != nil {
		return nil, nil, err
	}
	root, err := openRoot(o.Dir)
	if err != nil {
		return nil, nil, err
	}
	s := &scanner{dir: o.Dir, jobs: make(chan job, 256), patterns: ps, headers: hs, progress: o.Progress}
	w := &walker{dir: o.Dir, root: root, patterns: ps, refused: &s.refused, jobs: s.jobs}
	for _, name := range o.Exclude { // where it lies, and where it is if that is a link
		w.exclude = append(w.exclude, filepath.Join(realName(filepath.Dir(name)), filepath.Base(name)), realName(name))
	}
	if o.ConfigFile != "" {
		w.config = realName(o.ConfigFile)
	}
	return s, w, nil
}

// openRoot returns the real name of the output directory.
func openRoot(dir string) (string, error) {
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("the output directory %q is not an absolute name", dir)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &OutputError{Dir: dir, Err: ErrNoOutput}
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", &OutputError{Dir: dir, Err: ErrNotDir}
	}
	return filepath.EvalSymlinks(dir)
}

// realName resolves the links in name; what does not exist stays as it is
// below the deepest directory that does.
func realName(name string) string {
	if r, err := filepath.EvalSymlinks(name); err == nil {
		return r
	}
	parent := filepath.Dir(name)
	if parent == name {
		return name
	}
	return filepath.Join(realName(parent), filepath.Base(name))
}

// bufferSize is large enough that system calls do not count, and small enough
// for the cache of a core.
const bufferSize = 256 << 10

// HeadSize is how much of a file's beginning is looked at, in bytes: what the WHATWG
// standards let a meta element declare its encoding in, and the largest Git
// LFS pointer.
const HeadSize = 1024

func (s *scanner) work(ctx context.Context) error {
	buf, head := make([]byte, bufferSize), make([]byte, HeadSize)
	for j := range s.jobs {
		if err := s.file(ctx, j, buf, head); err != nil {
			return err
		}
	}
	return nil
}

// file hashes one file, judges its beginning and keeps it.
func (s *scanner) file(ctx context.Context, j job, buf, head []byte) error {
	f := File{Path: j.path, Source: below(s.dir, j.source)}
	if f.Source == f.Path {
		f.Source = f.Path // of many files, one string for both counts
	}
	n, err := f.hash(ctx, j.source, buf, head)
	if err != nil {
		return err
	}
	head = head[:n]
	if why := refusedContent(f.Path, head, f.Size); why != "" && !s.patterns.allows(j.reincludes, baseName(f.Path)) {
		s.refused.add(f.Path, why, false, true)
		return nil
	}
	f.Headers = s.headers.Of(f.Path, MediaType(f.Path, head))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, f)
	s.bytes += f.Size
	if s.progress != nil {
		s.progress(len(s.files), s.bytes)
	}
	return nil
}

// hash sets Size and SHA256 from the same bytes of the file with this name, so that
// they agree even where the file changes meanwhile, and copies its beginning to head.
// It returns how many bytes head holds.
func (f *File) hash(ctx context.Context, name string, buf, head []byte) (n int, err error) {
	r, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer r.Close() // read only
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		m, err := io.ReadFull(r, buf)
		if f.Size == 0 {
			n = copy(head, buf[:m])
		}
		h.Write(buf[:m])
		f.Size += int64(m)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	h.Sum(f.SHA256[:0])
	return n, nil
}

// finish sorts the files and looks at them together.
func (s *scanner) finish(o Options, ignored int) ([]File, error) {
	slices.SortFunc(s.files, func(a, b File) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Source, b.Source))
	})
	s.refuseTwins()
	if !o.MixedPaths {
		s.refuseMixed()
	}
	if err := s.refused.err(); err != nil {
		return nil, err
	}
	if len(s.files) == 0 {
		return nil, &OutputError{Dir: o.Dir, Ignored: ignored, Err: ErrEmptyOutput}
	}
	return s.files, nil
}

// refuseTwins refuses names on disk that are one path in NFC. Both are named
// in the bytes that tell them apart; no pattern can, since those are NFC too.
func (s *scanner) refuseTwins() {
	for i := 1; i < len(s.files); i++ {
		a, b := s.files[i-1], s.files[i]
		if a.Path == b.Path {
			why := fmt.Sprintf("two files on disk have this name in Unicode NFC, %+q and %+q: rename or remove one",
				a.Source, b.Source)
			s.refused.put(Refusal{Path: a.Path, Why: why, Ignore: exactly(a.Path, false)})
		}
	}
}

// below returns name relative to dir, as the disk has it.
func below(dir, name string) string {
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}

func (s *scanner) refuseMixed() {
	paths := make([]string, len(s.files))
	for i, f := range s.files {
		paths[i] = f.Path
	}
	for _, c := range Collisions(paths) {
		s.refused.put(Refusal{Path: c.Path, Why: fmt.Sprintf("this storage cannot hold it beside %s", c.Below), Ignore: exactly(c.Path, false)})
	}
}
