package state

import (
	"reflect"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// headerSets numbers distinct sets of headers.
type headerSets struct {
	list  []storage.Headers
	index map[string]int
	// same is the number of a map that was seen before: the objects of a site
	// share a handful of them.
	same map[uintptr]int
}

// number returns the number of a set, which is added where it is new.
func (s *headerSets) number(h storage.Headers) int {
	at := reflect.ValueOf(h).Pointer()
	if n, ok := s.same[at]; ok {
		return n
	}
	key := headerKey(h)
	n, ok := s.index[key]
	if !ok {
		n = len(s.list)
		s.index[key], s.list = n, append(s.list, h)
	}
	s.same[at] = n
	return n
}

func (s *headerSets) line(o *Object) objectLine {
	return objectLine{Path: o.Path, Size: o.Size, SHA256: o.SHA256, Headers: s.number(o.Headers), ETag: o.ETag}
}

// headerKey returns a string that is equal for equal headers only.
func headerKey(h storage.Headers) string {
	names := make([]string, 0, len(h))
	for n := range h {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, n := range names {
		b.WriteString(n + "\n" + h[n] + "\n") // neither can hold a newline
	}
	return b.String()
}
