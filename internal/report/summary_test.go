package report

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/event"
)

// summaryOptions are those of a site with a URL.
func summaryOptions() SummaryOptions {
	return SummaryOptions{
		Limit: 900 << 10,
		Link: func(path string) string {
			u := url.URL{Scheme: "https", Host: "example.com", Path: "/blog/" + path}
			return u.String()
		},
		RollbackStep:    "- uses: pandastack-io/pandastack@v1\n  with:\n    command: rollback\n    release: 01JCZX0000000000000000LIVE\n",
		RollbackCommand: "pandastack rollback 01JCZX0000000000000000LIVE\n",
	}
}

// played returns the record of a deploy that took its time, with a change to it.
func played(result Result, change func(*Record)) Record {
	r := NewRecorder(func() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) })
	everything(r)
	rec := r.Record()
	rec.Result, rec.Elapsed, rec.Verified, rec.Collected, rec.Withdrawn = result, 21*time.Second, nil, nil, nil
	rec.Phases = []PhaseTime{
		{Phase: event.Install, Elapsed: 8 * time.Second}, {Phase: event.Build, Offset: 8 * time.Second, Elapsed: 9 * time.Second},
		{Phase: event.Scan, Offset: 17 * time.Second, Elapsed: 200 * time.Millisecond},
		{Phase: event.Upload, Offset: 17500 * time.Millisecond, Elapsed: 2 * time.Second}, {Phase: event.Commit, Offset: 19500 * time.Millisecond, Elapsed: 100 * time.Microsecond},
	}
	change(&rec)
	return rec
}

// without drops what a run that ended before its commit does not have.
func without(r *Record) { r.Finished, r.Cost, r.Messages = nil, nil, nil }

func summaries() map[string]Record {
	plan := small()
	return map[string]Record{
		"deployed": played(Done, func(r *Record) {
			r.Messages = nil
			r.Finished.Proof = &event.Proof{Proved: 2, URLs: []event.ProvedURL{{URL: "https://example.com/blog/", Result: "proved"}, {URL: "https://example.com/blog/a", Result: "proved"}}, Elapsed: time.Second}
		}),
		"warned": played(Unproved, func(r *Record) {
			r.Finished.Proof = &event.Proof{Proved: 1, URLs: []event.ProvedURL{{URL: "https://example.com/blog/", Result: "proved"}, {URL: "https://example.com/blog/a|b`.html", Result: "stale", Detail: "the release before"}}, Elapsed: time.Second}
			r.Finished.Owed = []string{"purge of 31 URLs on cloudflare zone 023e105f"}
		}),
		"unchanged": played(Done, func(r *Record) {
			r.Messages, r.Planned.Changes, r.Finished = nil, event.Changes{}, &event.Finished{Release: "01JCZX0000000000000000LIVE", Kept: 247}
			r.Provider = "local"
			r.Cost = cost(*r)
		}),
		"plan": played(Changes, func(r *Record) {
			without(r)
			r.Command, r.DryRun, r.Planned = "plan", true, &plan
		}),
		"failed": played(Failed, func(r *Record) {
			without(r)
			r.Phases = r.Phases[:2]
			r.Phases[1].Unfinished = true
			r.Phases[1].Tail = []string{"src/pages/about.astro", "  Could not resolve \"./Header.astro\"", "```"}
			r.Requests = map[string]int64{}
			r.Messages = []event.Message{{Severity: event.Error, Text: "build command \"npm run <build>\" failed with exit code 7\n| **last** line", Hint: "Nothing was published."}}
		}),
		"superseded": played(Superseded, func(r *Record) {
			without(r)
			r.Messages = []event.Message{{Severity: event.Notice, Text: "a newer deploy of this site was here first: commit 0a0a0a0a0a0a", Hint: "Nothing was published. To publish this version all the same, use --force."}}
		}),
		"verified": played(Damaged, func(r *Record) {
			without(r)
			r.Command, r.Planned = "verify", nil
			r.Verified = &event.Verified{Target: r.Target, Findings: []event.Finding{{Kind: "missing", Area: "site", Path: "a.html", Detail: "gone", Remedy: "verify --repair"}, {Kind: "foreign", Area: "site", Path: "x", Note: true}}}
		}),
		"paid": played(Done, func(r *Record) {
			without(r)
			r.Command, r.Planned, r.Finished = "purge", nil, &event.Finished{Release: "01JCZX0000000000000000LIVE", Kept: 247}
		}),
		"collected": played(Done, func(r *Record) {
			without(r)
			r.Command, r.Planned = "gc", nil
			r.Collected = &event.Collected{Releases: []string{"a"}, Blobs: 2, Bytes: 1000, Erased: []event.Erased{{Path: "secret.txt", Size: 10, Releases: []string{"a", "b"}}}, Unreached: []string{"backups"}}
		}),
	}
}

