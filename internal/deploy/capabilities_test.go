package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// service is the world's bucket as a remote service that breaks promises. Real
// servers that do are tested by internal/e2e; these are what those do not do,
// and what takes too long there.
type service struct {
	*spy
	id          string
	absent      bool  // it ignores If-None-Match
	match       bool  // it ignores If-Match
	refuses     bool  // it refuses requests with a condition
	source      bool  // it ignores the condition on a copy's source
	copyBytes   bool  // its copies have other bytes
	copyHeaders bool  // its copies keep the source's headers
	copyETag    bool  // it answers a copy with another ETag
	putETag     bool  // it answers a PUT with another ETag
	noCopy      bool  // it refuses copies
	takesAll    bool  // it takes other bytes than were announced
	mutters     error // it refuses them, and this is what it says
	pretends    bool  // it says that it refuses them, and has written them

	checked *atomic.Bool // whether the last file was left to it to check; nil: nobody asks
}

func (s *service) Identity() string { return s.id }

func (s *service) Put(ctx context.Context, key string, src storage.Source, h storage.Headers, c storage.Condition) (storage.Info, error) {
	if s.refuses && c != (storage.Condition{}) {
		return storage.Info{}, &storage.Error{Op: "put", Key: key, Err: storage.ErrUnsupported}
	}
	if s.absent && c.Absent || s.match && c.ETag != "" {
		c = storage.Condition{}
	}
	if src.Checked && isProbe(key) {
		if s.mutters != nil {
			return storage.Info{}, &storage.Error{Op: "put", Key: key, Err: s.mutters}
		}
		if s.takesAll || s.pretends {
			info, err := s.spy.Put(ctx, key, storage.Bytes([]byte("other bytes")), h, c)
			if s.pretends {
				err = &storage.Error{Op: "put", Key: key, Err: storage.ErrModified}
			}
			return info, err
		}
	}
	if s.checked != nil && !strings.Contains(key, ".pandastack/") {
		s.checked.Store(src.Checked)
	}
	info, err := s.spy.Put(ctx, key, src, h, c)
	if s.putETag {
		info.ETag += "x"
	}
	return info, err
}

func (s *service) Copy(ctx context.Context, from storage.CopySource, key string, h storage.Headers) (storage.Info, error) {
	if s.noCopy {
		return storage.Info{}, &storage.Error{Op: "copy", Key: key, Err: storage.ErrUnsupported}
	}
	from = from.Resolve()
	from.Store = nil // the store that copies
	if s.source {
		from.ETag = ""
	}
	if s.copyHeaders {
		o, err := s.spy.Store.Get(ctx, from.Key)
		if err != nil {
			return storage.Info{}, err
		}
		h = o.Headers
		o.Body.Close()
	}
	info, err := s.spy.Copy(ctx, from, key, h)
	if err == nil && s.copyBytes {
		info, err = s.spy.Store.Put(ctx, key, storage.Bytes([]byte("other bytes")), h, storage.Condition{})
	}
	if s.copyETag {
		info.ETag = ""
	}
	return info, err
}

// on deploys to a service, and returns what was said.
func (w *world) on(s *service, files tree) ([]event.Message, error) {
	w.t.Helper()
	o := w.serviceOptions(s)
	said := &messages{}
	o.Sink = said
	_, err := Open(w.t.Context(), o).Deploy(w.t.Context(), w.desired(files))
	return said.all, err
}

func (w *world) serviceOptions(s *service) Options {
	o := w.options()
	o.Live, o.State, o.Settle = storage.Prefixed(s, w.site.Prefix), storage.Prefixed(s, w.site.Prefix+".pandastack/"), time.Millisecond
	return o
}

// messages keeps warnings and notices.
type messages struct{ all []event.Message }

func (m *messages) Emit(e event.Event) {
	if msg, ok := e.(event.Message); ok && msg.Severity != event.Debug {
		m.all = append(m.all, msg)
	}
}

// probes returns the keys of probes in the bucket.
func (w *world) probes() []string {
	w.t.Helper()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(w.all())), func(key string) bool { return !strings.Contains(key, "/probe/") })
}

func isProbe(op string) bool { return strings.Contains(op, "/probe/") }

