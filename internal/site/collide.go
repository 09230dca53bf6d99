package site

import (
	"slices"
	"strings"
)

// Collision is a path that is an object and, as providers with directories
// see it, a directory too.
type Collision struct {
	Path  string // about
	Below string // about/index.html: the first such path
}

// Collisions returns the paths that are also the parent of another: `about`
// beside `about/index.html`. S3, R2 and GCS hold both; file systems and the
// servers built on them (MinIO, versitygw, the local provider) do not. In one
// output this takes names that differ in their Unicode normal form; desired
// sets that mix releases meet it more easily. The order of paths is free, the
// result is sorted.
func Collisions(paths []string) []Collision {
	set := make(map[string]string, len(paths))
	for _, p := range paths {
		set[p] = ""
	}
	for _, p := range paths {
		for i := strings.LastIndexByte(p, '/'); i > 0; i = strings.LastIndexByte(p[:i], '/') {
			if first, ok := set[p[:i]]; ok && (first == "" || p < first) {
				set[p[:i]] = p
			}
		}
	}
	var cs []Collision
	for p, below := range set {
		if below != "" {
			cs = append(cs, Collision{p, below})
		}
	}
	slices.SortFunc(cs, func(a, b Collision) int { return strings.Compare(a.Path, b.Path) })
	return cs
}