func TestSummary(t *testing.T) {
	for name, rec := range summaries() {
		t.Run(name, func(t *testing.T) { golden(t, "summary-"+name, Summary(rec, summaryOptions())) })
	}
}

// TestSummaryKeepsItsLimit: a summary of any site and any limit fits, and says
// how much it leaves out.
func TestSummaryKeepsItsLimit(t *testing.T) {
	deep := strings.Repeat("`|<\\", 250) + ".html"
	rec := played(Done, func(r *Record) {
		p := large()
		changes := slices.Collect(p.Changes.All())
		for i := range 2_000 {
			changes = append(changes, event.Change{Op: "create", Path: fmt.Sprint(i, deep), Stage: "new pages", Reason: "new"})
		}
		p.Changes = event.ChangesOf(changes...)
		r.Planned = &p
		for range 500 {
			r.Messages = append(r.Messages, event.Message{Severity: event.Warning, Text: deep, Hint: deep})
			r.Finished.Owed = append(r.Finished.Owed, deep)
		}
	})
	o := summaryOptions()
	full := Summary(rec, o)
	if len(full) > o.Limit || !strings.Contains(full, "### What changed") || !strings.Contains(full, "… and ") {
		t.Errorf("%d bytes of %d", len(full), o.Limit)
	}
	for limit := 0; limit < len(full); limit += 1 + len(full)/25 {
		o.Limit = limit
		s := Summary(rec, o)
		if len(s) > limit {
			t.Fatalf("%d bytes, limit %d", len(s), limit)
		}
		if limit > 500 && !strings.HasPrefix(s, "## ✅ Deployed") {
			t.Fatalf("limit %d: %.100q", limit, s)
		}
		if n := strings.Count(s, "<details>") - strings.Count(s, "</details>"); n != 0 {
			t.Fatalf("limit %d cuts a section", limit)
		}
	}
}

// TestSummaryListsAll counts the files of a summary that has room for few.
func TestSummaryListsAll(t *testing.T) {
	rec := played(Done, func(r *Record) { p := large(); r.Planned = &p })
	s := Summary(rec, summaryOptions())
	for _, want := range []string{"100 pages", "100 other files", "100 deleted files"} {
		if !strings.Contains(s, "<summary>"+want+"</summary>") {
			t.Errorf("no %q", want)
		}
	}
	if n := strings.Count(s, "| [`page-"); n != 100 || strings.Contains(s, " more\n") {
		t.Errorf("%d pages", n)
	}
	o := summaryOptions()
	o.Limit = len(s) - 1000
	if s = Summary(rec, o); !strings.Contains(s, "… and ") {
		t.Errorf("cut without a word:\n%s", s)
	}
}

// markdown is what GitHub reads, but for mentions.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM))

// seen is what a reader of a table with a foreign name sees: the text of its
// one cell, and what else there is.
func seen(t fatal, source string) (cell string, odd []string) {
	src := []byte("| a |\n|---|\n| " + source + " |\n")
	doc := markdown.Parser().Parse(text.NewReader(src))
	var b strings.Builder
	cells := 0
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *extast.TableCell:
			cells++
		case *ast.Text:
			s := string(n.Segment.Value(src))
			if n.Parent().Kind() != ast.KindCodeSpan {
				s = decoded(s)
			}
			b.WriteString(s)
		case *ast.String:
			b.Write(n.Value)
		case *ast.RawHTML:
			if tag := string(n.Segments.Value(src)); tag == "<br>" {
				b.WriteString("\n")
			} else if tag != "<code>" && tag != "</code>" {
				odd = append(odd, tag)
			}
		case *ast.Document, *extast.Table, *extast.TableHeader, *extast.TableRow, *ast.CodeSpan:
		default:
			odd = append(odd, n.Kind().String())
		}
		return ast.WalkContinue, nil
	})
	if err != nil || cells != 2 {
		t.Fatalf("%d cells, %v in %q", cells, err, source)
	}
	return strings.TrimPrefix(b.String(), "a"), odd
}

type fatal interface{ Fatalf(string, ...any) }

