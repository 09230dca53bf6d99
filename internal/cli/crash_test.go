package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudflarefake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/webhookfake"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// expired is more than a lease, and less than makes a suspect be forgotten.
const expired = 20 * time.Minute

// TestCrash kills the program with SIGKILL at each of its requests to a real
// server, and at each purge: before the server sees the request, and after the
// server has done it. At that moment each file must be whole, and what pages
// refer to must be there. Then the clock of the server moves past the lease,
// and one plain deploy must make the site right, with nothing stale at either of
// the two CDNs.
func TestCrash(t *testing.T) {
	t.Parallel()
	server := testbed.MinIO(t)
	t.Run("first deploy", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.matrix(t, crashRun{version: 0, then: 0, seen: []contents{{}, b.sites[0]}, args: []string{"deploy"}})
	})
	t.Run("deploy", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0)
		b.matrix(t, crashRun{version: 1, then: 1, seen: b.sites[:2], args: []string{"deploy"}})
	})
	t.Run("rollback", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0, 1)
		b.matrix(t, crashRun{version: 1, then: 1, seen: b.sites[:2], args: []string{"rollback"}})
	})
	t.Run("promote", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.stage(t, 1)
		b.deployAll(t, 0)
		b.matrix(t, crashRun{version: 1, then: 1, seen: b.sites[:2], args: []string{"promote", "--from", "staging"}})
		b.wantStaged(t, 1)
	})
	t.Run("deploy after a crash", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0)
		b.twice(t)
	})
	t.Run("rollback after a crash", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0, 1)
		b.rollbacks(t)
	})
	t.Run("gc", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0, 1, 2)
		b.matrix(t, crashRun{version: 2, then: 2, seen: b.sites[2:], args: []string{"gc", "--keep", "1", "--forget", "new.html"}})
	})
	t.Run("retire", func(t *testing.T) {
		t.Parallel()
		crashRetire(t, server)
	})
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0)
		b.late(t)
	})
	t.Run("purge", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.debts(t)
		b.matrix(t, crashRun{version: 2, then: 2, seen: b.sites[1:], args: []string{"purge"}, mend: []string{"purge"}, purges: true})
	})
	t.Run("deploy that pays", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.debts(t)
		b.matrix(t, crashRun{version: 0, then: 0, seen: b.sites, args: []string{"deploy"}, purges: true})
	})
	t.Run("upload in parts", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0)
		b.uploads(t)
	})
}

// crashBed is a site on a server, and all that watches it.
type crashBed struct {
	server     *testbed.S3
	depot      *depot
	cloudflare *cloudflarefake.Server
	program    string
	projects   []string // of variants
	sites      []contents
	ledger     *ledger
	base       *url.URL
	// store, purges and hooks stand before the services. They are the same for
	// all runs, so that what a storage was found to do is remembered.
	store, purges, hooks *testbed.CountingProxy
	purgeURL             string
	staged               *depot // the bucket of the environment staging, where there is one
}

// newRetainingBed returns a bed whose projects retain assets for so long.
func newRetainingBed(t *testing.T, server *testbed.S3, retain string) *crashBed {
	t.Helper()
	program, err := exec.LookPath("pandastack") // by testscript
	if err != nil {
		t.Fatal(err)
	}
	b := &crashBed{
		server: server, depot: newDepot(t, server), program: program, ledger: newLedger("cloudflare", "webhook"),
		cloudflare: cloudflarefake.New(t, cloudflarefake.Options{PerSecond: 1e6}),
	}
	if b.base, err = url.Parse(crashURL); err != nil {
		t.Fatal(err)
	}
	api, err := url.Parse(b.cloudflare.URL)
	if err != nil {
		t.Fatal(err)
	}
	path := api.Path
	api.Path = ""
	b.store, b.purges = testbed.NewCountingProxy(t, server.Endpoint), testbed.NewCountingProxy(t, api.String())
	b.purgeURL = b.purges.URL + path
	b.hooks = testbed.NewCountingProxy(t, webhookfake.New(t).URL)
	for _, v := range variants {
		b.projects = append(b.projects, v.project(t, b.hooks.URL+webhookfake.Path, retain))
		b.sites = append(b.sites, v.objects())
	}
	return b
}

// ran is how a process ended.
type ran struct {
	*gate
	code   int
	output string
}

