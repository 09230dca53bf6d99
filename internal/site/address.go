package site

import (
	"net/url"
	"slices"
	"strings"
)

// Addresses says under which URLs visitors and caches know a site.
type Addresses struct {
	// Base is where the site is served; Hosts are others that serve the same,
	// as hosts with or without a port.
	Base  *url.URL
	Hosts []string
	// Queries are the query strings, without their question mark, whose
	// answers are cached beside those without any.
	Queries []string
	// NotFound is the path of the file that answers for what is not found.
	// Empty: there is none.
	NotFound string
}

// bases returns where the site is served, each without the slash at its end.
func (a Addresses) bases() []string {
	hosts := []string{strings.ToLower(a.Base.Host)}
	for _, h := range a.Hosts {
		if h = strings.ToLower(h); !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	for i, h := range hosts {
		b := *a.Base
		b.Host = h
		hosts[i] = origin(&b)
	}
	return hosts
}

// Bases returns the URLs of the site's root, each with a slash at its end.
func (a Addresses) Bases() []string {
	out := a.bases()
	for i := range out {
		out[i] += "/"
	}
	return out
}

// URLs returns every URL under which the files at the paths may be cached,
// sorted and unique: those of URLs, in each spelling of
// their paths, on each host, without and with each query string.
func (a Addresses) URLs(paths []string) []string {
	var out []string
	root := origin(a.Base)
	for _, b := range a.bases() {
		for _, p := range paths {
			for _, u := range URLs(a.Base, p) {
				for _, s := range spellings(strings.TrimPrefix(u, root)) {
					out = append(out, b+s)
					for _, q := range a.Queries {
						out = append(out, b+s+"?"+q)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// IsNotFound reports whether the file at path answers for what is not found.
// Then it is cached under URLs that nobody knows.
func (a Addresses) IsNotFound(path string) bool { return a.NotFound != "" && path == a.NotFound }

// Relative returns the part of URL that comes after the site's root.
func Relative(path string) string {
	dir, name := splitPath(path)
	if stem, isPage := cutHTML(name); isPage && stem == "index" {
		path = dir
	}
	return escapePath(path)
}

// What links spell otherwise than browsers would. A browser sends an escape as
// the link has it, so that each spelling is another URL to a cache: encodeURI
// and encodeURIComponent (ECMA-262, "URI Handling Functions"; Next.js writes
// the names of its chunks so), and what Python's urllib.parse.quote and other
// encoders of RFC 3986 leave of the reserved characters: none.
const (
	uriEscapes       = "[]|"
	componentEscapes = uriEscapes + "+&=@:,;$"
	reservedEscapes  = componentEscapes + "!'()*"
)

// spellings returns the forms in which links and browsers write an escaped
// path, that of browsers first. Nearly all paths have only one.
func spellings(escaped string) []string {
	out := []string{escaped}
	for _, set := range []string{uriEscapes, componentEscapes, reservedEscapes} {
		if s := escapeAlso(escaped, set); s != out[len(out)-1] {
			out = append(out, s)
		}
	}
	return out
}

// escapeAlso percent-encodes the characters of a set.
func escapeAlso(s, set string) string {
	if !strings.ContainsAny(s, set) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) >= 0 {
			writeEscape(&b, s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