func TestEscapes(t *testing.T) {
	for _, s := range []string{
		"index.html", "a b.html", "日本語.html", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](http://e.example/x.png)", "a|b", `a\|b`, "`a`",
		"``a", "</code></td></table>", "&lt;b&gt;", "&#60;", "www.example.com", "http://example.com", "*a*", "__a__", "~~a~~", "# a", "$x$", ":tada:", "a\nb", "\x1b[2J", "::error::x",
	} {
		for how, render := range map[string]func(string) string{"code": code, "md": md} {
			got, odd := seen(t, render(s))
			want := name(s)
			if how == "md" {
				lines := strings.Split(s, "\n")
				for i := range lines {
					lines[i] = name(lines[i])
				}
				want = strings.Join(lines, "\n")
			}
			if got != want || len(odd) > 0 {
				t.Errorf("%s of %q: %q shows %q, and %q", how, s, render(s), got, odd)
			}
		}
	}
}

// decoded reads the entities that goldmark leaves to its renderer.
func decoded(s string) string {
	var b bytes.Buffer
	for s != "" {
		var r rune
		if n, err := fmt.Sscanf(s, "&#%d;", &r); n == 1 && err == nil && strings.HasPrefix(s, "&#") {
			_, s, _ = strings.Cut(s, ";")
			b.WriteRune(r)
			continue
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}

func TestEscapesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching("([ -~\n]|<br>|</?[a-z]+>|\\]\\(|``|\\\\\\||www\\.a\\.b|https://a.b|&[a-z]+;|é){0,12}").Draw(t, "s")
		for how, render := range map[string]func(string) string{"code": code, "md": md} {
			_, odd := seen(t, render(s))
			if len(odd) > 0 {
				t.Fatalf("%s of %q: %q holds %q", how, s, render(s), odd)
			}
		}
	})
}

// TestSummaryHolds reads whole summaries with hostile names everywhere: there
// is nothing in them but what we put there.
func TestSummaryHolds(t *testing.T) {
	evil := "\n## x\n| a | b |\n```\n</details><script>alert(1)</script>[x](javascript:alert(1))"
	rec := played(Unproved, func(r *Record) {
		r.Target, r.Environment, r.Source.Actor, r.Source.Ref = evil, evil, evil, evil
		r.Messages = []event.Message{{Severity: event.Error, Text: evil, Hint: evil, File: evil, Line: 1}}
		r.Planned.Changes = event.ChangesOf(event.Change{Op: "create", Path: evil, Reason: evil, Stage: "new pages"}, event.Change{Op: "delete", Path: evil})
		r.Planned.Purges = []event.CDNPurge{{CDN: evil}}
		r.Finished.Owed, r.Finished.Parent, r.Finished.Release = []string{evil}, evil, evil
		r.Finished.Proof = &event.Proof{URLs: []event.ProvedURL{{URL: "https://example.com/<x>", Result: evil, Detail: evil}}}
		r.Phases = append(r.Phases, PhaseTime{Phase: event.Phase(evil), Tail: strings.Split(evil, "\n")})
	})
	o := summaryOptions()
	o.RollbackStep, o.RollbackCommand = evil, evil
	src := []byte(Summary(rec, o))
	var tags, headings []string
	err := ast.Walk(markdown.Parser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			headings = append(headings, string(n.Lines().Value(src)))
		case *ast.RawHTML:
			tags = append(tags, string(n.Segments.Value(src)))
		case *ast.HTMLBlock:
			tags = append(tags, strings.TrimSpace(string(n.Lines().Value(src))))
		case *ast.Link:
			if !strings.HasPrefix(string(n.Destination), "https://") {
				t.Errorf("a link to %s", n.Destination)
			}
		case *ast.Image:
			t.Errorf("an image: %s", n.Destination)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(tags)
	for _, tag := range slices.Compact(tags) {
		if !slices.Contains([]string{"<br>", "<code>", "</code>", "<sub>", "</sub>", "</details>"}, tag) && !strings.HasPrefix(tag, "<details><summary>") {
			t.Errorf("the tag %s", tag)
		}
	}
	if len(headings) != 5 {
		t.Error(cmp.Diff([]string{"the outcome", "What changed", "Time", "What visitors get", "Requests"}, headings))
	}
}

func TestUSD(t *testing.T) {
	for x, want := range map[float64]string{0: "$0", 0.000041: "$0.000041", 0.0012345: "$0.0012", 0.5: "$0.50", 12.345: "$12.35", 0.01: "$0.010"} {
		if got := usd(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}
