package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// TestFaults fails each request of a deploy, of a rollback, of a deploy that
// recovers, and of a multipart upload, on its way to a real server, in each of
// the ways of testbed.Faults, once and for ever. Whatever the run then says
// must be true of the bucket; and when the fault is gone, one plain deploy must
// make the site right, with nothing stale at the CDN.
func TestFaults(t *testing.T) {
	t.Parallel()
	server := testbed.MinIO(t)
	for _, f := range []faultRun{
		{name: "deploy", history: []int{0}, version: 1},
		{name: "rollback", history: []int{0, 1}, version: 0, rollback: true},
		{name: "deploy after a failure", history: []int{0}, version: 1, failed: true, only: []string{"LIST", "GET"}},
		{name: "large object", history: []int{0}, version: 1, large: true, only: []string{largeKey}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b := newFaultBed(t, server, f.large)
			for _, v := range f.history {
				b.mend(t, v)
			}
			if f.failed {
				b.fail(t, 1)
			}
			b.matrix(t, f)
		})
	}
}

// faultPoint is a request that fails, and how.
type faultPoint struct {
	request string // as gate.enter names it; empty: any
	kind    testbed.Fault
	forever bool // and those like it that follow
}

// hits reports whether the fault befalls a request.
func (p *faultPoint) hits(name string) bool {
	if p.request == "" {
		return true
	}
	want, nth := cutNumber(p.request)
	got, n := cutNumber(name)
	return got == want && (n == nth || p.forever && n > nth)
}

