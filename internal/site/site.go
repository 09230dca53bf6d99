// Package site turns the output directory of a build into the files that are
// to be published: it walks and hashes them, and gives each its media type and
// headers. It knows what a path is for (Role) and under which URLs visitors
// ask for it.
package site

import (
	"github.com/pandastack-io/pandastack/internal/storage"
)

// File is one file to publish.
type File struct {
	Path    string // in the site: slashes, NFC, no leading slash
	Source  string // name on disk, below Options.Dir, with slashes
	Size    int64  // bytes
	SHA256  storage.Digest
	Headers storage.Headers
}

// HeaderRule adds headers to the files that match. Rules apply in order; a
// later one overrides the same header of an earlier one, and an empty value
// removes it.
type HeaderRule struct {
	Source  string          // doublestar pattern, relative to the output
	Headers storage.Headers // by canonical name
}

// Role is what a file is for. It decides when a deploy uploads it and how
// long browsers may keep it by default.
type Role int

// The roles, in the order in which a deploy uploads them.
const (
	Asset         Role = iota // anything that pages refer to
	Fingerprinted             // an asset whose name holds a hash of its content
	Page                      // HTML
	Control                   // lists or controls pages: feeds, sitemaps, web manifests, robots.txt
	ServiceWorker             // a script that controls pages and must never be stale
)
