package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestStaleThenFresh checks that what is stale is purged and asked for again,
// and nothing else is.
func TestStaleThenFresh(t *testing.T) {
	var purges atomic.Int32
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a.html" && purges.Load() < 2 {
			answerWith(200, html, "old")(rw, r)
			return
		}
		answerWith(200, html, "new")(rw, r)
	})
	o := w.options(t)
	inner := o.Purge
	o.Purge = func(ctx context.Context, paths []string) error {
		purges.Add(1)
		return inner(ctx, paths)
	}
	rep := Prove(t.Context(), o, []Change{
		{Path: Home, New: w.stored(Home, html, "new"), Old: object(Home, html, "old")},
		{Path: "a.html", New: w.stored("a.html", html, "new"), Old: object("a.html", html, "old")},
	})
	if len(rep.Failed()) > 0 || rep.Purges != 2 || rep.Results[0].Attempts != 1 || rep.Results[1].Attempts != 3 {
		t.Errorf("%+v", rep)
	}
	if diff := cmp.Diff([][]string{{"a.html"}, {"a.html"}}, w.purged); diff != "" {
		t.Error(diff)
	}
	if n := w.requests(); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// TestStaleForever checks that a cache that never forgets is purged three times
// at most, and that a purge that fails is reported.
func TestStaleForever(t *testing.T) {
	w := newWorld(t, answerWith(200, html, "old"))
	o := w.options(t)
	o.Timeout = 300 * time.Millisecond
	broken := errors.New("token expired")
	o.Purge = func(context.Context, []string) error { return broken }
	rep := Prove(t.Context(), o, []Change{{Path: "a.html", New: w.stored("a.html", html, "new"), Old: object("a.html", html, "old")}})
	if got := rep.Results[0]; got.Kind != Stale || got.Attempts < 4 || rep.Purges != maxPurges || !errors.Is(rep.PurgeErr, broken) {
		t.Errorf("%+v", rep)
	}
}

// TestNewPageNotFound checks that a new page may have been cached as not found,
// also at the URL of its directory alone, and that an old one is not asked for
// again where the directory has no index.
func TestNewPageNotFound(t *testing.T) {
	var purged atomic.Bool
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") && r.URL.Path != "/" && !(purged.Load() && r.URL.Path == "/new/") {
			http.NotFound(rw, r)
			return
		}
		answerWith(200, html, "x")(rw, r)
	})
	o := w.options(t)
	o.Purge = func(_ context.Context, paths []string) error {
		if !reflect.DeepEqual(paths, []string{"new/index.html"}) {
			t.Errorf("purged again: %v", paths)
		}
		purged.Store(true)
		return nil
	}
	x := func(path string) Change { return Change{Path: path, New: w.stored(path, html, "x")} }
	old := x("old/index.html")
	old.Old = object("old/index.html", html, "w")
	rep := Prove(t.Context(), o, []Change{x(Home), x("new/index.html"), old})
	for i, want := range []Kind{Proved, Proved, NoIndex} {
		if rep.Results[i].Kind != want {
			t.Errorf("%s %s, want %s", rep.Results[i].Kind, rep.Results[i], want)
		}
	}
}

// TestNoIndexAnywhere checks that a server without index pages costs no waits:
// where the home page has none, nothing will change.
func TestNoIndexAnywhere(t *testing.T) {
	w := newWorld(t, byPath(map[string]http.HandlerFunc{"/index.html": answerWith(200, html, "x"), "/a/index.html": answerWith(200, html, "x")}))
	o := w.options(t)
	rep := Prove(t.Context(), o, []Change{{Path: Home, New: w.stored(Home, html, "x")}, {Path: "a/index.html", New: w.stored("a/index.html", html, "x")}})
	for _, r := range rep.Results {
		if r.Kind != NoIndex || r.Attempts != 1 {
			t.Errorf("%s %s after %d attempts", r.Kind, r, r.Attempts)
		}
	}
	if rep.Purges != 0 {
		t.Errorf("%d purges", rep.Purges)
	}
}

// TestStalled checks a server that takes requests and never answers: two
// requests are made, and the rest of the sample is not tried.
func TestStalled(t *testing.T) {
	over := make(chan struct{})
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-over:
		case <-r.Context().Done():
		}
	})
	defer close(over)
	o := w.options(t)
	o.RequestTimeout = 50 * time.Millisecond
	rep := Prove(t.Context(), o, []Change{{Path: Home, New: object(Home, html, "x")}, {Path: "a.html", New: object("a.html", html, "x")}})
	if len(rep.Results) != 1 || rep.Results[0].Kind != Unreachable || rep.Results[0].Detail != "no whole answer within 50ms" {
		t.Errorf("%+v", rep)
	}
	if n := w.requests(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// TestStallsInTheMiddle checks that a body that never ends in time is bounded,
// too, and so is the whole proof.
func TestStallsInTheMiddle(t *testing.T) {
	over := make(chan struct{})
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, "x")
		rw.(http.Flusher).Flush()
		select {
		case <-over:
		case <-r.Context().Done():
		}
	})
	defer close(over)
	o := w.options(t)
	o.Timeout = 100 * time.Millisecond
	rep := Prove(t.Context(), o, []Change{{Path: Home, New: object(Home, html, "x")}})
	if rep.Results[0].Kind != Unreachable {
		t.Errorf("%+v", rep)
	}
}

