package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

// timeline draws the phases. The axis counts seconds since 1970, which is what
// a time zone does not move.
// https://mermaid.js.org/syntax/gantt.html
func timeline(phases []PhaseTime) string {
	const most = 40
	phases = phases[:min(len(phases), most)]
	if len(phases) == 0 {
		return ""
	}
	var end time.Duration
	for _, p := range phases {
		end = max(end, p.Offset+p.Elapsed)
	}
	axis := "%s s"
	if end < 3*time.Second {
		axis = "%Q ms"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "gantt\n    dateFormat x\n    axisFormat %s\n", axis)
	for _, p := range phases {
		state := ""
		if p.Unfinished {
			state = "crit, "
		}
		fmt.Fprintf(&b, "    %s %s :%s%d, %dms\n", letters(string(p.Phase)), brief(p.Elapsed), state, p.Offset.Milliseconds(), max(1, p.Elapsed.Milliseconds()))
	}
	return "### Time\n\n" + fence("mermaid", b.String()) + "\n"
}

// brief renders a time that may be too short for elapsed.
func brief(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return elapsed(d)
}

// letters drops what has a meaning in a diagram.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r == ' ' {
			return r
		}
		return -1
	}, s)
}

// outcomes are the results beside the release: purges, the proof, findings,
// and what was removed from the history.
func outcomes(r Record) string {
	var b strings.Builder
	if s := purged(r) + proved(r.Finished); s != "" {
		b.WriteString("### What visitors get\n\n" + s)
	}
	if v := r.Verified; v != nil && len(v.Findings) > 0 {
		b.WriteString(findings(v.Findings))
	}
	if c := r.Collected; c != nil {
		b.WriteString(collectedLines(c))
	}
	return b.String()
}

// purged says what each CDN was asked to forget.
func purged(r Record) string {
	var b strings.Builder
	verb := "Purged"
	if r.DryRun {
		verb = "To be purged"
	}
	if f := r.Finished; r.Planned != nil && (r.DryRun || f != nil && f.PurgeRequests > 0) {
		for _, p := range r.Planned.Purges {
			fmt.Fprintf(&b, "- %s at %s: %s\n", verb, md(p.CDN), md(purge(p)))
		}
	}
	var owed []string
	switch {
	case r.Finished != nil:
		owed = r.Finished.Owed
	case r.DryRun && r.Planned != nil:
		owed = r.Planned.Owed
	}
	for i, o := range owed {
		if i == showDeletions {
			fmt.Fprintf(&b, "- … and %d more for the next run\n", len(owed)-i)
			break
		}
		fmt.Fprintf(&b, "- ⚠️ for the next run: %s\n", md(clipped(o, 300)))
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// proved says what visitors got, and lists what is not as released.
func proved(f *event.Finished) string {
	if f == nil || f.Proof == nil {
		return ""
	}
	p := f.Proof
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %s as released (%s)\n\n", p.Proved, count(len(p.URLs), "URL"), elapsed(p.Elapsed))
	head, rows := "| URL | got |\n|---|---|\n", 0
	for _, u := range p.URLs {
		if u.Result == "proved" || rows == showAll {
			continue
		}
		rows++
		got := u.Result
		if u.Detail != "" {
			got += ": " + clipped(u.Detail, 300)
		}
		fmt.Fprintf(&b, "%s| %s | ❌ %s |\n", head, link(code(clipped(u.URL, 500)), u.URL), md(got))
		head = ""
	}
	if rows > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// findings lists what verify found, what mends it, and what all is well with
// all the same.
func findings(all []event.Finding) string {
	var b strings.Builder
	b.WriteString("### Findings\n\n| what | where | | remedy |\n|---|---|---|---|\n")
	for i, f := range all {
		if i == summaryPages {
			fmt.Fprintf(&b, "\n… and %d more\n", len(all)-i)
			break
		}
		symbol := "❌ "
		if f.Note {
			symbol = ""
		}
		fmt.Fprintf(&b, "| %s%s | %s %s | %s | %s |\n", symbol, md(f.Kind), md(f.Area), code(clipped(f.Path, 300)), md(clipped(f.Detail, 300)), md(clipped(f.Remedy, 300)))
	}
	return b.String() + "\n"
}

// collectedLines says what gc removed, or would.
func collectedLines(c *event.Collected) string {
	var b strings.Builder
	verb := "Removed"
	if c.DryRun {
		verb = "To be removed"
	}
	fmt.Fprintf(&b, "%s: %s\n\n", verb, md(strings.Join(collected(*c), ", ")))
	for i, e := range c.Erased {
		if i == showAll {
			fmt.Fprintf(&b, "- … and %d more\n", len(c.Erased)-i)
			break
		}
		fmt.Fprintf(&b, "- %s (%s), of %s\n", code(clipped(e.Path, 300)), size(e.Size), count(len(e.Releases), "release"))
	}
	for _, u := range c.Unreached[:min(len(c.Unreached), showAll)] {
		fmt.Fprintf(&b, "- ⚠️ out of reach: %s\n", md(clipped(u, 1000)))
	}
	return b.String() + "\n"
}

// costs compares the requests with those of aws s3 sync.
func costs(r Record) string {
	if len(r.Requests) == 0 {
		return ""
	}
	if r.Cost == nil {
		return "### Requests\n\n" + requests(r.Requests) + "\n\n"
	}
	own, sync, price := "", "", ""
	note := "After a fresh build `aws s3 sync` uploads every file, because all of them are newer than in the bucket."
	if p := r.Cost.Price; p != nil {
		price = " estimated price |"
		own, sync = " "+usd(p.USD)+" |", " "+usd(p.SyncUSD)+" |"
		note += fmt.Sprintf(" Estimated from [list prices](<%s>) of %s: %s; deletions are free.", p.Source, p.Date, p.Basis)
	}
	return fmt.Sprintf("### Requests\n\n| | requests | uploaded |%s\n|---|---|--:|%s\n| this run | %s | %s |%s\n| `aws s3 sync` | %s | %s |%s\n\n<sub>%s</sub>\n\n",
		price, strings.Repeat("--:|", min(1, len(price))), requests(r.Requests), size(r.Finished.BytesUploaded), own, requests(r.Cost.Sync), size(r.Cost.SyncBytes), sync, note)
}

// rollback says how the release before the live one is brought back.
func rollback(r Record, o SummaryOptions) string {
	f := r.Finished
	if f == nil || !f.Changed || f.Parent == "" || o.RollbackCommand == "" {
		return ""
	}
	return folded("How to roll back to "+md(f.Parent),
		"As a step of a workflow:\n\n"+fence("yaml", o.RollbackStep)+"\nOn the command line:\n\n"+fence("sh", o.RollbackCommand)+
			"\nIt uploads nothing. What was rolled back does not come back by itself: `--force` deploys it again.\n")
}
