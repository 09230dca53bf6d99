package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

// How much of a plan is shown unless all of it is asked for. A plan of up to
// showAll changes is always shown whole.
const (
	showAll       = 25
	showPages     = 15
	showLargest   = 10
	showHeaders   = 5
	showDeletions = 20
)

// WritePlan writes a plan as text: where to, how much of what, and the changes
// that a person wants to see: pages, the largest uploads, deletions. The marks
// are + new, ~ other bytes, h the same bytes with other headers, = adopted as
// it is or back from retirement, × retired, - gone. It returns the first error of the writer.
func WritePlan(c Console, p event.Planned, o Options) error {
	w := &sticky{w: c.W}
	if p.Changes.Len() == 0 {
		if len(p.Owed) == 0 && len(p.Purges) == 0 {
			fmt.Fprintln(w, nothing(p))
			return w.err
		}
		fmt.Fprintf(w, "No file changes: %s of the live release\n", count(p.Kept, "file"))
		writePending(w, c, p.Owed)
		writePurges(w, p.Purges)
		return w.err
	}
	live := "the first release"
	if p.Live != "" {
		live = "live: " + name(p.Live)
	}
	fmt.Fprintf(w, "%s %s (%s)\n", c.paint(bold, "Plan for"), name(p.Target), live)
	summary := fmt.Sprintf("%s%s; upload %s of %s", c.summary(p.Created, p.Updated, p.Headers, p.Deleted, p.Kept), asides(p.Adopted, p.Retired, p.RetiredUntil, p.Revived), size(p.UploadBytes), size(p.TotalBytes))
	if len(p.Purges) == 1 {
		summary += "; purge " + purge(p.Purges[0])
	}
	fmt.Fprintf(w, "%s\n", summary)
	if len(p.Purges) > 1 {
		writePurges(w, p.Purges)
	}
	fmt.Fprintln(w)
	writeNotable(w, c, p.Changes, o.Full)
	writePending(w, c, p.Owed)
	return w.err
}

// writePurges writes a line for each CDN.
func writePurges(w *sticky, purges []event.CDNPurge) {
	for _, p := range purges {
		fmt.Fprintf(w, "purge at %s: %s\n", name(p.CDN), purge(p))
	}
}

// purgedBy is what a request names, as a person would say it.
var purgedBy = map[string]string{"urls": "URL", "prefixes": "prefix", "hosts": "host", "tags": "tag", "everything": "everything"}

// purge says what a CDN would be asked for, for example "14 URLs, 1 request".
func purge(p event.CDNPurge) string {
	s := count(p.URLs, "URL")
	switch {
	case slices.Equal(p.By, []string{"urls"}):
	case slices.Equal(p.By, []string{"everything"}):
		s = "everything, for " + s
	default:
		by := make([]string, len(p.By))
		for i, kind := range p.By {
			by[i] = purgedBy[kind]
		}
		s += " by " + strings.Join(by, " and ")
	}
	s += ", " + count(p.Requests, "request")
	if p.Billed > 0 {
		s += ", " + count(p.Billed, "path") + " billed"
	}
	if p.Dropped > 0 {
		s += fmt.Sprintf(" (and %s)", count(p.Dropped, "unchanged file"))
	}
	return s
}

// writePending writes what earlier runs left to this one.
func writePending(w *sticky, c Console, owed []string) {
	for _, o := range owed {
		fmt.Fprintf(w, "  %s %s\n", c.paint(yellow, "!"), name(o))
	}
}

// nothing is the plan without a change.
func nothing(p event.Planned) string {
	switch {
	case p.Pays:
		return "Nothing to do: no earlier deploy owes a purge or a deletion"
	case p.Kept == 1:
		return "Nothing to do: 1 file matches the live release"
	}
	return fmt.Sprintf("Nothing to do: %d files match the live release", p.Kept)
}

// summary renders the counts, for example "+12 ~3 h2 -1, 240 kept". The count
// of changed headers is left out where there is none.
func (c Console) summary(created, updated, headers, deleted, kept int) string {
	parts := []string{c.paint(green, fmt.Sprintf("+%d", created)), c.paint(yellow, fmt.Sprintf("~%d", updated))}
	if headers > 0 {
		parts = append(parts, c.paint(cyan, fmt.Sprintf("h%d", headers)))
	}
	parts = append(parts, c.paint(red, fmt.Sprintf("-%d", deleted)))
	return fmt.Sprintf("%s, %d kept", strings.Join(parts, " "), kept)
}

