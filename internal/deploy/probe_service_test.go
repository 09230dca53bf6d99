package deploy

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestProbe lets a probe find out about each broken promise, and a site live
// with it: created, edited, its headers changed, a file deleted, rolled back.
func TestProbe(t *testing.T) {
	const kept, broken, refused = state.Kept, state.Broken, state.Refused
	for _, tt := range []struct {
		name  string
		liar  service
		want  [5]state.Promise // create, update, copy, copyIf, payload
		warns int
		notes int
	}{
		{"honest", service{}, [5]state.Promise{kept, kept, kept, kept, kept}, 0, 0},
		{"If-None-Match ignored", service{absent: true}, [5]state.Promise{broken, kept, kept, kept, kept}, 1, 0},
		{"If-Match ignored", service{match: true}, [5]state.Promise{kept, broken, kept, kept, kept}, 1, 0},
		{"both ignored", service{absent: true, match: true, source: true}, [5]state.Promise{broken, broken, kept, broken, kept}, 1, 1},
		{"conditions refused", service{refuses: true}, [5]state.Promise{refused, refused, kept, kept, kept}, 1, 0},
		{"condition of copies ignored", service{source: true}, [5]state.Promise{kept, kept, kept, broken, kept}, 0, 1},
		{"copies have other bytes", service{copyBytes: true}, [5]state.Promise{kept, kept, broken, refused, kept}, 0, 1},
		{"copies keep headers", service{copyHeaders: true}, [5]state.Promise{kept, kept, broken, refused, kept}, 0, 1},
		{"copies have another ETag", service{copyETag: true}, [5]state.Promise{kept, kept, broken, refused, kept}, 0, 1},
		{"copies refused", service{noCopy: true}, [5]state.Promise{kept, kept, refused, refused, kept}, 0, 1},
		{"other bytes taken", service{takesAll: true}, [5]state.Promise{kept, kept, kept, kept, broken}, 0, 0},
		{"other bytes refused and taken", service{pretends: true}, [5]state.Promise{kept, kept, kept, kept, broken}, 0, 0},
		{"other bytes refused without a reason", service{mutters: errors.New("bad request")}, [5]state.Promise{kept, kept, kept, kept, refused}, 0, 0},
		{"other bytes taken for a wrong signature", service{mutters: storage.ErrCredentials}, [5]state.Promise{kept, kept, kept, kept, refused}, 0, 0},
		{"other bytes forbidden", service{mutters: storage.ErrDenied}, [5]state.Promise{kept, kept, kept, kept, refused}, 0, 0},
		{"no answer to other bytes", service{mutters: storage.ErrUnreachable}, [5]state.Promise{kept, kept, kept, kept, refused}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).quiet()
			s := &tt.liar
			s.spy, s.id, s.checked = w.spy, "https://liar.example/www", new(atomic.Bool)
			step := func(files tree) {
				t.Helper()
				said, err := w.on(s, files)
				if err != nil {
					t.Fatal(err)
				}
				w.check(files)
				var warns, notes int
				for _, m := range said {
					if m.Severity == event.Warning {
						warns++
					} else {
						notes++
					}
				}
				if warns != tt.warns || notes != tt.notes {
					t.Errorf("said %+v", said)
				}
			}
			step(v1)
			c := w.head().Capabilities
			if c == nil {
				t.Fatal("nothing is remembered")
			}
			if got := [5]state.Promise{c.Create, c.Update, c.Copy, c.CopyIf, c.Payload}; got != tt.want || c.Store != s.id {
				t.Errorf("found %+v, want %v", c, tt.want)
			}
			if s.checked.Load() != (c.Payload == kept) {
				t.Errorf("it is left to the storage to check files: %v", s.checked.Load())
			}
			if left := w.probes(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			v2 := maps.Clone(v1)
			v2["a.css"], v2["b.css"], v2["index.html"] = "a2", "b|60", "home 2"
			delete(v2, "docs/index.html")
			step(v2)
			if _, err := Open(t.Context(), w.serviceOptions(s)).Rollback(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			w.check(v1)
		})
	}
}

