package deploy

import (
	"path/filepath"
	"sort"
	"strings"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
)

// Desired is what the site shall have, and where the bytes are. A run takes it
// over: of a large site, a copy is what takes most memory. It gives the objects
// other ETags.
type Desired struct {
	Objects []state.Object // sorted by path
	// Files are the names of the objects' files below Dir, in the same order.
	// Nil: all bytes are in the bucket.
	Files []string
	// Dir is where the files are, absolute. Empty: their names are.
	Dir string
}

// find returns the place of a path, and whether it is desired. It looks at paths
// alone: other objects may get their ETags meanwhile.
func (d Desired) find(path string) (int, bool) {
	return sort.Find(len(d.Objects), func(i int) int { return strings.Compare(path, d.Objects[i].Path) })
}

// file returns the absolute name of the file that has the bytes of a path; ""
// where it is not desired, or its bytes are in the bucket.
func (d Desired) file(path string) string {
	i, ok := d.find(path)
	if !ok || d.Files == nil {
		return ""
	}
	return filepath.Join(d.Dir, d.Files[i])
}

// FromFiles returns the desired objects for the files of an output, which lies in
// dir.
func FromFiles(dir string, files []site.File) Desired {
	d := Desired{Dir: dir, Objects: make([]state.Object, len(files)), Files: make([]string, len(files))}
	for i, f := range files {
		d.Objects[i] = state.Object{Path: f.Path, Size: f.Size, SHA256: f.SHA256, Headers: f.Headers}
		d.Files[i] = f.Source
	}
	return d
}

// shareNames lets the objects of both lists, which are sorted, that have the same
// path also have the same string for it: the other one takes memory that is free
// then.
func shareNames(objects, live []state.Object) {
	i := 0
	for j := range live {
		for i < len(objects) && objects[i].Path < live[j].Path {
			i++
		}
		if i < len(objects) && objects[i].Path == live[j].Path {
			live[j].Path = objects[i].Path
		}
	}
}
