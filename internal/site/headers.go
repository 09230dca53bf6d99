package site

import (
	"net/textproto"
	"slices"
	"strings"
	"sync"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/unicode/norm"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// HeaderSet gives files their headers. Equal sets are one map, because a site
// of a hundred thousand files has a handful of them.
type HeaderSet struct {
	rules []headerRule

	mu   sync.Mutex
	sets map[string]storage.Headers // by recipe
}

type headerRule struct {
	glob   string
	values storage.Headers
}

// NewHeaderSet checks the patterns. They are plain doublestar, relative to the
// output: `*.html` is the root's pages, `**/*.html` all; a leading slash is
// allowed, and one at the end means everything below. The error is a
// *PatternError.
func NewHeaderSet(rules []HeaderRule) (*HeaderSet, error) {
	hs := &HeaderSet{sets: map[string]storage.Headers{}}
	for _, r := range rules {
		g := strings.TrimPrefix(strings.TrimPrefix(norm.NFC.String(r.Source), "./"), "/")
		if dir, ok := strings.CutSuffix(g, "/"); ok {
			g = dir + "/**"
		}
		if why := checkGlob(g); why != "" {
			return nil, &PatternError{Field: "headers", Pattern: r.Source, Why: why}
		}
		values := storage.Headers{}
		for name, v := range r.Headers {
			values[textproto.CanonicalMIMEHeaderKey(name)] = v
		}
		hs.rules = append(hs.rules, headerRule{g, values})
	}
	return hs, nil
}

// Of returns the headers of the file at path whose own media type is
// mediaType: Content-Type, the default Cache-Control of its role, and the
// rules over both. The role is that of the Content-Type after the rules, so
// that a rule which makes a file a page makes it revalidate like one.
func (hs *HeaderSet) Of(path, mediaType string) storage.Headers {
	recipe, matching := hs.match(path)
	role := RoleOf(path, contentType(matching, mediaType))
	recipe += mediaType + "\x00" + role.CacheControl()
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h, ok := hs.sets[recipe]
	if !ok {
		h = storage.Headers{storage.ContentType: mediaType, storage.CacheControl: role.CacheControl()}
		apply(h, matching)
		hs.sets[recipe] = h
	}
	return h
}

// Types reports whether a rule gives the file at path its Content-Type, or
// takes it away.
func (hs *HeaderSet) Types(path string) bool {
	_, matching := hs.match(path)
	return slices.ContainsFunc(matching, func(r headerRule) bool {
		_, ok := r.values[storage.ContentType]
		return ok
	})
}

// match returns the rules that match path, and a key that tells sets of rules
// apart.
func (hs *HeaderSet) match(path string) (key string, matching []headerRule) {
	if len(hs.rules) == 0 {
		return "", nil
	}
	bits := make([]byte, len(hs.rules), len(hs.rules)+1)
	for i, r := range hs.rules {
		bits[i] = '0'
		if doublestar.MatchUnvalidated(r.glob, path) {
			bits[i] = '1'
			matching = append(matching, r)
		}
	}
	return string(append(bits, ' ')), matching
}

// contentType returns the Content-Type that the rules leave, or nothing.
func contentType(rules []headerRule, own string) string {
	for _, r := range slices.Backward(rules) {
		if v, ok := r.values[storage.ContentType]; ok {
			return v
		}
	}
	return own
}

func apply(h storage.Headers, rules []headerRule) {
	for _, r := range rules {
		for name, v := range r.values {
			if v == "" {
				delete(h, name)
				continue
			}
			h[name] = v
		}
	}
}
