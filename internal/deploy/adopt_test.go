package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// notes keeps what a run says.
type notes struct{ texts []string }

func (n *notes) Emit(e event.Event) {
	if m, ok := e.(event.Message); ok {
		n.texts = append(n.texts, m.Text)
	}
}

// adopting deploys with Options.Adopt.
func (w *world) adopting(files tree) (event.Finished, error) {
	w.t.Helper()
	o := w.options()
	o.Adopt = true
	return Open(w.t.Context(), o).Deploy(w.t.Context(), w.desired(files))
}

// inherit puts files where an earlier tool has put them an hour ago: like for
// like, with other headers, with other bytes, and some that the output does not
// have.
func (w *world) inherit() {
	w.t.Helper()
	d := w.desired(v1).Objects
	for _, i := range []int{0, 2, 3} { // a.css, docs/index.html, index.html
		h, content := d[i].Headers.Clone(), v1[d[i].Path]
		switch d[i].Path {
		case "docs/index.html":
			h = storage.Headers{storage.ContentType: "text/html"}
		case "index.html":
			h = storage.Headers{storage.ContentType: "text/html", storage.ContentLanguage: "de"}
			content = "theirs"
		}
		info, err := w.bucket.Put(w.t.Context(), "blog/"+d[i].Path, storage.Bytes([]byte(content)), h, storage.Condition{})
		if err != nil {
			w.t.Fatal(err)
		}
		w.spy.aged = append(w.spy.aged, info.ETag)
	}
	w.put("blog/old/page.html", "nobody's")
	w.put("blog/robots.txt", "nobody's")
}

// others are the objects of inherit that no deploy takes over.
var others = []string{"blog/old/page.html", "blog/robots.txt"}

