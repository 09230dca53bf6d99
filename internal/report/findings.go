package report

import (
	"fmt"

	"github.com/pandastack-io/pandastack/internal/event"
)

// showFindings is how many findings of one kind are shown unless all are asked
// for.
const showFindings = 20

// WriteFindings writes how the bucket compares with the records: each finding
// on a line, what is done about it below, and the verdict at the end. It
// returns the first error of the writer.
func WriteFindings(c Console, v event.Verified, o Options) error {
	w := &sticky{w: c.W}
	shown, problems, notes := map[string]int{}, 0, 0
	for _, f := range v.Findings {
		if f.Note {
			notes++
		} else {
			problems++
		}
		shown[f.Kind]++
		switch n := shown[f.Kind]; {
		case o.Full || n <= showFindings:
			writeFinding(w, c, f)
		case n == showFindings+1:
			fmt.Fprintf(w, "  %s\n", c.paint(dim, "… and more of "+name(f.Kind)+" (--full shows all)"))
		}
	}
	how := "by listing; --deep reads every byte"
	if v.Deep {
		how = size(v.Bytes) + " read"
	}
	against := "no release"
	if v.Live != "" {
		against = "release " + name(v.Live)
	}
	verdict := c.paint(bold+green, "All is well:")
	if problems > 0 {
		verdict = c.paint(bold+red, count(problems, "problem")+":")
	}
	fmt.Fprintf(w, "%s %s against %s at %s (%s", verdict, count(v.Objects, "object"), against, name(v.Target), how)
	if notes > 0 {
		fmt.Fprint(w, "; "+count(notes, "note"))
	}
	fmt.Fprintln(w, ")")
	return w.err
}

func writeFinding(w *sticky, c Console, f event.Finding) {
	color, where := red, f.Path
	if f.Note {
		color = dim
	}
	if f.Area == "state" {
		where = "state " + f.Path
	}
	fmt.Fprintf(w, "  %s %s: %s\n", c.paint(color, name(f.Kind)), name(where), name(f.Detail))
	if f.Remedy != "" {
		fmt.Fprintf(w, "    %s %s\n", c.paint(cyan, "→"), name(f.Remedy))
	}
}