// TestHuge checks that an endless body is read as far as a sampled file may be
// long, and no further.
func TestHuge(t *testing.T) {
	var sent atomic.Int64
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", html)
		chunk := make([]byte, 64<<10)
		for {
			n, err := rw.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	o := w.options(t)
	o.Timeout = 5 * time.Second
	o.Purge = nil
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	rep := Prove(ctx, o, []Change{{Path: Home, New: object(Home, html, "x")}})
	r := rep.Results[0]
	if r.Kind != Different && r.Kind != Unreachable {
		t.Errorf("%+v", rep)
	}
	w.server.Close()
	if most := int64(w.requests()) * (MaxBody + 16<<20); sent.Load() > most {
		t.Errorf("%d bytes were sent, more than %d", sent.Load(), most)
	}
}

// TestBomb checks that a small answer that grows when it is decoded is bounded.
func TestBomb(t *testing.T) {
	bomb := encoded(t, "gzip", strings.Repeat("\x00", 4*MaxBody))
	w := newWorld(t, answerWith(200, html, bomb, "Content-Encoding", "gzip"))
	c := newClient(w.options(t), time.Minute)
	a, err := c.get(t.Context(), w.server.URL, nil)
	if err != nil || a.whole || len(a.body) != MaxBody+1 {
		t.Errorf("%v", err)
	}
}

// TestUnreachable checks servers that are not there.
func TestUnreachable(t *testing.T) {
	w := newWorld(t, nil)
	w.server.Close()
	o := w.options(t)
	got := Prove(t.Context(), o, []Change{{Path: Home, New: object(Home, html, "x")}}).Results
	if len(got) != 1 || got[0].Kind != Unreachable || !strings.Contains(got[0].Detail, "connection refused") || strings.Contains(got[0].Detail, "Get ") {
		t.Errorf("%+v", got)
	}
	w = newWorld(t, answerWith(200, html, "x"))
	o = w.options(t)
	o.Base.Scheme = "https"
	got = Prove(t.Context(), o, []Change{{Path: Home, New: object(Home, html, "x")}}).Results
	if got[0].Kind != Unreachable {
		t.Errorf("%+v", got)
	}
}

// TestInterrupted checks that a proof ends with its context, and keeps what it
// had found.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, answerWith(200, html, "old"))
	o := w.options(t)
	o.Purge = func(context.Context, []string) error { cancel(); return nil }
	rep := Prove(ctx, o, []Change{{Path: Home, New: w.stored(Home, html, "new"), Old: object(Home, html, "old")}})
	if got := rep.Results[0]; got.Kind != Stale || got.Attempts != 1 {
		t.Errorf("%+v", rep)
	}
}

// TestRequests checks what the server sees: who asks, which encodings are
// known, and no wish that another visitor does not have.
func TestRequests(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "a", Value: "b"})
		answerWith(200, html, "x")(rw, r)
	})
	Prove(t.Context(), w.options(t), []Change{{Path: Home, New: object(Home, html, "x")}, {Path: "größe [1].html", New: object("größe [1].html", html, "x")}})
	if n := w.requests(); n != 2 {
		t.Fatalf("%d requests", n)
	}
	for _, r := range w.asked {
		want := http.Header{"User-Agent": {"pandastack/test"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip, br, zstd"}}
		got := r.Header.Clone()
		got.Del("Connection")
		if diff := cmp.Diff(want, got); diff != "" || r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, diff)
		}
	}
	if got := w.asked[1].RequestURI; got != "/gr%C3%B6%C3%9Fe%20[1].html" {
		t.Errorf("asked for %s", got)
	}
}

// TestReadable checks what counts as readable records, and what is asked.
func TestReadable(t *testing.T) {
	record := encoded(t, "zstd", `{"format":1}`)
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   bool
	}{
		{"the record", answerWith(200, "application/zstd", record), true},
		{"in gzip", answerWith(200, "application/zstd", encoded(t, "gzip", record), "Content-Encoding", "gzip"), true},
		{"forbidden", answerWith(403, "application/xml", s3Error), false},
		{"forbidden with its bytes", answerWith(403, "application/zstd", record), false},
		{"not found", answerWith(404, html, "no"), false},
		{"the home page", answerWith(200, html, "home"), false},
		{"a redirect to another host", redirect("https://login.example.com/"), false},
		{"an empty answer", answerWith(200, html, ""), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.answer)
			o := w.options(t)
			base, err := url.Parse(w.server.URL + "/blog")
			if err != nil {
				t.Fatal(err)
			}
			o.Base = base
			at, got := Readable(t.Context(), o, ".pandastack/head")
			if got != test.want || at != w.server.URL+"/blog/.pandastack/head" {
				t.Errorf("%v at %s", got, at)
			}
			r := w.asked[0]
			if r.URL.Path != "/blog/.pandastack/head" || r.Header.Get("Cache-Control") != "no-store" || len(r.URL.Query().Get("pandastack")) != 26 {
				t.Errorf("asked for %s %v", r.URL, r.Header)
			}
			if len(w.asked) != 1 {
				t.Errorf("%d requests", len(w.asked))
			}
		})
	}
}

// TestReadableStalled checks that the question is bounded.
func TestReadableStalled(t *testing.T) {
	over := make(chan struct{})
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { <-over })
	o := w.options(t)
	o.RequestTimeout = 50 * time.Millisecond
	if _, readable := Readable(t.Context(), o, ".pandastack/head"); readable {
		t.Error("it is readable")
	}
	close(over)
}
