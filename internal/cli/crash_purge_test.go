package cli

import (
	"net/http"
	"testing"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// debts leaves a site of the third version that owes the purges of two
// releases: of one to the webhook alone, of the other to both CDNs, because its
// deletions failed.
func (b *crashBed) debts(t *testing.T) {
	t.Helper()
	refused := testbed.Refusal(http.StatusForbidden, "AccessDenied")
	b.deployAll(t, 0)
	for i, faults := range [][]*faultPoint{
		{{request: "PURGE webhook", kind: refused}},
		{{request: "PURGE webhook", kind: refused}, {request: "DELETE many", kind: refused}},
	} {
		version, g := i+1, b.gate(0, nil)
		g.faults = faults
		if r := b.run(t, version, g, "deploy"); r.code != exitOwed {
			t.Fatalf("the deploy of version %d ended with %d:\n%s", version, r.code, r.output)
		}
	}
	owed := b.depot.read(t).head(t, b.depot.name).Owed
	if len(owed) != 2 || len(owed[0].Purge) != 1 || owed[0].Delete || len(owed[1].Purge) != 2 || !owed[1].Delete {
		t.Fatalf("the site owes %+v", owed)
	}
}
