package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/webhookfake"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// killPoint is an instant in the life of a process: one of its requests, and
// whether the server has done it.
type killPoint struct {
	request string // as gate.enter names it
	after   bool   // the server has done it, and the answer is not heard
}

func (p killPoint) String() string {
	if p.after {
		return "after " + p.request
	}
	return "before " + p.request
}

// gate is what all requests of one process go through.
type gate struct {
	shift  time.Duration // how far the server's Date is moved
	kill   *killPoint    // nil: it lives
	late   bool          // the request of kill is held, for let
	faults []*faultPoint
	ledger *ledger
	server *testbed.S3

	started chan struct{} // closed when process is set
	process *os.Process
	dead    chan struct{} // closed when the process has ended

	mu   sync.Mutex
	shut bool // it was killed: no request of it comes through any more
	open int  // requests that are not done
	seen map[string]int
	log  []string // the requests, each with its number among those alike
	held func() int
}

// gate returns what the next process goes through.
func (b *crashBed) gate(shift time.Duration, kill *killPoint) *gate {
	return &gate{
		ledger: b.ledger, server: b.server, shift: shift, kill: kill, seen: map[string]int{},
		started: make(chan struct{}), dead: make(chan struct{}),
	}
}

// around is for CountingProxy.Around.
func (g *gate) around(forward http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now, fault, ok := g.enter(r)
		if !ok {
			<-g.dead
			panic(http.ErrAbortHandler)
		}
		defer g.leave()
		// What the server has begun, it ends, whatever becomes of the client.
		r = r.WithContext(context.WithoutCancel(r.Context()))
		switch {
		case fault != nil:
			fault.kind.Serve(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.pass(forward, w, r) }))
			return
		case now && g.late:
			g.hold(forward, r)
			g.strike()
		case now && !g.kill.after:
			g.strike()
		case now:
			g.pass(forward, httptest.NewRecorder(), r)
			g.strike()
		}
		g.pass(forward, w, r)
	})
}

// enter notes a request. It reports whether it is the one to kill at, which
// fault it meets, and whether the process is still to be listened to.
func (g *gate) enter(r *http.Request) (now bool, fault *faultPoint, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false, nil, false
	}
	name := requestName(r)
	g.seen[name]++
	if n := g.seen[name]; n > 1 {
		name = fmt.Sprintf("%s #%d", name, n)
	}
	g.log = append(g.log, name)
	g.open++
	for _, f := range g.faults {
		if f.hits(name) {
			return false, f, true
		}
	}
	now = g.kill != nil && g.kill.request == name
	g.shut = now && !g.kill.after // else when it is done
	return now, nil, true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
}

// strike kills the process and cuts the connection when it is dead.
func (g *gate) strike() {
	g.mu.Lock()
	g.shut = true
	g.mu.Unlock()
	<-g.started
	_ = g.process.Kill() // SIGKILL; that it died of it is checked by run
	<-g.dead
	panic(http.ErrAbortHandler)
}

// hold keeps a request, which held sends on and returns the status of. What it
// changes is for the test to find out.
func (g *gate) hold(forward http.Handler, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = func() int {
		rec := httptest.NewRecorder()
		forward.ServeHTTP(rec, r)
		return rec.Code
	}
}

// pass sends a request on, and notes what it changed or purged.
func (g *gate) pass(forward http.Handler, w http.ResponseWriter, r *http.Request) {
	done := g.ledger.request(r)
	if g.shift != 0 && purgeAt(r) == "" {
		r = g.signedNow(r)
	}
	d := &dated{ResponseWriter: w, shift: g.shift}
	forward.ServeHTTP(d, r)
	done(d.status)
}

// signedNow signs a request again: the SDK signs with the time that it knows
// from the moved Date, and the server behind the proxy has another.
func (g *gate) signedNow(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	keys, err := g.server.Credentials().Retrieve(r.Context())
	if err == nil {
		err = signer.SignHTTP(r.Context(), keys, r, r.Header.Get("X-Amz-Content-Sha256"), "s3", g.server.Region, time.Now())
	}
	if err != nil {
		panic(err)
	}
	return r
}

