package deploy

import (
	"context"
	"errors"
	"hash/fnv"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// fault is what goes wrong in one run.
type fault struct {
	Kind string
	At   int // the request that it hits, in the order in which they arrive
	Late time.Duration
}

// The kinds of faults.
const (
	noFault     = ""
	crashBefore = "crash before"      // killed; the request never arrives
	crashAfter  = "crash after"       // killed when the request is done
	crashLate   = "crash, lands late" // killed; the request arrives after Late
	interrupted = "interrupt"         // a signal: the run may still clean up
	fails       = "fails"             // an error; the request is not done
	lost        = "answer lost"       // an error; the request is done
	repeated    = "repeated"          // done, unanswered, and its repetition refused
	cutBefore   = "cut"               // the network is gone from here on
	cutAfter    = "cut after"         // the same, when the request is done
	stalls      = "stalls"            // the request takes Late
)

var (
	errKilled = errors.New("killed")
	errCut    = errors.New("connection lost")
)

// wire is what one run sees of the bucket and of the CDN. Every request takes a
// while, which its name decides, so that what overlaps does so the same way
// each time.
type wire struct {
	bed   *bed
	fault fault
	stop  context.CancelFunc // interrupts the run
	seed  uint64

	mu        sync.Mutex
	seen      map[string]int // how often each request was sent
	arrived   int
	dead, cut bool
	gone      bool // CDN unreachable
	uploads   int  // PUTs that carry content of the site
	writes    int
	id        string // of the release that it makes, once it is announced
	output    output // of the release that it makes
	retain    time.Duration
	began     time.Time // by the server's clock
	keep      int       // former releases
	gc        *collection
}

// request is one request of a run.
type request struct {
	op   string
	keys []string // that it may change
	cond bool     // it has a condition
	do   func(context.Context) (any, error)
}

// send lets a request travel, arrive and be done, or what the fault makes of
// that.
func (c *wire) send(ctx context.Context, r request) (any, error) {
	if err := c.broken(); err != nil {
		return nil, err
	}
	coin, wait := c.luck(r)
	if !sleep(ctx, wait) || c.killed() { // on its way when the run ended
		if coin {
			c.bed.perform(c, r, false)
		}
		if c.killed() {
			return nil, errKilled
		}
		return nil, context.Cause(ctx)
	}
	c.mu.Lock()
	hit := c.fault.Kind != noFault && c.arrived == c.fault.At
	c.arrived++
	c.mu.Unlock()
	if !hit {
		return c.bed.perform(c, r, false)
	}
	return c.strike(ctx, r, coin)
}

// strike is the fault.
func (c *wire) strike(ctx context.Context, r request, coin bool) (any, error) {
	c.bed.count(c.fault.Kind)
	switch c.fault.Kind {
	case crashLate:
		c.bed.landLate(c, r)
	case crashAfter, lost, cutAfter:
		c.bed.perform(c, r, false)
	case interrupted:
		c.stop()
		if coin {
			c.bed.perform(c, r, false)
		}
		return nil, context.Canceled
	case repeated:
		if _, err := c.bed.perform(c, r, false); err != nil || !r.cond {
			return nil, errors.Join(err, errBroken)
		}
		return nil, &storage.Error{Op: "put", Key: r.keys[0], Err: errors.Join(storage.ErrPrecondition, storage.ErrUnanswered)}
	case stalls:
		switch {
		case sleep(ctx, c.fault.Late):
			return c.bed.perform(c, r, false)
		case coin:
			c.bed.perform(c, r, false)
		}
		return nil, context.Cause(ctx)
	}
	return nil, c.end()
}

// end ends the process or its connection, where the fault is of that kind, and
// returns what the request fails with.
func (c *wire) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.fault.Kind {
	case crashBefore, crashAfter, crashLate:
		c.dead = true
		c.stop()
		return errKilled
	case cutBefore, cutAfter:
		c.cut = true
	}
	return errBroken
}

func (c *wire) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.dead:
		return errKilled
	case c.cut:
		return errCut
	}
	return nil
}

func (c *wire) killed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// luck decides, by the name of a request, how long it travels and whether it
// is done where its run ends meanwhile.
func (c *wire) luck(r request) (coin bool, wait time.Duration) {
	name := r.op
	for _, dir := range []string{"releases/", "intents/"} { // ids are random
		if before, _, ok := strings.Cut(name, dir); ok {
			name = before + dir
		}
	}
	c.mu.Lock()
	c.seen[name]++
	nth := c.seen[name]
	c.mu.Unlock()
	h := fnv.New64a()
	h.Write([]byte(name))
	h.Write([]byte{byte(nth), byte(c.seed), byte(c.seed >> 8), byte(c.seed >> 16)})
	n := h.Sum64()
	return n>>60&1 == 1, time.Millisecond + time.Duration(n%50_000)*time.Microsecond
}

// sleep reports false where the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Get reads an object.
func (c *wire) Get(ctx context.Context, key string) (*storage.Object, error) {
	return answer[*storage.Object](c.send(ctx, request{op: "GET " + key, do: func(ctx context.Context) (any, error) { return c.bed.mem.Get(ctx, key) }}))
}

// Put writes an object.
func (c *wire) Put(ctx context.Context, key string, src storage.Source, h storage.Headers, cond storage.Condition) (storage.Info, error) {
	r := request{op: "PUT " + key, keys: []string{key}, cond: cond != storage.Condition{}}
	r.do = func(ctx context.Context) (any, error) { return c.bed.mem.Put(ctx, key, src, h, cond) }
	return answer[storage.Info](c.send(ctx, r))
}

// Copy copies an object.
func (c *wire) Copy(ctx context.Context, from storage.CopySource, key string, h storage.Headers) (storage.Info, error) {
	if from = from.Resolve(); from.Store == storage.Store(c) {
		from.Store = nil
	}
	r := request{op: "COPY " + key, keys: []string{key}}
	r.do = func(ctx context.Context) (any, error) { return c.bed.mem.Copy(ctx, from, key, h) }
	return answer[storage.Info](c.send(ctx, r))
}

// Delete removes objects.
func (c *wire) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	_, err := c.send(ctx, request{op: "DELETE " + keys[0], keys: keys, do: func(ctx context.Context) (any, error) { return nil, c.bed.mem.Delete(ctx, keys...) }})
	return err
}

// List lists objects.
func (c *wire) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		if _, err := c.send(ctx, request{op: "LIST " + prefix, do: func(context.Context) (any, error) { return nil, nil }}); err != nil {
			yield(storage.Info{}, err)
			return
		}
		for info, err := range c.bed.mem.List(ctx, prefix) {
			if !yield(info, err) {
				return
			}
		}
	}
}

// answer returns what a request was answered with, if it was.
func answer[T any](a any, err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return a.(T), nil
}

// Name is the name of the CDN.
func (c *wire) Name() string { return "edge" }

// Limits lets each request name any number of URLs.
func (c *wire) Limits() cdn.Limits { return cdn.Limits{Batch: 100_000} }

// Purge makes the CDN forget URLs.
func (c *wire) Purge(ctx context.Context, requests ...cdn.Request) (cdn.Result, error) {
	_, err := c.send(ctx, request{op: "PURGE", do: func(context.Context) (any, error) {
		if c.gone {
			return nil, errBroken
		}
		for _, q := range requests {
			c.bed.purged(q.Items)
		}
		return nil, nil
	}})
	if err != nil {
		return cdn.Result{Owed: requests}, err
	}
	res := cdn.Result{Requests: len(requests)}
	for _, q := range requests {
		res.URLs += q.Covers
	}
	return res, nil
}
