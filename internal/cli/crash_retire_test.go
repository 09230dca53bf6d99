package cli

import (
	"crypto/sha256"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// crashRetire kills a deploy that retires an asset and deletes one whose time
// is over. What the live release retains is there at every moment.
func crashRetire(t *testing.T, server *testbed.S3) {
	b := newRetainingBed(t, server, "10m")
	b.deployAll(t, 0, 1)
	start := b.depot.read(t)
	if got := start.retired(t, b.depot.name); len(got) != 1 || got[css1] == nil {
		t.Fatalf("retired: %v", got)
	}
	const later = 15 * time.Minute
	b.matrix(t, crashRun{version: 2, then: 2, shift: later, seen: b.sites[1:], args: []string{"deploy"}})
	b.depot.restore(t, start)
	b.ledger = newLedger("cloudflare", "webhook")
	after, _ := b.deploy(t, 2, later)
	if got := after.retired(t, b.depot.name); len(got) != 1 || got[js1] == nil || after[css1] != (stored{}) {
		t.Errorf("nobody killed it, and it retains %v", got)
	}
}

// newCrashBed returns a bed whose projects delete assets with the deploy.
func newCrashBed(t *testing.T, server *testbed.S3) *crashBed {
	t.Helper()
	return newRetainingBed(t, server, "0")
}

// retired returns what the live release retains, by path.
func (c contents) retired(t *testing.T, bucket string) map[string]*state.Retired {
	t.Helper()
	h := c.head(t, bucket)
	if h.Live == "" {
		return nil
	}
	live := c.release(t, bucket, h.Live)
	h.Trim(live)
	out := map[string]*state.Retired{}
	for i := range live.Retired {
		out[live.Retired[i].Path] = &live.Retired[i]
	}
	return out
}

// released returns what visitors see of the versions: without what is only
// retained, or was by the release before the live one and is still to be
// deleted. What the live release retains must be there.
func (c contents) released(t *testing.T, bucket string, versions ...contents) contents {
	t.Helper()
	out, retired := c.site(), c.retired(t, bucket)
	for path, r := range retired {
		if sha256.Sum256([]byte(c[path].body)) != r.SHA256 || c[path].cacheControl != r.Headers["Cache-Control"] {
			t.Errorf("the retired %s is not what the live release says: %+v", path, c[path])
		}
	}
	if h := c.head(t, bucket); h.Live != "" && len(h.Owed) > 0 {
		if parent := c.release(t, bucket, h.Live).Parent; parent != "" {
			for _, r := range c.release(t, bucket, parent).Retired {
				retired[r.Path] = &r
			}
		}
	}
	maps.DeleteFunc(out, func(path string, _ stored) bool {
		return retired[path] != nil && !slices.ContainsFunc(versions, func(v contents) bool { _, ok := v[path]; return ok })
	})
	return out
}
