package site

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCollisions(t *testing.T) {
	got := Collisions([]string{"b", "b/c/d", "b/c", "about/index.html", "about", "about-us", "about.html", "about/a", "z"})
	want := []Collision{{"about", "about/a"}, {"b", "b/c"}, {"b/c", "b/c/d"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Collisions([]string{"a", "a-b/c", "a.b/c", "ab/c"}); got != nil {
		t.Errorf("got %v, want none", got)
	}
}

func TestCollisionsAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOf(rapid.StringMatching(`[ab](/[ab]){0,3}`)).Draw(t, "paths")
		var want []string
		for _, p := range paths {
			if slices.ContainsFunc(paths, func(q string) bool { return strings.HasPrefix(q, p+"/") }) {
				want = append(want, p)
			}
		}
		slices.Sort(want)
		want = slices.Compact(want)
		var got []string
		for _, c := range Collisions(paths) {
			got = append(got, c.Path)
			if !strings.HasPrefix(c.Below, c.Path+"/") || !slices.Contains(paths, c.Below) {
				t.Fatalf("%v is no collision", c)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