// asides says what else a summary's files are, or "".
func asides(adopted, retired int, until time.Time, revived int) string {
	var parts []string
	if adopted > 0 {
		parts = append(parts, fmt.Sprintf("%d adopted", adopted))
	}
	if retired > 0 {
		parts = append(parts, fmt.Sprintf("%s retired until %s", count(retired, "asset"), minute(until)))
	}
	if revived > 0 {
		parts = append(parts, fmt.Sprintf("%d back from retirement", revived))
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// minute renders a time to the minute, in UTC.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// mark returns the symbol and the colour of a kind of change.
func mark(op string) (symbol, color string) {
	switch op {
	case "create":
		return "+", green
	case "update":
		return "~", yellow
	case "headers":
		return "h", cyan
	case "adopt":
		return "=", dim
	case "retire":
		return "×", dim
	case "revive":
		return "=", dim
	case "delete":
		return "-", red
	}
	return "?", ""
}

// notable returns the changes to show, in groups: pages by path, other uploads
// by size, changed headers, deletions.
func notable(changes event.Changes, full bool) []event.Change {
	groups := [4]first{{most: showPages, order: byPath}, {most: showLargest, order: bySize}, {most: showHeaders, order: byPath}, {most: showDeletions, order: byPath}}
	if full || changes.Len() <= showAll {
		for i := range groups {
			groups[i].most = 0
		}
	}
	for ch := range changes.All() {
		groups[group(ch)].add(ch)
	}
	var out []event.Change
	for i := range groups {
		out = append(out, groups[i].sorted()...)
	}
	return out
}

// group returns the place of a change in notable's order.
func group(ch event.Change) int {
	switch {
	case ch.Op == "delete", ch.Op == "retire":
		return 3
	case ch.Op == "headers", ch.Op == "adopt", ch.Op == "revive":
		return 2
	case strings.HasSuffix(ch.Stage, "pages"):
		return 0
	}
	return 1
}

// Columns of a change: mark, path, size, difference of size, reason.
const (
	sizeColumn   = 7  // "999 kB" and a space
	deltaColumn  = 8  // with the sign
	reasonColumn = 23 // at least, for "no longer in the output"; 7 fewer below 80 columns
	widestPath   = 60 // longer ones break the alignment of plain text
	fixedColumns = 4 + 1 + sizeColumn + 1 + deltaColumn + 2
)

func writeChanges(w io.Writer, c Console, changes []event.Change) {
	width, pathColumn := c.width(), 0
	for _, ch := range changes {
		pathColumn = max(pathColumn, cells.StringWidth(name(ch.Path)))
	}
	if width > 0 {
		reason := reasonColumn
		if width < defaultWidth {
			reason -= 7
		}
		pathColumn = min(pathColumn, max(width-fixedColumns-reason, 16))
	} else {
		pathColumn = min(pathColumn, widestPath)
	}
	for _, ch := range changes {
		symbol, color := mark(ch.Op)
		path := name(ch.Path)
		if width > 0 {
			path = fitLeft(path, pathColumn)
		}
		bytes, diff := weights(ch)
		row := fmt.Sprintf("%s %*s %*s  %s", cells.FillRight(path, pathColumn), sizeColumn, bytes, deltaColumn, diff, name(ch.Reason))
		if width > 0 {
			row = fit(row, width-4)
		}
		fmt.Fprintf(w, "  %s %s\n", c.paint(color, symbol), strings.TrimRight(row, " "))
		writeHeaders(w, c, ch.HeaderChanges)
	}
}

// weights returns the size of a change and its difference to what is live.
// Changed headers and what is adopted as it is upload nothing.
func weights(ch event.Change) (bytes, diff string) {
	switch ch.Op {
	case "headers", "adopt", "revive":
		return "", ""
	case "update":
		return size(ch.Size), delta(ch.Size - ch.OldSize)
	}
	return size(ch.Size), ""
}
