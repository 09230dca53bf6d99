package history_test

import (
	"testing"

	"github.com/pandastack-io/pandastack/providers/local"
)

// TestNestedLater: a site that begins below one that has files there already
// leaves these alone. They are still the outer site's, and what is the other's
// stays as it is, also where a repair has to begin without a record.
func TestNestedLater(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(b *bed, live string){
		"nothing":          func(*bed, string) {},
		"head lost":        func(b *bed, _ string) { b.del(stateDir + "head") },
		"live record lost": func(b *bed, live string) { b.cut(stateDir + "releases/" + live) },
	} {
		store, err := local.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		b := newBed(t, store)
		files := tree{"index.html": "home", "shop/a.html": "a page"}
		b.deploy(files)
		files["index.html"] = "home 2"
		live := b.deploy(files).Release
		b.put(at("shop/.pandastack/head"), "theirs", nil)
		b.put(at("shop/b.html"), "b", nil)
		spoil(b, live)
		before := b.all()
		if v := b.verify(false); v.Sound != (name == "nothing") {
			t.Errorf("%s: %+v", name, v.Findings)
		}
		if lost := b.repair(false); lost != nil {
			t.Errorf("%s: lost %q", name, lost)
		}
		if v := b.verify(true); !v.Sound || v.Objects != len(files) {
			t.Errorf("%s, repaired: %+v", name, v)
		}
		for _, path := range []string{"index.html", "shop/a.html", "shop/b.html", "shop/.pandastack/head"} {
			if b.all()[at(path)] != before[at(path)] {
				t.Errorf("%s: %s is not as it was", name, path)
			}
		}
	}
}
