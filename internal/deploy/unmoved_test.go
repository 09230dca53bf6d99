package deploy

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestFindUnmoved: bytes that a plan brings, and no others, are found at the
// paths that keep them.
func TestFindUnmoved(t *testing.T) {
	object := func(path string, content byte, etag string) state.Object {
		return state.Object{Path: path, Size: 1, SHA256: storage.Digest{content}, ETag: etag}
	}
	uploaded, brought, again, third := object("uploaded", 1, ""), object("brought", 2, ""), object("again", 3, ""), object("third", 5, "")
	renamed, gone := object("headers", 3, "e3"), object("gone", 9, "e9")
	output := Desired{Objects: []state.Object{renamed, uploaded}, Files: []string{"/dist/headers", "/dist/uploaded"}}
	u := &upload{Run: &Run{}, aim: aim{desired: output}, plan: &plan.Plan{
		Objects: []state.Object{object("kept", 2, "e2"), object("other", 1, "e1"), object("unrelated", 7, "e7")},
		Retired: []state.Retired{{Object: object("old", 5, "e5")}},
		Changes: []plan.Change{
			{Op: plan.Create, New: &uploaded}, {Op: plan.Create, New: &brought}, {Op: plan.Create, New: &again}, {Op: plan.Update, New: &third, Old: &gone},
			{Op: plan.Headers, New: &renamed, Old: &renamed}, {Op: plan.Delete, Old: &gone},
		},
	}}
	u.findUnmoved()
	want := map[storage.Digest]storage.CopySource{
		{2}: {Key: "kept", ETag: "e2", Size: 1}, {3}: {Key: "headers", Size: 1}, {5}: {Key: "old", ETag: "e5", Size: 1},
	}
	if diff := cmp.Diff(want, u.unmoved); diff != "" {
		t.Error(diff)
	}
}

// TestShareNames: lists that have some paths in common keep what they say.
func TestShareNames(t *testing.T) {
	list := func(paths ...string) (out []state.Object) {
		for _, p := range paths {
			out = append(out, state.Object{Path: strings.Clone(p)})
		}
		return out
	}
	for _, c := range [][2][]string{{{"b", "d", "e"}, {"a", "b", "c", "e", "f"}}, {{"a"}, nil}, {nil, {"a"}}} {
		objects, live := list(c[0]...), list(c[1]...)
		shareNames(objects, live)
		if !cmp.Equal(objects, list(c[0]...)) || !cmp.Equal(live, list(c[1]...)) {
			t.Errorf("%v and %v became %v and %v", c[0], c[1], objects, live)
		}
		for _, o := range objects {
			i := slices.IndexFunc(live, func(l state.Object) bool { return l.Path == o.Path })
			if i >= 0 && unsafe.StringData(o.Path) != unsafe.StringData(live[i].Path) {
				t.Errorf("%s is there twice", o.Path)
			}
		}
	}
}
