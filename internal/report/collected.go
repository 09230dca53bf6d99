package report

import (
	"fmt"
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
)

// WriteCollected writes what was removed from the history, or would be: the
// releases, what was erased and where copies of that may still be. It returns
// the first error of the writer.
func WriteCollected(c Console, e event.Collected, o Options) error {
	w := &sticky{w: c.W}
	did, erased, deleted := "Removed:", "erased", "deleted"
	if e.DryRun {
		did, erased, deleted = "Would remove:", "would erase", "would delete"
	}
	for _, id := range e.Releases {
		fmt.Fprintf(w, "  %s %s\n", c.paint(red, "- release"), name(id))
	}
	for _, x := range e.Erased {
		what := c.paint(red, erased)
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
		fmt.Fprintf(w, "  %s %s (%s, %s)\n", what, name(x.Path), size(x.Size), where)
	}
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
	for _, where := range e.Unreached {
		fmt.Fprintf(w, "  %s %s\n", c.paint(yellow, "!"), name(where))
	}
	writeOwed(w, c, e.Owed, o.Full)
	return w.err
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
