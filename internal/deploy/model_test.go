package deploy

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// histories is how many random histories TestModel plays, unless -rapid.checks
// says how many each of its lanes plays.
const (
	histories = 10_000
	lanes     = 4
)

func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.shrinktime": "20s", "rapid.checks": fmt.Sprint(histories / lanes / raceFactor), "rapid.seed": "1"} {
		if !given[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	debug.SetGCPercent(400) // small worlds, short lives
	tempInMemory()
	goleak.VerifyTestMain(m)
}

// tempInMemory puts temporary files where nothing waits for the disk, if the
// system has such a place: there are thousands of small ones, in worlds and on
// servers.
func tempInMemory() {
	if _, err := os.Stat("/dev/shm"); err != nil || os.Getenv("TMPDIR") != "" {
		return
	}
	if err := os.Setenv("TMPDIR", "/dev/shm"); err != nil {
		panic(err)
	}
}

// TestModel plays random histories of a site against a model of it, in the
// time of the test. After each step the bucket is what the model says, and no
// promise is broken at any instant between. At the end of each history, when
// all is quiet, one plain deploy puts everything right, and another one has
// nothing to do.
//
// A failure prints its history, made as short as it still fails, and its seed:
//
//	go test ./internal/deploy -run TestModel/lanes/2 -rapid.checks=1 -rapid.seed=N
//
// plays it again. Without -rapid.seed, the histories are the same each time;
// -rapid.seed=0 takes others.
func TestModel(t *testing.T) {
	d := &disk{dir: t.TempDir()}
	var mu sync.Mutex
	total := tally{}
	t.Run("lanes", func(t *testing.T) {
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(rt *rapid.T) {
					for range lane { // what follows differs from the other lanes
						rapid.Bool().Draw(rt, "lane")
					}
					h := drawHistory(rt)
					got, err := playHistory(t, d, h)
					mu.Lock()
					defer mu.Unlock()
					total.add(got)
					if err != nil {
						rt.Fatalf("%v\n%v", err, h)
					}
				})
			})
		}
	})
	t.Logf("\n%v", total)
	for _, what := range []string{"retired", "revived", "due"} {
		if total["histories"] >= 1000 && total[what] == 0 {
			t.Errorf("nothing was %s in %d histories", what, total["histories"])
		}
	}
}

// life is one history of a site.
type life struct {
	Skew  time.Duration // of the bucket's clock
	Seed  uint64        // of how long requests take
	Steps []step
}

// String returns one line for each step.
func (h life) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "skew %v, seed %d", h.Skew, h.Seed)
	for i, step := range h.Steps {
		fmt.Fprintf(&s, "\n%d. %v", i+1, step)
	}
	return s.String()
}

// playHistory plays a history in a time of its own.
func playHistory(t *testing.T, d *disk, h life) (tally, error) {
	var b *bed
	var err error
	synctest.Test(t, func(*testing.T) {
		b = newBed(d, h.Skew, h.Seed)
		for i, s := range h.Steps {
			if err = b.play(s); err != nil {
				err = fmt.Errorf("step %d: %w", i+1, err)
				break
			}
		}
		if err == nil {
			err = b.rest()
		}
		time.Sleep(3 * time.Hour) // until the last request has landed
	})
	b.tally["histories"]++
	return b.tally, err
}

// rest lets everything come to rest: one deploy mends what there is, and the
// next one finds nothing to do.
func (b *bed) rest() error {
	b.heal()
	time.Sleep(3 * time.Hour)
	calm := execution{Order: "newest", Locked: "fail", Keep: 2, Workers: 2}
	if err := b.play(step{Do: "deploy", First: calm}); err != nil {
		return fmt.Errorf("the deploy at the end: %w", err)
	}
	calm.Order = "same"
	r := b.prepare(calm)
	r.start()
	r.run()
	if r.err != nil || r.writes > 0 || r.arrived != 2 {
		return errors.Join(r.err, fmt.Errorf("nothing to do took %d requests and %d writes", r.arrived, r.writes))
	}
	return nil
}

