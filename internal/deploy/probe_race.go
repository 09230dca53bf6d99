package deploy

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	// A server can lose an update while it is being written, and one race may
	// miss that. Each race is for a key of its own, which each of the racers
	// writes once, because R2 allows one write a second to one key, and
	// DigitalOcean Spaces five in five minutes. All races of a wave are held at
	// once; the second wave meets open connections, and therefore closer.
	racers, rounds, waves = 3, 6, 2
	// readers watch each race. One read of each finds more than several of
	// fewer do, and does not last longer than the race.
	readers = 3
	// fewTorn torn reads are too many. A probe has at most 48 reads: where one
	// in a thousand is torn, one probe in a thousand sees that many.
	fewTorn = 2
)

// race lets several writers write a key on the same condition, all at once.
// Where it is kept, exactly one succeeds, and is returned. What watches the race
// begins with meanwhile, when the writers are on their way.
func (p *probe) race(ctx context.Context, key string, cond storage.Condition, meanwhile func()) (attempt, state.Promise, error) {
	attempts := make([]attempt, racers)
	start := make(chan struct{})
	var g errgroup.Group
	for i := range attempts {
		g.Go(func() error {
			<-start
			attempts[i] = p.put(ctx, key, cond, 2+i) // none as long as what was there
			return nil
		})
	}
	close(start)
	meanwhile()
	_ = g.Wait() // no function fails
	var won []attempt
	for _, a := range attempts {
		switch {
		case a.err == nil:
			won = append(won, a)
		case errors.Is(a.err, storage.ErrUnsupported):
			return attempt{}, state.Refused, nil
		case decides(ctx, a.err):
			return attempt{}, "", a.err
		}
	}
	if len(won) != 1 {
		return attempt{}, state.Broken, nil
	}
	return won[0], state.Kept, nil
}

// update tries conditional replacement, in many races. A server that keeps this
// promise by luck is seen by its readers before it is seen to lose an update:
// they get the bytes of one version with the ETag, or the length, of another,
// and with them overwrite what they have not read. One such read in a thousand,
// as versitygw has it, is a smaller risk than to do without conditions.
func (p *probe) update(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	var err error
	for from := 0; from < len(p.swaps) && err == nil; from += rounds {
		wave := p.swaps[from : from+rounds]
		err = p.wave(gctx, wave)
		for i := range wave { // while the next wave races
			g.Go(func() error { return p.outcome(gctx, &wave[i]) })
		}
	}
	if ended := g.Wait(); ended != nil { // why the wave failed, if it did
		return ended
	} else if err != nil {
		return err
	}
	p.caps.Update = judge(p.swaps)
	return nil
}

// wave holds several races at once, each for a key of its own.
func (p *probe) wave(ctx context.Context, wave []swap) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range wave {
		g.Go(func() error { return p.swap(ctx, &wave[i]) })
	}
	return g.Wait()
}

// judge returns how conditions were kept in races.
func judge(swaps []swap) state.Promise {
	promise, torn := state.Kept, 0
	for i := range swaps {
		if torn += swaps[i].torn; swaps[i].promise != state.Kept {
			promise = swaps[i].promise
		}
	}
	if torn >= fewTorn && promise == state.Kept {
		return state.Broken
	}
	return promise
}

// swap is a race of writers that compare and swap one key.
type swap struct {
	key        string
	late       bool // one more writer comes after the race
	first, won attempt
	promise    state.Promise
	torn       int // reads that saw what nobody wrote
}

// swap lets writers compare and swap a key while others read it.
func (p *probe) swap(ctx context.Context, s *swap) (err error) {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	var watched func() []version
	s.won, s.promise, err = p.race(ctx, s.key, storage.Condition{ETag: s.first.info.ETag}, func() { watched = p.watch(reading, s.key) })
	if err != nil || s.promise != state.Kept {
		cancel() // what they would see says nothing more
		watched()
		return err
	}
	seen := watched()
	for _, got := range seen {
		if got != s.first.version() && got != s.won.version() {
			s.torn++
		}
	}
	return nil
}

// outcome looks whether the write that won a race is there, and whether one is
// refused that comes too late.
func (p *probe) outcome(ctx context.Context, s *swap) error {
	if s.promise != state.Kept {
		return nil
	}
	lost, late := false, state.Kept
	err := sideBySide(ctx,
		func(ctx context.Context) error {
			err := p.holds(ctx, s.key, s.won)
			switch {
			case errors.Is(err, ErrUnfit): // another object is not, without a race: copies looks at one
				lost = true
				return nil
			case errors.Is(err, errShort):
				s.torn++
				return nil
			}
			return err
		},
		func(ctx context.Context) (err error) {
			if s.late {
				late, err = p.refusal(ctx, s.key, storage.Condition{ETag: s.first.info.ETag})
			}
			return err
		})
	if s.promise = late; lost {
		s.promise = state.Broken
	}
	return err
}

// watch has readers read a key once each, and returns a function that waits for
// them and returns what they saw. A read that fails for any other reason than
// what is at the key does not count.
func (p *probe) watch(ctx context.Context, key string) (seen func() []version) {
	var versions []version
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			text, info, err := p.read(ctx, key)
			if err != nil && !notExist(err) && !unmet(err) && !errors.Is(err, errShort) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			versions = append(versions, version{text, info.ETag})
		})
	}
	return func() []version {
		wg.Wait()
		return versions
	}
}
