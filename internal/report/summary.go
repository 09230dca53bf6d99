package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
)

// SummaryOptions are what a summary shows that no record has.
type SummaryOptions struct {
	// Limit is how many bytes it may have.
	Limit int
	// Link returns the URL of a page of the live site. Nil: there is none.
	Link func(path string) string
	// RollbackStep and RollbackCommand bring the release before the live one
	// back, as a step of a workflow and on the command line. Empty: that is
	// not offered.
	RollbackStep, RollbackCommand string
}

// Summary renders a run in GitHub's Markdown, for people who want to know what
// it did, or why it did not. It never is longer than the limit: the lists of
// files are cut first, and say what they leave out.
func Summary(r Record, o SummaryOptions) string {
	head := heading(r) + summaryFacts(r) + problems(r)
	tail := timeline(r.Phases) + outcomes(r) + costs(r) + rollback(r, o)
	body := head + changed(r, o, o.Limit-len(head)-len(tail)) + tail
	for _, s := range []string{body, head + "The rest does not fit into a job summary.\n", heading(r)} {
		if len(s) <= o.Limit {
			return s
		}
	}
	return ""
}

// heading says in a line how it went, and where.
func heading(r Record) string {
	where := code(clipped(r.Target, 200))
	if r.URL != "" && len(r.URL) < 500 {
		where = link(md(strings.TrimPrefix(strings.TrimPrefix(r.URL, "https://"), "http://")), r.URL)
	}
	title := outcomeOf(r)
	if where != "" {
		title += ": " + where
	}
	if r.Environment != "" {
		title += " (" + md(clipped(r.Environment, 100)) + ")"
	}
	return "## " + title + "\n\n"
}

// outcomeOf says in some words how a run ended.
func outcomeOf(r Record) string {
	switch r.Result {
	case Done, Changes:
		return success(r)
	case Owed:
		return "⚠️ Live, but something is left to do"
	case Unproved:
		if r.Withdrawn != nil {
			return "❌ Rolled back, because visitors did not get the release"
		}
		return "❌ Live, but visitors do not get the release"
	case Partial:
		return "❌ The live site is partly changed"
	case Superseded:
		return "⏭️ Nothing published, because a newer deploy or a rollback was here first"
	case Damaged:
		return "❌ The bucket is not as its records say"
	case Interrupted:
		return "🛑 Interrupted"
	}
	return "❌ " + cmp.Or(map[string]string{"deploy": "Not deployed", "promote": "Not promoted", "rollback": "Not rolled back"}[r.Command], "pandastack "+md(r.Command)+" failed")
}

func success(r Record) string {
	changed := r.Finished != nil && r.Finished.Changed
	switch {
	case r.DryRun && r.Planned != nil && r.Planned.Changes.Len() == 0:
		return "📋 Nothing would change"
	case r.DryRun && r.Planned != nil:
		return "📋 What would change"
	case r.DryRun:
		return "📋 What would be done"
	case r.Command == "deploy" && !changed, r.Command == "promote" && !changed:
		return "✅ Nothing to do, all is live already"
	case r.Command == "purge" && !changed && r.Finished != nil && r.Finished.PurgeRequests == 0:
		return "✅ Nothing to purge"
	}
	return "✅ " + cmp.Or(map[string]string{
		"deploy": "Deployed", "promote": "Promoted", "rollback": "Rolled back", "purge": "Purged", "gc": "Cleaned up",
		"verify": "All is well", "build": "Built",
	}[r.Command], "Done")
}

// summaryFacts is what changed in numbers, and which release is live.
func summaryFacts(r Record) string {
	var lines []string
	if did := numbers(r); did != "" {
		lines = append(lines, did)
	}
	if rel := releaseLine(r); rel != "" {
		lines = append(lines, rel)
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "<br>\n") + "\n\n"
}

// numbers counts files, bytes, URLs, requests and seconds.
func numbers(r Record) string {
	var parts []string
	switch f, p := r.Finished, r.Planned; {
	case f != nil && (f.Changed || f.Kept > 0):
		parts = append(parts, fileNumbers(*f))
		if f.BytesUploaded > 0 {
			parts = append(parts, size(f.BytesUploaded)+" uploaded")
		}
		if f.PurgedURLs > 0 {
			parts = append(parts, count(f.PurgedURLs, "URL")+" purged")
		}
	case r.DryRun && p != nil:
		parts = append(parts, fileNumbers(ifDone(*p)), size(p.UploadBytes)+" of "+size(p.TotalBytes)+" to upload")
		if p.PurgeURLs > 0 {
			parts = append(parts, count(p.PurgeURLs, "URL")+" to purge")
		}
	}
	if n := total(r.Requests); n > 0 {
		parts = append(parts, count(n, "request"))
	}
	if len(parts) == 0 {
		return "After " + elapsed(r.Elapsed)
	}
	return strings.Join(append(parts, elapsed(r.Elapsed)), " · ")
}

