package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text with testdata/<name>.golden. Escapes are written as ␛
// and carriage returns as ␍, so that the files can be read.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.NewReplacer("\x1b", "␛", "\r", "␍").Replace(got)
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, d)
	}
}

// small is a plan with a change of each kind and hostile names.
func small() event.Planned {
	return event.Planned{
		Target: "s3://www/blog/", Live: "01JCZX0000000000000000LIVE",
		Created: 2, Updated: 2, Headers: 1, Deleted: 2, Kept: 240,
		UploadBytes: 1_234_567, TotalBytes: 34_000_000, PurgeURLs: 31,
		Purges: []event.CDNPurge{{CDN: "cloudflare zone 023e105f", URLs: 31, Requests: 1, By: []string{"urls"}}},
		Changes: event.ChangesOf([]event.Change{
			{Op: "create", Path: "assets/app-9f8e7d.js", Size: 1_200_000, Stage: "new assets", Reason: "new"},
			{Op: "update", Path: "logo.svg", Size: 900, OldSize: 2_100, Stage: "changed assets", Reason: "content changed, Cache-Control changed"},
			{Op: "create", Path: "日本語/ページ.html", Size: 4_096, Stage: "new pages", Reason: "new"},
			{Op: "update", Path: "index.html", Size: 4_211, OldSize: 4_091, Stage: "changed pages", Reason: "content changed"},
			{Op: "headers", Path: "feed.xml", Size: 77, OldSize: 77, Stage: "controls", Reason: "Cache-Control changed"},
			{Op: "delete", Path: "old/evil\n::error::x\x1b[2J.html", Size: 12, Stage: "deletions", Reason: "no longer in the output"},
			{Op: "delete", Path: "docs/a/very/deep/folder/with/a/long/name/that/goes/on/and/on/index.html", Size: 12, Stage: "deletions", Reason: "no longer in the output"},
		}...),
	}
}

// adopting is a plan that takes objects over.
func adopting() event.Planned {
	return event.Planned{
		Target: "s3://www/", Created: 1, Updated: 1, Headers: 1, Kept: 1, Adopted: 3, UploadBytes: 300, TotalBytes: 1000,
		Changes: event.ChangesOf([]event.Change{
			{Op: "create", Path: "new.css", Size: 100, Stage: "new assets", Reason: "new"},
			{Op: "adopt", Path: "logo.svg", Size: 900, OldSize: 900, Stage: "changed assets", Reason: "adopted: same bytes, same headers", Adopted: true},
			{Op: "headers", Path: "app.css", Size: 77, OldSize: 77, Stage: "changed assets", Reason: "adopted: same bytes, Cache-Control changed", Adopted: true},
			{Op: "update", Path: "index.html", Size: 200, OldSize: 201, Stage: "changed pages", Reason: "adopted: other bytes", Adopted: true},
		}...),
	}
}

// retiring is a plan of a site whose bundles are named by their content.
func retiring() event.Planned {
	return event.Planned{
		Target: "s3://www/", Created: 1, Deleted: 1, Kept: 3, Retired: 2, RetiredUntil: dawn, Revived: 1, UploadBytes: 300, TotalBytes: 1000,
		Changes: event.ChangesOf([]event.Change{
			{Op: "create", Path: "app-9f8e7d6c.js", Size: 300, Stage: "new assets", Reason: "new"},
			{Op: "revive", Path: "app-1a2b3c4d.css", Size: 900, OldSize: 900, Stage: "changed assets", Reason: "back, and still there"},
			{Op: "retire", Path: "app-5d6e7f80.js", Size: 299, OldSize: 299, Stage: "deletions", Reason: "no longer in the output, stays until 2026-06-01 12:00 UTC"},
			{Op: "retire", Path: "app-5d6e7f80.css", Size: 299, OldSize: 299, Stage: "deletions", Reason: "no longer in the output, stays until 2026-06-01 12:00 UTC"},
			{Op: "delete", Path: "app-00c0ffee.js", Size: 298, OldSize: 298, Stage: "deletions", Reason: "retired, and its time is over"},
		}...),
	}
}

// large is a plan of more than can be shown.
func large() event.Planned {
	p := event.Planned{Target: "s3://www/", Kept: 1, UploadBytes: 5_000_000, TotalBytes: 5_000_100}
	var changes []event.Change
	for i := range 100 {
		changes = append(changes,
			event.Change{Op: "create", Path: fmt.Sprintf("assets/img-%03d.png", i), Size: int64(1000 * (i * 37 % 100)), Stage: "new assets", Reason: "new"},
			event.Change{Op: "create", Path: fmt.Sprintf("page-%03d.html", i), Size: int64(100 + i), Stage: "new pages", Reason: "new"},
			event.Change{Op: "delete", Path: fmt.Sprintf("gone-%03d.html", i), Size: 5, Stage: "deletions", Reason: "no longer in the output"})
		p.Created += 2
		p.Deleted++
	}
	p.Changes = event.ChangesOf(changes...)
	return p
}

