package pace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// service is one whose time is virtual. It answers up to a number of requests
// at once in the same time, and queues more; above another number it asks for
// less.
type service struct {
	answer    time.Duration
	capacity  int // 0: as many as there are
	most      int // 0: as many as there are
	inFlight  atomic.Int64
	slower    atomic.Int64 // in place of capacity; 0: that holds
	slowDowns atomic.Int64
}

// put sends a request until it is taken.
func (s *service) put() {
	for s.most > 0 && int(s.inFlight.Add(1)) > s.most {
		time.Sleep(s.answer / 10)
		s.inFlight.Add(-1)
		s.slowDowns.Add(1)
		time.Sleep(4 * s.answer) // what a retry waits
	}
	if s.most == 0 {
		s.inFlight.Add(1)
	}
	defer s.inFlight.Add(-1)
	queue := 1.0
	capacity := cmp.Or(int(s.slower.Load()), s.capacity)
	if n := int(s.inFlight.Load()); capacity > 0 && n > capacity {
		queue = float64(n) / float64(capacity)
	}
	time.Sleep(time.Duration(queue * float64(s.answer)))
}

// send sends so many requests.
func send(t *testing.T, p *Pacer, s *service, n int) {
	t.Helper()
	g, _ := p.Group(t.Context())
	for range n {
		g.Go(10<<10, func() error { s.put(); return nil })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestFindsLimit: the limit goes to where a service is used well, and not far
// beyond.
func TestFindsLimit(t *testing.T) {
	for _, c := range []struct {
		service     *service
		least, most int // of the limit at the end
	}{
		{&service{answer: 30 * time.Millisecond}, Most, Most},
		{&service{answer: 200 * time.Millisecond}, Most, Most},
		{&service{answer: 30 * time.Millisecond, capacity: 100}, 80, Most},
		{&service{answer: 30 * time.Millisecond, capacity: 50}, 40, 80},
		{&service{answer: time.Millisecond, capacity: 8}, 8, First},
		{&service{answer: 30 * time.Millisecond, most: 20}, 8, 32}, // a trial of a quarter more may go on at the end
		{&service{answer: 30 * time.Millisecond, most: 1}, 1, 3},
	} {
		t.Run(fmt.Sprintf("%v,%d,%d", c.service.answer, c.service.capacity, c.service.most), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(c.service.slowDowns.Load)
				send(t, p, c.service, 5000)
				if got := p.Limit(); got < c.least || got > c.most {
					t.Errorf("the limit is %d, want %d to %d", got, c.least, c.most)
				}
				if asked := c.service.slowDowns.Load(); asked > 5000/2 {
					t.Errorf("the service asked %d times for less", asked)
				}
			})
		})
	}
}

// TestAnswered: where answers take long, more begin at once; not where the
// service asked to wait.
func TestAnswered(t *testing.T) {
	var asked atomic.Int64
	for took, want := range map[time.Duration]int{0: First, 3 * time.Millisecond: First, 5 * time.Millisecond: 20, 20 * time.Millisecond: 80, time.Second: Most} {
		p := New(asked.Load)
		p.Answered(took)
		if p.Limit() != want {
			t.Errorf("%v: %d at first, want %d", took, p.Limit(), want)
		}
	}
	p := New(asked.Load)
	asked.Add(1)
	p.Answered(time.Second)
	q := Fixed(7)
	q.Answered(time.Second)
	if p.Limit() != First || q.Limit() != 7 {
		t.Errorf("%d, %d", p.Limit(), q.Limit())
	}
}

// TestHeardAtOnce: a service that asks for less while more is tried is heard at
// once, and not only when the trial is judged.
func TestHeardAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, highest := &service{answer: 50 * time.Millisecond, most: 50}, 0
		p := New(s.slowDowns.Load)
		g, _ := p.Group(t.Context())
		for range 2000 {
			g.Go(0, func() error { s.put(); return nil })
			highest = max(highest, p.Limit())
		}
		if err := g.Wait(); err != nil || highest > 4*First { // twice doubled
			t.Errorf("a limit of %d where 51 is too much, %v", highest, err)
		}
	})
}