// run runs the program in the project of a version. Where it is to be killed,
// it must die of that.
func (b *crashBed) run(t *testing.T, version int, g *gate, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, b.program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = b.projects[version], b.environ(t, g), &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g.process = cmd.Process
	close(g.started)
	_ = cmd.Wait() // the state says more
	close(g.dead)
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%v took too long:\n%s", args, &out)
	case !g.quiet():
		t.Fatalf("%v: a request does not end", args)
	case g.kill != nil && cmd.ProcessState.String() != "signal: killed":
		t.Fatalf("%v was to be killed %v, and ended with %v:\n%s\n%s", args, g.kill, cmd.ProcessState, strings.Join(g.log, "\n"), &out)
	}
	if line := leaked(out.String()); line != "" {
		t.Errorf("%v: a secret is in %q", args, line)
	}
	return ran{g, cmd.ProcessState.ExitCode(), out.String()}
}

// environ leads all requests of a process through its gate, and nothing of
// this process's environment to it.
func (b *crashBed) environ(t *testing.T, g *gate) []string {
	for _, p := range []*testbed.CountingProxy{b.store, b.purges, b.hooks} {
		p.Around(g.around)
	}
	env := append(b.server.Env(), "HOME="+t.TempDir(), "PANDASTACK_ENDPOINT="+b.store.URL,
		"CLOUDFLARE_BASE_URL="+b.purgeURL, "CLOUDFLARE_API_TOKEN="+cloudflarefake.Token,
		"PANDASTACK_WEBHOOK_SECRET="+webhookfake.Secret, raceOptions)
	if b.staged == nil { // else the file names the buckets
		env = append(env, "PANDASTACK_BUCKET="+b.depot.name)
	}
	return env
}

// deploy runs a plain deploy that must succeed, and checks what it leaves.
func (b *crashBed) deploy(t *testing.T, version int, shift time.Duration) (contents, strays) {
	t.Helper()
	return b.mend(t, version, shift, "deploy")
}

// mend runs a command that must make the site a version, and checks what it
// leaves.
func (b *crashBed) mend(t *testing.T, version int, shift time.Duration, args ...string) (contents, strays) {
	t.Helper()
	r := b.run(t, version, b.gate(shift, nil), args...)
	if r.code != exitOK {
		t.Fatalf("%v ended with %d:\n%s", args, r.code, r.output)
	}
	after := b.depot.read(t)
	after.released(t, b.depot.name, b.sites[version]).wantSite(t, b.sites[version])
	left := after.wantState(t, b.depot.name)
	// What could not be collected is said in the head, and left by a run that
	// has nothing else to do.
	if left != (strays{}) && !after.head(t, b.depot.name).Strays {
		t.Errorf("nothing refers to %v", left)
	}
	if stale := b.ledger.stale(b.base); len(stale) > 0 {
		t.Errorf("not purged since they changed:\n%s", strings.Join(stale, "\n"))
	}
	if t.Failed() {
		t.Logf("it wrote:\n%s", r.output)
	}
	return after, left
}

func (b *crashBed) deployAll(t *testing.T, versions ...int) {
	t.Helper()
	for _, v := range versions {
		b.deploy(t, v, 0)
	}
}

// crashRun is a command that is killed, and what follows.
type crashRun struct {
	args    []string
	version int           // whose project it runs in
	shift   time.Duration // of the server's clock
	then    int           // the version that is deployed after it
	seen    []contents    // the versions that visitors may see files of
	mend    []string      // what follows; nil: a plain deploy
	purges  bool          // it is killed at each purge, also in a sample
}

// killed is what a kill led to.
type killed struct {
	outcome string // what was live when the process was dead
	left    strays // after the next run
}

// killAt lets a command die, and deploys after it.
func (b *crashBed) killAt(t *testing.T, c crashRun, p killPoint) killed {
	t.Helper()
	before := b.depot.read(t)
	b.run(t, c.version, b.gate(c.shift, &p), c.args...)
	k := killed{outcome: b.outcome(t, before, b.crashed(t, c))}
	if c.mend == nil {
		c.mend = []string{"deploy"}
	}
	_, k.left = b.mend(t, c.then, c.shift+expired, c.mend...)
	return k
}

// crashed checks what a dead process left, and notes what is in doubt.
func (b *crashBed) crashed(t *testing.T, c crashRun) contents {
	t.Helper()
	after := b.depot.read(t)
	after.released(t, b.depot.name, c.seen...).wantWhole(t, c.seen...)
	b.noteUnfinished(t, after)
	return after
}

