package deploy

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestModelRandom deploys random trees with crashes, single failed requests, a
// CDN that is down, and takeovers in between. Each deploy that ends well leaves
// exactly its tree, and every path that was written since the last purge is
// purged. A failure names its seed.
func TestModelRandom(t *testing.T) {
	const seeds = 40
	for seed := uint64(1); seed <= seeds; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(t)
		dirty := map[string]bool{}
		paths := []string{"a.css", "b.css", "x.html", "y/index.html", "sitemap.xml"}
		gen := func() tree {
			tr := tree{}
			for _, p := range paths {
				if rnd.IntN(3) > 0 {
					tr[p] = string(rune('a' + rnd.IntN(2)))
					if rnd.IntN(3) == 0 {
						tr[p] += "|60"
					}
				}
			}
			if len(tr) == 0 {
				tr["a.css"] = "z"
			}
			return tr
		}
		var hist []string
		crash := errors.New("crashed")
		for step := 0; step < 6; step++ {
			final := step == 5 || rnd.IntN(3) == 0
			tr := gen()
			at, after, sticky := -1, rnd.IntN(2) == 0, rnd.IntN(2) == 0
			if !final {
				at = rnd.IntN(14)
			}
			w.edge.err = nil
			if !final && rnd.IntN(3) == 0 {
				w.edge.err = errors.New("down")
			}
			count := 0
			w.spy.hook = func(op string, done func() error) error {
				w.spy.mu.Lock()
				count++
				now := count - 1
				w.spy.mu.Unlock()
				if at >= 0 && (now > at && sticky || now == at && !after) {
					return crash
				}
				err := done()
				if err == nil && !strings.Contains(op, ".pandastack") && !strings.HasPrefix(op, "GET") {
					w.spy.mu.Lock()
					for _, p := range strings.Fields(op)[1:] {
						dirty[strings.TrimPrefix(p, "blog/")] = true
					}
					w.spy.mu.Unlock()
				}
				if err == nil && now == at {
					return crash
				}
				return err
			}
			_, err := w.deploy(tr)
			for _, u := range w.edge.purged() {
				delete(dirty, strings.TrimPrefix(u, "https://example.com/"))
			}
			hist = append(hist, strings.TrimSpace(strings.Join([]string{map[bool]string{true: "final", false: "crash"}[final], errString(err)}, ": ")))
			w.spy.hook = nil
			w.spy.skew += lease + time.Minute
			if final {
				if err != nil {
					t.Fatalf("seed %d %v", seed, hist)
				}
			}
			if err == nil {
				w.check(tr)
				if len(dirty) > 0 {
					t.Errorf("not purged: %v", dirty)
				}
				if t.Failed() {
					t.Fatalf("seed %d %q", seed, hist)
				}
			}
		}
	}
}

func errString(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}
