package edge

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// served is what a server answers to everything.
type served struct {
	status                    int
	body, mediaType, encoding string
}

// drawServed draws what servers, caches and those in between answer with.
func drawServed(t *rapid.T, bodies ...string) served {
	a := served{
		status:    rapid.SampledFrom([]int{200, 200, 200, 203, 206, 403, 404, 410, 429, 500, 503}).Draw(t, "status"),
		body:      rapid.SampledFrom(bodies).Draw(t, "body"),
		mediaType: rapid.SampledFrom([]string{html, "text/html", "text/plain; charset=utf-8", ""}).Draw(t, "type"),
		encoding:  rapid.SampledFrom([]string{"", "gzip", "br", "zstd"}).Draw(t, "encoding"),
	}
	switch rapid.IntRange(0, 5).Draw(t, "damage") {
	case 0: // cut, but whole to HTTP
		a.body = a.body[:len(a.body)/2]
	case 1:
		a.body += "<script>track()</script>"
	case 2:
		a.body = strings.ToUpper(a.body)
	}
	return a
}

// TestVerdicts: whatever is answered, what is called proved is the release, or
// not the old bytes of what is removed, and what is called stale is what was there
// before. The oracle knows what was served, and nothing of the judge.
func TestVerdicts(t *testing.T) {
	var now atomic.Pointer[http.HandlerFunc]
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) { (*now.Load())(rw, r) })
	rapid.Check(t, func(rt *rapid.T) {
		a := drawServed(rt, oldPage, oldPage, newPage, newPage, newPage, olderJS, login, s3Error, listing, "home", "")
		body := a.body
		if a.encoding != "" {
			body = encoded(t, a.encoding, a.body)
		}
		h := answerWith(a.status, a.mediaType, body, "Content-Encoding", a.encoding, "Content-Length", strconv.Itoa(len(body)))
		now.Store(&h)
		c := Change{Path: "docs/index.html", Old: object("docs/index.html", html, oldPage), Changed: true}
		if rapid.Bool().Draw(rt, "released") {
			c.New = w.stored("docs/index.html", html, newPage)
		}
		o := w.options(t)
		p := &prover{Options: o, client: newClient(o, o.Timeout), home: object(Home, html, "home")}
		got, err := p.get(rt.Context(), site.URL(o.Base, c.Path), nil)
		kind, detail := p.judge(rt.Context(), c, got, err)
		isOld, isNew := a.body == oldPage, a.body == newPage
		typed := a.mediaType == html || a.mediaType == "text/html"
		switch {
		case c.New == nil && isOld != (kind == Stale), c.New != nil && isOld && kind != Stale:
			rt.Errorf("the old bytes: %t, and the verdict is %s", isOld, kind)
		case kind == Stale && !isOld:
			rt.Errorf("%+v is called stale", a)
		case c.New != nil && (kind == Proved) != (isNew && a.status == 200 && typed):
			rt.Errorf("%+v is called %s (%s)", a, kind, detail)
		case strings.Contains(detail, "track()") || strings.Contains(detail, storage.ContentEncoding):
			rt.Errorf("the detail repeats the answer: %s", detail)
		}
	})
}

// TestHarmful: a release is worth taking back for what it changed alone, and for
// what the one before it would not suffer from. Prove says which these are.
func TestHarmful(t *testing.T) {
	w := newWorld(t, answerWith(200, html, oldPage))
	o := w.options(t)
	o.Timeout = 200e6
	home := w.stored(Home, html, newPage)
	rep := Prove(t.Context(), o, []Change{
		{Path: Home, New: home, Old: home},
		{Path: "a.html", New: w.stored("a.html", html, newPage), Old: object("a.html", html, oldPage), Changed: true},
	})
	if len(rep.Results) != 2 || rep.Results[0].Kind != Different || rep.Results[0].Harmful() || !rep.Results[1].Harmful() {
		t.Errorf("%+v", rep.Results)
	}
	for _, k := range []Kind{Proved, NoIndex, Altered, Blocked, Unreachable} {
		if (Result{Kind: k, Changed: true}).Harmful() {
			t.Errorf("%s is no reason", k)
		}
	}
}
