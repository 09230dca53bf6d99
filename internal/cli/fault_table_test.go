package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// faultTable counts how runs ended, by the kind of fault.
type faultTable struct {
	cells map[string]map[string]int // by fault, by verdict
	total int
}

func newFaultTable() *faultTable { return &faultTable{cells: map[string]map[string]int{}} }

func (f *faultTable) count(p *faultPoint, verdict string) {
	name := p.kind.Name + " once"
	if p.forever {
		name = p.kind.Name + " for ever"
	}
	if f.cells[name] == nil {
		f.cells[name] = map[string]int{}
	}
	f.cells[name][verdict]++
	f.total++
}

func (f *faultTable) log(t *testing.T) {
	var verdicts []string
	for _, row := range f.cells {
		verdicts = slices.AppendSeq(verdicts, maps.Keys(row))
	}
	slices.Sort(verdicts)
	verdicts = slices.Compact(verdicts)
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "fault\t"+strings.Join(verdicts, "\t"))
	for _, kind := range testbed.Faults() {
		for _, when := range []string{" once", " for ever"} {
			row := []string{kind.Name + when}
			for _, v := range verdicts {
				row = append(row, fmt.Sprint(f.cells[row[0]][v]))
			}
			_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
		}
	}
	_ = w.Flush()
	t.Logf("\n%s%d runs; all true, and mended by the next one: %v", &out, f.total, !t.Failed())
}