func cutNumber(name string) (string, int) {
	base, number, ok := strings.Cut(name, " #")
	if !ok {
		return name, 1
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	return base, n
}

func (p *faultPoint) String() string {
	when := "once"
	if p.forever {
		when = "for ever"
	}
	return fmt.Sprintf("%s, %s, %s", p.request, p.kind.Name, when)
}

// faultRun is a run that meets faults.
type faultRun struct {
	name     string
	history  []int // the versions that were deployed before
	version  int   // the version that the run makes
	rollback bool
	failed   bool     // a deploy of version 1 failed before
	large    bool     // the second version has an object that is sent in parts
	only     []string // what the names of requests that fail must hold; empty: anything
}

func (f faultRun) wants(request string) bool {
	return len(f.only) == 0 || slices.ContainsFunc(f.only, func(s string) bool { return strings.Contains(request, s) })
}

const (
	largeKey  = "large.bin"
	largeSize = 5<<20 + 1<<10 // two parts: the least that S3 takes for the first, and a rest
)

// faultBed runs deploys in this process: it needs shorter timeouts than users
// do.
type faultBed struct {
	*crashBed
	attempt int // of the CI run: a later one takes over from an earlier one
}

func newFaultBed(t *testing.T, server *testbed.S3, large bool) *faultBed {
	b := &faultBed{crashBed: newCrashBed(t, server)}
	b.ledger = newLedger(ledgerCDN{}.Name())
	if large {
		body := strings.Repeat("0123456789abcdef", largeSize/16)
		if err := os.WriteFile(filepath.Join(b.projects[1], "dist", largeKey), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		b.sites[1][largeKey] = stored{body: body, contentType: "application/octet-stream"}
	}
	return b
}

// ledgerCDN notes what it is asked to purge.
type ledgerCDN struct{ *ledger }

// Name returns a name.
func (ledgerCDN) Name() string { return "ledger" }

// Limits allow any number of URLs in one request.
func (ledgerCDN) Limits() cdn.Limits { return cdn.Limits{Batch: 1 << 20} }

// Purge notes the URLs.
func (c ledgerCDN) Purge(_ context.Context, requests ...cdn.Request) (cdn.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	var res cdn.Result
	for _, q := range requests {
		for _, u := range q.Items {
			c.cdns[c.Name()].purged[u] = c.now
		}
		res.URLs += q.Covers
		res.Requests++
	}
	return res, nil
}

// notes keeps what a run says.
type notes struct{ lines []string }

// Emit keeps messages. No two come at once in these runs but by accident.
func (n *notes) Emit(e event.Event) {
	if m, ok := e.(event.Message); ok {
		n.lines = append(n.lines, m.Text)
	}
}

// options are what a run of the fault tests has, through a gate.
func (b *faultBed) options(t *testing.T, g *gate) deploy.Options {
	t.Helper()
	b.store.Around(g.around)
	patience := 20 * time.Second
	if len(g.faults) > 0 && strings.Contains(g.faults[0].kind.Name, "stall") {
		patience = 300 * time.Millisecond
	}
	store, err := s3.New(t.Context(), s3.Options{
		Provider: "minio", Bucket: b.depot.name, Endpoint: b.store.URL, Credentials: b.server.Credentials(),
		MaxAttempts: 4, MaxBackoff: time.Millisecond, AnswerTime: patience,
		MultipartAbove: 5 << 20, PartBytes: 5 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.attempt++
	return deploy.Options{
		Site: state.Site{Bucket: b.depot.name}, Live: store, State: storage.Prefixed(store, stateDir),
		Owner:   state.Owner{Repository: "octo/site", RunID: "1", RunAttempt: b.attempt},
		BaseURL: b.base, Purgers: []cdn.Purger{ledgerCDN{b.ledger}}, Keep: 10, Workers: 4,
	}
}

// desired are the objects of a version.
func (b *faultBed) desired(version int) deploy.Desired {
	var out deploy.Desired
	for _, path := range keysOf(b.sites[version]) {
		o := b.sites[version][path]
		h := storage.Headers{}
		for name, value := range map[string]string{storage.ContentType: o.contentType, storage.CacheControl: o.cacheControl, storage.ContentLanguage: o.language} {
			if value != "" {
				h[name] = value
			}
		}
		out.Objects = append(out.Objects, state.Object{Path: path, Size: int64(len(o.body)), SHA256: sha256.Sum256([]byte(o.body)), Headers: h})
		out.Files = append(out.Files, filepath.Join(b.projects[version], "dist", filepath.FromSlash(path)))
	}
	return out
}

// faulted is how a run ended.
type faulted struct {
	*gate
	fin   event.Finished
	err   error
	notes *notes
}

// tooLong is far more than any run here takes: beyond it, it hangs.
const tooLong = 90 * time.Second

// run makes a version the live one, or tries.
func (b *faultBed) run(t *testing.T, version int, rollback bool, fault *faultPoint) faulted {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	f := faulted{gate: b.gate(0, nil), notes: &notes{}}
	if fault != nil {
		f.faults = []*faultPoint{fault}
	}
	o := b.options(t, f.gate)
	r := deploy.Open(ctx, o)
	if rollback {
		f.fin, f.err = r.Rollback(ctx, "")
	} else {
		f.fin, f.err = r.Deploy(ctx, b.desired(version))
	}
	if ctx.Err() != nil {
		t.Fatalf("the run hangs, after\n%s", strings.Join(f.log, "\n"))
	}
	if !f.quiet() {
		t.Fatal("a request does not end")
	}
	return f
}

// mend deploys a version, which must succeed.
func (b *faultBed) mend(t *testing.T, version int) contents {
	t.Helper()
	f := b.run(t, version, false, nil)
	if f.err != nil {
		t.Fatalf("the deploy after it: %v\n%s", f.err, strings.Join(f.log, "\n"))
	}
	return b.wantDone(t, version)
}

// wantDone checks that a version is live, and nothing left to do.
func (b *faultBed) wantDone(t *testing.T, version int) contents {
	t.Helper()
	now := b.depot.read(t)
	now.wantSite(t, b.sites[version])
	now.wantState(t, b.depot.name)
	if stale := b.ledger.stale(b.base); len(stale) > 0 {
		t.Errorf("not purged since they changed:\n%s", strings.Join(stale, "\n"))
	}
	return now
}

// fail leaves a deploy of a version in doubt.
func (b *faultBed) fail(t *testing.T, version int) {
	t.Helper()
	f := b.run(t, version, false, &faultPoint{request: "PUT index.html", kind: testbed.Faults()[0], forever: true})
	if f.err == nil {
		t.Fatal("the deploy was to fail")
	}
}

// judge checks that what a run said is true, and returns it in a word.
func (b *faultBed) judge(t *testing.T, f faultRun, before contents, r faulted) string {
	t.Helper()
	var partial *deploy.PartialError
	var listed []string
	verdict := "as it was"
	switch {
	case r.err == nil:
		b.wantDone(t, f.version)
		return "done"
	case errors.Is(r.err, deploy.ErrOwed):
		b.wantOwed(t, f, before, r)
		return "owed"
	case errors.As(r.err, &partial):
		listed, verdict = partial.Paths, "partly"
	}
	now := b.depot.read(t)
	wantListed(t, before.site(), now.site(), b.sites[f.version], listed)
	b.noteUnfinished(t, now)
	if now.head(t, b.depot.name).Busy != nil {
		verdict += ", locked"
		if !r.faults[0].forever {
			t.Errorf("one fault left the site locked: %v", r.notes.lines)
		}
	}
	return verdict
}

// wantListed checks that nothing but the listed paths differs from the old
// site, new ones apart, and that all are whole.
func wantListed(t *testing.T, old, now, wanted contents, listed []string) {
	t.Helper()
	for _, path := range keysOf(old, now) {
		was, there := old[path]
		switch got, here := now[path]; {
		case got == was && here == there:
		case !here:
			t.Errorf("%s is gone", path)
		case got != wanted[path]:
			t.Errorf("%s is neither old nor new: %+v", path, got)
		case there && !slices.Contains(listed, path):
			t.Errorf("%s is changed, and not listed", path)
		}
	}
}

// wantOwed checks a run that committed and left something to do.
func (b *faultBed) wantOwed(t *testing.T, f faultRun, before contents, r faulted) {
	t.Helper()
	now := b.depot.read(t)
	h := now.head(t, b.depot.name)
	if h.Live == before.head(t, b.depot.name).Live || len(h.Owed) == 0 && h.Busy == nil || len(r.fin.Owed) == 0 {
		t.Errorf("said to owe %q; the head: %+v", r.fin.Owed, h)
	}
	for _, path := range keysOf(before.site(), now.site(), b.sites[f.version]) {
		want, wanted := b.sites[f.version][path]
		if got := now[path]; wanted && got != want || !wanted && got != (stored{}) && got != before[path] {
			t.Errorf("%s is %+v, want %+v", path, got, want)
		}
	}
	b.noteUnfinished(t, now)
}

// matrix lets each request of a run meet each fault.
func (b *faultBed) matrix(t *testing.T, f faultRun) {
	start, ledger := b.depot.read(t), b.ledger
	b.ledger = ledger.clone()
	clean := b.run(t, f.version, f.rollback, nil)
	if clean.err != nil {
		t.Fatal(clean.err)
	}
	table := newFaultTable()
	cell := 0
	for _, request := range clean.log {
		if !f.wants(request) {
			continue
		}
		for _, kind := range testbed.Faults() {
			for _, forever := range []bool{false, true} {
				if cell++; cell%faultStride != 0 {
					continue
				}
				p := &faultPoint{request, kind, forever}
				t.Run(p.String(), func(t *testing.T) {
					b.depot.restore(t, start)
					b.ledger = ledger.clone()
					r := b.run(t, f.version, f.rollback, p)
					verdict := b.judge(t, f, start, r)
					table.count(p, verdict)
					b.mend(t, f.version)
					if strings.Contains(kind.Name, "wrong") { // it may have been recorded
						b.mend(t, 2)
					}
					if t.Failed() {
						t.Logf("the run ended with %v, after\n%s\n%s", r.err, strings.Join(r.notes.lines, "\n"), strings.Join(r.log, "\n"))
					}
				})
			}
		}
	}
	table.log(t)
}
