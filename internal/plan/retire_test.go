package plan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func bundle(n int, content byte, etag string) state.Object {
	return object(fmt.Sprintf("app-3f9c1b2%d.js", n), content, css, etag)
}

// retired was last in the release "old", and has to stay for so long after
// noon.
func retired(o state.Object, left time.Duration) state.Retired {
	return state.Retired{Object: o, Last: "old", Until: noon.Add(left)}
}

func TestRetire(t *testing.T) {
	page := object("index.html", 1, html, "p")
	newPage := object("index.html", 2, html, "p")
	typed := css.Clone()
	typed[storage.CacheControl] = "no-cache"
	day := 24 * time.Hour
	for _, tt := range []struct {
		name          string
		live, desired []state.Object
		in            Retirement
		want          string   // changes
		retired       []string // of the new release
	}{
		{"a bundle that is renamed", []state.Object{bundle(1, 1, "e"), page}, []state.Object{bundle(2, 2, ""), newPage}, Retirement{For: day},
			"create app-3f9c1b22.js, update index.html, retire app-3f9c1b21.js", []string{"app-3f9c1b21.js live 24h0m0s"}},
		{"for no time", []state.Object{bundle(1, 1, "e"), page}, []state.Object{page}, Retirement{},
			"delete app-3f9c1b21.js", nil},
		{"a page and a stylesheet go at once", []state.Object{object("about.html", 1, html, "e"), object("app.css", 1, css, "e"), page}, []state.Object{page}, Retirement{For: day},
			"delete about.html, delete app.css", nil},
		{"what no release had goes at once", []state.Object{bundle(1, 1, "e"), page}, []state.Object{page}, Retirement{For: day, Stray: map[string]bool{"app-3f9c1b21.js": true}},
			"delete app-3f9c1b21.js", nil},
		{"nothing to do", []state.Object{page}, []state.Object{page}, Retirement{For: day, Retired: []state.Retired{retired(bundle(1, 1, "e"), time.Second)}},
			"", []string{"app-3f9c1b21.js old 1s"}},
		{"due, and nothing to do", []state.Object{page}, []state.Object{page}, Retirement{For: day, Retired: []state.Retired{retired(bundle(1, 1, "e"), 0)}},
			"", []string{"app-3f9c1b21.js old 0s"}},
		{"due, and a release is made anyway", []state.Object{page}, []state.Object{page}, Retirement{For: day, Writes: true, Retired: []state.Retired{retired(bundle(1, 1, "e"), 0), retired(bundle(2, 1, "e"), 1)}},
			"delete app-3f9c1b21.js", []string{"app-3f9c1b22.js old 1ns"}},
		{"due", []state.Object{page}, []state.Object{newPage}, Retirement{For: day, Retired: []state.Retired{retired(bundle(1, 1, "e"), -1), retired(bundle(2, 1, "e"), 1)}},
			"update index.html, delete app-3f9c1b21.js", []string{"app-3f9c1b22.js old 1ns"}},
		{"all are due where none is to stay", []state.Object{page}, []state.Object{newPage}, Retirement{Retired: []state.Retired{retired(bundle(1, 1, "e"), day)}},
			"update index.html, delete app-3f9c1b21.js", nil},
		{"back", []state.Object{page}, []state.Object{bundle(1, 1, ""), page}, Retirement{For: day, Retired: []state.Retired{retired(bundle(1, 1, "e"), day)}},
			"revive app-3f9c1b21.js", nil},
		{"back when it is due", []state.Object{page}, []state.Object{bundle(1, 1, ""), page}, Retirement{For: day, Retired: []state.Retired{retired(bundle(1, 1, "e"), -day)}},
			"revive app-3f9c1b21.js", nil},
		{"back with other bytes", []state.Object{page}, []state.Object{bundle(1, 2, ""), page}, Retirement{For: day, Retired: []state.Retired{retired(bundle(1, 1, "e"), day)}},
			"update app-3f9c1b21.js", nil},
		{"back with other headers", []state.Object{page}, []state.Object{object("app-3f9c1b21.js", 1, typed, ""), page}, Retirement{For: day, Retired: []state.Retired{retired(bundle(1, 1, "e"), day)}},
			"headers app-3f9c1b21.js", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Now, tt.in.Release = noon, "live"
			p, err := Diff(Input{Desired: tt.desired, Live: tt.live, Retirement: tt.in})
			if err != nil {
				t.Fatal(err)
			}
			var changes, left []string
			for _, c := range p.Changes {
				changes = append(changes, string(c.Op)+" "+c.Path())
				if was := len(tt.in.Retired) > 0 && strings.HasPrefix(c.Path(), "app-"); was != (c.Retired != nil) {
					t.Errorf("%s: retired: %v", c.Path(), c.Retired)
				}
			}
			for _, r := range p.Retired {
				left = append(left, fmt.Sprintf("%s %s %s", r.Path, r.Last, r.Until.Sub(noon)))
			}
			if got := strings.Join(changes, ", "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if diff := cmp.Diff(tt.retired, left); diff != "" {
				t.Error(diff)
			}
			if i := p.Objects[0]; i.Path == "app-3f9c1b21.js" && (i.ETag == "e") != strings.Contains(tt.want, "revive") {
				t.Errorf("%s has the ETag %q", i.Path, i.ETag)
			}
		})
	}
}

// TestRetiredCollides: what is retired is in the bucket until its time is over.
func TestRetiredCollides(t *testing.T) {
	below := object("app-3f9c1b21.js/index.html", 1, html, "")
	in := Input{Desired: []state.Object{below}, Retirement: Retirement{For: 1, Now: noon, Retired: []state.Retired{retired(bundle(1, 1, "e"), 1)}}}
	_, err := Diff(in)
	var collision *CollisionError
	if !errors.As(err, &collision) || !collision.IsRetired || collision.IsLive {
		t.Errorf("got %v", err)
	}
	in.MixedPaths = true
	if _, err := Diff(in); err != nil {
		t.Error(err)
	}
}

// TestRetirementIsNoDeletion: guards do not stop what only the records hear of.
func TestRetirementIsNoDeletion(t *testing.T) {
	page := object("index.html", 1, html, "p")
	live := []state.Object{bundle(1, 1, "e"), page}
	p, err := Diff(Input{Desired: []state.Object{page}, Live: live, Retirement: Retirement{For: 1, Now: noon}})
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(p, live, Guards{MaxDelete: count(0)}); err != nil {
		t.Error(err)
	}
}