// noteUnfinished notes what is in doubt, or owed to a CDN, as changed.
func (b *crashBed) noteUnfinished(t *testing.T, c contents) {
	t.Helper()
	c.unfinished(t, b.depot.name, b.ledger.touch)
}

// outcome says what became of a site.
func (b *crashBed) outcome(t *testing.T, before, after contents) string {
	t.Helper()
	old, now := before.head(t, b.depot.name), after.head(t, b.depot.name)
	changed := 0
	for _, key := range keysOf(before.site(), after.site()) {
		if before[key] != after[key] {
			changed++
		}
	}
	lock := "idle"
	if now.Busy != nil {
		lock = "locked"
	}
	switch {
	case old.Live != now.Live && len(now.Owed) > 0:
		lock += ", committed, owing"
	case old.Live != now.Live:
		lock += ", committed"
	}
	return fmt.Sprintf("%s, %d changed", lock, changed)
}

// requests returns the requests that a command makes from a state of the bucket
// where nobody kills it.
func (b *crashBed) requests(t *testing.T, c crashRun, start contents) []string {
	t.Helper()
	b.depot.restore(t, start)
	r := b.run(t, c.version, b.gate(c.shift, nil), c.args...)
	if r.code != exitOK {
		t.Fatalf("%v ended with %d:\n%s", c.args, r.code, r.output)
	}
	return slices.DeleteFunc(r.log, alike)
}

// alike reports whether a request of a probe is like one before it. Its racers
// and readers come in another order, and in other numbers, each time.
func alike(request string) bool {
	_, name, ok := strings.Cut(request, state.ProbeDir+"ID/")
	return ok && (strings.Contains(name, " #") || strings.ContainsAny(name[:1], "123456789"))
}

// matrix kills a command at each of its requests.
func (b *crashBed) matrix(t *testing.T, c crashRun) {
	start, ledger := b.depot.read(t), b.ledger
	b.ledger = ledger.clone()
	requests := b.requests(t, c, start)
	table := newCrashTable("killed at", "before the server saw it", "after it was done", "left beside")
	for i, request := range requests {
		cells := []string{"", ""}
		var left strays
		for j, after := range []bool{false, true} {
			if (2*i+j)%crashStride != 0 && !(c.purges && strings.HasPrefix(request, "PURGE")) {
				continue
			}
			p := killPoint{request, after}
			t.Run(p.String(), func(t *testing.T) {
				b.depot.restore(t, start)
				b.ledger = ledger.clone()
				k := b.killAt(t, c, p)
				cells[j], left = k.outcome, left.max(k.left)
				table.count(k)
			})
		}
		if cells[0] != "" || cells[1] != "" {
			table.row(append([]string{request}, append(cells, left.String())...)...)
		}
	}
	table.log(t)
}

// twice kills a deploy, and then the one that recovers from that, at every
// third of the requests of both.
func (b *crashBed) twice(t *testing.T) {
	const step = 3 * crashStride
	start, ledger := b.depot.read(t), b.ledger
	first := crashRun{version: 1, seen: b.sites[:2], args: []string{"deploy"}}
	second := crashRun{version: 2, then: 2, shift: expired, seen: b.sites, args: []string{"deploy"}}
	b.ledger = ledger.clone()
	requests := b.requests(t, first, start)
	table := newCrashTable("killed first", "left", "second kills", "left beside")
	for i := 0; i < len(requests); i += step {
		p := killPoint{requests[i], i/step%2 == 1}
		t.Run(p.String(), func(t *testing.T) {
			b.depot.restore(t, start)
			b.ledger = ledger.clone()
			b.run(t, first.version, b.gate(0, &p), first.args...)
			crashed, noted := b.crashed(t, first), b.ledger
			outcome := b.outcome(t, start, crashed)
			b.ledger = noted.clone()
			again := b.requests(t, second, crashed)
			var left strays
			n := 0
			for j := i % step; j < len(again); j += step {
				b.depot.restore(t, crashed)
				b.ledger = noted.clone()
				q := killPoint{again[j], j%2 == 0}
				k := b.killAt(t, second, q)
				if t.Failed() {
					t.Fatalf("the second kill was %v", q)
				}
				left = left.max(k.left)
				n++
				table.count(k)
			}
			table.row(p.String(), outcome, fmt.Sprint(n), left.String())
		})
	}
	table.log(t)
}
