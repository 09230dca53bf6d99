package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

// dawn is the time that ages of these tests are counted from.
var dawn = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func released(days int, r event.Release) event.Release {
	r.ID = fmt.Sprintf("01jd%010dzzzzzzzzzzzz", days)
	r.Short, r.Created = r.ID[:10], dawn.AddDate(0, 0, -days)
	return r
}

// past is a history with hostile and wide names.
func past() event.Releases {
	list := func(days, files int, bytes int64, changed *event.Counts, r event.Release) event.Listed {
		return event.Listed{Release: released(days, r), Files: files, Bytes: bytes, Changed: changed}
	}
	lost := event.Listed{Release: event.Release{ID: "01jd0000000003zzzz", Short: "01jd000000", Error: "the release is corrupt: \x1b[2J\nunexpected EOF"}}
	e := event.Releases{
		Target: "s3://www/", More: 7,
		Deploying: &event.Deploying{Owner: "eve\x1b[31m (https://ci.example/1)", Expires: dawn.Add(time.Hour)},
		Releases: []event.Listed{
			list(0, 1240, 34_000_000, &event.Counts{Created: 12, Updated: 3, Headers: 2, Deleted: 1}, event.Release{Live: true, Commit: "c0ffee1122334455", Actor: "ada"}),
			list(2, 9, 900, &event.Counts{}, event.Release{Commit: "beef", Dirty: true, Actor: "日本語の名前", RollbackTo: "01jd00000009zzzz", RollbackShort: "01jd00000009", Forced: true}),
			lost,
			list(3, 9, 900, &event.Counts{Kept: 9}, event.Release{PromotedFrom: &event.Promotion{Environment: "sta\x1b[2Jging", Bucket: "www-staging", Release: "01jd0000000004zzzz"}}),
			list(400, 1, 1, nil, event.Release{Actor: "a-name-that-is-very-much-longer-than-others-and-gives-way[bot]"}),
		},
	}
	for _, i := range []int{0, 1} {
		r := &e.Releases[i]
		r.Retired, r.RetiredBytes, r.RetiredUntil = 3, 120_000, dawn.Add(24*time.Hour)
	}
	return e
}

func shown() event.Shown {
	e := past().Releases[0]
	e.Ref, e.RunURL, e.RunAttempt, e.Repository, e.Tool, e.Parent = "refs/heads/main", "https://ci.example/1", 2, "octo/site", "pandastack 1.0.0", "01jd0000000002zzzz"
	e.PromotedFrom = past().Releases[3].PromotedFrom
	changes := slices.Collect(small().Changes.All())
	changes[4].HeaderChanges = []event.HeaderChange{{Name: "Cache-Control", Old: "max-age=60", New: "public, max-age=31536000, immutable"}, {Name: "X-Evil", New: "a\x1b[2Jb"}}
	return event.Shown{Listed: e, Changes: changes, Largest: []event.File{{Path: "vídeo.mp4", Size: 31_000_000}, {Path: "a/very/deep/folder/with/a/name/that/is/longer/than/a/narrow/terminal/is.js", Size: 12}}}
}

func blamedPaths() event.Blamed {
	e := event.Blamed{}
	for i, path := range []string{"index.html", "日本語/ページ.html", "docs/a/very/deep/folder/with/a/long/name/that/goes/on/and/on/index.html", "evil\n\x1b[2J"} {
		p := event.BlamePath{Path: path, Release: past().Releases[0].Release}
		switch i {
		case 0:
			p.Change = &event.Change{Op: "update", Reason: "content changed, Cache-Control changed"}
		case 2:
			p.Release = past().Releases[3].Release
			p.Change = &event.Change{Op: "create", Reason: "new"}
		case 1:
			p.Release = past().Releases[1].Release
			p.Change = &event.Change{Op: "delete", Reason: "deleted"}
		default:
			p.Unseen = "release 01jd0000000003zzzz is not kept"
		}
		e.Paths = append(e.Paths, p)
	}
	return e
}

func compared() event.Compared {
	p := shown()
	return event.Compared{
		From: event.Side{Release: "01jd0000000002zzzz", Created: dawn.AddDate(0, 0, -2), Bytes: 33_000_000}, To: event.Side{Output: "dist", Bytes: 34_000_000},
		Changes: p.Changes, Counts: event.Counts{Created: 2, Updated: 2, Headers: 1, Deleted: 2, Kept: 240},
	}
}

