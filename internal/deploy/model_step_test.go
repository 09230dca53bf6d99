package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

// step is one step of a history: plain data, so that a history can be printed
// and shrunk.
type step struct {
	Do    string // deploy, rollback, gc, forget, race, foreign, heal, unlock, wait
	First execution
	Other execution     // race: a second run
	Gap   time.Duration // race: by how much that begins later
	Slot  int           // foreign: whose path
	Wait  time.Duration
}

// execution is one run of one actor.
type execution struct {
	Edits   []edit
	Order   string // newest, older, forced (older, with --force), unknown
	Locked  string // what it does where the head is busy: fail, wait, rerun (it is a later attempt of the same run)
	Keep    int
	Retain  time.Duration
	Workers int
	Target  int // rollback: which of the kept releases
	CDNDown bool
	Fault   fault
}

// String leaves out what does not matter for the step.
func (s step) String() string {
	out := s.Do
	switch s.Do {
	case "deploy", "rollback", "gc", "forget":
		out += fmt.Sprintf(" %+v", s.First)
	case "race":
		out += fmt.Sprintf(" %+v and, after %v, %+v", s.First, s.Gap, s.Other)
	case "foreign":
		out += fmt.Sprintf(" at slot %d, deleting: %t", s.Slot, s.First.Keep%2 != 0)
	}
	return fmt.Sprintf("%s, then wait %v", out, s.Wait)
}

// run is an execution under way.
type run struct {
	execution
	*wire
	bed      *bed
	rollback string // id; empty: a deploy
	gc       *collection
	commit   int
	changed  bool // the output differs from the live release

	before  map[string]storagetest.Stored
	live    string
	landed  int
	expires time.Time // of the lease that another run had at the start; zero: none
	err     error
}

// prepare makes a run of an execution. Its output is what the authors have when
// it begins.
func (b *bed) prepare(a execution) *run {
	for _, e := range a.Edits {
		b.source.do(e)
	}
	r := &run{execution: a, bed: b, commit: b.commit, wire: &wire{bed: b, fault: a.Fault, seed: b.seed, seen: map[string]int{}, gone: a.CDNDown, keep: a.Keep, retain: a.Retain, output: b.source.build()}}
	switch a.Order {
	case "newest":
		b.commit++
		r.commit = b.commit
	case "older", "forced":
		r.commit = max(1, b.commit-1)
		b.commit = max(b.commit, r.commit)
	case "unknown":
		r.commit = 0
	}
	return r
}

// toRollback turns a run into a rollback, where there is a release to go to.
func (r *run) toRollback() {
	r.bed.mu.Lock()
	defer r.bed.mu.Unlock()
	if n := len(r.bed.kept); n > 0 {
		r.rollback = r.bed.kept[r.Target%n]
		r.wire.output = r.bed.remembered(r.bed.outputs[r.rollback])
	}
}

func (r *run) options() Options {
	r.bed.mu.Lock()
	defer r.bed.mu.Unlock()
	o := Options{
		Site: r.bed.site, Live: storage.Prefixed(r.wire, sitePrefix), State: storage.Prefixed(r.wire, statePrefix), MixedPaths: true,
		Owner: state.Owner{Repository: "r", RunID: strconv.Itoa(r.commit), RunAttempt: 1}, Tool: "test",
		BaseURL: r.bed.base, Purgers: []cdn.Purger{r.wire}, Workers: r.Workers, Keep: r.Keep, Retain: r.Retain, Force: r.Order == "forced",
	}
	if r.commit > 0 {
		o.Source = state.Source{Commit: strconv.Itoa(r.commit)}
		o.Order = func(_ context.Context, m state.Mark) Order {
			switch n := commitOf(&m); {
			case n < r.commit:
				return Newer
			case n > r.commit:
				return Older
			default:
				return Same
			}
		}
	}
	if busy := r.bed.head.Busy; busy != nil && r.Locked == "rerun" {
		o.Owner = busy.Owner
		o.Owner.RunAttempt++
	}
	if r.Locked == "wait" {
		o.LockTimeout = 2 * lease
	}
	return o
}

