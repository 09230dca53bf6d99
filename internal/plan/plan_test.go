package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

var (
	html = storage.Headers{storage.ContentType: "text/html; charset=utf-8", storage.CacheControl: "no-cache"}
	css  = storage.Headers{storage.ContentType: "text/css; charset=utf-8"}
	xml  = storage.Headers{storage.ContentType: "application/xml; charset=utf-8"}
)

func object(path string, content byte, h storage.Headers, etag string) state.Object {
	return state.Object{Path: path, Size: int64(content), SHA256: storage.Digest{content}, Headers: h, ETag: etag}
}

func TestDiff(t *testing.T) {
	live := []state.Object{
		object("app.css", 1, css, "e1"),
		object("gone.css", 1, css, "e2"),
		object("index.html", 1, html, "e3"),
		object("kept.html", 1, html, "e4"),
		object("sitemap.xml", 1, xml, "e5"),
		object("typed.css", 1, html, "e6"),
	}
	other := html.Clone()
	other[storage.CacheControl] = "max-age=1"
	delete(other, storage.ContentType)
	desired := []state.Object{
		object("about/index.html", 1, html, "of a plan before"),
		object("app.css", 2, css, "of a plan before"),
		object("index.html", 2, other, "of a plan before"),
		object("kept.html", 1, html, "of a plan before"),
		object("new.css", 1, css, "of a plan before"),
		object("sitemap.xml", 2, xml, "of a plan before"),
		object("typed.css", 1, css, "of a plan before"),
	}
	p, err := Diff(Input{Desired: desired, Live: live})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range p.Changes {
		got = append(got, strings.Join([]string{c.Stage.String(), string(c.Op), c.Path(), c.Reason}, " | "))
	}
	want := []string{
		"new assets | create | new.css | new",
		"changed assets | update | app.css | content changed",
		"changed assets | headers | typed.css | Cache-Control, Content-Type changed",
		"new pages | create | about/index.html | new",
		"changed pages | update | index.html | content changed, Cache-Control, Content-Type changed",
		"controls | update | sitemap.xml | content changed",
		"deletions | delete | gone.css | no longer in the output",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, o := range p.Objects {
		if (o.ETag != "") != (o.Path == "kept.html") || o.Path == "kept.html" && o.ETag != "e4" {
			t.Errorf("%s has the ETag %q", o.Path, o.ETag)
		}
	}
}

// TestDiffAdopts takes foreign objects over: what is desired and as it shall be
// is a change, too, with the ETag that was seen.
func TestDiffAdopts(t *testing.T) {
	live := []state.Object{
		object("bytes.css", 1, css, "e1"), object("headers.css", 1, html, "e2"),
		object("ours.css", 1, css, "e3"), object("same.css", 1, css, "e4"), object("typed.css", 1, html, "e5"),
	}
	desired := []state.Object{
		object("bytes.css", 2, css, ""), object("headers.css", 2, css, ""),
		object("ours.css", 1, css, ""), object("same.css", 1, css, ""), object("typed.css", 1, css, ""),
	}
	foreign := map[string]bool{"bytes.css": true, "headers.css": true, "same.css": true, "typed.css": true}
	p, err := Diff(Input{Desired: desired, Live: live, Foreign: foreign})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range p.Changes {
		if !c.Adopted || c.Old == nil {
			t.Errorf("%+v", c)
		}
		got = append(got, strings.Join([]string{c.Stage.String(), string(c.Op), c.Path(), c.Reason}, " | "))
	}
	want := []string{
		"changed assets | update | bytes.css | adopted: other bytes",
		"changed assets | update | headers.css | adopted: other bytes, Cache-Control, Content-Type changed",
		"changed assets | adopt | same.css | adopted: same bytes, same headers",
		"changed assets | headers | typed.css | adopted: same bytes, Cache-Control, Content-Type changed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p.Objects[3].ETag != "e4" || p.Objects[4].ETag != "" {
		t.Errorf("%+v", p.Objects)
	}
}

func TestDiffRefusesUnsorted(t *testing.T) {
	unsorted := []state.Object{object("b", 1, css, ""), object("a", 1, css, "")}
	if _, err := Diff(Input{Desired: unsorted}); err == nil {
		t.Error("desired")
	}
	if _, err := Diff(Input{Live: unsorted}); err == nil {
		t.Error("live")
	}
}

func TestCollisions(t *testing.T) {
	list := func(paths ...string) []state.Object {
		var out []state.Object
		for _, p := range paths {
			out = append(out, object(p, 1, css, ""))
		}
		return out
	}
	for _, tt := range []struct {
		desired, live []state.Object
		want          string
	}{
		{list("about", "about-x", "about/y/z"), nil, `the storage cannot hold "about" beside "about/y/z"`},
		{list("about/y"), list("about"), `the storage cannot hold "about" beside "about/y", and the live release has one of them until the deploy is done`},
		{list("about"), list("about/y"), `the storage cannot hold "about" beside "about/y", and the live release has one of them until the deploy is done`},
		{list("about-x", "aboutx"), list("about/y"), ""},
	} {
		_, err := Diff(Input{Desired: tt.desired, Live: tt.live})
		var collision *CollisionError
		if got := ""; err != nil {
			if got = err.Error(); !errors.As(err, &collision) || got != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		} else if tt.want != "" {
			t.Errorf("no error, want %q", tt.want)
		}
		if _, err := Diff(Input{Desired: tt.desired, Live: tt.live, MixedPaths: true}); err != nil {
			t.Errorf("with mixed paths: %v", err)
		}
	}
}

// objects draws a manifest.
func objects(t *rapid.T, label string) []state.Object {
	paths := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a.css", "b.css", "c.html", "d.html", "e/index.html", "feed.xml", "sw.js", "x.png"}), 0, 8, rapid.ID[string]).Draw(t, label)
	slices.Sort(paths)
	var out []state.Object
	for _, p := range paths {
		h := rapid.SampledFrom([]storage.Headers{html, css, xml}).Draw(t, "headers")
		out = append(out, object(p, rapid.ByteRange(1, 3).Draw(t, "content"), h, rapid.StringMatching(`e[0-9]`).Draw(t, "etag")))
	}
	return out
}

// TestDiffIsExact applies the changes to the live manifest and must find the
// desired one; and a second plan must be empty.
func TestDiffIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, live := objects(t, "desired"), objects(t, "live")
		p, err := Diff(Input{Desired: slices.Clone(desired), Live: live, MixedPaths: true}) // which takes the list over
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(p.Changes, func(a, b Change) int { return int(a.Stage) - int(b.Stage) }) {
			t.Fatal("stages are out of order")
		}
		bucket := map[string]state.Object{}
		for _, o := range live {
			bucket[o.Path] = o
		}
		for _, c := range p.Changes {
			if c.New == nil {
				delete(bucket, c.Path())
				continue
			}
			if _, exists := bucket[c.Path()]; exists != (c.Op != Create) {
				t.Fatalf("%s %s", c.Op, c.Path())
			}
			c.New.ETag = "written"
			bucket[c.Path()] = *c.New
		}
		if len(bucket) != len(desired) {
			t.Fatalf("%d objects, want %d", len(bucket), len(desired))
		}
		for _, want := range p.Objects {
			got := bucket[want.Path]
			if !cmp.Equal(got, want) || got.ETag == "" {
				t.Fatal(cmp.Diff(want, got))
			}
		}
		again, err := Diff(Input{Desired: desired, Live: p.Objects, MixedPaths: true})
		if err != nil || len(again.Changes) > 0 {
			t.Fatalf("a second plan has changes: %v %v", again, err)
		}
	})
}
