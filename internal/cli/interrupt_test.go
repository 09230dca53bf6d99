package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

const (
	// promised is how soon a run that gets a signal has ended.
	promised = 5 * time.Second
	// scheduling is what a busy machine may add before the test gives up.
	scheduling = 2 * time.Second
)

// TestInterrupt sends a signal to the program at each request of a deploy,
// while the server does not answer it: before the server sees it, and after it
// was done. The program must end in time, begin nothing new, and hand the site
// over, so that a plain deploy makes it right at once.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	server := testbed.MinIO(t)
	t.Run("deploy", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0)
		b.interrupts(t)
	})
	t.Run("restore", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0)
		before := b.depot.read(t)
		c := &cut{at: "COPY style.css"}
		refused := &faultPoint{request: "PUT index.html", kind: testbed.Refusal(http.StatusBadRequest, "Unexpected"), forever: true}
		r := b.interrupt(t, c, refused)
		b.wantHandedOver(t, before, r, c)
		b.deploy(t, 1, 0)
	})
	t.Run("waiting", func(t *testing.T) {
		t.Parallel()
		b := newCrashBed(t, server)
		b.deployAll(t, 0)
		b.run(t, 1, b.gate(0, &killPoint{request: "PUT index.html"}), "deploy")
		before := b.depot.read(t)
		b.interrupt(t, &cut{at: "GET head #2", answer: true}, nil, "--lock-timeout", "10m")
		after := b.depot.read(t)
		after.wantSite(t, before.site())
		if after[stateDir+"head"] != before[stateDir+"head"] {
			t.Error("the head of another deploy was written")
		}
	})
	for _, at := range []string{"PUT intents/ID", "PUT style.css", "PUT head #2", "DELETE many", "PURGE cloudflare"} {
		t.Run("server gone at "+at, func(t *testing.T) {
			t.Parallel()
			b := newCrashBed(t, server)
			b.deployAll(t, 0)
			r := b.interrupt(t, &cut{at: at, gone: true}, nil)
			after := b.depot.read(t)
			b.noteUnfinished(t, after)
			b.deploy(t, 1, expired)
			if t.Failed() {
				t.Log(r.output)
			}
		})
	}
}

// cut is when a signal comes, and what becomes of the request that is then on
// its way.
type cut struct {
	at     string // the request, as gate.enter names it
	after  bool   // the server has done it
	answer bool   // it is answered, and the signal comes a little later
	gone   bool   // the server answers nothing from then on
	signal syscall.Signal

	mu   sync.Mutex
	seen int // requests until the program has left the one that is cut
}

// fault returns what befalls the request.
func (c *cut) fault(g *gate) *faultPoint {
	stall := faultNamed("stalled")
	return &faultPoint{request: c.at, kind: testbed.Fault{Name: "signal", Serve: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		if c.answer {
			forward.ServeHTTP(w, r)
			time.AfterFunc(200*time.Millisecond, func() { c.strike(g) })
			return
		}
		if c.after {
			forward.ServeHTTP(httptest.NewRecorder(), r)
		}
		c.strike(g)
		stall.Serve(w, r, forward)
		time.Sleep(100 * time.Millisecond) // for what was on its way, too
		g.mu.Lock()
		defer g.mu.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen = len(g.log)
	}}}
}

// strike sends the signal, and ends the process when it takes too long, which
// its exit code then shows.
func (c *cut) strike(g *gate) {
	<-g.started
	if c.gone {
		g.mu.Lock()
		g.faults = append(g.faults, &faultPoint{kind: faultNamed("stalled"), forever: true})
		g.mu.Unlock()
	}
	var signal os.Signal = os.Interrupt
	if c.signal != 0 {
		signal = c.signal
	}
	_ = g.process.Signal(signal)
	late := time.AfterFunc(promised+scheduling, func() { _ = g.process.Kill() })
	go func() {
		<-g.dead
		late.Stop()
	}()
}

func faultNamed(name string) testbed.Fault {
	all := testbed.Faults()
	return all[slices.IndexFunc(all, func(f testbed.Fault) bool { return f.Name == name })]
}

// interrupt runs a deploy of the second version that gets a signal, and checks
// how it ends.
func (b *crashBed) interrupt(t *testing.T, c *cut, other *faultPoint, args ...string) ran {
	t.Helper()
	g := b.gate(0, nil)
	g.faults = []*faultPoint{c.fault(g)}
	if other != nil {
		g.faults = append(g.faults, other)
	}
	r := b.run(t, 1, g, append([]string{"deploy"}, args...)...)
	// All that is left there is to say that all is done.
	finished := r.code == exitOK && (c.at == "PUT head #3" || c.at == "DELETE intents/ID")
	if r.code != exitInterrupted && !finished {
		t.Errorf("exit code %d, want %d within %v:\n%s\n%s", r.code, exitInterrupted, promised, strings.Join(r.log, "\n"), r.output)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen > 0 {
		for _, request := range r.log[c.seen:] {
			if base, _ := cutNumber(request); !slices.Contains([]string{"GET head", "PUT head", "DELETE intents/ID", "DELETE many"}, base) {
				t.Errorf("%s began after the signal", request)
			}
		}
	}
	return r
}

var partlyChanged = regexp.MustCompile(`partly changed: (.*)`)

// wantHandedOver checks what an interrupted deploy leaves: it said what is
// true, and the site is free.
func (b *crashBed) wantHandedOver(t *testing.T, before contents, r ran, c *cut) {
	t.Helper()
	after := b.depot.read(t)
	h := after.head(t, b.depot.name)
	if h.Busy != nil {
		t.Errorf("the site stays locked:\n%s", r.output)
	}
	committed := h.Live != before.head(t, b.depot.name).Live
	if said := r.code == exitOK || strings.Contains(r.output, "interrupted after the commit"); said != committed {
		t.Errorf("committed: %v; it said:\n%s", committed, r.output)
	}
	if committed {
		after.wantWhole(t, b.sites[0], b.sites[1])
	} else {
		var listed []string
		if m := partlyChanged.FindStringSubmatch(r.output); m != nil {
			listed = strings.Split(m[1], ", ")
		}
		wantListed(t, before.site(), after.site(), b.sites[1], listed)
	}
	b.noteUnfinished(t, after)
	if t.Failed() {
		t.Logf("interrupted at %s:\n%s", c.at, r.output)
	}
}

// interrupts sends a signal at each request.
func (b *crashBed) interrupts(t *testing.T) {
	start, ledger := b.depot.read(t), b.ledger
	b.ledger = ledger.clone()
	requests := b.requests(t, crashRun{version: 1, args: []string{"deploy"}}, start)
	n := 0
	for i, request := range requests {
		for _, after := range []bool{false, true} {
			if n++; n%interruptStride != 0 && !strings.Contains(request, "head") {
				continue
			}
			c := &cut{at: request, after: after}
			if i%4 == 3 {
				c.signal = syscall.SIGTERM
			}
			t.Run(killPoint{request, after}.String(), func(t *testing.T) {
				b.depot.restore(t, start)
				b.ledger = ledger.clone()
				b.wantHandedOver(t, start, b.interrupt(t, c, nil), c)
				b.deploy(t, 1, 0)
			})
		}
	}
}