// TestBurstCountsOnce: what all that are on their way are told is one request
// for less; where the limit sank just before, it is none. The next one counts.
func TestBurstCountsOnce(t *testing.T) {
	full := func(limit int) window {
		return window{begun: time.Now().Add(-time.Hour), done: enough*limit - 1}
	}
	for name, c := range map[string]struct {
		set    func(*Pacer)
		told   int // which function is the first that is told
		want   int
		slowed bool
	}{
		"burst":                 {func(*Pacer) {}, 0, 44, true},
		"after a trial of more": {func(p *Pacer) { p.window, p.rate, p.from = full(64), 1, 32 }, 1, 32, false},
		"after a rate sank":     {func(p *Pacer) { p.window, p.rate = full(64), 1 }, 1, 44, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				p := New(asked.Load)
				g, _ := p.Group(t.Context())
				p.limit = 64
				c.set(p)
				run := func(from, to int) {
					for i := from; i < to; i++ {
						g.Go(0, func() error {
							time.Sleep(time.Duration(i+1) * time.Millisecond)
							if i >= c.told {
								asked.Add(1)
							}
							return nil
						})
					}
					time.Sleep(time.Second)
					synctest.Wait()
				}
				run(0, 64)
				if p.Limit() != c.want || p.slowed != c.slowed {
					t.Errorf("the limit is %d, want %d", p.Limit(), c.want)
				}
				before := p.Limit()
				if run(64, 65); p.Limit() >= before {
					t.Errorf("the limit stays %d", before)
				}
				if err := g.Wait(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestFollows: the limit follows a service that gets slower, and one that gets
// faster again.
func TestFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: 30 * time.Millisecond, capacity: 100}
		p := New(nil)
		g, _ := p.Group(t.Context())
		run := func(n int) int {
			for range n {
				g.Go(0, func() error { s.put(); return nil })
			}
			return p.Limit()
		}
		wide := run(5000)
		s.slower.Store(20)
		narrow := run(5000)
		s.slower.Store(1000)
		again := run(20_000)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if narrow > 3*wide/4 || narrow < 16 || again < 3*wide/4 {
			t.Errorf("the limit was %d, then %d on a slower service, then %d", wide, narrow, again)
		}
	})
}

// TestYieldsToSlowness: where all takes longer, less at once is tried soon, and
// not only after a rest.
func TestYieldsToSlowness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: 30 * time.Millisecond, capacity: 100}
		p := New(nil)
		g, _ := p.Group(t.Context())
		put := func() error { s.put(); return nil }
		for range 20_000 { // long enough for the longest rest
			g.Go(0, put)
		}
		wide, sent := p.Limit(), 0
		for s.slower.Store(20); p.Limit() > 3*wide/4 && sent < 20_000; sent++ {
			g.Go(0, put)
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if sent > 12*wide {
			t.Errorf("the limit of %d was left after %d requests", wide, sent)
		}
	})
}

// TestEndIsNotJudged: that the last ones of a group take long says nothing of how
// many should be on their way.
func TestEndIsNotJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(nil)
		g, _ := p.Group(t.Context())
		quick := &service{answer: 30 * time.Millisecond}
		for range 5000 {
			g.Go(0, func() error { quick.put(); return nil })
		}
		for i := range Most { // they end one after the other
			g.Go(0, func() error { time.Sleep(time.Duration(i) * time.Second); return nil })
		}
		if err := g.Wait(); err != nil || p.Limit() != Most {
			t.Errorf("the limit is %d, %v", p.Limit(), err)
		}
	})
}

// TestLittleToDo: what is over before anything is known, or does not take all
// places, changes nothing.
func TestLittleToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: 30 * time.Millisecond}
		p := New(nil)
		for range 50 {
			send(t, p, s, First)
		}
		if p.Limit() != First {
			t.Errorf("the limit is %d", p.Limit())
		}
	})
}

// TestKeepsLimit: the next group begins where the one before ended, and learns
// anew what its requests cost.
func TestKeepsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(nil)
		send(t, p, &service{answer: 30 * time.Millisecond}, 2000)
		if p.Limit() != Most {
			t.Fatalf("the limit is %d", p.Limit())
		}
		send(t, p, &service{answer: 300 * time.Millisecond}, 1000)
		if p.Limit() != Most {
			t.Errorf("requests of another kind made it %d", p.Limit())
		}
	})
}

// TestFixed: a limit that is given is kept, and never exceeded.
func TestFixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 7} {
			p, now, most := Fixed(n), atomic.Int64{}, atomic.Int64{}
			g, _ := p.Group(t.Context())
			for range 500 {
				g.Go(0, func() error {
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Millisecond)
					now.Add(-1)
					return nil
				})
			}
			if err := g.Wait(); err != nil || most.Load() != int64(max(1, n)) {
				t.Errorf("%d at once with a limit of %d, %v", most.Load(), n, err)
			}
		}
	})
}

// TestGroupFails: an error ends the context of its group, and is returned.
func TestGroupFails(t *testing.T) {
	broken := errors.New("broken")
	g, ctx := New(nil).Group(t.Context())
	g.Go(0, func() error { return broken })
	g.Go(0, func() error { <-ctx.Done(); return context.Cause(ctx) })
	if err := g.Wait(); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// TestGroupFailsLater: so does that of a function that another's goroutine runs.
func TestGroupFailsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, after := errors.New("broken"), false
		g, ctx := Fixed(2).Group(t.Context())
		for _, err := range []error{nil, broken} {
			g.Go(0, func() error { return err })
			synctest.Wait() // the goroutine has nothing to do
		}
		if ctx.Err() == nil {
			t.Error("the context of a group that failed goes on")
		}
		g.Go(0, func() error { after = true; return nil })
		if err := g.Wait(); !errors.Is(err, broken) || !after {
			t.Error(err, after)
		}
	})
}
