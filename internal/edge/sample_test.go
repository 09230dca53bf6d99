package edge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// sized is an object of so many bytes.
func sized(path, contentType string, n int) *state.Object {
	return object(path, contentType, strings.Repeat(path[:1], n)+path)
}

// manifest returns the objects of the changes, and others, sorted.
func manifest(changes []Change, others ...*state.Object) []state.Object {
	var out []state.Object
	for _, c := range changes {
		if c.New != nil {
			out = append(out, *c.New)
		}
	}
	for _, o := range others {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b state.Object) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func names(sample []Change) []string {
	var out []string
	for _, c := range sample {
		if c.New == nil {
			out = append(out, "-"+c.Path)
		} else {
			out = append(out, c.Path)
		}
	}
	return out
}

func TestSample(t *testing.T) {
	update := func(path, contentType string, was, is int) Change {
		return Change{Path: path, New: sized(path, contentType, is), Old: sized(path, contentType, was)}
	}
	remove := func(path string) Change { return Change{Path: path, Old: sized(path, html, 9)} }
	home := sized(Home, html, 5)
	var many []Change
	for _, p := range []string{"a", "b", "c", "d", "e"} {
		many = append(many, update(p+".html", html, 10, 11))
	}
	many[3] = update("d.html", html, 100, 10)
	redirecting := update("r.html", html, 1, 2)
	redirecting.New.Headers[storage.WebsiteRedirect] = "/x"
	moved := Change{Path: "from.html", Old: sized(Home, html, 5)}
	for _, test := range []struct {
		name    string
		changes []Change
		objects []state.Object
		n       int
		want    []string
	}{
		{"nothing", nil, nil, 8, nil},
		{"the home page in any case", nil, manifest(nil, home), 8, []string{Home}},
		{"no home page", many[:1], manifest(many[:1]), 8, []string{"a.html"}},
		{"of one role: the biggest, the first, the last", many, manifest(many, home), 8, []string{Home, "d.html", "a.html", "e.html", "b.html", "c.html"}},
		{"a removed page before a removed file", []Change{remove("a.png"), remove("z.html")}, manifest(nil, home), 8, []string{Home, "-z.html"}},
		{"roles in turn", append(slices.Clone(many), update("sitemap.xml", "application/xml", 1, 2), update("sw.js", "text/javascript", 1, 2), update("app.css", css, 1, 2), update("assets/app-3f9c1b2e.js", "text/javascript", 1, 2), remove("x.html")),
			manifest(many, home), 8, []string{Home, "-x.html", "d.html", "sitemap.xml", "sw.js", "app.css", "assets/app-3f9c1b2e.js", "a.html"}},
		{"at most n", many, manifest(many, home), 2, []string{Home, "d.html"}},
		{"what proves nothing", []Change{update("404.html", html, 1, 2), redirecting, update("big.html", html, 1, MaxBody+1), moved, {Path: "unknown.html"}}, manifest(nil, home), 8, []string{Home}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 5 { // in whatever order the changes come
				rand.Shuffle(len(test.changes), func(i, j int) { test.changes[i], test.changes[j] = test.changes[j], test.changes[i] })
				if diff := cmp.Diff(test.want, names(Sample(test.changes, test.objects, "404.html", test.n))); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

// TestSampleHome checks that a changed home page is compared with what it was.
func TestSampleHome(t *testing.T) {
	changes := []Change{{Path: Home, New: object(Home, html, "new"), Old: object(Home, html, "old")}}
	got := Sample(changes, manifest(changes), "404.html", 8)
	if len(got) != 1 || got[0].Old == nil || got[0].Old.SHA256 != changes[0].Old.SHA256 {
		t.Error(fmt.Sprint(got))
	}
	// Also where it answers for what is not found, as that of an application does.
	got = Sample(changes, manifest(changes), Home, 8)
	if len(got) != 1 || got[0].Old.SHA256 != changes[0].Old.SHA256 {
		t.Error("the home page of an application is not compared with what it was")
	}
}