func receipt() event.Finished {
	return event.Finished{
		Release: "01JCZX0000000000000000NEXT", Parent: "01JCZX0000000000000000LIVE",
		Target: "s3://www/blog/", URL: "https://example.com/blog/", Changed: true,
		Created: 2, Updated: 2, Headers: 1, Deleted: 2, Kept: 240,
		Requests:      map[string]int64{"PUT": 8, "GET": 2, "DELETE": 1, "COPY": 1, "HEAD": 0, "ZAP": 1},
		BytesUploaded: 1_234_567, PurgedURLs: 31, PurgeRequests: 1, Elapsed: 3210 * time.Millisecond,
	}
}

func TestWritePlan(t *testing.T) {
	for name, c := range map[string]struct {
		console Console
		plan    event.Planned
		options Options
	}{
		"plan":         {plan: small()},
		"plan-color":   {plan: small(), console: Console{Color: true}},
		"plan-60":      {plan: small(), console: Console{Width: 60}},
		"plan-100":     {plan: small(), console: Console{Width: 100}},
		"plan-large":   {plan: large()},
		"plan-nothing": {plan: event.Planned{Target: "s3://www/", Live: "x", Kept: 240}},
		"plan-adopt":   {plan: adopting()},
		"plan-retire":  {plan: retiring()},
		"plan-paid":    {plan: event.Planned{Target: "s3://www/", Live: "x", Kept: 240, Pays: true}},
		"plan-one":     {plan: event.Planned{Target: "s3://www/", Live: "x", Kept: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			c.console.W = &b
			if err := WritePlan(c.console, c.plan, c.options); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.String())
		})
	}
}

func TestFullPlanShowsAll(t *testing.T) {
	var b bytes.Buffer
	if err := WritePlan(Console{W: &b}, large(), Options{Full: true}); err != nil {
		t.Fatal(err)
	}
	for ch := range large().Changes.All() {
		if !strings.Contains(b.String(), " "+ch.Path+" ") {
			t.Errorf("%s is not shown", ch.Path)
		}
	}
	if strings.Contains(b.String(), "more") {
		t.Error("the full plan says that there is more")
	}
}

func TestPlanFitsTheTerminal(t *testing.T) {
	for width := 40; width <= 200; width += 7 {
		var b bytes.Buffer
		if err := WritePlan(Console{W: &b, Width: width}, small(), Options{}); err != nil {
			t.Fatal(err)
		}
		_, rows, _ := strings.Cut(b.String(), "\n\n")
		for l := range strings.Lines(rows) {
			if n := cells.StringWidth(strings.TrimSuffix(l, "\n")); n > width {
				t.Errorf("%d columns on a terminal of %d: %s", n, width, l)
			}
		}
	}
}

func TestWriteReceipt(t *testing.T) {
	many := receipt()
	for i := range 30 {
		many.Owed = append(many.Owed, fmt.Sprintf("deletion of old-%02d.html", i))
	}
	owing := receipt()
	owing.Owed = []string{"purge of 31 URLs on cloudflare zone 023e105f"}
	for name, f := range map[string]event.Finished{
		"receipt":           receipt(),
		"receipt-first":     {Release: "01J", Target: "s3://www/", Changed: true, Created: 1, Requests: map[string]int64{"GET": 1}, BytesUploaded: 1, Elapsed: 65 * time.Second},
		"receipt-unchanged": {Release: "01J", Target: "s3://www/", URL: "https://example.com/", Kept: 240, Requests: map[string]int64{"GET": 2}, Elapsed: 400 * time.Millisecond},
		"receipt-adopted":   {Release: "01J", Target: "s3://www/", Changed: true, Headers: 200, Kept: 3, Adopted: 203, Requests: map[string]int64{"LIST": 1}, Elapsed: time.Second},
		"receipt-retired":   {Release: "01J", Target: "s3://www/", Changed: true, Created: 1, Deleted: 1, Kept: 3, Retired: 2, RetiredUntil: dawn, Revived: 1, Requests: map[string]int64{"PUT": 5}, BytesUploaded: 300, Elapsed: time.Second},
		"receipt-owed":      owing,
		"receipt-owed-many": many,
		"receipt-none":      {Target: "/srv/www", Changed: false},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteReceipt(Console{W: &b}, f, Options{}); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.String())
		})
	}
}

