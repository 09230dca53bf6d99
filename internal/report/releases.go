package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/pandastack-io/pandastack/internal/event"
)

// shortCommit is how much of a commit's hash is shown in a table.
const shortCommit = 7

// now returns the time that ages are counted from.
func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// age renders how long ago something was, for example "3 days ago".
func (o Options) age(t time.Time) string {
	return humanize.RelTime(t, o.now(), "ago", "from now")
}

// WriteReleases writes a table of releases, newest first, the live one marked
// with *. It returns the first error of the writer.
func WriteReleases(c Console, e event.Releases, o Options) error {
	w := &sticky{w: c.W}
	if e.Deploying != nil {
		fmt.Fprintln(w, c.paint(yellow, deploying(*e.Deploying)))
	}
	t := &table{shrink: 4, cut: fit}
	t.row(dimmed("", "RELEASE", "AGE", "COMMIT", "BY", "FILES", "SIZE", "CHANGES")...)
	for _, r := range e.Releases {
		t.row(releaseRow(r, o)...)
	}
	t.write(w, c)
	if e.More > 0 {
		fmt.Fprintf(w, "… and %d older\n", e.More)
	}
	return w.err
}

// dimmed is the first row of a table.
func dimmed(titles ...string) []cell {
	row := make([]cell, len(titles))
	for i, t := range titles {
		row[i] = cell{text: t, color: dim, right: t == "FILES" || t == "SIZE"}
	}
	return row
}

func releaseRow(r event.Listed, o Options) []cell {
	mark, color := "", ""
	if r.Live {
		mark, color = "*", bold+green
	}
	row := []cell{{text: mark, color: color}, {text: name(cmp.Or(r.Short, r.ID)), color: color}}
	if r.Error != "" {
		return append(row, cell{text: "unreadable: " + name(r.Error), color: red})
	}
	return append(row, cell{text: o.age(r.Created)}, cell{text: commit(r.Release)}, cell{text: name(r.Actor)},
		cell{text: fmt.Sprint(r.Files), right: true}, cell{text: size(r.Bytes), right: true}, cell{text: strings.Join(notes(r), ", ")})
}

// notes says what is special about a release, what changed first.
func notes(r event.Listed) []string {
	var out []string
	if r.Changed != nil {
		out = append(out, counts(Console{}, *r.Changed))
	}
	if r.Live && r.Retired > 0 { // of the others, it is no longer true
		out = append(out, fmt.Sprintf("%d retired", r.Retired))
	}
	if r.RollbackTo != "" {
		out = append(out, "rollback to "+name(cmp.Or(r.RollbackShort, r.RollbackTo)))
	}
	if p := r.PromotedFrom; p != nil {
		out = append(out, "promoted from "+name(p.Environment))
	}
	if r.Forced {
		out = append(out, "forced")
	}
	return out
}

// commit renders the beginning of the commit; + marks changes on top of it.
func commit(r event.Release) string {
	s := name(r.Commit)
	s = s[:min(len(s), shortCommit)]
	if r.Dirty {
		s += "+"
	}
	return s
}

// counts renders numbers of files, for example "+12 ~3 h2 -1".
func counts(c Console, n event.Counts) string {
	s, _, _ := strings.Cut(c.summary(n.Created, n.Updated, n.Headers, n.Deleted, n.Kept), ",")
	return s
}

func deploying(d event.Deploying) string {
	at := d.Expires.UTC().Format(time.RFC3339)
	if d.Expired {
		return fmt.Sprintf("A deploy by %s did not finish by %s: the next one takes over", name(d.Owner), at)
	}
	return fmt.Sprintf("Deploying now: %s, until %s at the latest", name(d.Owner), at)
}

// WriteRelease writes one release: who, when and what, and its changes as a
// plan shows them. It returns the first error of the writer.
func WriteRelease(c Console, e event.Shown, o Options) error {
	w := &sticky{w: c.W}
	title := name(e.ID)
	if e.Live {
		title += c.paint(green, " (live)")
	}
	fmt.Fprintf(w, "%s %s\n", c.paint(bold, "Release"), title)
	for _, f := range facts(e, o) {
		if f[1] != "" {
			fmt.Fprintf(w, "  %s %s\n", c.paint(dim, fmt.Sprintf("%-9s", f[0])), f[1])
		}
	}
	fmt.Fprintln(w)
	switch {
	case e.Changed == nil:
		fmt.Fprintf(w, "What changed is not known: %s.\n", name(e.Unseen))
	case len(e.Changes) == 0:
		fmt.Fprintln(w, "No file differs from the release before it.")
	default:
		fmt.Fprintln(w, c.summary(e.Changed.Created, e.Changed.Updated, e.Changed.Headers, e.Changed.Deleted, e.Changed.Kept))
		writeNotable(w, c, event.ChangesOf(e.Changes...), o.Full)
	}
	if len(e.Largest) > 0 {
		fmt.Fprintf(w, "\n%s\n", c.paint(dim, "Largest files"))
		t := &table{shrink: 1, cut: fitLeft}
		for _, f := range e.Largest {
			t.row(cell{text: size(f.Size), right: true}, cell{text: name(f.Path)})
		}
		t.write(w, c)
	}
	return w.err
}

// facts are what is known of a release, in the order in which it is shown.
func facts(e event.Shown, o Options) [][2]string {
	r := e.Release
	commit := name(r.Commit)
	if r.Dirty {
		commit = strings.TrimSpace(commit + " with uncommitted changes")
	}
	run := name(cmp.Or(r.RunURL, r.RunID))
	if r.RunAttempt > 1 {
		run += fmt.Sprintf(" (attempt %d)", r.RunAttempt)
	}
	forced := ""
	if r.Forced {
		forced = "yes: the order of deploys was overridden"
	}
	retired := ""
	if e.Retired > 0 {
		retired = fmt.Sprintf("%d, %s, until %s", e.Retired, size(e.RetiredBytes), minute(e.RetiredUntil))
	}
	erased := ""
	if len(e.Erased) > 0 {
		erased = count(len(e.Erased), "file") + ", which a rollback leaves out"
	}
	return [][2]string{
		{"created", fmt.Sprintf("%s (%s)", r.Created.UTC().Format(time.RFC3339), o.age(r.Created))},
		{"by", name(r.Actor)}, {"commit", commit}, {"ref", name(r.Ref)}, {"repo", name(r.Repository)}, {"run", run},
		{"tool", name(r.Tool)}, {"parent", name(r.Parent)}, {"rollback", prefixed("to ", name(r.RollbackTo))}, {"promoted", promoted(r)}, {"forced", forced},
		{"files", fmt.Sprintf("%d, %s", e.Files, size(e.Bytes))},
		{"retired", retired}, {"erased", erased},
	}
}

// promoted says from where a release was promoted.
func promoted(r event.Release) string {
	if r.PromotedFrom == nil {
		return ""
	}
	return "from " + name(r.PromotedFrom.Environment) + ", release " + name(r.PromotedFrom.Release)
}

// prefixed returns prefix and s, or nothing where s is empty.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
