package history

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// three is a site of three releases, all of them kept.
func three(t *testing.T) *world {
	w := newWorld(t, t.TempDir(), 9)
	w.release(tree{"a": "1", "b": "1"})
	w.release(tree{"a": "1|x", "b": "2", "c": "1"})
	w.release(tree{"a": "1|x", "c": "333"})
	return w
}

func TestList(t *testing.T) {
	w := three(t)
	list, err := w.open().List(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []Summary{
		{ID: w.ids[2], Files: 2, Bytes: 4, Changed: &Counts{Updated: 1, Deleted: 1, Kept: 1}},
		{ID: w.ids[1], Files: 3, Bytes: 3, Changed: &Counts{Created: 1, Updated: 1, Headers: 1}},
		{ID: w.ids[0], Files: 2, Bytes: 2, Changed: &Counts{Created: 2}},
	}
	for i := range list {
		if r := list[i].Release; r.ID != list[i].ID || r.Objects != nil || r.Tool != "test" {
			t.Errorf("%+v", r)
		}
		list[i].Release = state.Release{}
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	for _, limit := range []int{0, 1, 2, 3, 4, math.MaxInt} {
		some, err := w.open().List(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		n := min(limit, 3)
		if limit == 0 {
			n = 3
		}
		for i := range some {
			some[i].Release = state.Release{}
		}
		if diff := cmp.Diff(want[:n], some); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
	}
}

// TestNotKept lists a site whose first releases are forgotten: what the oldest
// kept one changed is not known.
func TestNotKept(t *testing.T) {
	w := newWorld(t, t.TempDir(), 1)
	for i := range 4 {
		w.release(tree{"a": fmt.Sprint(i), "b": "same"})
	}
	l := w.open()
	list, err := l.List(t.Context(), 0)
	if err != nil || len(list) != 2 || list[0].Changed == nil || list[1].Changed != nil || list[1].Err != nil {
		t.Fatalf("%+v, %v", list, err)
	}
	d, err := l.Show(t.Context(), w.ids[2])
	var unkept *NotKeptError
	if err != nil || d.Changed != nil || !errors.As(d.Unseen, &unkept) || unkept.ID != w.ids[1] {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := l.Find(w.ids[1]); !errors.Is(err, state.ErrNoRelease) {
		t.Error("found a release that is not kept:", err)
	}
}

// TestGap has a release that is not kept between two that are: nothing is
// compared across it.
func TestGap(t *testing.T) {
	w := newWorld(t, t.TempDir(), 9)
	w.release(tree{"a": "1", "b": "1"})
	w.release(tree{"a": "1", "b": "2"}, func(r *state.Release) { r.Parent = "01gap" })
	l := w.open()
	list, err := l.List(t.Context(), 0)
	if err != nil || len(list) != 2 || list[0].Changed != nil {
		t.Errorf("%+v, %v", list, err)
	}
	found, lost, err := l.Blame(t.Context(), "a", "b")
	if err != nil || len(found) != 2 || len(lost) != 0 {
		t.Fatal(found, lost, err)
	}
	for _, b := range found {
		var unkept *NotKeptError
		if b.Change != nil || b.Release.ID != w.ids[1] || !errors.As(b.Unseen, &unkept) || unkept.ID != "01gap" {
			t.Errorf("%+v", b)
		}
	}
}

func TestShow(t *testing.T) {
	w := three(t)
	l := w.open()
	for i, want := range []Counts{{Created: 2}, {Created: 1, Updated: 1, Headers: 1}, {Updated: 1, Deleted: 1, Kept: 1}} {
		d, err := l.Show(t.Context(), w.ids[i])
		if err != nil || d.ID != w.ids[i] || d.Unseen != nil {
			t.Fatalf("%+v, %v", d, err)
		}
		if diff := cmp.Diff(want, d.Changed.Counts); diff != "" {
			t.Error(diff)
		}
	}
}

func TestHeaderChanges(t *testing.T) {
	from := &state.Object{Headers: storage.Headers{"A": "1", "B": "1", "C": "1"}}
	to := &state.Object{Headers: storage.Headers{"B": "2", "C": "1", "D": "1"}}
	want := []HeaderChange{{"A", "1", ""}, {"B", "1", "2"}, {"D", "", "1"}}
	if diff := cmp.Diff(want, HeaderChanges(from, to)); diff != "" {
		t.Error(diff)
	}
	if HeaderChanges(nil, to) != nil || HeaderChanges(from, nil) != nil {
		t.Error("something that is not there has no headers to compare")
	}
}

func TestLargest(t *testing.T) {
	objects := tree{"a": "1", "b": "333", "c": "22", "d": "1"}.objects()
	var got []string
	for _, o := range Largest(objects, 3) {
		got = append(got, o.Path)
	}
	if !slices.Equal(got, []string{"b", "c", "a"}) || objects[0].Path != "a" || len(Largest(objects, 9)) != 4 {
		t.Error(got)
	}
}

// TestUnreadable spoils a record in the middle in every way: the rest is shown,
// and only what needs that record is not.
func TestUnreadable(t *testing.T) {
	for name := range damage(three(t), "") {
		t.Run(name, func(t *testing.T) {
			w := three(t)
			d := damage(w, w.ids[1])[name]
			d.do()
			l := w.open()
			list, err := l.List(t.Context(), 0)
			if err != nil || len(list) != 3 {
				t.Fatalf("%+v, %v", list, err)
			}
			if list[0].Changed != nil || list[0].Err != nil || list[0].Files != 2 || list[2].Changed == nil || list[2].Err != nil {
				t.Errorf("%+v", list)
			}
			if list[1].Err == nil || list[1].Err.Error() != d.want || list[1].Changed != nil || list[1].ID != w.ids[1] {
				t.Errorf("got %v, want %s", list[1].Err, d.want)
			}
			if _, err := l.Show(t.Context(), w.ids[1]); err == nil || err.Error() != d.want {
				t.Error(err)
			}
			if s, err := l.Show(t.Context(), w.ids[2]); err != nil || s.Changed != nil || s.Unseen.Error() != d.want {
				t.Error(s, err)
			}
			found, lost, err := l.Blame(t.Context(), "*", "b", "never")
			if err != nil || len(found) != 2 || len(lost) != 2 {
				t.Fatal(found, lost, err)
			}
			for _, b := range found {
				if b.Release.ID != w.ids[2] || b.Change != nil || b.Unseen.Error() != d.want {
					t.Errorf("%+v", b)
				}
			}
			if want := "no release after " + w.ids[1] + ", which cannot be read, has a file b"; lost[0].Error() != want {
				t.Errorf("got %v, want %s", lost[0], want)
			}
		})
	}
}

func TestLiveUnreadable(t *testing.T) {
	w := three(t)
	w.lose(w.ids[2])
	l := w.open()
	list, err := l.List(t.Context(), 0)
	if err != nil || len(list) != 1 || !errors.Is(list[0].Err, ErrMissing) {
		t.Errorf("%+v, %v", list, err)
	}
	if id, err := l.Find("live"); err != nil || id != w.ids[2] {
		t.Error(id, err)
	}
	if _, err := l.Find("previous"); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if _, err := l.Release(t.Context(), w.ids[2]); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if _, _, err := l.Blame(t.Context(), "a"); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}

// TestStorageFails keeps a storage that does not answer apart from a record
// that cannot be read.
func TestStorageFails(t *testing.T) {
	for i := range 3 {
		w := three(t)
		w.open()
		o := Options{Site: w.site, State: failing{w.store, state.ReleaseKey(w.ids[i]), storage.ErrDenied}}
		l, err := Open(t.Context(), o)
		if i == 2 {
			if !errors.Is(err, storage.ErrDenied) {
				t.Error(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		_, listErr := l.List(t.Context(), 0)
		_, _, blameErr := l.Blame(t.Context(), "nowhere")
		_, showErr := l.Show(t.Context(), w.ids[i])
		for _, err := range []error{listErr, blameErr, showErr} {
			if !errors.Is(err, storage.ErrDenied) {
				t.Error(err)
			}
		}
	}
	w := three(t)
	w.open()
	if _, err := Open(t.Context(), Options{Site: w.site, State: failing{w.store, state.HeadKey, storage.ErrUnreachable}}); !errors.Is(err, storage.ErrUnreachable) {
		t.Error(err)
	}
}

func TestNothing(t *testing.T) {
	w := newWorld(t, t.TempDir(), 9)
	for range 2 { // without a head, and with one that has no release yet
		l := w.open()
		if ids := l.IDs(); len(ids) != 0 {
			t.Error(ids)
		}
		if _, err := l.Find("live"); err != state.ErrNothing {
			t.Error(err)
		}
		if _, _, err := l.Blame(t.Context(), "a"); err != state.ErrNothing {
			t.Error(err)
		}
		w.head(state.Head{Busy: &state.Busy{Target: "01a", Expires: time.Now().Add(time.Hour)}})
	}
	if b, valid := w.open().Busy(); b == nil || b.Target != "01a" || !valid {
		t.Error(b, valid)
	}
	w.head(state.Head{Busy: &state.Busy{Target: "01a", Expires: time.Now().Add(-time.Hour)}})
	if b, valid := w.open().Busy(); b == nil || valid {
		t.Error(b, valid)
	}
}

func TestShort(t *testing.T) {
	l := &Log{ids: []string{"01jdaaaaaaaaaa", "01jdaaaaaaaabb", "01jdbbbbbbbbbb", "01a"}}
	for id, want := range map[string]string{
		"01jdaaaaaaaaaa": "01jdaaaaaaaaa", "01jdaaaaaaaabb": "01jdaaaaaaaab", "01jdbbbbbbbbbb": "01jdbbbbbb", "01a": "01a", "": "",
	} {
		if got := l.Short(id); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
}

// TestBlame has a path of every kind, names with brackets among them.
func TestBlame(t *testing.T) {
	w := newWorld(t, t.TempDir(), 9)
	w.release(tree{"old": "1", "docs/a": "1", "[slug].html": "1", "gone": "1", "s.html": "1"})
	w.release(tree{"old": "1", "docs/a": "2", "[slug].html": "1", "s.html": "1", "docs/b": "1"})
	w.release(tree{"old": "1|x", "docs/a": "2", "[slug].html": "2", "s.html": "1", "docs/b": "1"})
	found, lost, err := w.open().Blame(t.Context(), "old", "gone", "[slug].html", "docs/**", "docs/a", "never", "x/**", "{")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range found {
		got = append(got, fmt.Sprintf("%s %d %s", b.Path, slices.Index(w.ids, b.Release.ID), b.Change.Op))
	}
	want := []string{"[slug].html 2 update", "docs/a 1 update", "docs/b 1 create", "gone 1 delete", "old 2 headers"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := found[3].Change; c.Old == nil || c.Old.Size != 1 || c.Op != plan.Delete {
		t.Errorf("%+v", c)
	}
	var errs []string
	for _, e := range lost {
		errs = append(errs, e.Error())
	}
	want = []string{"no kept release has a file never", "no kept release has a file x/**, and no live file matches it", "no kept release has a file {, and no live file matches it"}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Error(diff)
	}
}

// TestRequests holds the numbers of docs/history.md, on 10,000 files.
func TestRequests(t *testing.T) {
	w := newWorld(t, t.TempDir(), 4)
	files := tree{}
	for i := range 10_000 {
		files[fmt.Sprintf("docs/%05d/index.html", i)] = fmt.Sprint(i)
	}
	for i := range 5 {
		files["index.html"] = fmt.Sprint(i)
		w.release(files)
	}
	for _, tt := range []struct {
		name string
		want int64
		run  func(l *Log) error
	}{
		{"releases", 6, func(l *Log) error { _, err := l.List(t.Context(), 0); return err }},
		{"releases --limit 2", 4, func(l *Log) error { _, err := l.List(t.Context(), 2); return err }},
		{"show", 3, func(l *Log) error { _, err := l.Show(t.Context(), w.ids[4]); return err }},
		{"show ID", 4, func(l *Log) error { _, err := l.Show(t.Context(), w.ids[2]); return err }},
		{"diff", 2, func(l *Log) error { _, err := l.Release(t.Context(), w.ids[4]); return err }},
		{"diff A B", 4, func(l *Log) error {
			_, err1 := l.Release(t.Context(), w.ids[1])
			_, err2 := l.Release(t.Context(), w.ids[3])
			return errors.Join(err1, err2)
		}},
		{"blame of what never changed", 6, func(l *Log) error { _, _, err := l.Blame(t.Context(), "docs/**"); return err }},
	} {
		before := w.gets()
		if err := tt.run(w.open()); err != nil {
			t.Fatal(err)
		}
		if got := w.gets() - before; got != tt.want {
			t.Errorf("%s: %d GETs, want %d", tt.name, got, tt.want)
		}
	}
	before := w.gets()
	l, err := Open(t.Context(), Options{Site: w.site, State: w.store, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Blame(t.Context(), "index.html"); err != nil {
		t.Fatal(err)
	}
	if got := w.gets() - before; got > 5 { // the head, the live one, its parent, and those read ahead
		t.Errorf("blame of what the live release changed: %d GETs", got)
	}
	for kind, n := range w.store.Usage().Requests {
		if kind != "GET" && kind != "PUT" && kind != "DELETE" && n > 0 {
			t.Errorf("%d %s", n, kind)
		}
	}
}
