package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// TestCrashRepair kills a repair at its requests, as TestCrash does. A second
// repair, or a plain deploy and then a repair, must make the site whole, with
// all that is kept of earlier releases.
func TestCrashRepair(t *testing.T) {
	t.Parallel()
	b := newCrashBed(t, testbed.MinIO(t))
	b.deployAll(t, 0, 1, 0) // what differs from the second version lies in blobs, too
	whole, ledger := b.depot.read(t), b.ledger
	for _, d := range []struct {
		name string
		do   func(c contents)
	}{
		{"objects", func(c contents) {
			delete(c, "index.html")
			c["style.css"] = stored{body: "tampered", contentType: "text/plain"}
			about := c["about.html"]
			about.cacheControl = "max-age=31536000"
			c["about.html"] = about
		}},
		{"head", func(c contents) {
			delete(c, stateDir+state.HeadKey)
			delete(c, "index.html")
		}},
		{"live release", func(c contents) {
			delete(c, stateDir+state.ReleaseKey(whole.head(t, b.depot.name).Live))
		}},
	} {
		t.Run(d.name, func(t *testing.T) {
			damaged := maps.Clone(whole)
			d.do(damaged)
			b.repairs(t, damaged, ledger, repairStride)
		})
	}
}

// repairs kills a repair of a damaged bucket at its requests.
func (b *crashBed) repairs(t *testing.T, damaged contents, ledger *ledger, stride int) {
	c := crashRun{seen: []contents{damaged.site(), b.sites[0]}, args: []string{"verify", "--repair", "--deep"}}
	b.ledger = ledger.clone()
	requests := b.requests(t, c, damaged)
	b.depot.read(t).wantSite(t, b.sites[0])
	if stride > 1 {
		requests = slices.DeleteFunc(requests, harmless)
	}
	table := newCrashTable("killed at", "left", "then", "left beside")
	for i := 0; i < len(requests); i += stride {
		ways := 1
		if stride == 1 && !harmless(requests[i]) {
			ways = 4
		}
		for n := range ways {
			n += i / stride
			p, deploys := killPoint{requests[i], n%2 == 0}, n/2%2 == 0
			t.Run(fmt.Sprintf("%v, deploys: %v", p, deploys), func(t *testing.T) {
				b.depot.restore(t, damaged)
				b.ledger = ledger.clone()
				b.run(t, c.version, b.gate(0, &p), c.args...)
				crashed := b.depot.read(t)
				crashed.wantWhole(t, c.seen...)
				crashed.unfinished(t, b.depot.name, b.ledger.touch)
				k, then := killed{outcome: b.repaired(t, damaged, crashed)}, "repair"
				if deploys {
					then = b.deployDamaged(t, crashed) + ", repair"
				}
				_, k.left = b.mend(t, 0, expired+time.Minute, c.args...)
				table.row(p.String(), k.outcome, then, k.left.String())
				table.count(k)
			})
		}
	}
	table.log(t)
}

// harmless reports whether a request changes nothing of a site: a kill there is
// like one a little earlier.
func harmless(request string) bool {
	return strings.HasPrefix(request, "GET ") || strings.HasPrefix(request, "LIST ") || strings.Contains(request, " "+state.ProbeDir)
}

// repaired says what a killed repair left.
func (b *crashBed) repaired(t *testing.T, damaged, crashed contents) string {
	if _, ok := crashed[stateDir+state.HeadKey]; !ok {
		return "no head"
	}
	if _, ok := damaged[stateDir+state.HeadKey]; !ok {
		damaged = contents{} // as if nothing had been live
	}
	return b.outcome(t, damaged, crashed)
}

// deployDamaged deploys where a repair was killed. Where the head tells of the
// repair, that makes the site whole; where it does not, the deploy either sees
// that the records are lost, and writes nothing, or sees nothing.
func (b *crashBed) deployDamaged(t *testing.T, crashed contents) string {
	t.Helper()
	r := b.run(t, 0, b.gate(expired, nil), "deploy")
	after := b.depot.read(t)
	_, headed := crashed[stateDir+state.HeadKey]
	named := false // the head names what the repair was to touch
	crashed.unfinished(t, b.depot.name, func(string, ...string) { named = true })
	switch {
	case r.code == exitFailed && strings.Contains(r.output, "Run pandastack verify"):
		for _, key := range keysOf(crashed, after) {
			if crashed[key] != after[key] {
				t.Errorf("a refused deploy changed %s", key)
			}
		}
		return "deploy refused"
	case r.code != exitOK:
		t.Fatalf("the deploy ended with %d:\n%s", r.code, r.output)
	case !headed:
		t.Errorf("a deploy took the site for a new one:\n%s", r.output)
	case !named:
		for key := range after.site() {
			if after[key] != crashed[key] && after[key] != b.sites[0][key] {
				t.Errorf("a deploy harmed %s", key)
			}
		}
		return "deploy"
	}
	after.wantSite(t, b.sites[0])
	return "deploy mended"
}
