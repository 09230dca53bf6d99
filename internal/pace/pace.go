// Package pace finds out how many requests a service takes at once. It is for
// work that consists of many requests of the same kind, of which nobody knows
// beforehand whether four or a hundred should be on their way.
package pace

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// First is how many functions run at once until something is known, where
	// answers come soon.
	First = 16
	// Most bounds them: each has a connection and an open file.
	Most = 128

	// aim is how many requests a second a client can send, at most: so many times
	// the time of an answer are on their way then.
	aim = 4000

	// A judgement needs a window of so many functions for each that runs at
	// once, and of so much time: less says nothing, because each of them is
	// slow or fast for reasons of its own, and they begin and end in swarms.
	enough     = 2
	windowTime = 50 * time.Millisecond

	// unit is how many bytes cost as much as a request by itself. Files of
	// different sizes follow each other: rates of requests alone, or of bytes
	// alone, would follow the sizes. On a MinIO server a PUT of 4 KiB takes
	// two thirds of the time of one of 50 KiB, on a line of 100 Mbit/s and 10
	// ms these bytes take as long as the way there and back.
	unit = 128 << 10

	// grown is what more at once must bring to be kept, as a share of the
	// rate, and sunk the share at which less at once is tried.
	grown = 1.1
	sunk  = 0.7
	// same is the share of the rate that less at once must keep.
	same = 0.97
	// few is the limit that is not made smaller because of the rate alone:
	// rates sink for reasons, too, that have nothing to do with the service.
	few = First / 2
	// backOff is what is left of the limit where the service asks for less.
	backOff = 0.7

	// After a trial that brought nothing the limit rests, for twice as many
	// windows each time, and the next one asks for less.
	firstRest, longestRest = 4, 64
	gentle                 = 1.25
)

// Pacer bounds how many functions run at once, and adapts the bound: it grows
// as long as more get done in the same time, and shrinks where the service
// answers that it is too much, or where each function takes longer than it
// did. The zero value is not ready.
type Pacer struct {
	fixed     bool
	slowDowns func() int64

	mu     sync.Mutex
	room   sync.Cond // somebody waits until a function ends
	limit  int
	first  int // the least that a group begins with, unless the service asked for less
	active int
	last   bool // nothing more comes: what is on its way is less than could be

	window window
	asked  int64 // slowDowns at the last look
	past   int   // functions to end before what they are told is news: so many had begun when the limit sank

	rate  float64 // at limit, or at from while a trial goes on; 0: not known
	from  int     // the limit that a trial began at; 0: none goes on
	step  float64 // how much the next trial of more asks for
	less  bool    // the next trial is one of less, as more brought nothing
	rest  int     // windows until then
	pause int     // the next rest

	slowed bool // the service asked for less
}

// window is what a judgement rests on.
type window struct {
	skip  int // functions that began before the limit changed
	begun time.Time
	done  int
	work  float64 // in requests
}

// New returns a Pacer. slowDowns returns how many answers so far asked to send
// less; nil: none ever does.
func New(slowDowns func() int64) *Pacer {
	if slowDowns == nil {
		slowDowns = func() int64 { return 0 }
	}
	p := &Pacer{slowDowns: slowDowns, limit: First, first: First}
	p.room.L = &p.mu
	p.forget()
	return p
}

// Fixed returns a Pacer whose limit stays n, which is at least 1.
func Fixed(n int) *Pacer {
	p := New(nil)
	p.fixed, p.limit = true, max(1, n)
	return p
}

// Limit returns how many functions may run at once now.
func (p *Pacer) Limit() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit
}

// Answered says how long the service took for one small request, before there is
// a group: the farther it is away, the more requests are sent at once at first.
func (p *Pacer) Answered(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fixed || p.slowed || p.slowDowns() > p.asked { // it may have been told to wait
		return
	}
	p.first = min(max(int(took.Seconds()*aim), First), Most)
	p.limit = p.first
}

// Group runs functions at the pace of its Pacer.
type Group struct {
	group *errgroup.Group
	pacer *Pacer
	// tasks goes to goroutines that have nothing to do. The stack of a new one
	// grows on the way to the network each time, which costs more than to wake
	// one that has been there.
	tasks chan task
}

// task is a function, and how many bytes it sends.
type task struct {
	bytes int64
	f     func() error
}

// Group returns a group of functions of the same kind, and a context that ends
// when one of them fails or all are done. What is known of the rate of other
// groups is forgotten unless one of them is still at work. The limit stays, or
// is what it was at first where only the rate has made it smaller.
func (p *Pacer) Group(ctx context.Context) (*Group, context.Context) {
	p.mu.Lock()
	if p.active == 0 {
		p.forget()
		if !p.slowed && !p.fixed { // what was enough for large bodies may be too little for small ones
			p.limit = max(p.limit, p.first)
		}
	}
	p.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	return &Group{g, p, make(chan task)}, ctx
}