// quiet waits until the server is done with what the process asked for.
func (g *gate) quiet() bool {
	for range 1000 {
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		if open == 0 {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// dated moves the Date of an answer.
type dated struct {
	http.ResponseWriter
	shift  time.Duration
	status int
}

// WriteHeader moves the Date.
func (d *dated) WriteHeader(status int) {
	d.status = status
	if at, err := http.ParseTime(d.Header().Get("Date")); err == nil {
		d.Header().Set("Date", at.Add(d.shift).UTC().Format(http.TimeFormat))
	}
	d.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the real writer.
func (d *dated) Unwrap() http.ResponseWriter { return d.ResponseWriter }

var (
	recordID = regexp.MustCompile(`(releases|intents|probe)/[0-9a-z]{26}`)
	blobID   = regexp.MustCompile(`(blobs/[0-9a-f]{6})[0-9a-f]+`)
	keyTag   = regexp.MustCompile(`<Key>([^<]*)</Key>`)
)

// requestName says what a request is for, the same in each run.
func requestName(r *http.Request) string {
	if name := purgeAt(r); name != "" {
		return "PURGE " + name
	}
	method, key := r.Method, keyOf(r)
	q := r.URL.Query()
	switch {
	case r.Header.Get("X-Amz-Copy-Source") != "":
		method = "COPY"
	case q.Has("list-type"):
		method, key = "LIST", q.Get("prefix")
	case q.Has("uploads") && method == http.MethodGet:
		method, key = "UPLOADS", q.Get("prefix")
	case q.Has("delete"):
		method, key = "DELETE", "many"
	}
	key = strings.TrimPrefix(key, state.Dir+"/")
	return method + " " + blobID.ReplaceAllString(recordID.ReplaceAllString(key, "$1/ID"), "$1")
}

// purgeAt returns the CDN that a request is for; empty: it is for the storage.
func purgeAt(r *http.Request) string {
	switch {
	case strings.HasSuffix(r.URL.Path, "/purge_cache"):
		return "cloudflare"
	case r.URL.Path == webhookfake.Path:
		return "webhook"
	}
	return ""
}

// keyOf returns the key in a path-style address.
func keyOf(r *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return key
}

// ledger knows, of all processes, when which path changed on the server, and
// when which URL was purged at which CDN: by numbers that grow.
type ledger struct {
	mu   sync.Mutex
	now  int
	born map[string]bool   // paths with a fingerprint that were there once
	cdns map[string]*cache // by the first word of their names
}

// cache is what the ledger knows of one CDN.
type cache struct {
	changed map[string]int // by path: what it held is not right since then
	purged  map[string]int // by URL: what it acknowledged, and was asked then
}

func newLedger(cdns ...string) *ledger {
	l := &ledger{born: map[string]bool{}, cdns: map[string]*cache{}}
	for _, name := range cdns {
		l.cdns[name] = &cache{map[string]int{}, map[string]int{}}
	}
	return l
}

// clone returns a ledger that goes on from this one.
func (l *ledger) clone() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := &ledger{now: l.now, born: maps.Clone(l.born), cdns: map[string]*cache{}}
	for name, c := range l.cdns {
		out.cdns[name] = &cache{maps.Clone(c.changed), maps.Clone(c.purged)}
	}
	return out
}

// request notes the beginning of a request; what it returns, its end. A purge
// counts from its beginning, a change from its end.
func (l *ledger) request(r *http.Request) func(status int) {
	var urls, paths []string
	at := purgeAt(r)
	switch {
	case at != "":
		urls = purgedURLs(r)
	case r.Method == http.MethodPut, r.Method == http.MethodDelete:
		paths = []string{keyOf(r)}
	case r.Method == http.MethodPost && r.URL.Query().Has("delete"):
		for _, m := range keyTag.FindAllSubmatch(peek(r), -1) {
			paths = append(paths, string(m[1]))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now++
	began := l.now
	return func(status int) {
		if status >= 300 {
			return
		}
		for _, p := range paths {
			if !strings.HasPrefix(p, state.Dir+"/") {
				l.touch(p)
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, u := range urls {
			l.cdns[at].purged[u] = began
		}
	}
}

// purgedURLs returns the URLs that a CDN is asked to forget one by one, as
// these sites need it.
func purgedURLs(r *http.Request) []string {
	var body struct {
		Files []string // Cloudflare
		Kind  string   // the webhook
		Items []string
	}
	_ = json.Unmarshal(peek(r), &body) // the fakes refuse what is not JSON
	if body.Kind == string(cdn.URLs) {
		return body.Items
	}
	return body.Files
}

// touch notes that a path is another one than before, or may be: to the named
// CDNs, or to all where none is named.
func (l *ledger) touch(path string, cdns ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now++
	// Nobody can have asked for a name with a fingerprint before it was there.
	if site.RoleOf(path, "") == site.Fingerprinted && !l.born[path] {
		l.born[path] = true
		return
	}
	for name, c := range l.cdns {
		if len(cdns) == 0 || slices.Contains(cdns, name) {
			c.changed[path] = l.now
		}
	}
}

// stale returns, for each CDN, the URLs that it may have cached before the last
// change, and that it has not acknowledged to forget since.
func (l *ledger) stale(base *url.URL) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for name, c := range l.cdns {
		for path, changed := range c.changed {
			for _, u := range site.URLs(base, path) {
				if c.purged[u] < changed {
					out = append(out, name+": "+u)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// peek returns the body of a request and leaves it there.
func peek(r *http.Request) []byte {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		b = nil // the client is gone: what is left of it is no request
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return b
}
