package deploy

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// variant is one state of an object of the site.
type variant struct {
	body    string
	headers int // 0, 1 or 2
}

// headersOf returns the headers of the file at path. Some name more than
// others, because a copy cannot take one away.
func (v variant) headersOf(path string) storage.Headers {
	h := storage.Headers{storage.ContentType: map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".png": "image/png", ".xml": "application/xml", ".txt": "text/plain; charset=utf-8",
	}[filepath.Ext(path)]}
	if v.headers > 0 {
		h[storage.CacheControl] = fmt.Sprintf("max-age=%d", v.headers*60)
	}
	if v.headers > 1 {
		h[storage.ContentLanguage] = "en"
	}
	return h
}

// is reports whether an object of the bucket is this variant.
func (v variant) is(path string, body []byte, h storage.Headers) bool {
	return v.body == string(body) && h.Equal(v.headersOf(path))
}

// output is what a build leaves: variants by path.
type output map[string]variant

// slot is a place in the source of the site that may hold one file.
type slot struct {
	name, renamed string // %d: the file is named by its content
	kind          rune   // p: page, a: asset, c: what lists or controls pages
}

var slots = []slot{
	{"index.html", "start.html", 'p'},
	{"a.css", "b.css", 'a'},
	{"app-3f9c1b2%d.js", "main-8e0d7a5%d.js", 'a'},
	{"docs/index.html", "manual/index.html", 'p'},
	{"logo-3f9c1b2%d.png", "img/logo-8e0d7a5%d.png", 'a'},
	{"empty.txt", "none.txt", 'a'},
	{"about.html", "about us.html", 'p'},
	{"sitemap.xml", "feed.xml", 'c'},
	{"sw.js", "service-worker.js", 'c'},
}

// file is what a slot holds.
type file struct {
	there, renamed  bool
	content, header int
}

// source is the work tree of the site's authors.
type source [9]file

// edit is one thing that an author does.
type edit struct {
	Do    string // edit, add, remove, rename, header
	Slot  int
	Value int
}

func (s *source) do(e edit) {
	f := &s[e.Slot]
	switch e.Do {
	case "remove":
		f.there = false
	case "rename":
		f.renamed = !f.renamed
	case "header":
		f.header = e.Value
	default: // a file that is not there is made
		f.there, f.content = true, e.Value
	}
}

func (s *source) path(i int) string {
	name := slots[i].name
	if s[i].renamed {
		name = slots[i].renamed
	}
	if strings.Contains(name, "%d") {
		name = fmt.Sprintf(name, s[i].content)
	}
	return name
}

// build renders the site: a page names the assets that it refers to, one in
// each line.
func (s *source) build() output {
	out := output{}
	var assets []string
	for i := range s {
		if s[i].there && slots[i].kind == 'a' {
			assets = append(assets, s.path(i))
		}
	}
	for i, f := range s {
		if !f.there {
			continue
		}
		path := s.path(i)
		body := fmt.Sprintf("version %d\n", f.content)
		switch {
		case slots[i].kind == 'p':
			body = "page\n" + body + strings.Join(assets, "\n")
		case strings.HasSuffix(path, ".txt"):
			body = strings.Repeat("x", f.content)
		case strings.HasSuffix(path, ".png"):
			body = "\x89PNG\r\n\x1a\n\x00\xff" + string(rune('0'+f.content))
		}
		out[path] = variant{body, f.header}
	}
	return out
}

// references returns the assets that a page refers to.
func references(body string) []string {
	rest, page := strings.CutPrefix(body, "page\n")
	if _, list, ok := strings.Cut(rest, "\n"); page && ok && list != "" {
		return strings.Split(list, "\n")
	}
	return nil
}

// disk holds the files of all outputs by content.
type disk struct {
	dir   string
	files sync.Map
}

// desired writes an output to the disk.
func (d *disk) desired(o output) Desired {
	var out Desired
	for _, path := range slices.Sorted(maps.Keys(o)) {
		v := o[path]
		sum := storage.Digest(sha256.Sum256([]byte(v.body)))
		name := filepath.Join(d.dir, sum.String())
		once, _ := d.files.LoadOrStore(sum, sync.OnceValue(func() error { return os.WriteFile(name, []byte(v.body), 0o644) }))
		if err := once.(func() error)(); err != nil {
			panic(err)
		}
		out.Objects = append(out.Objects, state.Object{Path: path, Size: int64(len(v.body)), SHA256: sum, Headers: v.headersOf(path)})
		out.Files = append(out.Files, name)
	}
	return out
}
