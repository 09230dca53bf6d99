package history_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

const bundle = "app-3f9c1b2e.js"

// TestVerifyRetired: what is retired is the site's, a source for a repair, and
// no reason to fail where it is gone.
func TestVerifyRetired(t *testing.T) {
	findings := func(v event.Verified) map[string]string {
		out := map[string]string{}
		for _, f := range v.Findings {
			out[f.Path] = f.Kind
		}
		return out
	}
	retired := func(t *testing.T) *bed {
		b := newBed(t, storagetest.NewMemory())
		b.retain = 24 * time.Hour
		v := maps.Clone(versions[2])
		v[bundle] = "n" // the bytes of new.html
		b.deploy(v)
		b.deploy(versions[2])
		return b
	}
	for _, tt := range []struct {
		name   string
		damage func(b *bed)
		want   map[string]string
		sound  bool
	}{
		{"as it was", func(*bed) {}, map[string]string{}, true},
		{"gone", func(b *bed) { b.del(prefix + bundle) }, map[string]string{prefix + bundle: "retired"}, true},
		{"another one", func(b *bed) { b.put(prefix+bundle, "x", nil) }, map[string]string{prefix + bundle: "retired"}, true},
		{"a live object is gone that has its bytes", func(b *bed) { b.del(prefix + "new.html") }, map[string]string{prefix + "new.html": "missing"}, false},
		{"the head is gone", func(b *bed) { b.del(stateDir + "head") }, map[string]string{stateDir + "head": "head-missing"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := retired(t)
			tt.damage(b)
			v := b.verify(false)
			got := map[string]string{}
			for _, f := range v.Findings {
				at := prefix
				if f.Area == "state" {
					at = stateDir
				}
				got[at+f.Path] = f.Kind
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || v.Sound != tt.sound {
				t.Fatalf("sound: %t\n%s", v.Sound, diff)
			}
			if tt.sound {
				return
			}
			if _, err := b.run(nil).Repair(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			if v := b.verify(true); !v.Sound || len(findings(v)) > 0 {
				t.Errorf("%+v", v)
			}
			if body, _ := b.get(prefix + bundle); string(body) != "n" {
				t.Errorf("the bundle is %q", body)
			}
		})
	}
}