// tally counts what happened.
type tally map[string]int

func (t tally) add(o tally) {
	for k, n := range o {
		t[k] += n
	}
}

// String returns a table.
func (t tally) String() string {
	var s strings.Builder
	w := tabwriter.NewWriter(&s, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, k := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(w, "%s\t%d\t\n", k, t[k])
	}
	_ = w.Flush()
	return s.String()
}

// drawHistory draws a history.
func drawHistory(t *rapid.T) life {
	return life{
		Skew:  rapid.SampledFrom([]time.Duration{0, 2 * time.Hour, -40 * time.Second}).Draw(t, "skew"),
		Seed:  rapid.Uint64Range(0, 1<<24).Draw(t, "seed"),
		Steps: rapid.SliceOfN(rapid.Custom(drawStep), 1, 9).Draw(t, "steps"),
	}
}

func drawStep(t *rapid.T) step {
	s := step{
		Do:    rapid.SampledFrom([]string{"deploy", "deploy", "deploy", "deploy", "deploy", "rollback", "rollback", "gc", "forget", "race", "foreign", "heal", "unlock"}).Draw(t, "do"),
		First: drawExecution(t),
		Wait:  rapid.SampledFrom([]time.Duration{time.Minute, 10 * time.Minute, lease + time.Minute, 2 * time.Hour}).Draw(t, "wait"),
	}
	switch s.Do {
	case "race":
		s.Other, s.Gap = drawExecution(t), rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond, 200 * time.Millisecond}).Draw(t, "gap")
	case "foreign":
		s.Slot = rapid.IntRange(0, len(slots)-1).Draw(t, "slot")
	}
	return s
}

func drawExecution(t *rapid.T) execution {
	return execution{
		Edits:   rapid.SliceOfN(rapid.Custom(drawEdit), 0, 4).Draw(t, "edits"),
		Order:   rapid.SampledFrom([]string{"newest", "newest", "newest", "newest", "newest", "same", "older", "forced", "unknown"}).Draw(t, "order"),
		Locked:  rapid.SampledFrom([]string{"fail", "rerun", "rerun", "fail", "wait"}).Draw(t, "locked"),
		Keep:    rapid.IntRange(0, 3).Draw(t, "keep"),
		Retain:  rapid.SampledFrom([]time.Duration{30 * time.Minute, 3 * time.Hour, 30 * time.Minute, 0}).Draw(t, "retain"),
		Workers: rapid.SampledFrom([]int{1, 4}).Draw(t, "workers"),
		Target:  rapid.IntRange(0, 2).Draw(t, "target"),
		CDNDown: rapid.IntRange(0, 7).Draw(t, "cdn") == 7,
		Fault:   drawFault(t),
	}
}

func drawEdit(t *rapid.T) edit {
	return edit{
		Do:    rapid.SampledFrom([]string{"edit", "edit", "add", "remove", "rename", "header"}).Draw(t, "do"),
		Slot:  rapid.IntRange(0, len(slots)-1).Draw(t, "slot"),
		Value: rapid.IntRange(0, 2).Draw(t, "value"),
	}
}

func drawFault(t *rapid.T) fault {
	f := fault{Kind: rapid.SampledFrom([]string{
		noFault, noFault, noFault, noFault, noFault, noFault, noFault, noFault, crashBefore, crashAfter, crashLate,
		crashBefore, crashAfter, crashLate, interrupted, fails, lost, repeated, cutBefore, cutAfter, stalls,
	}).Draw(t, "fault")}
	if f.Kind == noFault {
		return f
	}
	f.At = rapid.SampledFrom(uniform(30)).Draw(t, "at")
	switch f.Kind {
	case crashLate:
		f.Late = rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Minute, 14 * time.Minute}).Draw(t, "late")
	case stalls:
		f.Late = rapid.SampledFrom([]time.Duration{time.Minute, 9 * time.Minute, 20 * time.Minute}).Draw(t, "late")
	}
	return f
}

// uniform returns 0 to n-1: rapid prefers small numbers, but not the first of
// a list.
func uniform(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