// TestForeignWithoutConditions: what is there already is still not
// overwritten, nor kept as the bytes of a release.
func TestForeignWithoutConditions(t *testing.T) {
	w := newWorld(t).quiet()
	s := &service{spy: w.spy, id: "one", absent: true, match: true, source: true}
	var foreign *ForeignError
	w.put("blog/b.css", "theirs")
	if _, err := w.on(s, v1); !errors.As(err, &foreign) || foreign.Changed {
		t.Fatalf("got %v", err)
	}
	if got := w.files()["b.css"]; got != "theirs" {
		t.Errorf("it is %q now", got)
	}
	if err := w.bucket.Delete(t.Context(), "blog/b.css"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.on(s, v1); err != nil {
		t.Fatal(err)
	}
	w.put("blog/index.html", "theirs")
	v2 := maps.Clone(v1)
	v2["index.html"] = "home 2"
	if _, err := w.on(s, v2); !errors.As(err, &foreign) || !foreign.Changed {
		t.Fatalf("got %v", err)
	}
	if got := w.files()["index.html"]; got != "theirs" {
		t.Errorf("it is %q now", got)
	}
	for key, b := range w.all() {
		digest, ok := strings.CutPrefix(key, "blog/.pandastack/blobs/")
		if ok && storage.Digest(sha256.Sum256(b)).String() != digest {
			t.Errorf("%s holds %q", key, b)
		}
	}
}

// TestHeadIsOverwritten lets a write of another deploy land late, over the head
// of one that is at work, where nothing keeps it from that. The one that lost
// stops, and though no head names what it touched, the next run makes it right.
func TestHeadIsOverwritten(t *testing.T) {
	for _, at := range []string{"PUT blog/.pandastack/head", "PUT blog/index.html"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t).quiet()
			s := &service{spy: w.spy, id: "one", absent: true, match: true, source: true}
			if _, err := w.on(s, v1); err != nil {
				t.Fatal(err)
			}
			idle := w.all()["blog/.pandastack/head"]
			other := *w.head()
			other.Busy = &state.Busy{Owner: state.Owner{Actor: "bob"}, Nonce: "other", Base: other.Live, Target: state.NewID(time.Now(), other.Live), Expires: time.Now().Add(lease)}
			theirs, err := state.EncodeHead(other)
			if err != nil {
				t.Fatal(err)
			}
			hit := false
			w.spy.intercept(func(op string, done func() error) error {
				err := done()
				if op == at && !hit {
					hit = true
					w.put("blog/.pandastack/head", string(theirs))
				}
				return err
			})
			v2 := maps.Clone(v1)
			v2["index.html"], v2["new.css"] = "home 2", "new"
			_, err = w.on(s, v2)
			var locked *LockedError
			if !errors.Is(err, ErrLost) && !errors.As(err, &locked) {
				t.Fatalf("got %v", err)
			}
			w.spy.intercept(nil)
			if got := w.all()["blog/.pandastack/head"]; !bytes.Equal(got, theirs) || bytes.Equal(got, idle) {
				t.Error("the other's head was overwritten")
			}
			w.put("blog/.pandastack/head", string(idle)) // the other one gave up
			w.strays = 2                                 // the intent, while its deploy is suspect, and a record that no head named
			if _, err := w.on(s, v1); err != nil {
				t.Fatal(err)
			}
			w.check(v1)
		})
	}
}

// TestHeadIsTakenAtOnce: another deploy begins as soon as the head is given
// back, before the one that gave it has looked.
func TestHeadIsTakenAtOnce(t *testing.T) {
	w := newWorld(t).quiet()
	s := &service{spy: w.spy, id: "one", absent: true, match: true, source: true}
	if _, err := w.on(s, v1); err != nil {
		t.Fatal(err)
	}
	w.spy.intercept(func(op string, done func() error) error {
		err := done()
		if h := w.head(); op == "PUT blog/.pandastack/head" && h.Busy == nil {
			h.Busy = &state.Busy{Nonce: "other", Base: h.Live, Target: state.NewID(time.Now(), h.Live), Expires: time.Now().Add(lease)}
			b, encodeErr := state.EncodeHead(*h)
			if encodeErr != nil {
				t.Error(encodeErr)
			}
			w.put("blog/.pandastack/head", string(b))
		}
		return err
	})
	v2 := maps.Clone(v1)
	v2["index.html"] = "home 2"
	if _, err := w.on(s, v2); err != nil {
		t.Errorf("got %v", err)
	}
	if files := w.files(); files["index.html"] != "home 2" || w.head().Busy.Nonce != "other" {
		t.Errorf("%q, %+v", files, w.head())
	}
}

// TestHeadIsBeingWritten reads a head of which only half is there yet.
func TestHeadIsBeingWritten(t *testing.T) {
	w := newWorld(t).quiet()
	s := &service{spy: w.spy, id: "one"}
	if _, err := w.on(s, v1); err != nil {
		t.Fatal(err)
	}
	whole := string(w.all()["blog/.pandastack/head"])
	w.put("blog/.pandastack/head", whole[:len(whole)/2])
	reads := 0
	w.spy.intercept(func(op string, done func() error) error {
		if op == "GET blog/.pandastack/head" {
			if reads++; reads == 2 {
				w.put("blog/.pandastack/head", whole)
			}
		}
		return done()
	})
	if _, err := w.on(s, v1); err != nil || reads != 2 {
		t.Errorf("%v after %d reads", err, reads)
	}
	w.put("blog/.pandastack/head", whole[:len(whole)/2])
	w.spy.intercept(nil)
	var corrupt *state.CorruptError
	if _, err := w.on(s, v1); !errors.As(err, &corrupt) {
		t.Errorf("got %v", err)
	}
}

// TestManyLosses lets a deploy lose the lock more often than maxAttempts: it
// goes on for as long as it may wait.
func TestManyLosses(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	moves := 0
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/.pandastack/head" && moves < maxAttempts+3 {
			moves++
			w.touchHead(moves)
		}
		return done()
	})
	o := w.options()
	o.LockTimeout = time.Minute
	v2 := maps.Clone(v1)
	v2["index.html"] = "home 2"
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v2)); err != nil {
		t.Fatal(err)
	}
	if moves != maxAttempts+3 {
		t.Errorf("it lost %d times", moves)
	}
	w.check(v2)
	moves = 0
	if _, err := w.deploy(v1); !errors.Is(err, ErrLost) { // without time to wait
		t.Errorf("got %v", err)
	}
}

// touchHead makes the head another one that means the same.
func (w *world) touchHead(n int) {
	w.t.Helper()
	h := *w.head()
	h.Mark = &state.Mark{RunID: strings.Repeat("1", n)}
	b, err := state.EncodeHead(h)
	if err != nil {
		w.t.Fatal(err)
	}
	w.put("blog/.pandastack/head", string(b))
}
