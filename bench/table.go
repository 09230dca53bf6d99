package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
)

// Markdown returns the record as tables, for docs/performance.md.
func (r *Record) Markdown() string {
	var b strings.Builder
	r.facts(&b)
	for _, s := range r.Sites {
		for _, delay := range r.delays(s.Files) {
			r.times(&b, s, delay)
		}
		r.requests(&b, s)
	}
	r.generatedTable(&b)
	r.ratioTable(&b)
	return b.String()
}

// facts says where and how the figures were made.
func (r *Record) facts(b *strings.Builder) {
	fmt.Fprintf(b, "Made by\n\n```sh\n%s\n```\n\non %s with %d cores", r.Command, r.Machine.System, r.Machine.Cores)
	if r.Machine.Memory > 0 {
		fmt.Fprintf(b, " and %s of memory", humanize.IBytes(uint64(r.Machine.Memory)))
	}
	fmt.Fprintf(b, ", %s; load before the run %.1f; server: %s, on the same machine.\n\n", r.Machine.Go, r.Machine.Load, r.Server)
	for _, t := range Tools {
		if v := r.Versions[t.Name]; v != "" {
			fmt.Fprintf(b, "- %s: %s, compares %s\n", t.Name, v, t.Compares)
		}
	}
	for _, name := range r.Missing {
		fmt.Fprintf(b, "- %s: not installed\n", name)
	}
	fmt.Fprintf(b, "\npandastack: %.1f MB, `version` takes %.1f ms.", float64(r.Program.Bytes)/1e6, r.Program.Start*1000)
	if l := r.Large; l != nil {
		fmt.Fprintf(b, " A deploy of %s takes %s s and %s MB of memory.", l.Step, seconds(l.Wall), megabytes(l.Memory))
	}
	b.WriteString("\n")
}

// times writes wall, CPU and memory of each tool at each step.
func (r *Record) times(b *strings.Builder, s SiteFacts, delay float64) {
	fmt.Fprintf(b, "\n### %s files, %.1f MB", group(int64(s.Files)), float64(s.Bytes)/1e6)
	if delay > 0 {
		fmt.Fprintf(b, ", %.0f ms added to each request", delay*1000)
	}
	fmt.Fprintf(b, "\n\n%s changed files, %s of them renamed; %s deleted. Wall s / client CPU s / memory MB.\n\n", group(int64(s.Changed)), group(int64(s.Renamed)), group(int64(s.Deleted)))
	rows := [][]string{append([]string{""}, Steps...)}
	for _, tool := range r.tools(s.Files, delay) {
		row := []string{tool}
		for _, step := range Steps {
			row = append(row, r.cell(Case{s.Files, delay, tool, step}))
		}
		rows = append(rows, row)
	}
	table(b, rows)
	if p := r.probing(s.Files, delay); p > 0 {
		fmt.Fprintf(b, "\nThe probe of a new bucket, which is part of %s's cold deploy, took %s s through the proxy.\n", Ours, seconds(p))
	}
	r.limits(b, s, delay)
}

// cell returns the medians of a case, and what is wrong with it.
func (r *Record) cell(c Case) string {
	m, ok := r.Median(c)
	switch {
	case !ok:
		return "–"
	case m.Failed != "":
		return "failed"
	}
	text := seconds(m.Wall) + " / " + seconds(m.CPU) + " / " + megabytes(m.Memory)
	if m.Wrong != nil {
		text += fmt.Sprintf(" (wrong: %d missing, %d stale, %d extra)", m.Wrong.Missing, m.Wrong.Stale, m.Wrong.Extra)
	}
	return text
}

func (r *Record) limits(b *strings.Builder, s SiteFacts, delay float64) {
	rows := [][]string{{"limit", "wall ms", "client CPU ms", "workers"}}
	for _, step := range []string{LimitHash, LimitPut, LimitChecked, LimitSmallPuts, LimitCopies, LimitTrip, LimitProxyTrip} {
		if m, ok := r.Median(Case{s.Files, delay, Limit, step}); ok {
			cpu := "–"
			if m.CPU > 0 {
				cpu = fmt.Sprintf("%.1f", m.CPU*1000)
			}
			rows = append(rows, []string{step, fmt.Sprintf("%.1f", m.Wall*1000), cpu, fmt.Sprint(m.Workers)})
		}
	}
	b.WriteString("\n")
	table(b, rows)
}

// methods are what requests do, in the order in which they are shown.
var methods = []string{"PUT", "PART", "COPY", "DELETE", "BATCH", "LIST", "HEAD", "GET", "POST", probe}

// requests writes what each tool asked for at each step.
func (r *Record) requests(b *strings.Builder, s SiteFacts) {
	rows := [][]string{append([]string{"requests; body MB sent / received"}, Steps...)}
	for _, t := range Tools {
		row := []string{t.Name}
		for _, step := range Steps {
			i := slices.IndexFunc(r.Traffic, func(x Sample) bool { return x.Files == s.Files && x.Tool == t.Name && x.Step == step })
			if i >= 0 {
				row = append(row, r.Traffic[i].Traffic.text())
			} else if len(row) > 1 {
				row = append(row, "–")
			}
		}
		if len(row) > 1 {
			rows = append(rows, row)
		}
	}
	if len(rows) > 1 {
		b.WriteString("\n")
		table(b, rows)
	}
}

func (t *Traffic) text() string {
	var parts []string
	for _, m := range methods {
		if n := t.Requests[m]; n > 0 {
			parts = append(parts, group(int64(n))+" "+m)
		}
		if m == probe && t.Probing > 0 {
			parts[len(parts)-1] += " (" + seconds(t.Probing) + " s)"
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none") + fmt.Sprintf("; %s / %s", megabytesOf(t.Sent), megabytesOf(t.Received))
}

func (r *Record) ratioTable(b *strings.Builder) {
	b.WriteString("\n### Ratios\n\n")
	rows := [][]string{{"figure", "value", "target", ""}}
	for _, x := range r.Ratios() {
		verdict := "missed"
		if x.Holds() {
			verdict = "holds"
		}
		rows = append(rows, []string{x.What, fmt.Sprintf("%.2f", x.Value), fmt.Sprintf("≤ %.2f", x.Limit), verdict})
	}
	table(b, rows)
}

// table writes rows, of which the first is the head. All columns but the first
// are on the right.
func table(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|" + strings.Repeat("---:|", len(row)-1) + "\n")
		}
	}
}

// seconds keeps three significant digits, or two decimals.
func seconds(s float64) string {
	if s < 10 {
		return fmt.Sprintf("%.2f", s)
	}
	return fmt.Sprintf("%.1f", s)
}

func megabytes(n int64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", float64(n)/1e6)
}

// megabytesOf shows also what is far less than one.
func megabytesOf(n int64) string { return fmt.Sprintf("%.3g", float64(n)/1e6) }

// group returns a number with a comma between thousands.
func group(n int64) string { return humanize.Comma(n) }