// story is the events of a run in which everything happens.
func story() []event.Event {
	owing := receipt()
	owing.Owed = []string{"purge of 31 URLs on cloudflare zone 023e105f"}
	return []event.Event{
		event.Message{Severity: event.Debug, Text: "a detail"},
		event.PhaseStarted{Phase: event.Build, Detail: "npm run build"},
		event.Output{Phase: event.Build, Line: "::error::forged"},
		event.Output{Phase: event.Build, Line: "\x1b[32mok\x1b[0m\x1b]0;title\a 10%\r\x1b[2K100% done"},
		event.Output{Phase: event.Build, Line: ""},
		event.Message{Severity: event.Warning, Text: "Node 20 runs, .nvmrc asks for 22", File: ".nvmrc", Line: 1, Hint: "Install Node 22."},
		event.Output{Phase: event.Build, Line: "built"},
		event.PhaseDone{Phase: event.Build, Elapsed: 12 * time.Second},
		event.PhaseStarted{Phase: event.Scan},
		event.PhaseDone{Phase: event.Scan, Elapsed: 100 * time.Millisecond, Detail: "247 files, 34 MB"},
		small(),
		event.PhaseStarted{Phase: event.Upload},
		event.Progress{Phase: event.Upload, Done: 1, Total: 5, Bytes: 100, TotalBytes: 1000},
		event.Progress{Phase: event.Upload, Done: 2, Total: 5, Bytes: 510, TotalBytes: 1000},
		event.Message{Severity: event.Notice, Text: "taking over\n::set-output name=x::y\x1b[1m"},
		event.Progress{Phase: event.Upload, Done: 5, Total: 5, Bytes: 1000, TotalBytes: 1000},
		event.PhaseDone{Phase: event.Upload, Elapsed: 2 * time.Second, Detail: "5 files, 1.2 MB"},
		event.Progress{Phase: event.Purge, Done: 3},
		owing,
		event.Message{Severity: event.Error, Text: "unknown field \"buildComand\"\nsecond line", File: "pandastack.json", Line: 3, Column: 5, Hint: "Did you mean\n\"buildCommand\"?"},
	}
}

// clock returns a time that moves by step at each call.
func clock(step time.Duration) func() time.Time {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		at = at.Add(step)
		return at
	}
}

func TestPlain(t *testing.T) {
	var messages, results bytes.Buffer
	s := Plain(Console{W: &messages}, Console{W: &results}, Options{})
	s.(*plain).pulses.now = clock(6 * time.Second)
	tell(t, s, story())
	golden(t, "plain", messages.String())
	golden(t, "plain-results", results.String())
	if strings.ContainsAny(messages.String()+results.String(), "\x1b\r\a") {
		t.Error("plain text has control characters")
	}
}

func TestVerbose(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		var b bytes.Buffer
		tell(t, Plain(Console{W: &b}, Console{W: &b}, Options{Verbose: verbose}), story()[:1])
		if got := b.String() == "debug: a detail\n"; got != verbose {
			t.Errorf("verbose %t: %q", verbose, b.String())
		}
	}
}

func tell(t *testing.T, s Sink, events []event.Event) {
	t.Helper()
	for _, e := range events {
		s.Emit(e)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Emit(event.Message{Severity: event.Error, Text: "after the end"}) // is dropped
}

func TestPurges(t *testing.T) {
	by := func(p event.CDNPurge, kinds ...string) event.CDNPurge {
		p.CDN, p.By = "a\x1bcdn", kinds
		return p
	}
	for want, p := range map[string]event.CDNPurge{
		"1 URL, 1 request":                                               by(event.CDNPurge{URLs: 1, Requests: 1}, "urls"),
		"14 URLs, 2 requests, 15 paths billed":                           by(event.CDNPurge{URLs: 14, Requests: 2, Billed: 15}, "urls"),
		"9000 URLs by prefix and URL, 3 requests (and 1 unchanged file)": by(event.CDNPurge{URLs: 9000, Requests: 3, Dropped: 1}, "prefixes", "urls"),
		"2 URLs by host, 1 request":                                      by(event.CDNPurge{URLs: 2, Requests: 1}, "hosts"),
		"2 URLs by tag, 1 request":                                       by(event.CDNPurge{URLs: 2, Requests: 1}, "tags"),
		"everything, for 2 URLs, 1 request (and 340 unchanged files)":    by(event.CDNPurge{URLs: 2, Requests: 1, Dropped: 340}, "everything"),
	} {
		if got := purge(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		var out strings.Builder
		plan := event.Planned{Changes: event.ChangesOf(event.Change{Op: "create", Path: "a"}), Created: 1, Purges: []event.CDNPurge{p}}
		if err := WritePlan(Console{W: &out}, plan, Options{}); err != nil || !strings.Contains(out.String(), "; purge "+want+"\n\n") {
			t.Errorf("%v: one CDN goes into the summary:\n%s", err, &out)
		}
		plan.Purges = append(plan.Purges, p)
		if err := WritePlan(Console{W: &out}, plan, Options{}); err != nil || strings.Count(out.String(), "\npurge at a") != 2 || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%v: two CDNs have a line each:\n%s", err, &out)
		}
	}
}
