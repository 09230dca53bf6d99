package history_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
	"github.com/pandastack-io/pandastack/providers/local"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// damage is one way to spoil a bucket behind the tool's back.
type damage struct {
	name string
	do   func(b *bed)
	deep bool // only --deep can see it
	// want are the findings, as "kind path" in any order, with R1, R2, R3 for the ids of
	// the releases and B(x) for the blob of x; notes in brackets.
	want []string
	// left says how the site differs from the live version after the repair,
	// state and neighbours apart; "" is gone.
	left tree
	// lost are the paths that must be deployed again.
	lost []string
}

func at(path string) string { return prefix + path }

var damages = []damage{
	{name: "nothing", do: func(*bed) {}},
	{name: "nothing, read to the last byte", do: func(*bed) {}, deep: true},

	// Objects.
	{name: "deleted, bytes in a blob", do: func(b *bed) { b.del(at("a.css")) }, want: []string{"missing a.css"}},
	{name: "deleted, bytes at another path", do: func(b *bed) { b.del(at("copy.css")) }, want: []string{"missing copy.css"}},
	{name: "deleted, bytes nowhere", do: func(b *bed) { b.del(at("index.html")) }, want: []string{"missing index.html"}, left: tree{"index.html": ""}, lost: []string{"index.html"}},
	{name: "both paths with these bytes deleted", do: func(b *bed) { b.del(at("b.css"), at("copy.css")) }, want: []string{"missing b.css", "missing copy.css", "(unreachable R1)", "(unreachable R2)"},
		left: tree{"b.css": "", "copy.css": ""}, lost: []string{"b.css", "copy.css"}},
	{name: "several deleted", do: func(b *bed) { b.del(at("a.css"), at("sitemap.xml"), at("b.css")) }, want: []string{"missing a.css", "missing b.css", "missing sitemap.xml", "(unreachable R1)", "(unreachable R2)"},
		left: tree{"sitemap.xml": ""}, lost: []string{"sitemap.xml"}},
	{name: "truncated, bytes in a blob", do: func(b *bed) { b.set("a.css", "") }, want: []string{"altered a.css"}},
	{name: "truncated, bytes nowhere", do: func(b *bed) { b.set("index.html", "hom") }, want: []string{"altered index.html"}, left: tree{"index.html": "hom"}, lost: []string{"index.html"}},
	{name: "appended to", do: func(b *bed) { b.set("b.css", "b\n") }, want: []string{"altered b.css"}},
	{name: "other bytes of the same size", do: func(b *bed) { b.set("a.css", "x") }, want: []string{"altered a.css"}},
	{name: "other bytes of the same size, nowhere else", do: func(b *bed) { b.set("index.html", "evil 3") }, want: []string{"altered index.html"},
		left: tree{"index.html": "evil 3"}, lost: []string{"index.html"}},
	{name: "other bytes and other headers", do: func(b *bed) { b.put(at("a.css"), "longer", storage.Headers{storage.ContentType: "text/html"}) }, want: []string{"altered a.css"}},
	{name: "bytes of another object", do: func(b *bed) { b.set("a.css", "b") }, want: []string{"altered a.css"}},
	{name: "two swapped", do: func(b *bed) { b.set("a.css", "b"); b.set("b.css", "a") }, want: []string{"altered a.css", "altered b.css"}},
	{name: "an old version put back", do: func(b *bed) { b.set("index.html", "home") }, want: []string{"altered index.html"}, left: tree{"index.html": "home"}, lost: []string{"index.html"}},
	{name: "Content-Type changed", deep: true, do: func(b *bed) {
		b.put(at("a.css"), "a", storage.Headers{storage.ContentType: "text/plain", storage.CacheControl: "max-age="})
	}, want: []string{"headers a.css"}},
	{name: "Cache-Control changed", deep: true, do: func(b *bed) { b.set("new.html", "n|9999") }, want: []string{"headers new.html"}},
	{name: "header lost", deep: true, do: func(b *bed) {
		b.put(at("new.html"), "n", storage.Headers{storage.ContentType: "text/html"})
	}, want: []string{"headers new.html"}},
	{name: "header added", deep: true, do: func(b *bed) {
		h := headers("new.html", "n|60")
		h[storage.ContentEncoding] = "gzip"
		b.put(at("new.html"), "n", h)
	}, want: []string{"headers new.html"}},
	{name: "headers of two changed", deep: true, do: func(b *bed) { b.set("new.html", "n|1"); b.set("b.css", "b|1") }, want: []string{"headers b.css", "headers new.html"}},
	{name: "foreign added", do: func(b *bed) { b.put(at("robots.txt"), "x", nil) }, want: []string{"(foreign robots.txt)"}, left: tree{"robots.txt": "x"}},
	{name: "foreign with known bytes added", do: func(b *bed) { b.set("a-copy.css", "a") }, want: []string{"(foreign a-copy.css)"}, left: tree{"a-copy.css": "a"}},
	{name: "retired page is back", do: func(b *bed) { b.set("docs/index.html", "docs") }, want: []string{"(foreign docs/index.html)"}, left: tree{"docs/index.html": "docs"}},
	{name: "renamed", do: func(b *bed) { b.del(at("b.css")); b.set("c.css", "b") }, want: []string{"missing b.css", "(foreign c.css)"}, left: tree{"c.css": "b"}},
	{name: "a nested site", do: func(b *bed) {
		b.put(at("shop/.pandastack/head"), "theirs", nil)
		b.put(at("shop/index.html"), "x", nil)
	},
		left: tree{"shop/index.html": "x"}},
	{name: "a neighbour", do: func(b *bed) { b.put("blog-old/index.html", "x", nil) }},
	{name: "object as folder", do: func(b *bed) { b.put(at("assets/x/"), "", nil) }, want: []string{"(foreign assets/x/)"}, left: tree{"assets/x/": ""}},
	{name: "all deleted", do: func(b *bed) {
		for path := range versions[2] {
			b.del(at(path))
		}
	}, want: []string{"missing a.css", "missing b.css", "missing copy.css", "missing index.html", "missing new.html", "missing sitemap.xml", "(unreachable R1)", "(unreachable R2)"},
		left: tree{"b.css": "", "copy.css": "", "index.html": "", "new.html": "", "sitemap.xml": ""}, lost: []string{"b.css", "copy.css", "index.html", "new.html", "sitemap.xml"}},

	// Blobs.
	{name: "blob lost, bytes live", do: func(b *bed) { b.del(blobKey("a")) }, want: []string{"blob-missing B(a)"}},
	{name: "blob lost, bytes nowhere", do: func(b *bed) { b.del(blobKey("home")) }, want: []string{"blob-missing B(home)", "(unreachable R1)", "(unreachable R2)"}},
	{name: "blob truncated", do: func(b *bed) { b.put(blobKey("docs"), "do", nil) }, want: []string{"blob-altered B(docs)", "(unreachable R1)"}},
	{name: "blob with other bytes", deep: true, do: func(b *bed) { b.put(blobKey("docs"), "dogs", nil) }, want: []string{"blob-altered B(docs)", "(unreachable R1)"}},
	{name: "blob with other bytes, good ones live", deep: true, do: func(b *bed) { b.put(blobKey("a"), "x", nil) }, want: []string{"blob-altered B(a)"}},
	{name: "blob with other bytes is what an object needs", do: func(b *bed) { b.put(blobKey("a"), "x", nil); b.del(at("a.css")) },
		want: []string{"blob-altered B(a)", "missing a.css", "(unreachable R1)"}, left: tree{"a.css": ""}, lost: []string{"a.css"}},
	{name: "blob and object lost", do: func(b *bed) { b.del(blobKey("a"), at("a.css")) },
		want: []string{"blob-missing B(a)", "missing a.css", "(unreachable R1)"}, left: tree{"a.css": ""}, lost: []string{"a.css"}},
	{name: "all blobs lost", do: func(b *bed) { b.del(blobKey("a"), blobKey("a2"), blobKey("home"), blobKey("docs")) },
		want: []string{"blob-missing B(a)", "blob-missing B(a2)", "blob-missing B(docs)", "blob-missing B(home)", "(unreachable R1)", "(unreachable R2)"}},
	{name: "foreign blob", do: func(b *bed) { b.put(blobKey("unknown"), "unknown", nil) }, want: []string{"(stray B(unknown))"}},

	// Records.
	{name: "kept record lost", do: func(b *bed) { b.del(b.releaseKey(0)) }, want: []string{"record-missing R1"}},
	{name: "kept record corrupt", do: func(b *bed) { b.flip(b.releaseKey(1)) }, want: []string{"record-unreadable R2"}},
	{name: "kept record truncated", do: func(b *bed) { b.cut(b.releaseKey(1)) }, want: []string{"record-unreadable R2"}},
	{name: "kept record is that of another release", do: func(b *bed) {
		body, h := b.get(b.releaseKey(0))
		b.put(b.releaseKey(1), string(body), h)
	}, want: []string{"record-unreadable R2"}},
	{name: "both kept records lost", do: func(b *bed) { b.del(b.releaseKey(0), b.releaseKey(1)) }, want: []string{"record-missing R1", "record-missing R2"}},
	{name: "live record lost", do: func(b *bed) { b.del(b.releaseKey(2)) }, want: []string{"record-missing R3", "(taken new.html)"}},
	{name: "live record corrupt", do: func(b *bed) { b.flip(b.releaseKey(2)) }, want: []string{"record-unreadable R3", "(taken new.html)"}},
	{name: "live record truncated", do: func(b *bed) { b.cut(b.releaseKey(2)) }, want: []string{"record-unreadable R3", "(taken new.html)"}},
	{name: "live record empty", do: func(b *bed) { b.put(b.releaseKey(2), "", nil) }, want: []string{"record-unreadable R3", "(taken new.html)"}},
	{name: "all records lost", do: func(b *bed) { b.del(b.releaseKey(0), b.releaseKey(1), b.releaseKey(2)) },
		want: []string{"record-missing R3", "(taken a.css)", "(taken b.css)", "(taken copy.css)", "(taken index.html)", "(taken new.html)", "(taken sitemap.xml)"}},
	{name: "record that no head named", do: func(b *bed) { b.record(versions[0]) }, want: []string{"(stray releases/R)"}},
	{name: "stray intent", do: func(b *bed) { b.intent(state.Touch{Path: "a.css"}) }, want: []string{"(stray intents/R)"}},
	{name: "stray object of the state", do: func(b *bed) { b.put(stateDir+"probe/x", "x", nil) }, want: []string{"(stray probe/x)"}},

	// The head.
	{name: "head lost", do: func(b *bed) { b.del(stateDir + "head") }, want: []string{"head-missing head"}},
	{name: "head corrupt", do: func(b *bed) { b.flip(stateDir + "head") }, want: []string{"head-unreadable head"}},
	{name: "head truncated", do: func(b *bed) { b.cut(stateDir + "head") }, want: []string{"head-unreadable head"}},
	{name: "head empty", do: func(b *bed) { b.put(stateDir+"head", "", nil) }, want: []string{"head-unreadable head"}},
	{name: "head and an object lost", do: func(b *bed) { b.del(stateDir+"head", at("a.css")) }, want: []string{"head-missing head", "missing a.css"}},
	{name: "head lost, an object altered", do: func(b *bed) { b.del(stateDir + "head"); b.set("index.html", "evil") }, want: []string{"head-missing head", "altered index.html"},
		left: tree{"index.html": "evil"}, lost: []string{"index.html"}},
	{name: "head and live record lost", do: func(b *bed) { b.del(stateDir + "head"); b.cut(b.releaseKey(2)) },
		want: []string{"head-missing head", "record-unreadable R3", "(taken new.html)"}},
	{name: "head and all records lost", do: func(b *bed) { b.del(stateDir+"head", b.releaseKey(0), b.releaseKey(1), b.releaseKey(2)) },
		want: []string{"head-missing head", "(taken a.css)", "(taken b.css)", "(taken copy.css)", "(taken index.html)", "(taken new.html)", "(taken sitemap.xml)"}},
	{name: "head lost beside a record that no head named", do: func(b *bed) {
		v := maps.Clone(versions[2])
		v["index.html"], v["more.html"] = "home 4", "more"
		b.record(v)
		b.del(stateDir + "head")
	}, want: []string{"head-missing head"}},
	{name: "head lost beside a record that no head named and that only deletes", do: func(b *bed) {
		v := maps.Clone(versions[2])
		delete(v, "new.html")
		b.record(v)
		b.del(stateDir + "head")
	}, want: []string{"head-missing head"}},
	{name: "head lost while a deploy was in the middle", do: func(b *bed) {
		o := b.desired(tree{"more.css": "more"}).Objects[0]
		b.intent(state.Touch{Path: "more.css", SHA256: &o.SHA256})
		b.set("more.css", "more")
		b.del(stateDir + "head")
	}, want: []string{"head-missing head"}},
	{name: "a deploy that did not finish", do: func(b *bed) {
		o := b.desired(tree{"a.css": "a4"}).Objects[0]
		id := b.intent(state.Touch{Path: "a.css", SHA256: &o.SHA256})
		b.set("a.css", "a4")
		b.head(func(h *state.Head) { h.Doubt = append(h.Doubt, id) })
	}, want: []string{"unfinished intents/R", "altered a.css"}},
	{name: "intent corrupt", do: func(b *bed) {
		id := b.intent(state.Touch{Path: "a.css"})
		b.cut(stateDir + state.IntentKey(id))
		b.head(func(h *state.Head) { h.Doubt = append(h.Doubt, id) })
	}, want: []string{"intent-unreadable intents/R", "unfinished intents/R"}},
	{name: "a purge is owed", do: func(b *bed) {
		id := b.intent(state.Touch{Path: "a.css"})
		b.head(func(h *state.Head) { h.Owed = append(h.Owed, state.Debt{Intent: id, Purge: []string{"edge"}}) })
	}, want: []string{"owed intents/R"}},
}

