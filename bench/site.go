package bench

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Site describes a generated site. The same values make the same bytes, so that
// figures of other days can be compared.
type Site struct {
	Files   int
	Seed    uint64
	Changed float64 // share of the files that the second tree changes
}

// kind is one of the kinds of file that a site is made of.
type kind struct {
	name     string
	share    int // of 100 files
	min, max int // size in bytes; sizes are spread evenly over their logarithm
}

// mix has a mean of 49.6 KiB, so that 10,000 files are 508 MB.
var mix = []kind{
	{"page", 65, 4 << 10, 60 << 10},
	{"bundle", 20, 10 << 10, 300 << 10}, // js and css with a hash in the name
	{"image", 15, 20 << 10, 400 << 10},
}

// Trees are two builds of a site below one directory: the first, and a later
// one that shares the files that did not change, by hard links.
type Trees struct {
	Dir           string
	First, Second Tree
	// Changed files have other bytes, of which Renamed have another name, too.
	// Deleted are missing in the second tree.
	Changed, Renamed, Deleted int
}

// Tree is one build of a site.
type Tree struct {
	Dir   string
	Files map[string]Content // by path, with slashes
}

// Content is the size of a file in bytes and the MD5 of its bytes, in hex.
type Content struct {
	Size int64
	MD5  string
}

// Bytes returns the size of the first tree.
func (t *Trees) Bytes() int64 {
	var sum int64
	for _, c := range t.First.Files {
		sum += c.Size
	}
	return sum
}

// Write generates both trees below dir, which it makes.
func (s Site) Write(dir string) (*Trees, error) {
	t := &Trees{Dir: dir}
	t.First = Tree{Dir: filepath.Join(dir, "first"), Files: map[string]Content{}}
	t.Second = Tree{Dir: filepath.Join(dir, "second"), Files: map[string]Content{}}
	first, second := make([]file, s.Files), make([]file, s.Files)
	g := new(errgroup.Group)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range s.Files {
		g.Go(func() (err error) {
			first[i], second[i], err = s.write(t, i)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range first {
		t.add(first[i], second[i])
	}
	return t, nil
}

// add notes a file of both trees.
func (t *Trees) add(first, second file) {
	t.First.Files[first.path] = first.content
	if second.path == "" {
		t.Deleted++
		return
	}
	t.Second.Files[second.path] = second.content
	if first.content != second.content {
		t.Changed++
	}
	if first.path != second.path {
		t.Renamed++
	}
}

// file is a generated file. One that a tree does not have has no path.
type file struct {
	path    string
	content Content
}

// write generates the file with a number in both trees.
func (s Site) write(t *Trees, i int) (first, second file, err error) {
	first, body := s.file(i, 0)
	if err := put(t.First.Dir, first.path, body); err != nil {
		return first, second, err
	}
	changed, deleted := s.fate(i)
	switch {
	case deleted:
		return first, second, nil
	case changed:
		second, body = s.file(i, 1)
		return first, second, put(t.Second.Dir, second.path, body)
	default:
		return first, first, link(t, first.path)
	}
}

// fate says what the second tree does to a file. Changes are spread evenly over
// the site; for five of them there is one deletion.
func (s Site) fate(i int) (changed, deleted bool) {
	if s.Changed <= 0 {
		return false, false
	}
	every := max(2, int(math.Round(1/s.Changed)))
	// The beginning of each stretch is offset by its number, so that all kinds,
	// which alternate with a period of their own, have their share.
	at, stretch := i%every, i/every
	return at == stretch*7%every, stretch%5 == 0 && at == (stretch*7+1)%every
}

// file generates a file in its first or its second version. Both have the same
// size, so that a comparison of sizes alone is seen to fail.
func (s Site) file(i, version int) (file, []byte) {
	k, nth := kindOf(i)
	size := int(float64(k.min) * math.Pow(float64(k.max)/float64(k.min), rand.New(s.random(i, -1)).Float64()))
	body := make([]byte, size)
	fill(s.random(i, version), body, k.name != "image")
	if k.name == "page" {
		copy(body, "<!doctype html>\n<meta charset=\"utf-8\">\n")
	}
	sum := md5.Sum(body)
	return file{name(k, nth, body), Content{Size: int64(size), MD5: hex.EncodeToString(sum[:])}}, body
}

// random returns a stream of numbers that belongs to one version of one file.
func (s Site) random(i, version int) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d/%d/%d", s.Seed, i, version)))
}
