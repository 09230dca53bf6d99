package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
)

// How many files each list of a summary has at most. The runner drops a
// summary that is too large, and a page of thousands of rows helps nobody.
const (
	summaryPages     = 100
	summaryOthers    = 200
	summaryDeletions = 200
	openRows         = 25 // lists with more rows are folded
)

// changed lists what changed, or would: pages first, then other files by size,
// then what is gone. It takes at most room bytes; what it leaves out is
// counted.
func changed(r Record, o SummaryOptions, room int) string {
	p := r.Planned
	if p == nil || len(p.Changes) == 0 || (r.Finished == nil || !r.Finished.Changed) && !r.DryRun {
		return ""
	}
	title := "### What changed\n\n"
	if r.DryRun {
		title = "### Changes\n\n"
	}
	var b strings.Builder
	b.WriteString(title)
	for _, l := range lists(p.Changes) {
		if len(l.changes) > 0 {
			b.WriteString(l.render(o, room-b.Len()))
		}
	}
	if b.Len() > room {
		return ""
	}
	return b.String()
}

// list is one kind of changes.
type list struct {
	noun    string // of one
	changes []event.Change
	most    int
	gone    bool
	order   func(a, b event.Change) int
}

// lists sorts changes into pages, other files, and what the site no longer has.
func lists(changes []event.Change) []*list {
	byPath := func(a, b event.Change) int { return cmp.Compare(a.Path, b.Path) }
	bySize := func(a, b event.Change) int { return cmp.Or(cmp.Compare(b.Size, a.Size), byPath(a, b)) }
	pages := &list{"page", nil, summaryPages, false, byPath}
	others := &list{"other file", nil, summaryOthers, false, bySize}
	retired := &list{"retired file", nil, summaryDeletions, true, byPath}
	gone := &list{"deleted file", nil, summaryDeletions, true, byPath}
	all := []*list{pages, others, retired, gone}
	for _, c := range changes {
		l := others
		switch {
		case c.Op == "delete":
			l = gone
		case c.Op == "retire":
			l = retired
		case strings.HasSuffix(c.Stage, "pages"):
			l = pages
		}
		l.changes = append(l.changes, c)
	}
	for _, l := range all {
		slices.SortFunc(l.changes, l.order)
	}
	return all
}

// render writes the list as a table of at most room bytes, all included.
func (l *list) render(o SummaryOptions, room int) string {
	const frame = 300 // title, head, note and fold
	noun := count(len(l.changes), l.noun)
	var b strings.Builder
	if l.gone {
		b.WriteString("| file | size |\n|---|--:|\n")
	} else {
		fmt.Fprintf(&b, "| %s | what | size | difference |\n|---|---|--:|--:|\n", l.noun)
	}
	shown := 0
	for _, c := range l.changes[:min(len(l.changes), l.most)] {
		row := l.row(c, o)
		if b.Len()+len(row)+frame > room {
			break
		}
		b.WriteString(row)
		shown++
	}
	if shown == 0 {
		return noun + ": see the log\n\n"
	}
	if more := len(l.changes) - shown; more > 0 {
		fmt.Fprintf(&b, "\n… and %d more\n", more)
	}
	if l.noun != "page" || len(l.changes) > openRows {
		return folded(noun, b.String())
	}
	return b.String() + "\n"
}

func (l *list) row(c event.Change, o SummaryOptions) string {
	path := code(c.Path)
	bytes, diff := weights(c)
	if l.gone {
		return fmt.Sprintf("| %s | %s |\n", path, bytes)
	}
	if o.Link != nil {
		path = link(path, o.Link(c.Path))
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", path, md(c.Reason), bytes, diff)
}
