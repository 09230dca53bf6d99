package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/text/unicode/norm"
)

// walker finds the files to publish.
type walker struct {
	dir      string   // the output, as it was given
	root     string   // its real name
	exclude  []string // real names that are left out silently
	config   string   // real name of pandastack.json
	patterns patterns
	refused  *refusals
	jobs     chan<- job
	ignored  int
}

// folder is a directory on the way.
type folder struct {
	disk    string   // name through dir, links and all
	rel     string   // path in the site
	parents []string // real names of this directory and those that led here
	hits    []bool   // patterns that match it or one above
	guards  []string // segments refused by name, entered only for what a pattern re-includes
}

func (f *folder) real() string { return f.parents[len(f.parents)-1] }

// entry is a file or directory, with its link resolved.
type entry struct {
	name  string // as the disk has it
	rel   string // path in the site, NFC
	disk  string
	real  string
	mode  fs.FileMode // of the target
	link  bool
	wrong string // why a link cannot be followed
}

func (w *walker) walk(ctx context.Context) error {
	return w.folder(ctx, folder{disk: w.dir, parents: []string{w.root}})
}

func (w *walker) folder(ctx context.Context, f folder) error {
	entries, err := os.ReadDir(f.disk)
	if err != nil {
		return err
	}
	for _, d := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if slices.Contains(w.exclude, filepath.Join(f.real(), d.Name())) {
			continue
		}
		e, err := w.resolve(f, d)
		if err != nil {
			return err
		}
		if err := w.entry(ctx, f, e); err != nil {
			return err
		}
	}
	return nil
}

// resolve names the entry d of f, and follows it where it is a link.
func (w *walker) resolve(f folder, d fs.DirEntry) (entry, error) {
	e := entry{
		name: d.Name(),
		rel:  norm.NFC.String(d.Name()),
		disk: filepath.Join(f.disk, d.Name()),
		real: filepath.Join(f.real(), d.Name()),
		mode: d.Type(),
		link: d.Type()&fs.ModeSymlink != 0,
	}
	if f.rel != "" {
		e.rel = f.rel + "/" + e.rel
	}
	if !e.link {
		return e, nil
	}
	return e, w.follow(f, &e)
}

// follow resolves a symbolic link. A link that must not be followed keeps its
// own mode and says why.
func (w *walker) follow(f folder, e *entry) error {
	text, err := os.Readlink(e.disk)
	if err != nil {
		return err
	}
	info, err := os.Stat(e.disk)
	if err != nil {
		e.wrong = fmt.Sprintf("it is a symbolic link to %s, %s", show(text), whyLost(err))
		return nil
	}
	target, err := filepath.EvalSymlinks(e.disk)
	if err != nil {
		return err
	}
	switch {
	case !inside(w.root, target):
		e.wrong = fmt.Sprintf("it is a symbolic link to %s, outside of the output", show(text))
	case slices.ContainsFunc(w.exclude, func(x string) bool { return inside(x, target) }):
		e.wrong = fmt.Sprintf("it is a symbolic link to %s, which is not published", show(text))
	case slices.Contains(f.parents, target):
		e.wrong = fmt.Sprintf("it is a symbolic link to %s, a directory that it lies in: this has no end", show(text))
	default:
		e.real, e.mode = target, info.Mode()
	}
	return nil
}

// whyLost says why a link cannot be followed.
func whyLost(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "which does not exist"
	case errors.Is(err, syscall.ELOOP):
		return "which leads in a circle"
	}
	var e *fs.PathError
	if errors.As(err, &e) {
		err = e.Err
	}
	return fmt.Sprintf("which cannot be followed (%v)", err)
}

// inside reports whether name is dir or below it.
func inside(dir, name string) bool {
	return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// entry decides what becomes of e: ignored, refused, walked or hashed.
func (w *walker) entry(ctx context.Context, f folder, e entry) error {
	isDir := e.mode.IsDir()
	v := w.patterns.judge(f.hits, e.rel, isDir)
	if v.ignored && (!isDir || !w.patterns.mayReinclude(v, e.rel)) {
		w.ignored++
		return nil
	}
	if !v.ignored {
		if why, never := w.refuses(f, e, v); why != "" {
			w.refused.add(e.rel, why, isDir, !never)
			return nil
		}
	}
	if isDir {
		return w.folder(ctx, w.enter(f, e, v))
	}
	select {
	case w.jobs <- job{path: e.rel, source: e.disk, reincludes: v.reincludes}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enter returns the directory e of f.
func (w *walker) enter(f folder, e entry, v verdict) folder {
	in := folder{
		disk:    e.disk,
		rel:     e.rel,
		parents: append(slices.Clip(f.parents), e.real),
		hits:    w.patterns.below(f.hits, e.rel),
	}
	// An ignored directory is entered only for what is re-included in it, and
	// that must then name what is refused. A folder with the name of our state
	// is entered where part of it is excluded, for the rest of it.
	if v.ignored || w.holdsExcluded(e) {
		in.guards = f.guards
		if why, _ := w.refusedHere(e); why != "" {
			in.guards = append(slices.Clip(f.guards), baseName(e.rel))
		}
	}
	return in
}

// refuses returns why e must not or cannot be published, or nothing, and
// whether no pattern can change that.
func (w *walker) refuses(f folder, e entry, v verdict) (why string, never bool) {
	switch bad := badName(e.name); {
	case bad != "":
		return bad, true
	case e.wrong != "":
		return e.wrong, true
	case !e.mode.IsRegular() && !e.mode.IsDir():
		return "it is " + kind(e.mode) + ", not a file", true
	}
	for _, g := range f.guards {
		if why := refusedName(g); g == ownSegment || !w.patterns.allows(v.reincludes, g) {
			return why, g == ownSegment
		}
	}
	why, never = w.refusedHere(e)
	switch {
	case why == "", !never && w.patterns.allows(v.reincludes, baseName(e.rel)):
		return "", false
	case never && e.mode.IsDir() && w.holdsExcluded(e):
		return "", false // it is entered, and refuses what is in it
	}
	return why, never
}

// refusedHere judges the name of e, and that of what it links to.
func (w *walker) refusedHere(e entry) (why string, never bool) {
	if why := refusedName(baseName(e.rel)); why != "" {
		return why, why == whyOwn
	}
	if e.real == w.config {
		return whyConfig, false
	}
	if !e.link {
		return "", false
	}
	for seg := range strings.SplitSeq(below(w.root, e.real), "/") {
		if why := refusedName(seg); why != "" {
			return fmt.Sprintf("it is a symbolic link to %s: %s", below(w.root, e.real), why), why == whyOwn
		}
	}
	return "", false
}

// holdsExcluded reports whether something of our own lies below e.
func (w *walker) holdsExcluded(e entry) bool {
	return slices.ContainsFunc(w.exclude, func(x string) bool { return inside(e.real, x) })
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "of an unknown kind"
}