// start notes how things are before the run.
func (r *run) start() {
	b := r.bed
	b.mu.Lock()
	defer b.mu.Unlock()
	for path, v := range r.wire.output {
		b.known[path] = append(b.known[path], v)
	}
	r.began = b.clock()
	r.before, r.live, r.landed = b.files(), b.head.Live, b.landed
	r.changed = !maps.Equal(r.wire.output, b.live)
	if busy := b.head.Busy; busy != nil && time.Now().Add(b.mem.Skew).Before(busy.Expires) {
		r.expires = busy.Expires
	}
	b.tally["runs"]++
}

func (r *run) run() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r.stop = stop
	switch d := Open(ctx, r.options()); {
	case r.gc != nil:
		r.err = r.collect(ctx, d)
	case r.rollback != "":
		_, r.err = d.Rollback(ctx, r.rollback)
	default:
		_, r.err = d.Deploy(ctx, r.bed.disk.desired(r.wire.output))
	}
	stop()
}

// play runs a step, and returns the first promise that is broken.
func (b *bed) play(s step) error {
	b.count(s.Do)
	switch s.Do {
	case "deploy", "rollback":
		r := b.prepare(s.First)
		if s.Do == "rollback" {
			r.toRollback()
		}
		r.start()
		r.run()
		if err := r.judge(); err != nil {
			return fmt.Errorf("%w (the run: %v)", err, r.err)
		}
	case "gc", "forget":
		r := b.prepare(s.First)
		r.toGC(s.Do == "forget")
		r.start()
		r.run()
		if err := r.judgeGC(); err != nil {
			return fmt.Errorf("%w (the run: %v)", err, r.err)
		}
	case "race":
		if err := b.race(s); err != nil {
			return err
		}
	case "foreign":
		b.interfere(s)
	case "heal":
		b.heal()
	case "unlock":
		b.unlock()
	}
	time.Sleep(s.Wait)
	return b.promises()
}

// race lets two runs overlap.
func (b *bed) race(s step) error {
	one, two := b.prepare(s.First), b.prepare(s.Other)
	two.seed++
	one.start()
	two.start()
	var wg sync.WaitGroup
	wg.Go(one.run)
	wg.Go(func() {
		time.Sleep(s.Gap)
		two.run()
	})
	wg.Wait()
	return b.judgeRace(one, two)
}

// interfere writes or deletes an object of the site as somebody else does.
func (b *bed) interfere(s step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	path := b.source.path(s.Slot)
	b.changes++
	old, _ := b.mem.Peek(sitePrefix + path)
	b.gone[string(old.Body)] = true
	if s.First.Keep%2 == 0 {
		b.write(sitePrefix+path, fmt.Sprintf("foreign %d", b.changes))
	} else if err := b.mem.Delete(context.Background(), sitePrefix+path); err != nil {
		panic(err)
	}
	b.foreign[path], _ = b.mem.Peek(sitePrefix + path)
}

// heal takes back what somebody else did.
func (b *bed) heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	ctx := context.Background()
	for path := range b.foreign {
		var err error
		if v, ok := b.live[path]; ok {
			_, err = b.mem.Put(ctx, sitePrefix+path, storage.Bytes([]byte(v.body)), v.headersOf(path), storage.Condition{})
		} else {
			err = b.mem.Delete(ctx, sitePrefix+path)
		}
		if err != nil {
			panic(err)
		}
	}
	clear(b.foreign)
}

// unlock takes the head from a dead run.
func (b *bed) unlock() {
	r := b.prepare(execution{Order: "unknown", Workers: 1})
	r.start()
	d := Open(context.Background(), r.options())
	busy, err := d.Lock(context.Background())
	if err == nil {
		err = d.Unlock(context.Background(), busy.Target)
	}
	if err != nil && !errors.Is(err, ErrNotLocked) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.breaks("unlock: %v", err)
	}
}

// promises returns the promises that were broken so far.
func (b *bed) promises() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for path, f := range b.foreign {
		if now, _ := b.mem.Peek(sitePrefix + path); !same(f, now) {
			b.breaks("%s is somebody else's, and was changed", path)
		}
	}
	if len(b.broken) == 0 {
		return nil
	}
	slices.Sort(b.broken)
	return errors.New(strings.Join(slices.Compact(b.broken), "\n"))
}