// TestProbeIsRemembered holds a deploy to its requests where it is known what
// the storage does, for as long as that lasts and as it is the same storage.
func TestProbeIsRemembered(t *testing.T) {
	w := newWorld(t).quiet()
	s := &service{spy: w.spy, id: "one"}
	edit := func(content string) (probed bool) {
		t.Helper()
		files := maps.Clone(v1)
		files["index.html"] = content
		w.spy.requests()
		if _, err := w.on(s, files); err != nil {
			t.Fatal(err)
		}
		w.check(files)
		return slices.ContainsFunc(w.spy.requests(), isProbe)
	}
	if !edit("1") {
		t.Error("a new storage was not tried out")
	}
	if edit("1") || edit("2") {
		t.Error("it was tried out again")
	}
	w.spy.skew = probeLife - time.Hour
	if edit("3") {
		t.Error("it was tried out too early")
	}
	w.spy.skew = probeLife + time.Hour
	if edit("3") {
		t.Error("it was tried out in a run that wrote nothing")
	}
	if !edit("4") {
		t.Error("it was not tried out again in time")
	}
	w.spy.skew = 0
	if s.id = "two"; !edit("5") {
		t.Error("another storage was not tried out")
	}
	if got := w.head().Capabilities; got.Store != "two" {
		t.Errorf("remembered %+v", got)
	}
}

// TestProbedBefore: what was probed by a version that did not try whether the
// storage checks bodies is not tried out again for that, and files are hashed here.
func TestProbedBefore(t *testing.T) {
	w := newWorld(t).quiet()
	s := &service{spy: w.spy, id: "one", checked: new(atomic.Bool)}
	if _, err := w.on(s, v1); err != nil || !s.checked.Load() {
		t.Fatalf("it is left to the storage to check files: %v, %v", s.checked.Load(), err)
	}
	h := *w.head()
	h.Capabilities.Payload = ""
	b, err := state.EncodeHead(h)
	if err != nil {
		t.Fatal(err)
	}
	w.put("blog/.pandastack/head", string(b))
	files := maps.Clone(v1)
	files["index.html"] = "home 2"
	w.spy.requests()
	if _, err := w.on(s, files); err != nil || s.checked.Load() {
		t.Errorf("it is left to the storage to check files: %v, %v", s.checked.Load(), err)
	}
	if slices.ContainsFunc(w.spy.requests(), isProbe) {
		t.Error("it was tried out again")
	}
	w.check(files)
}

// TestProbeFails leaves neither a head nor traces, and the next probe removes
// what one that was killed has left, but not what another one is writing.
func TestProbeFails(t *testing.T) {
	w := newWorld(t).quiet()
	s := &service{spy: w.spy, id: "one"}
	var gone atomic.Bool // from the first copy on, nothing answers
	w.spy.intercept(func(op string, done func() error) error {
		if strings.HasPrefix(op, "COPY") {
			gone.Store(true)
		}
		if gone.Load() && (strings.HasPrefix(op, "COPY") || strings.HasPrefix(op, "GET")) {
			return &storage.Error{Op: "copy", Err: storage.ErrUnreachable}
		}
		return done()
	})
	if _, err := w.on(s, v1); !errors.Is(err, storage.ErrUnreachable) {
		t.Fatalf("got %v", err)
	}
	if all := w.all(); len(all) > 0 {
		t.Errorf("left behind: %v", slices.Sorted(maps.Keys(all)))
	}
	w.spy.intercept(nil)
	w.put("blog/.pandastack/probe/dead/0", "x")
	w.put("blog/.pandastack/probe/alive/0", "x")
	old := time.Now().Add(-leftover - time.Minute)
	if err := os.Chtimes(filepath.Join(w.bucket.Dir(), "blog/.pandastack/probe/dead/0"), old, old); err != nil {
		t.Fatal(err)
	}
	w.strays = 1
	if _, err := w.on(s, v1); err != nil {
		t.Fatal(err)
	}
	w.check(v1)
	if left := w.probes(); !slices.Equal(left, []string{"blog/.pandastack/probe/alive/0"}) {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnfit(t *testing.T) {
	w := newWorld(t).quiet()
	if _, err := w.on(&service{spy: w.spy, id: "one", putETag: true}, v1); !errors.Is(err, ErrUnfit) {
		t.Fatalf("got %v", err)
	}
	if all := w.all(); len(all) > 0 {
		t.Errorf("left behind: %v", slices.Sorted(maps.Keys(all)))
	}
}
