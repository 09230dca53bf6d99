package report

import (
	"fmt"
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
	if p == nil || p.Changes.Len() == 0 || (r.Finished == nil || !r.Finished.Changed) && !r.DryRun {
		return ""
	}
	title := "### What changed\n\n"
	if r.DryRun {
		title = "### Changes\n\n"
	}
	var b strings.Builder
	b.WriteString(title)
	for _, l := range lists(p.Changes) {
		if l.total > 0 {
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
	first
	noun string // of one
	gone bool
}

// lists sorts changes into pages, other files, and what the site no longer has.
func lists(changes event.Changes) []*list {
	pages := &list{first{most: summaryPages, order: byPath}, "page", false}
	others := &list{first{most: summaryOthers, order: bySize}, "other file", false}
	retired := &list{first{most: summaryDeletions, order: byPath}, "retired file", true}
	gone := &list{first{most: summaryDeletions, order: byPath}, "deleted file", true}
	for c := range changes.All() {
		l := others
		switch {
		case c.Op == "delete":
			l = gone
		case c.Op == "retire":
			l = retired
		case strings.HasSuffix(c.Stage, "pages"):
			l = pages
		}
		l.add(c)
	}
	return []*list{pages, others, retired, gone}
}

// render writes the list as a table of at most room bytes, all included.
func (l *list) render(o SummaryOptions, room int) string {
	const frame = 300 // title, head, note and fold
	noun := count(l.total, l.noun)
	var b strings.Builder
	if l.gone {
		b.WriteString("| file | size |\n|---|--:|\n")
	} else {
		fmt.Fprintf(&b, "| %s | what | size | difference |\n|---|---|--:|--:|\n", l.noun)
	}
	shown := 0
	for _, c := range l.sorted() {
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
	if more := l.total - shown; more > 0 {
		fmt.Fprintf(&b, "\n… and %d more\n", more)
	}
	if l.noun != "page" || l.total > openRows {
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
