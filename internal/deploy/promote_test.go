package deploy

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// minute is what the rules of the target of these tests make of every file.
const minute = "|60"

// pair is a site and the staging site that it is promoted from.
type pair struct {
	*world
	staging *world
	said    messages
	release string // to promote; empty: the live one
	order   func(context.Context, state.Source, state.Mark) Order
	force   bool
}

func newPair(t *testing.T) *pair {
	p := &pair{world: newWorld(t), staging: newWorld(t).quiet()}
	p.spy.reach = true
	return p
}

// as returns what files are where the rules of the target hold.
func as(files tree, rule string) tree {
	out := tree{}
	for path, content := range files {
		content, _, _ = strings.Cut(content, "|")
		out[path] = content + rule
	}
	return out
}

func (p *pair) promotion() Promotion {
	p.t.Helper()
	rules, err := site.NewHeaderSet([]site.HeaderRule{{Source: "**", Headers: storage.Headers{storage.CacheControl: "max-age=60"}}})
	if err != nil {
		p.t.Fatal(err)
	}
	theirs, err := site.NewHeaderSet(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	o := p.staging.options()
	return Promotion{From: "staging", Site: o.Site, Live: o.Live, State: o.State, Release: p.release, Headers: rules, FromHeaders: theirs, Order: p.order}
}

func (p *pair) open() *Run {
	o := p.options()
	o.Sink, o.Force = &p.said, p.force
	return Open(p.t.Context(), o)
}

func (p *pair) promote() (event.Finished, error) {
	p.t.Helper()
	r := p.open()
	defer func() { <-r.fetched }() // reads on where the source fails first
	return r.Promote(p.t.Context(), p.promotion())
}

func (p *pair) mustPromote() event.Finished {
	p.t.Helper()
	fin, err := p.promote()
	if err != nil {
		p.t.Fatal(err)
	}
	return fin
}

// TestPromote counts the requests: no object is put but the records.
func TestPromote(t *testing.T) {
	p := newPair(t)
	files := maps.Clone(v1)
	delete(files, "sitemap.xml") // stored as text/css here, so that it would be looked at
	staged := p.staging.must(files)
	p.must(as(v1, minute))
	p.must(as(tree{"a.css": "old", "index.html": "home", "gone.html": "gone"}, minute))
	p.spy.requests()
	p.staging.spy.requests()
	fin := p.mustPromote()
	p.check(as(files, minute))
	p.staging.check(files)
	if fin.BytesUploaded != 0 || fin.Created != 2 || fin.Updated != 1 || fin.Deleted != 1 || fin.Kept != 1 {
		t.Errorf("%+v", fin)
	}
	var writes []string
	for _, op := range p.spy.requests() {
		if !strings.HasPrefix(op, "GET ") {
			writes = append(writes, op)
		}
	}
	slices.Sort(writes)
	const st = "blog/.pandastack/"
	want := []string{
		"COPY " + st + "blobs/ID", "COPY blog/a.css", "COPY blog/b.css", "COPY blog/docs/index.html",
		"DELETE " + st + "intents/ID", "DELETE blog/gone.html",
		"PUT " + st + "head", "PUT " + st + "head", "PUT " + st + "head", "PUT " + st + "intents/ID", "PUT " + st + "releases/ID",
	}
	// a.css and gone.html are displaced; the former had been so once.
	want = append([]string{"COPY " + st + "blobs/ID"}, want...)
	if !slices.Equal(writes, want) {
		t.Errorf("wrote\n%s\nwant\n%s", strings.Join(writes, "\n"), strings.Join(want, "\n"))
	}
	asked := p.staging.spy.requests()
	if want := []string{"GET " + st + "head", "GET " + st + "releases/ID", "GET " + st + "head"}; !slices.Equal(asked, want) {
		t.Errorf("asked of the other site: %q, want %q", asked, want)
	}
	if from := p.record().PromotedFrom; from == nil || *from != (state.Promotion{Environment: "staging", Site: p.staging.site, Release: staged.Release}) {
		t.Errorf("the record says %+v", from)
	}
	live := p.head().Live
	if again := p.mustPromote(); again.Changed || p.head().Live != live {
		t.Errorf("a second promote made %+v", again)
	}
}

// TestPromoteLeavesAlone: bytes that the target has are not asked for, and a
// preview writes nothing.
func TestPromoteLeavesAlone(t *testing.T) {
	p := newPair(t)
	files := tree{"a.css": "a", "index.html": "home", "copy.css": "same", "back.css": "back"}
	p.staging.must(files)
	p.must(as(tree{"same.css": "same", "back.css": "back"}, minute))
	p.must(as(tree{"same.css": "same", "index.html": "home"}, minute)) // back is on the shelf
	var mu sync.Mutex
	var from []string
	p.staging.spy.intercept(func(op string, done func() error) error {
		mu.Lock()
		defer mu.Unlock()
		from = append(from, op)
		return done()
	})
	p.spy.reach = false // so that what is copied across is read through this machine
	planned, err := p.open().PreviewPromote(t.Context(), p.promotion())
	if err != nil || planned.Created != 3 || planned.Deleted != 1 || planned.Kept != 1 {
		t.Fatalf("%v %+v", err, planned)
	}
	from = nil
	p.mustPromote()
	p.check(as(files, minute))
	from = slices.DeleteFunc(from, func(op string) bool { return strings.Contains(op, ".pandastack") })
	slices.Sort(from)
	// same.css is deleted only after the commit, but it is displaced before.
	if want := []string{"GET blog/a.css"}; !slices.Equal(from, want) {
		t.Errorf("asked for %q, want %q", from, want)
	}
}

// TestPromoteHeaders holds the headers of a promote to those of a deploy of the
// same output.
func TestPromoteHeaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	contents := map[string]string{
		"plain": "words", "page": "<!doctype html><title>x</title>", "latin": `<meta charset="windows-1252">`, "utf16": "\xff\xfea\x00",
		"xml": `<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, "json": `{"a":1}`, "binary": "\x00\x01\x02", "gzip": "\x1f\x8b\x08", "ts": "\x47" + strings.Repeat("\x00", 187) + "\x47\x00", "empty": "",
	}
	for name, content := range contents {
		for _, ext := range []string{"", ".html", ".css", ".xml", ".ts", ".json", ".unknown", ".txt", ".js", ".png"} {
			for _, in := range []string{"", ".well-known", "assets"} {
				file := filepath.Join(dir, in, name+ext)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	typed := func(source, contentType string) site.HeaderRule {
		return site.HeaderRule{Source: source, Headers: storage.Headers{storage.ContentType: contentType, "Content-Language": "en"}}
	}
	rules := [][]site.HeaderRule{
		nil,
		{typed("**/*.html", "text/html"), typed("**/plain", "text/html; charset=utf-8"), typed("**/*.css", "application/json")},
		{typed("**", "text/plain"), {Source: "assets/**", Headers: storage.Headers{storage.CacheControl: "no-cache"}}},
		{{Source: "**", Headers: storage.Headers{storage.CacheControl: "", storage.ContentType: ""}}},
	}
	scan := func(rules []site.HeaderRule) Desired {
		t.Helper()
		files, err := site.Scan(t.Context(), site.Options{Dir: dir, Headers: rules})
		if err != nil {
			t.Fatal(err)
		}
		return FromFiles(dir, files)
	}
	for _, theirs := range rules {
		p := newPair(t)
		if _, err := Open(t.Context(), p.staging.options()).Deploy(t.Context(), scan(theirs)); err != nil {
			t.Fatal(err)
		}
		for _, ours := range rules {
			m := p.promotion()
			var err1, err2 error
			m.Headers, err1 = site.NewHeaderSet(ours)
			m.FromHeaders, err2 = site.NewHeaderSet(theirs)
			_, err := p.open().Promote(t.Context(), m)
			if err := errors.Join(err1, err2, err); err != nil {
				t.Fatal(err)
			}
			planned, err := p.open().Preview(t.Context(), scan(ours))
			if err != nil || planned.Changes.Len() > 0 {
				t.Errorf("from %v to %v: %v, a deploy would still change %+v", theirs, ours, err, slices.Collect(planned.Changes.All()))
			}
		}
	}
}

// TestPromoteNoticesDeploy: the other site is deployed while it is promoted.
// Without a name, nothing is published; with one, the right bytes are.
func TestPromoteNoticesDeploy(t *testing.T) {
	files := tree{"a.css": "a", "b.css": "b", "index.html": "home"}
	next := tree{"a.css": "a2", "b.css": "b2", "index.html": "home 2"}
	old := as(tree{"a.css": "old", "index.html": "old", "z.css": "z"}, minute)
	for _, at := range []string{"COPY blog/a.css", "COPY blog/index.html", "PUT blog/.pandastack/head"} {
		for _, named := range []bool{false, true} {
			p := newPair(t)
			first := p.staging.must(files).Release
			p.must(old)
			if named {
				p.release = first
			}
			var once sync.Once
			p.spy.intercept(func(op string, done func() error) error {
				if op == at {
					once.Do(func() { p.staging.must(next) })
				}
				return done()
			})
			_, err := p.promote()
			p.spy.intercept(nil)
			var moved *SourceMovedError
			switch {
			case named && err == nil:
				p.check(as(files, minute))
			case !named && errors.As(err, &moved) && moved.Promoted == first && moved.Live == p.staging.head().Live:
				got := p.files()
				for path, content := range old {
					if got[path] != content {
						t.Errorf("%s: %s is %q after the failure", at, path, got[path])
					}
				}
				p.must(old)
				p.check(old)
			default:
				t.Errorf("%s, named %v: %v", at, named, err)
			}
		}
	}
}

// TestPromoteChangedSource: something else changed the other site.
func TestPromoteChangedSource(t *testing.T) {
	for _, harm := range []func(*world){
		func(w *world) { w.put("blog/b.css", "other") },
		func(w *world) {
			if err := w.bucket.Delete(t.Context(), "blog/b.css"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, reach := range []bool{true, false} {
			p := newPair(t)
			p.spy.reach = reach
			p.staging.must(tree{"a.css": "a", "b.css": "b", "index.html": "home"})
			old := as(tree{"a.css": "old", "index.html": "old"}, minute)
			p.must(old)
			harm(p.staging)
			_, err := p.promote()
			var changed *SourceChangedError
			if !errors.As(err, &changed) || changed.Path != "b.css" {
				t.Errorf("reach %v: %v", reach, err)
			}
			p.must(old)
			p.check(old)
		}
	}
}

// TestPromoteNothing: there is no release that could be promoted.
func TestPromoteNothing(t *testing.T) {
	p := newPair(t)
	if _, err := p.promote(); !errors.Is(err, state.ErrNothing) || !strings.HasPrefix(err.Error(), "staging: ") {
		t.Errorf("got %v", err)
	}
	p.staging.must(v1)
	p.release = "zz"
	if _, err := p.promote(); !errors.Is(err, state.ErrNoRelease) || !strings.HasPrefix(err.Error(), "staging: ") {
		t.Errorf("got %v", err)
	}
	p.staging.put("blog/.pandastack/head", "x")
	var corrupt *state.CorruptError
	if _, err := p.promote(); !errors.As(err, &corrupt) {
		t.Errorf("got %v", err)
	}
}

// TestPromoteThroughThisMachine: the storage cannot copy from the other one.
func TestPromoteThroughThisMachine(t *testing.T) {
	p := newPair(t)
	p.spy.reach = false
	files := tree{"a.css": "a", "b.css": "bb", "index.html": "home"}
	p.staging.must(files)
	fin := p.mustPromote()
	p.check(as(files, minute))
	said := 0
	for _, m := range p.said.all {
		if m.Text == "the storage cannot copy from staging on its side: the bytes go through this machine" {
			said++
		}
	}
	if said != 1 || fin.BytesUploaded != 7 {
		t.Errorf("said %d times; %d bytes uploaded", said, fin.BytesUploaded)
	}
}

// TestPromoteGuards: limits hold as in a deploy, and foreign objects stay.
func TestPromoteGuards(t *testing.T) {
	p := newPair(t)
	p.staging.must(tree{"index.html": "home"})
	p.must(as(v1, minute))
	o := p.options()
	o.Guards = plan.Guards{MaxDelete: &plan.Amount{N: 1}}
	_, err := Open(t.Context(), o).Promote(t.Context(), p.promotion())
	var broken plan.GuardErrors
	if !errors.As(err, &broken) {
		t.Errorf("got %v", err)
	}
	p.check(as(v1, minute))
	p.staging.must(tree{"index.html": "home", "theirs.css": "x"})
	p.put("blog/theirs.css", "theirs")
	var foreign *ForeignError
	if _, err := p.promote(); !errors.As(err, &foreign) {
		t.Errorf("got %v", err)
	}
	o = p.options()
	o.Adopt = true
	if _, err := Open(t.Context(), o).Promote(t.Context(), p.promotion()); err != nil {
		t.Fatal(err)
	}
	p.check(as(tree{"index.html": "home", "theirs.css": "x"}, minute))
}

// TestPromoteOrder judges a promote by the commit that it publishes.
func TestPromoteOrder(t *testing.T) {
	p := newPair(t)
	p.edge = nil
	p.order = func(_ context.Context, source state.Source, m state.Mark) Order {
		switch strings.Compare(source.Commit, m.Commit) {
		case 0:
			return Same
		case 1:
			return Newer
		}
		return Older
	}
	stage := func(commit string, files tree) {
		t.Helper()
		o := p.staging.options()
		o.Source = state.Source{Commit: commit, Repository: "o/r", Ref: "main", RunID: "7"}
		if _, err := Open(t.Context(), o).Deploy(t.Context(), p.staging.desired(files)); err != nil {
			t.Fatal(err)
		}
	}
	var superseded *SupersededError
	two := tree{"index.html": "two"}
	stage("c1", v1)
	stage("c2", two)
	p.mustPromote()
	if m := p.head().Mark; m == nil || m.Commit != "c2" || m.RunID != "" {
		t.Errorf("the mark is %+v", m)
	}
	if s := p.record().Source; s.Commit != "c2" || s.Ref != "main" || s.RunID != "" {
		t.Errorf("the source is %+v", s)
	}
	p.release = "previous"
	if _, err := p.promote(); !errors.As(err, &superseded) || superseded.Held {
		t.Errorf("got %v", err)
	}
	p.force = true
	p.mustPromote()
	p.check(as(v1, minute))
	p.force, p.release = false, ""
	p.mustPromote()
	if _, err := p.rollback(""); err != nil {
		t.Fatal(err)
	}
	if _, err := p.promote(); !errors.As(err, &superseded) || !superseded.Held {
		t.Errorf("got %v", err)
	}
	stage("c3", two) // makes no release there: what is promoted is still what was rolled back
	if _, err := p.promote(); !errors.As(err, &superseded) || !superseded.Held {
		t.Errorf("got %v", err)
	}
	three := tree{"index.html": "three"}
	stage("c4", three)
	p.mustPromote()
	p.check(as(three, minute))
	stage("c5", two)
	stage("c6", three)
	p.mustPromote() // changes nothing, and is newer
	if h := p.head(); h.Mark == nil || h.Mark.Commit != "c6" || h.Held {
		t.Errorf("the head is %+v", h)
	}
}

// TestPromoteForgottenRule: the other site's file has a type that no rule of its
// configuration explains any more.
func TestPromoteForgottenRule(t *testing.T) {
	p := newPair(t)
	p.staging.must(tree{"index.html": "home", "sitemap.xml": "map"}) // the latter as text/css
	p.mustPromote()
	for _, o := range p.record().Objects {
		if want := site.MediaType(o.Path, []byte("map")); o.Headers[storage.ContentType] != want {
			t.Errorf("%s is %v, want %s", o.Path, o.Headers, want)
		}
	}
}

// TestPromoteForgotten takes what is left of a release of which a file was
// erased, as a rollback there would, and says what is not.
func TestPromoteForgotten(t *testing.T) {
	p := newPair(t)
	leaky := maps.Clone(v1)
	leaky["keys.txt"] = "secret"
	p.release = p.staging.must(leaky).Release
	p.staging.must(edition(2))
	if _, err := p.staging.gc(Retention{Keep: 3}, "keys.txt"); err != nil {
		t.Fatal(err)
	}
	p.mustPromote()
	p.check(as(v1, minute))
	if says := p.said.all; len(says) != 1 || !strings.Contains(says[0].Text, "of staging comes without keys.txt") {
		t.Errorf("it says %v", says)
	}
}