func TestAdopt(t *testing.T) {
	w := newWorld(t)
	w.inherit()
	o := w.options()
	said := &notes{}
	o.Adopt, o.Sink = true, said
	p, err := Open(t.Context(), o).Preview(t.Context(), w.desired(v1))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for c := range p.Changes.All() {
		got = append(got, fmt.Sprintf("%s %s: %s %v", c.Op, c.Path, c.Reason, c.Adopted))
	}
	want := []string{
		"create b.css: new false", "adopt a.css: adopted: same bytes, same headers true",
		"headers docs/index.html: adopted: same bytes, Cache-Control, Content-Type changed true",
		"update index.html: adopted: other bytes, Cache-Control, Content-Language, Content-Type changed true", "create sitemap.xml: new false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	const note = "the site's prefix also holds 2 objects that no deploy of it takes care of; nothing is done to them: old/page.html, robots.txt"
	if !slices.Equal(said.texts, []string{note}) {
		t.Errorf("it says %q", said.texts)
	}

	fin, err := w.adopting(v1)
	if err != nil {
		t.Fatal(err)
	}
	w.check(v1, others...)
	if fin.Adopted != 3 || fin.Created != 2 || fin.Updated != 1 || fin.Headers != 1 || fin.Kept != 1 || fin.BytesUploaded != 8 {
		t.Errorf("%+v", fin)
	}
	if p.Adopted != fin.Adopted || p.Kept != fin.Kept || p.UploadBytes != fin.BytesUploaded || p.PurgeURLs != fin.PurgedURLs {
		t.Errorf("planned %+v, done %+v", p, fin)
	}
	if slices.Contains(w.edge.purged(), "https://example.com/a.css") {
		t.Error("what did not change is purged")
	}
	w.spy.requests()
	if _, err := w.adopting(v1); err != nil { // nothing is left to adopt
		t.Fatal(err)
	}
	w.wantRequests("GET blog/.pandastack/head", "GET blog/.pandastack/releases/ID")
	less := v1.without("a.css") // it is the site's now
	w.must(less)
	w.check(less, others...)
}

// without returns a tree less one path.
func (t tree) without(path string) tree {
	t = maps.Clone(t)
	delete(t, path)
	return t
}

// TestAdoptAsIs: a deploy that only writes down what it found is a release, and
// purges nothing, and owes no purge.
func TestAdoptAsIs(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	for key := range w.all() {
		if strings.HasPrefix(key, "blog/.pandastack/") { // the records are lost
			if err := w.bucket.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.edge.purged()
	w.spy.requests()
	fin, err := w.adopting(v1)
	if err != nil {
		t.Fatal(err)
	}
	if !fin.Changed || fin.Adopted != 5 || fin.Kept != 5 || fin.BytesUploaded != 0 {
		t.Errorf("%+v", fin)
	}
	if urls := w.edge.purged(); len(urls) > 0 {
		t.Errorf("purged %q", urls)
	}
	if writes := slices.DeleteFunc(w.spy.requests(), func(op string) bool { return strings.HasPrefix(op, "GET ") }); !slices.Equal(writes, []string{
		"LIST blog/.pandastack/releases/", "LIST blog/", "PUT blog/.pandastack/head", "PUT blog/.pandastack/intents/ID", "PUT blog/.pandastack/releases/ID",
		"PUT blog/.pandastack/head", "DELETE blog/.pandastack/intents/ID",
	}) {
		t.Errorf("%q", writes)
	}
	w.check(v1)
}

// TestAdoptBeside takes over what stands in the way of new paths of a live
// site. Displaced bytes are kept, guards are measured by what was the site's.
func TestAdoptBeside(t *testing.T) {
	w := newWorld(t)
	w.must(tree{"b.css": "b"})
	w.inherit()
	fin, err := w.adopting(v1)
	if err != nil {
		t.Fatal(err)
	}
	if fin.Adopted != 3 || fin.Created != 1 || fin.Kept != 2 {
		t.Errorf("%+v", fin)
	}
	w.check(v1, others...)
	if _, err := Open(t.Context(), w.options()).Rollback(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	w.check(tree{"b.css": "b"}, others...)
}

// TestAdoptGuards: foreign objects do not make more deletions bearable.
func TestAdoptGuards(t *testing.T) {
	w := newWorld(t)
	old, next := tree{}, tree{}
	for i := range 40 {
		old[fmt.Sprintf("old%02d.css", i)] = "old"
		name := fmt.Sprintf("new%02d.css", i)
		next[name] = "new"
	}
	w.must(old)
	for name := range next {
		w.put("blog/"+name, "theirs")
	}
	o := w.options()
	o.Adopt, o.Guards = true, plan.Guards{MaxDelete: &plan.Amount{N: 60, Percent: true}}
	var broken plan.GuardErrors
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(next)); !errors.As(err, &broken) || broken[0].Got != "40 of 40 files" {
		t.Errorf("got %v", err)
	}
	if w.files()["new00.css"] != "theirs" {
		t.Error("it has written all the same")
	}
}

// TestAdoptNested leaves sites alone that lie below the site's prefix.
func TestAdoptNested(t *testing.T) {
	w := newWorld(t)
	inner := *w
	inner.site.Prefix = "blog/docs/"
	o := inner.options()
	if _, err := Open(t.Context(), o).Deploy(t.Context(), inner.desired(tree{"!first.html": "inner", "index.html": "inner", "sub/x.html": "inner"})); err != nil {
		t.Fatal(err)
	}
	before := w.all()
	w.put("blog/docs-old/index.html", "nobody's")
	w.spy.requests()
	var nested *NestedError
	if _, err := w.adopting(v1); !errors.As(err, &nested) || nested.Site != "docs/" || !slices.Equal(nested.Paths, []string{"docs/index.html"}) {
		t.Errorf("got %v", err)
	}
	w.wantRequests("GET blog/.pandastack/head", "LIST blog/.pandastack/releases/", "LIST blog/")

	own := w.options()
	said := &notes{}
	own.Adopt, own.Sink = true, said
	if _, err := Open(t.Context(), own).Deploy(t.Context(), w.desired(v1.without("docs/index.html"))); err != nil {
		t.Fatal(err)
	}
	if len(said.texts) != 1 || !strings.HasSuffix(said.texts[0], " holds 1 object that no deploy of it takes care of; nothing is done to them: docs-old/index.html") {
		t.Errorf("it says %q", said.texts)
	}
	after := w.all()
	for key, b := range before {
		if string(after[key]) != string(b) {
			t.Errorf("%s has changed", key)
		}
	}
}

// oneObject is a store with one object, whose description may be another one
// than the listing said.
type oneObject struct {
	storage.Store
	info storage.Info
	body string
	err  error
	log  []string
}

func (o *oneObject) Stat(context.Context, string) (storage.Info, error) {
	o.log = append(o.log, "STAT")
	return o.info, o.err
}

func (o *oneObject) Get(context.Context, string) (*storage.Object, error) {
	o.log = append(o.log, "GET")
	if o.err != nil {
		return nil, o.err
	}
	return &storage.Object{Info: o.info, Body: io.NopCloser(strings.NewReader(o.body))}, nil
}

// TestAdoptLooks holds how an object is looked at: its headers are enough where
// its ETag is the MD5 of what is desired, and it is still the one that was
// listed. Otherwise it is read.
func TestAdoptLooks(t *testing.T) {
	const md5a = "0cc175b9c0f1b6a831c399e269772661" // RFC 1321, appendix A.5: of "a"
	denied := &storage.Error{Op: "stat", Key: "a.css", Err: storage.ErrDenied}
	gone := &storage.Error{Op: "stat", Key: "a.css", Err: storage.ErrNotExist}
	for name, c := range map[string]struct {
		listed, now, body string
		err               error
		log               []string
	}{
		"same":      {listed: md5a, now: md5a, body: "a", log: []string{"STAT"}},
		"no MD5":    {listed: md5a + "-1", now: md5a + "-1", body: "a", log: []string{"GET"}},
		"other":     {listed: strings.Repeat("0", 32), now: strings.Repeat("0", 32), body: "b", log: []string{"GET"}},
		"exchanged": {listed: md5a, now: "new", body: "c", log: []string{"STAT", "GET"}},
		"gone":      {listed: md5a, err: gone, log: []string{"STAT", "GET"}},
		"denied":    {listed: md5a, err: denied, log: []string{"STAT"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := storage.Headers{storage.ContentType: "text/css"}
			s := &oneObject{info: storage.Info{Size: 1, ETag: c.now, Headers: h}, body: c.body, err: c.err}
			r := &Run{Options: Options{Live: s}}
			d := w.desired(tree{"a.css": "a"})
			o, there, err := r.describe(t.Context(), &d.Objects[0], d.Files[0], storage.Info{Size: 1, ETag: c.listed})
			if !slices.Equal(s.log, c.log) {
				t.Errorf("it asked %q", s.log)
			}
			if c.err != nil {
				if there || errors.Is(err, storage.ErrDenied) != (c.err == denied) {
					t.Errorf("%v, %v", there, err)
				}
				return
			}
			want := state.Object{Path: "a.css", Size: 1, SHA256: storage.Bytes([]byte(c.body)).SHA256, Headers: h, ETag: c.now}
			if diff := cmp.Diff(want, o); diff != "" || !there || err != nil {
				t.Errorf("%v, %v\n%s", there, err, diff)
			}
		})
	}
}

// TestAdoptNeedless: neither a rollback nor what is still to be deleted has to
// do with adoption.
func TestAdoptNeedless(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	v2 := w.oweDeletion()
	v2["new.css"] = "new"
	o := w.options()
	said := &notes{}
	o.Adopt, o.Sink = true, said
	if _, err := Open(t.Context(), o).Preview(t.Context(), w.desired(v2)); err != nil || len(said.texts) > 0 {
		t.Errorf("%v; it says %q", err, said.texts)
	}
	w.must(v2)
	w.spy.requests()
	if _, err := Open(t.Context(), o).Rollback(t.Context(), w.release()); err != nil {
		t.Fatal(err)
	}
	if log := w.spy.requests(); slices.Contains(log, "LIST blog/") {
		t.Errorf("%q", log)
	}
	w.check(v1)
}

// release returns the id of the oldest release that is kept.
func (w *world) release() string {
	w.t.Helper()
	v, err := Open(w.t.Context(), w.options()).live(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return v.release.History[0]
}

// TestAdoptChangedOutput: a file that changed after it was scanned is not taken
// for what is in the bucket.
func TestAdoptChangedOutput(t *testing.T) {
	w := newWorld(t)
	desired := w.desired(tree{"a.css": "a"})
	d, file := &desired.Objects[0], desired.Files[0]
	info := storage.Info{Size: 1, ETag: "0CC175b9c0f1b6a831c399e269772661"} // RFC 1321, appendix A.5: MD5 of "a"
	if same, err := hasMD5(d, file, info); !same || err != nil {
		t.Errorf("the MD5 of %q: %v, %v", "a", same, err)
	}
	for _, other := range []storage.Info{
		{Size: 2, ETag: info.ETag}, {Size: 1, ETag: "92eb5ffee6ae2fec3ad71c777531578f"}, {Size: 1, ETag: info.ETag + "-1"}, {Size: 1},
	} {
		if same, err := hasMD5(d, file, other); same || err != nil {
			t.Errorf("%+v: %v, %v", other, same, err)
		}
	}
	d.SHA256[0]++
	if _, err := hasMD5(d, file, info); !errors.Is(err, storage.ErrModified) {
		t.Errorf("a file that is no longer what was scanned: %v", err)
	}
}