// TestDamage spoils a bucket in each way. Verify must name what is wrong, and
// nothing else, and write nothing; Repair must mend what can be mended, and
// touch nothing else; and after one plain deploy all must be well.
func TestDamage(t *testing.T) {
	t.Parallel()
	if len(damages) < 50 {
		t.Errorf("only %d kinds of damage", len(damages))
	}
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T) storage.Store {
			store, err := local.New(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return store
		}, 4)
	})
	t.Run("minio", func(t *testing.T) {
		t.Parallel()
		server := testbed.MinIO(t)
		each(t, func(t *testing.T) storage.Store {
			store, err := s3.New(t.Context(), s3.Options{Provider: "minio", Endpoint: server.Endpoint, Bucket: server.NewBucket(t), Credentials: server.Credentials()})
			if err != nil {
				t.Fatal(err)
			}
			return store
		}, 1)
	})
}

// each runs every n-th kind of damage.
func each(t *testing.T, bucket func(*testing.T) storage.Store, n int) {
	for i, d := range damages {
		if i%n == 0 {
			d.want = slices.Clone(d.want)
			t.Run(d.name, func(t *testing.T) {
				t.Parallel()
				suffer(t, newBed(t, bucket(t)), d)
			})
		}
	}
}

func suffer(t *testing.T, b *bed, d damage) {
	d.do(b)
	spoilt := b.all()
	v := b.verify(d.deep)
	slices.Sort(d.want)
	if diff := cmp.Diff(d.want, b.names(v)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for _, f := range v.Findings {
		if !f.Note && f.Remedy == "" {
			t.Errorf("%s %s: no remedy", f.Kind, f.Path)
		}
	}
	if diff := cmp.Diff(spoilt, b.all()); diff != "" {
		t.Fatalf("verify wrote:\n%s", diff)
	}

	if diff := cmp.Diff(d.lost, b.repair(d.deep)); diff != "" {
		t.Errorf("to be deployed again (-want +got):\n%s", diff)
	}
	want := maps.Clone(versions[2])
	maps.Copy(want, d.left)
	maps.DeleteFunc(want, func(path, value string) bool { return value == "" && !strings.HasSuffix(path, "/") })
	b.check("after the repair", want, spoilt)
	if v := b.verify(true); !v.Sound {
		t.Errorf("not sound after the repair: %+v", v.Findings)
	}

	maps.Copy(want, versions[2])
	b.deploy(versions[2])
	b.check("after the deploy", want, spoilt)
	if v := b.verify(true); !v.Sound {
		t.Errorf("not sound after the deploy: %+v", v.Findings)
	}
}

// madeID is the id of a release or an intent that a damage made.
var madeID = regexp.MustCompile(`\b01[0-9a-z]{24}\b`)

// names returns the findings as a damage has them.
func (b *bed) names(v event.Verified) []string {
	var out []string
	for _, f := range v.Findings {
		path := f.Path
		for i, id := range b.ids {
			path = strings.ReplaceAll(path, "releases/"+id, fmt.Sprintf("R%d", i+1))
		}
		for _, content := range []string{"a", "a2", "home", "docs", "unknown"} {
			if stateDir+path == blobKey(content) {
				path = "B(" + content + ")"
			}
		}
		s := f.Kind + " " + madeID.ReplaceAllString(path, "R")
		if f.Note {
			s = "(" + s + ")"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// check compares the site with a tree, headers included, and all that is
// neither the site nor its state with what it was.
func (b *bed) check(when string, want tree, before map[string]string) {
	b.t.Helper()
	wanted, got := map[string]string{}, map[string]string{}
	for path, value := range want {
		content, _, _ := strings.Cut(value, "|")
		wanted[prefix+path] = content + fmt.Sprint(headers(path, value))
		if _, ours := versions[2][path]; !ours { // as it was
			wanted[prefix+path] = before[prefix+path]
		}
	}
	for key, value := range before {
		if !strings.HasPrefix(key, prefix) || strings.Contains(key, "shop/") {
			wanted[key] = value
		}
	}
	for key, value := range b.all() {
		if !strings.HasPrefix(key, stateDir) {
			got[key] = value
		}
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// TestRepairIsForGood rolls back after a repair: what was kept is still kept.
func TestRepairIsForGood(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(b *bed){
		"head lost":        func(b *bed) { b.del(stateDir + "head") },
		"live record lost": func(b *bed) { b.cut(b.releaseKey(2)) },
		"object altered":   func(b *bed) { b.set("a.css", "evil") },
		"blob lost":        func(b *bed) { b.del(blobKey("a")) },
	} {
		store, err := local.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		b := newBed(t, store)
		spoil(b)
		b.repair(false)
		for _, n := range []int{0, 1} {
			if _, err := b.run(nil).Rollback(t.Context(), b.ids[n]); err != nil {
				t.Fatalf("%s: rollback to release %d: %v", name, n, err)
			}
			if v := b.verify(true); !v.Sound || v.Objects != len(versions[n]) {
				t.Errorf("%s: after the rollback: %+v", name, v)
			}
			for path, value := range versions[n] {
				content, _, _ := strings.Cut(value, "|")
				if got, _ := b.get(at(path)); string(got) != content {
					t.Errorf("%s: after the rollback, %s is %q", name, path, got)
				}
			}
		}
	}
}

// TestVerifyNothing: what lies where nothing was deployed is nobody's business.
func TestVerifyNothing(t *testing.T) {
	t.Parallel()
	store, err := local.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, bucket: store, src: t.TempDir()}
	b.set("index.html", "somebody's")
	for _, f := range []func() error{
		func() error { _, err := b.run(nil).Verify(t.Context(), false); return err },
		func() error { _, err := b.run(nil).Repair(t.Context(), false); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), "nothing was deployed here yet") {
			t.Errorf("got %v", err)
		}
	}
	if got := slices.Collect(maps.Keys(b.all())); len(got) != 1 {
		t.Errorf("the bucket holds %v", got)
	}
}

// TestForeignIsNotTaken: where the live record is lost, an object that was
// there before that deploy began is still nobody's.
func TestForeignIsNotTaken(t *testing.T) {
	t.Parallel()
	store, err := local.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, store)
	b.put(at("robots.txt"), "theirs", nil)
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(store.Dir(), "blog", "robots.txt"), past, past); err != nil {
		t.Fatal(err)
	}
	b.del(b.releaseKey(2))
	if got := b.names(b.verify(false)); !slices.Equal(got, []string{"(taken new.html)", "record-missing R3"}) {
		t.Errorf("findings %q", got)
	}
	b.repair(false)
	b.deploy(versions[0])
	if got := b.names(b.verify(true)); !slices.Contains(got, "(foreign robots.txt)") {
		t.Errorf("findings %q", got)
	}
}

// TestRewritten: something else wrote the same bytes and headers, so that the
// ETag, by which the next update is guarded, is another one.
func TestRewritten(t *testing.T) {
	t.Parallel()
	store, err := local.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, store)
	b.set("index.html", versions[2]["index.html"])
	if got := b.names(b.verify(false)); !slices.Equal(got, []string{"rewritten index.html"}) {
		t.Errorf("findings %q", got)
	}
	b.repair(false)
	if v := b.verify(false); !v.Sound {
		t.Errorf("not sound after the repair: %+v", v.Findings)
	}
	b.deploy(versions[0]) // changes it
}

// TestStateElsewhere: the state of this site and of one nested in it lies below
// another prefix of the same bucket, inside the site's own.
func TestStateElsewhere(t *testing.T) {
	t.Parallel()
	store, err := local.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, bucket: store, src: t.TempDir()}
	run := func() *deploy.Run {
		return deploy.Open(t.Context(), deploy.Options{Live: store, State: storage.Prefixed(store, "state/"), Aside: []string{"state/"}, Keep: 3})
	}
	if _, err := run().Deploy(t.Context(), b.desired(versions[0])); err != nil {
		t.Fatal(err)
	}
	b.put("state/shop/head", "theirs", nil)
	b.put("state/shop/releases/x", "theirs", nil)
	b.put("other.html", "x", nil)
	v, err := run().Verify(t.Context(), true)
	if err != nil || !v.Sound || len(v.Findings) != 1 || v.Findings[0].Path != "other.html" {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestRequests holds the requests of a verification to docs/verify.md.
func TestRequests(t *testing.T) {
	t.Parallel()
	store, err := local.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, store)
	for _, tc := range []struct {
		do   func()
		deep bool
		want map[string]int64
	}{
		{func() {}, false, map[string]int64{"GET": 4, "LIST": 2}},
		{func() {}, true, map[string]int64{"GET": 4 + 6 + 4, "LIST": 2}},
		{func() { b.set("index.html", "evil"); b.del(at("new.html")) }, false, map[string]int64{"GET": 4 + 1 + 1, "LIST": 2}},
	} {
		tc.do()
		before := store.Usage().Requests
		_, err := history.Verify(t.Context(), history.VerifyOptions{
			Site: state.Site{Prefix: prefix}, Live: storage.Prefixed(store, prefix), State: storage.Prefixed(store, stateDir), Deep: tc.deep, Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		got := store.Usage().Requests
		for kind, n := range before {
			if got[kind] -= n; got[kind] == 0 {
				delete(got, kind)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	}
}