// TestHistory draws each result in a pipe, on a terminal and on a narrow one.
func TestHistory(t *testing.T) {
	for name, e := range map[string]event.Event{"releases": past(), "release": shown(), "difference": compared(), "blame": blamedPaths()} {
		for kind, c := range map[string]Console{"pipe": {}, "terminal": {Width: 80, Terminal: true, Color: true}, "narrow": {Width: 44}} {
			var b bytes.Buffer
			c.W = &b
			if err := writeResult(c, e, Options{Now: func() time.Time { return dawn.Add(90 * time.Second) }}); err != nil {
				t.Error(err)
			}
			golden(t, "history-"+name+"-"+kind, b.String())
			if strings.Contains(b.String(), "\x1b[2J") {
				t.Errorf("%s: a name moves the cursor", name)
			}
		}
	}
}

// TestHistoryFits holds the tables to the width of the terminal, at every
// width, and cuts nothing in a pipe.
func TestHistoryFits(t *testing.T) {
	list := past()
	list.Deploying = nil // a sentence, which the terminal wraps
	for width := len("… and 7 older"); width < 200; width++ {
		for _, e := range []event.Event{list, blamedPaths()} {
			var b bytes.Buffer
			if err := writeResult(Console{W: &b, Width: width}, e, Options{Now: func() time.Time { return dawn }}); err != nil {
				t.Error(err)
			}
			for line := range strings.Lines(b.String()) {
				if n := cells.StringWidth(strings.TrimSuffix(line, "\n")); n > width {
					t.Fatalf("%d columns of %d: %s", n, width, line)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := writeResult(Console{W: &b}, past(), Options{}); err != nil || strings.Count(b.String(), "…") != 1 { // before "and 7 older"
		t.Error(err, b.String())
	}
}

// TestHistoryWriterFails reports a writer that fails.
func TestHistoryWriterFails(t *testing.T) {
	for _, e := range []event.Event{past(), shown(), compared(), event.Compared{}, blamedPaths()} {
		if err := writeResult(Console{W: broken{}}, e, Options{}); err == nil {
			t.Errorf("%T: no error", e)
		}
	}
}

// TestWriteCollected draws what gc did, would do, and could not.
func TestWriteCollected(t *testing.T) {
	erased := []event.Erased{
		{Path: "config/keys.txt", Size: 312, Releases: []string{"a", "b", "c", "d"}},
		{Path: "evil\n\x1b[2J.txt", Size: 1, Releases: []string{"a"}, Live: "copy.txt"},
	}
	full := event.Collected{
		Target: "s3://www/", Kept: 10, Releases: []string{"01jd0000000001zzzz", "01jd0000000002zzzz"}, Blobs: 1, Strays: 3, Bytes: 4_100_000,
		Erased: erased, Unreached: []string{"replicas and backups of the bucket", "evil\x1b[2J"},
		PurgedURLs: 2, PurgeRequests: 1, Requests: map[string]int64{"GET": 16, "LIST": 6, "PUT": 6, "DELETE": 3}, Elapsed: 1200 * time.Millisecond,
		Owed: []string{"purge of 1 URL at cloudflare"},
	}
	dry := full
	dry.DryRun, dry.Owed, dry.Unreached = true, nil, nil
	for name, e := range map[string]event.Collected{
		"collected": full, "collected-dry": dry,
		"collected-nothing": {Target: "s3://www/", Kept: 1, Requests: map[string]int64{"GET": 2, "LIST": 3}},
		"collected-strays":  {Target: "s3://www/", Strays: 1, Bytes: 1},
	} {
		for look, c := range map[string]Console{"": {}, "-color": {Color: true}} {
			var b bytes.Buffer
			c.W = &b
			if err := WriteCollected(c, e, Options{}); err != nil {
				t.Fatal(err)
			}
			golden(t, name+look, b.String())
		}
	}
}

// TestWriteCollectedMany shows the first of many, and all where it is asked to.
func TestWriteCollectedMany(t *testing.T) {
	var e event.Collected
	for i := range 10_000 {
		e.Releases = append(e.Releases, fmt.Sprintf("r%d", i))
		e.Erased = append(e.Erased, event.Erased{Path: fmt.Sprintf("p%d", i), Also: []string{"a", "b", "c", "d", "e"}})
		e.Unreached = append(e.Unreached, fmt.Sprintf("u%d", i))
	}
	var b bytes.Buffer
	if err := WriteCollected(Console{W: &b}, e, Options{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != 3*(showRemoved+1)+3 || strings.Count(b.String(), "… and 9980 more (--full shows all)\n") != 3 {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
	if !strings.Contains(b.String(), "erased p0 (0 B, in 0 releases; there also a, b, c and 2 more)\n") {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	if err := WriteCollected(Console{W: &b}, e, Options{Full: true}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != 3*10_000+3 || strings.Contains(b.String(), "more") {
		t.Errorf("%d lines", n)
	}
}
