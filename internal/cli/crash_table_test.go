package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// crashTable is what is printed of a matrix.
type crashTable struct {
	rows     [][]string
	kills    int
	outcomes map[string]int
	left     strays
}

func newCrashTable(columns ...string) *crashTable {
	return &crashTable{rows: [][]string{columns}, outcomes: map[string]int{}}
}

func (c *crashTable) row(cells ...string) { c.rows = append(c.rows, cells) }

func (c *crashTable) count(k killed) {
	c.kills++
	c.outcomes[k.outcome]++
	c.left = c.left.max(k.left)
}

func (c *crashTable) log(t *testing.T) {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, r := range c.rows {
		_, _ = fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush()
	t.Logf("\n%s%d kills; all mended by the next run: %v; at most left beside: %v", &out, c.kills, !t.Failed(), c.left)
	var outcomes []string
	for o, n := range c.outcomes {
		outcomes = append(outcomes, fmt.Sprintf("%4d  %s", n, o))
	}
	slices.Sort(outcomes)
	t.Logf("when it was dead:\n%s", strings.Join(outcomes, "\n"))
}