// Go runs f, which sends a request with a body of so many bytes, as soon as
// the limit allows it.
func (g *Group) Go(bytes int64, f func() error) {
	g.pacer.enter()
	t := task{bytes, f}
	select {
	case g.tasks <- t:
	default:
		g.group.Go(func() error {
			err := g.run(t)
			for err == nil {
				next, ok := <-g.tasks
				if !ok {
					break
				}
				err = g.run(next)
			}
			return err
		})
	}
}

func (g *Group) run(t task) error {
	defer g.pacer.leave(t.bytes)
	return t.f()
}

// Wait waits until all functions are done, and returns the first error. No
// other may be added from then on.
func (g *Group) Wait() error {
	close(g.tasks)
	g.pacer.setLast(true)
	defer g.pacer.setLast(false)
	return g.group.Wait()
}

func (p *Pacer) setLast(last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = last
}

func (p *Pacer) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.active >= p.limit {
		p.room.Wait()
	}
	p.active++
}

func (p *Pacer) leave(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.fixed {
		p.count(bytes)
	}
	p.active--
	p.room.Broadcast()
}

// count adds a function that is done to the window, and judges a full one.
func (p *Pacer) count(bytes int64) {
	w, asked := &p.window, p.slowDowns()
	if p.past > 0 {
		p.past--
		p.asked = asked
	}
	switch {
	case asked > p.asked:
		p.asked = asked
		p.yield()
		return
	case w.skip > 0:
		w.skip--
		return
	case p.last:
		*w = window{}
		return
	case w.begun.IsZero():
		w.begun = time.Now()
		return
	}
	w.done++
	w.work += 1 + float64(bytes)/unit
	took := time.Since(w.begun)
	if w.done < enough*p.limit || took < windowTime {
		return
	}
	rate := w.work / took.Seconds()
	*w = window{}
	p.judge(rate)
}

// yield answers a service that asks for less. It asks all that are on their
// way, which counts once.
func (p *Pacer) yield() {
	p.window = window{skip: p.active}
	p.change(int(float64(p.limit) * backOff))
	p.rate, p.step, p.slowed = 0, gentle, true
	p.tire()
}

// judge decides about the limit after a window in which all places were taken.
// Where the limit stays, a rate that sinks is a time for each function that
// rises: one is the other's inverse.
func (p *Pacer) judge(rate float64) {
	before := p.rate
	p.rate = rate
	switch {
	case p.from > 0 && p.limit > p.from && rate < before*grown: // more brought nothing
		p.rate = before
		p.change(p.from)
		p.step, p.less = gentle, true
		p.tire()
	case p.from > p.limit && rate < before*same: // less was too little
		p.rate = before
		p.change(p.from)
		p.less = false
		p.tire()
	case p.from > p.limit: // less is as good
		p.rate = max(before, rate)
		p.try(backOff)
	case p.from == 0 && rate < before*sunk && p.limit > few:
		p.try(backOff)
	case p.rest > 0:
		p.rest--
	case p.less && p.limit > few:
		p.try(backOff)
	default:
		p.try(p.step)
	}
}

// try begins a trial of another limit: at least one more, or one less.
func (p *Pacer) try(factor float64) {
	limit := float64(p.limit) * factor
	if factor > 1 {
		limit = math.Ceil(limit)
	} else {
		limit = max(limit, few)
	}
	p.from = p.limit
	if p.change(int(limit)); p.limit == p.from {
		p.from = 0
	}
}

// tire lets the limit rest.
func (p *Pacer) tire() {
	p.from, p.rest = 0, p.pause
	p.pause = min(2*p.pause, longestRest)
}

// change sets the limit. What began before does not count for it, and as many
// may open new connections.
func (p *Pacer) change(limit int) {
	limit = min(max(limit, 1), Most)
	if limit < p.limit {
		p.past = p.active - 1 // without the one that is ending
	}
	if limit != p.limit {
		p.window = window{skip: max(limit, p.limit)}
		p.limit = limit
	}
}

// forget drops what is known of the rate.
func (p *Pacer) forget() {
	p.window, p.asked, p.past = window{}, p.slowDowns(), 0
	p.rate, p.from, p.rest = 0, 0, 0
	p.step, p.pause, p.less = 2, firstRest, false
	if p.slowed {
		p.step = gentle
	}
}
