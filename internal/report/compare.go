package report

import (
	"cmp"
	"fmt"
	"io"

	"github.com/pandastack-io/pandastack/internal/event"
)

// WriteComparison writes what differs between two releases, or between one
// and the output, as a plan shows it. It returns the first error of the
// writer.
func WriteComparison(c Console, e event.Compared, o Options) error {
	w := &sticky{w: c.W}
	if len(e.Changes) == 0 {
		fmt.Fprintf(w, "No difference: %s in %s and %s\n", same(e.Kept), side(e.From, o), side(e.To, o))
		return w.err
	}
	fmt.Fprintf(w, "%s %s to %s\n", c.paint(bold, "From"), side(e.From, o), side(e.To, o))
	grown := cmp.Or(delta(e.To.Bytes-e.From.Bytes), "±0 B")
	fmt.Fprintf(w, "%s; %s, %s\n\n", c.summary(e.Created, e.Updated, e.Headers, e.Deleted, e.Kept), size(e.To.Bytes), grown)
	writeNotable(w, c, event.ChangesOf(e.Changes...), o.Full)
	return w.err
}

func same(n int) string {
	if n == 1 {
		return "1 file is the same"
	}
	return fmt.Sprintf("%d files are the same", n)
}

func side(s event.Side, o Options) string {
	switch {
	case s.Release == "":
		return "the output " + name(s.Output)
	case s.Live:
		return fmt.Sprintf("%s (live, %s)", name(s.Release), o.age(s.Created))
	default:
		return fmt.Sprintf("%s (%s)", name(s.Release), o.age(s.Created))
	}
}

// writeNotable writes the changes that a person wants to see, or all.
func writeNotable(w io.Writer, c Console, changes event.Changes, full bool) {
	shown := notable(changes, full)
	writeChanges(w, c, shown)
	if more := changes.Len() - len(shown); more > 0 {
		fmt.Fprintf(w, "  %s\n", c.paint(dim, fmt.Sprintf("… and %d more (--full shows all)", more)))
	}
}

// writeHeaders writes what a change does to headers, one a line.
func writeHeaders(w io.Writer, c Console, changes []event.HeaderChange) {
	for _, h := range changes {
		text := fmt.Sprintf("%s: %s → %s", name(h.Name), value(h.Old), value(h.New))
		if width := c.width(); width > 0 {
			text = fit(text, width-6)
		}
		fmt.Fprintf(w, "      %s\n", c.paint(dim, text))
	}
}

func value(s string) string { return name(cmp.Or(s, "(none)")) }

// WriteBlame writes a table of paths and the releases that last changed them.
// It returns the first error of the writer.
func WriteBlame(c Console, e event.Blamed, o Options) error {
	w := &sticky{w: c.W}
	t := &table{shrink: 0, cut: fitLeft}
	t.row(dimmed("PATH", "RELEASE", "AGE", "COMMIT", "BY", "CHANGE")...)
	for _, p := range e.Paths {
		r := p.Release
		t.row(cell{text: name(p.Path)}, cell{text: name(cmp.Or(r.Short, r.ID))}, cell{text: o.age(r.Created)},
			cell{text: commit(r)}, cell{text: name(r.Actor)}, blamed(p))
	}
	t.write(w, c)
	return w.err
}

// blamed says what the release did to the path.
func blamed(p event.BlamePath) cell {
	if p.Change == nil {
		return cell{text: "or before: " + name(p.Unseen), color: yellow}
	}
	text := p.Change.Reason
	if p.Release.RollbackTo != "" {
		text += ", rollback to " + cmp.Or(p.Release.RollbackShort, p.Release.RollbackTo)
	}
	if from := p.Release.PromotedFrom; from != nil {
		text += ", promoted from " + from.Environment
	}
	_, color := mark(p.Change.Op)
	return cell{text: name(text), color: color}
}
