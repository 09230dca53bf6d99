package cli

import (
	"fmt"
	"testing"
)

// rollbacks kills a deploy at every request, and brings the release back that
// was live, and the one before.
func (b *crashBed) rollbacks(t *testing.T) {
	start, ledger := b.depot.read(t), b.ledger
	live := start.head(t, b.depot.name).Live
	releases := []string{start.release(t, b.depot.name, live).Parent, live}
	c := crashRun{version: 2, seen: b.sites[1:], args: []string{"deploy"}}
	b.ledger = ledger.clone()
	requests := b.requests(t, c, start)
	table := newCrashTable("killed at", "then", "rolled back to", "left beside")
	for i, request := range requests {
		if i%crashStride != 0 {
			continue
		}
		p := killPoint{request, i/crashStride%2 == 0}
		for version, id := range releases {
			t.Run(fmt.Sprintf("%v to %d", p, version), func(t *testing.T) {
				b.depot.restore(t, start)
				b.ledger = ledger.clone()
				b.run(t, c.version, b.gate(0, &p), c.args...)
				k := killed{outcome: b.outcome(t, start, b.crashed(t, c))}
				_, k.left = b.mend(t, version, expired, "rollback", id)
				table.row(p.String(), k.outcome, fmt.Sprint(version), k.left.String())
				table.count(k)
			})
		}
	}
	table.log(t)
}
