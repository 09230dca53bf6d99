package report

import (
	"fmt"
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
)

// showRemoved is how many releases, files and places are shown of each unless
// all are asked for, and showAlso how many other paths of one file.
const (
	showRemoved = 20
	showAlso    = 3
)

// WriteCollected writes what was removed from the history, or would be: the
// releases, what was erased and where copies of that may still be. It returns
// the first error of the writer.
func WriteCollected(c Console, e event.Collected, o Options) error {
	w := &sticky{w: c.W}
	did := "Removed:"
	if e.DryRun {
		did = "Would remove:"
	}
	some(w, c, e.Releases, o, func(id string) {
		fmt.Fprintf(w, "  %s %s\n", c.paint(red, "- release"), name(id))
	})
	some(w, c, e.Erased, o, func(x event.Erased) {
		fmt.Fprintf(w, "  %s\n", erased(c, x, e.DryRun, o.Full))
	})
	fmt.Fprintf(w, "%s %s at %s; %s kept beside the live one\n", c.paint(bold+green, did), strings.Join(collected(e), ", "), name(e.Target), count(e.Kept, "release"))
	if !e.DryRun {
		took := requests(e.Requests) + "; " + elapsed(e.Elapsed)
		if e.PurgedURLs > 0 {
			took = fmt.Sprintf("%s purged in %s; ", count(e.PurgedURLs, "URL"), count(e.PurgeRequests, "request")) + took
		}
		fmt.Fprintf(w, "  %s\n", took)
	}
	if len(e.Unreached) > 0 {
		fmt.Fprintln(w, "Out of reach:")
	}
	some(w, c, e.Unreached, o, func(where string) {
		fmt.Fprintf(w, "  %s %s\n", c.paint(yellow, "!"), name(where))
	})
	writeOwed(w, c, e.Owed, o.Full)
	return w.err
}

// some writes the first few of a list, or all.
func some[T any](w *sticky, c Console, list []T, o Options, write func(T)) {
	shown := list
	if !o.Full {
		shown = list[:min(len(list), showRemoved)]
	}
	for _, x := range shown {
		write(x)
	}
	if more := len(list) - len(shown); more > 0 {
		fmt.Fprintf(w, "  %s\n", c.paint(dim, fmt.Sprintf("… and %d more (--full shows all)", more)))
	}
}

// erased says what becomes, or became, of one file.
func erased(c Console, x event.Erased, dryRun, full bool) string {
	did, deleted := "erased", "deleted"
	if dryRun {
		did, deleted = "would erase", "would delete"
	}
	what := c.paint(red, did)
	switch {
	case x.Live != "" && x.Retired: // its bytes stay, at another path
		what = c.paint(yellow, deleted)
	case x.Live != "":
		what = c.paint(yellow, "stays")
	}
	where := "in " + count(len(x.Releases), "release")
	if x.Retired {
		where += ", and retired"
	}
	also := x.Also
	if !full {
		also = also[:min(len(also), showAlso)]
	}
	if len(also) > 0 {
		where += "; there also " + name(strings.Join(also, ", "))
	}
	if more := len(x.Also) - len(also); more > 0 {
		where += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s %s (%s, %s)", what, name(x.Path), size(x.Size), where)
}

// collected lists what was removed, without what was not.
func collected(e event.Collected) []string {
	var what []string
	for _, n := range []struct {
		n    int
		unit string
	}{{len(e.Releases), "release"}, {e.Retired, "retired object"}, {e.Blobs, "blob"}, {e.Strays, "stray object"}} {
		if n.n > 0 {
			what = append(what, count(n.n, n.unit))
		}
	}
	if len(what) == 0 {
		return []string{"nothing"}
	}
	return append(what, size(e.Bytes))
}
