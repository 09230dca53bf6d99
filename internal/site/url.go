package site

import (
	"net/url"
	"strings"
)

// URLs returns the URLs under which the file at path may be cached, the file's
// own first: for a/index.html also /a/ and /a, for b.html also /b (many
// servers resolve or redirect these), for any other file only its own. Base is
// where the site is served; its query, fragment and user are dropped, and its
// path goes in front whether or not it ends in a slash.
//
// Paths are percent-encoded as browsers send them, so that they are the keys
// of a CDN's cache. The case of path is kept.
func URLs(base *url.URL, path string) []string {
	root := origin(base)
	own := root + "/" + escapePath(path)
	dir, name := splitPath(path)
	stem, isPage := cutHTML(name)
	switch {
	case !isPage || stem == "":
		return []string{own}
	case stem != "index":
		return []string{own, root + "/" + escapePath(dir+stem)}
	}
	slashed := root + "/" + escapePath(dir)
	if bare := strings.TrimSuffix(slashed, "/"); dir != "" || base.Path != "" && base.Path != "/" {
		return []string{own, slashed, bare}
	}
	return []string{own, slashed}
}

// URL returns the one URL to show for the file at path: that of the directory
// for an index page, else the file's own, which works on any server.
func URL(base *url.URL, path string) string {
	return origin(base) + "/" + Relative(path)
}

// origin returns base up to, and with, its path, without a slash at the end.
func origin(base *url.URL) string {
	p := base.EscapedPath()
	if base.RawPath == "" {
		p = escapePath(base.Path)
	}
	return base.Scheme + "://" + strings.ToLower(base.Host) + strings.TrimRight(p, "/")
}

// splitPath returns the directory, with its slash, and the name.
func splitPath(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/') + 1
	return path[:i], path[i:]
}

func cutHTML(name string) (stem string, ok bool) {
	if stem, ok = strings.CutSuffix(name, ".html"); ok {
		return stem, true
	}
	return strings.CutSuffix(name, ".htm")
}

// escapePath percent-encodes the path percent-encode set of the WHATWG URL
// standard (url.spec.whatwg.org/#path-percent-encode-set, with the ^ that it
// has had since 2024): controls, space, " # < > ? ^ ` { } and all that is not
// ASCII, as UTF-8. To these come %, because a file's name is not encoded yet,
// and \, which browsers read as a slash.
func escapePath(p string) string {
	var b strings.Builder
	b.Grow(len(p))
	for i := range len(p) {
		c := p[i]
		if c > ' ' && c < 0x7f && strings.IndexByte("\"#<>?^`{}%\\", c) < 0 {
			b.WriteByte(c)
			continue
		}
		writeEscape(&b, c)
	}
	return b.String()
}

func writeEscape(b *strings.Builder, c byte) {
	const hex = "0123456789ABCDEF"
	b.WriteByte('%')
	b.WriteByte(hex[c>>4])
	b.WriteByte(hex[c&15])
}