// fileNumbers is for example "**2 new, 1 changed**, 240 unchanged".
func fileNumbers(f event.Finished) string {
	var parts []string
	for _, n := range []struct {
		n    int
		what string
	}{{f.Created, "new"}, {f.Updated, "changed"}, {f.Headers, "with other headers"}, {f.Deleted, "deleted"}} {
		if n.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.n, n.what))
		}
	}
	s := fmt.Sprintf("%s unchanged", count(f.Kept, "file"))
	if len(parts) > 0 {
		s = fmt.Sprintf("**%s**, %d unchanged", strings.Join(parts, ", "), f.Kept)
	}
	return s + asides(f.Adopted, f.Retired, f.RetiredUntil, f.Revived)
}

// ifDone counts the files of a plan as the receipt would.
func ifDone(p event.Planned) event.Finished {
	return event.Finished{
		Created: p.Created, Updated: p.Updated, Headers: p.Headers, Deleted: p.Deleted, Kept: p.Kept,
		Adopted: p.Adopted, Retired: p.Retired, Revived: p.Revived, RetiredUntil: p.RetiredUntil,
	}
}

func total(requests map[string]int64) int {
	var n int64
	for _, c := range requests {
		n += c
	}
	return int(n)
}

// releaseLine says which release is live, and where it comes from.
func releaseLine(r Record) string {
	var parts []string
	if f := r.Finished; f != nil && f.Release != "" {
		s := "Release " + code(f.Release)
		if f.Changed && f.Parent != "" {
			s += ", before it " + code(f.Parent)
		}
		parts = append(parts, s)
	} else if p := r.Planned; p != nil && p.Live != "" {
		parts = append(parts, "Live is release "+code(p.Live))
	}
	if s := r.Source; s.Commit != "" {
		commit := link(code(s.Commit[:min(12, len(s.Commit))]), commitURL(s))
		if s.Ref != "" {
			commit += " of " + code(clipped(s.Ref, 200))
		}
		if s.Dirty {
			commit += " with uncommitted changes"
		}
		parts = append(parts, "commit "+commit)
	}
	if r.Source.Actor != "" {
		parts = append(parts, "by "+md(clipped(r.Source.Actor, 100)))
	}
	s := strings.Join(parts, " · ")
	return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):]
}

// commitURL is where GitHub shows the commit, or "".
func commitURL(s Source) string {
	repository, _, ok := strings.Cut(s.RunURL, "/actions/runs/")
	if s.CI != "github" || !ok {
		return ""
	}
	return repository + "/commit/" + s.Commit
}

// problems lists warnings and errors, and what to do about them.
func problems(r Record) string {
	const most, longest = 20, 1000
	var b strings.Builder
	left := 0
	for _, m := range r.Messages {
		if m.Severity != event.Error && m.Severity != event.Warning && r.Result != Superseded {
			continue
		}
		if left++; left > most {
			continue
		}
		symbol := map[event.Severity]string{event.Error: "❌", event.Warning: "⚠️"}[m.Severity]
		text := md(place(m) + clipped(m.Text, longest))
		if m.Hint != "" {
			text += "<br>→ " + md(clipped(m.Hint, longest))
		}
		fmt.Fprintf(&b, "> %s\n>\n", strings.TrimSpace(symbol+" "+text))
	}
	if left > most {
		fmt.Fprintf(&b, "> … and %d more, in the log\n", left-most)
	}
	for _, p := range r.Phases {
		if len(p.Tail) > 0 {
			fmt.Fprintf(&b, "\nThe last lines of the %s:\n\n%s", letters(string(p.Phase)), fence("text", strings.Join(p.Tail, "\n")))
		}
	}
	if s := siteAfter[r.Result]; s != "" && !r.DryRun {
		fmt.Fprintf(&b, "\n%s\n", s)
	}
	if b.Len() == 0 {
		return ""
	}
	return b.String() + "\n"
}

// siteAfter says what a run that failed has left.
var siteAfter = map[Result]string{
	Failed: "The live site is as it was.", Invalid: "The live site is as it was.", Refused: "The live site is as it was.",
	NotFound: "The live site is as it was.", Denied: "The live site is as it was.",
	Partial: "The next run reads what was touched and makes the site whole.",
	Owed:    "The next run does what is left.",
}
