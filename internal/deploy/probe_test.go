package deploy

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

// distant is a bucket in memory of which each answer takes a second of a
// bubble's clock, whatever the machine does: how many seconds pass is how many
// requests wait for each other.
type distant struct {
	*storagetest.Memory
	mu     sync.Mutex
	counts map[string]int
	down   bool // nothing answers
}

const roundTrip = time.Second

func newDistant() *distant {
	return &distant{Memory: storagetest.NewMemory(), counts: map[string]int{}}
}

func (d *distant) Identity() string { return "https://distant.example/www" }

func (d *distant) travel(ctx context.Context, kind string) error {
	d.mu.Lock()
	d.counts[kind]++
	down := d.down
	d.mu.Unlock()
	if down {
		return &storage.Error{Op: kind, Err: storage.ErrUnreachable}
	}
	select {
	case <-time.After(roundTrip):
		return nil
	case <-ctx.Done():
		return &storage.Error{Op: kind, Err: context.Cause(ctx)}
	}
}

func (d *distant) Get(ctx context.Context, key string) (*storage.Object, error) {
	if err := d.travel(ctx, "GET"); err != nil {
		return nil, err
	}
	return d.Memory.Get(ctx, key)
}

func (d *distant) Put(ctx context.Context, key string, src storage.Source, h storage.Headers, c storage.Condition) (storage.Info, error) {
	if err := d.travel(ctx, "PUT"); err != nil {
		return storage.Info{}, err
	}
	return d.Memory.Put(ctx, key, src, h, c)
}

func (d *distant) Copy(ctx context.Context, from storage.CopySource, key string, h storage.Headers) (storage.Info, error) {
	if err := d.travel(ctx, "COPY"); err != nil {
		return storage.Info{}, err
	}
	return d.Memory.Copy(ctx, from, key, h)
}

func (d *distant) Delete(ctx context.Context, keys ...string) error {
	if err := d.travel(ctx, "DELETE"); err != nil {
		return err
	}
	return d.Memory.Delete(ctx, keys...)
}

func (d *distant) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		if err := d.travel(ctx, "LIST"); err != nil {
			yield(storage.Info{}, err)
			return
		}
		d.Memory.List(ctx, prefix)(yield)
	}
}

// count returns how many requests of a kind there were.
func (d *distant) count(kind string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts[kind]
}

// keys returns what is in the bucket.
func (d *distant) keys(t *testing.T) []string {
	t.Helper()
	var out []string
	for info, err := range d.Memory.List(context.WithoutCancel(t.Context()), "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, info.Key)
	}
	return out
}

// TestProbeCost holds a probe to the requests that docs/architecture.md names,
// and to how many of them wait for each other.
func TestProbeCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDistant()
		p := newProbe(d, time.Now())
		began := time.Now()
		if err := p.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c := p.caps; !c.Exclusive() || !c.Copies() || c.Payload != state.Kept {
			t.Errorf("found %+v", c)
		}
		if err := p.clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		if depth := time.Since(began) / roundTrip; depth != 5 {
			t.Errorf("%d requests waited for each other, want 5", depth)
		}
		want := map[string]int{"PUT": 61, "GET": 53, "COPY": 3, "LIST": 1, "DELETE": 1}
		for kind, n := range want {
			if d.count(kind) != n {
				t.Errorf("%d %s, want %d", d.count(kind), kind, n)
			}
		}
		if left := d.keys(t); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// distantRun opens a run on a distant bucket.
func distantRun(ctx context.Context, d *distant) *Run {
	o := Options{Target: "distant", Tool: "test", Live: d, State: storage.Prefixed(d, ".pandastack/"), Settle: time.Millisecond}
	return Open(ctx, o)
}

// TestAnticipate begins a probe as soon as no head is found, while the build
// takes its time: the deploy that follows does not wait for it.
func TestAnticipate(t *testing.T) {
	for name, early := range map[string]bool{"early": true, "late": false} {
		t.Run(name, func(t *testing.T) {
			l := newLarge(t, 2) // files outside of the bubble
			synctest.Test(t, func(t *testing.T) {
				d := newDistant()
				r := distantRun(t.Context(), d)
				if early {
					r.Anticipate(t.Context())
				}
				time.Sleep(10 * roundTrip) // the build
				synctest.Wait()
				probed := d.count("COPY") > 0
				if probed != early {
					t.Errorf("tried out during the build: %t, want %t", probed, early)
				}
				fin, err := r.Deploy(t.Context(), l.desired)
				if err != nil || !fin.Changed {
					t.Fatalf("%+v, %v", fin, err)
				}
				if d.count("COPY") != 3 {
					t.Errorf("%d copies, want those of one probe", d.count("COPY"))
				}
				if left := d.keys(t); slices.ContainsFunc(left, isProbe) || len(left) != 2+2 {
					t.Errorf("the bucket holds %v", left)
				}
			})
		})
	}
}

// TestAnticipateIsGivenUp gives up at each moment of an early probe, as for an
// output that is refused, and as on Ctrl-C: nothing of it stays.
func TestAnticipateIsGivenUp(t *testing.T) {
	for after := range 10 {
		for name, interrupt := range map[string]bool{"refused": false, "interrupted": true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDistant()
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					r := distantRun(ctx, d)
					r.Anticipate(ctx)
					time.Sleep(time.Duration(after)*roundTrip + roundTrip/2)
					if interrupt {
						cancel()
					}
					began := time.Now()
					r.Close()
					if took := time.Since(began); took >= handover {
						t.Errorf("it took %v", took)
					}
					writes := d.count("PUT")
					time.Sleep(10 * roundTrip)
					if d.count("PUT") != writes {
						t.Errorf("after %d round trips: a probe began when the run had ended", after)
					}
					if left := d.keys(t); len(left) > 0 {
						t.Errorf("after %d round trips: left behind: %v", after, left)
					}
				})
			})
		}
	}
}

// TestAnticipateLostHead: where the head was lost, nothing is tried out, as what
// is there is all that a repair can go by.
func TestAnticipateLostHead(t *testing.T) {
	l := newLarge(t, 2)
	synctest.Test(t, func(t *testing.T) {
		d := newDistant()
		if _, err := distantRun(t.Context(), d).Deploy(t.Context(), l.desired); err != nil {
			t.Fatal(err)
		}
		if err := d.Memory.Delete(t.Context(), ".pandastack/"+state.HeadKey); err != nil {
			t.Fatal(err)
		}
		clear(d.counts)
		r := distantRun(t.Context(), d)
		r.Anticipate(t.Context())
		time.Sleep(10 * roundTrip) // the build
		var lost *state.CorruptError
		if _, err := r.Deploy(t.Context(), l.desired); !errors.As(err, &lost) {
			t.Errorf("got %v", err)
		}
		if d.count("PUT")+d.count("COPY")+d.count("DELETE") > 0 {
			t.Errorf("it wrote: %v", d.counts)
		}
	})
}

// TestAnticipateFails: a probe that failed during the build, because the line was
// down then, is made again when it is needed.
func TestAnticipateFails(t *testing.T) {
	l := newLarge(t, 2)
	synctest.Test(t, func(t *testing.T) {
		d := newDistant()
		down := func(is bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.down = is
		}
		r := distantRun(t.Context(), d)
		r.Anticipate(t.Context())
		time.Sleep(roundTrip + roundTrip/2) // the head is read, the probe has begun
		synctest.Wait()
		down(true)
		time.Sleep(10 * roundTrip)
		down(false)
		if d.count("PUT") == 0 || d.count("COPY") == 3 {
			t.Fatalf("the probe did not fail in its middle: %v", d.counts)
		}
		fin, err := r.Deploy(t.Context(), l.desired)
		if err != nil || !fin.Changed {
			t.Fatalf("%+v, %v", fin, err)
		}
	})
}

// TestAnticipateWhereDeployed: what the head remembers is not tried out.
func TestAnticipateWhereDeployed(t *testing.T) {
	l := newLarge(t, 2)
	synctest.Test(t, func(t *testing.T) {
		d := newDistant()
		if _, err := distantRun(t.Context(), d).Deploy(t.Context(), l.desired); err != nil {
			t.Fatal(err)
		}
		clear(d.counts)
		r := distantRun(t.Context(), d)
		r.Anticipate(t.Context())
		if _, err := r.Deploy(t.Context(), l.desired); err != nil {
			t.Fatal(err)
		}
		if d.count("PUT") > 0 || d.count("GET") != 2 {
			t.Errorf("%v, want two reads", d.counts)
		}
	})
}

// torn is a bucket whose swaps are atomic, and whose reads of what was swapped
// are not: they get the bytes of the version before, or less than announced.
type torn struct {
	*distant
	short bool
}

func (s *torn) Get(ctx context.Context, key string) (*storage.Object, error) {
	o, err := s.distant.Get(ctx, key)
	name := key[strings.LastIndex(key, "/")+1:]
	if err != nil || !strings.ContainsAny(name[:1], "0123456789") || o.Size <= 26 {
		return o, err
	}
	o.Body.Close()
	o.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", int(o.Size))))
	if s.short {
		o.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), failing{}))
	}
	return o, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestProbeTornReads finds a server that swaps right, and reads wrong.
func TestProbeTornReads(t *testing.T) {
	for name, short := range map[string]bool{"other bytes": false, "fewer bytes": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProbe(&torn{newDistant(), short}, time.Now())
				if err := p.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if p.caps.Update != state.Broken || p.caps.Create != state.Kept {
					t.Errorf("found %+v", p.caps)
				}
			})
		})
	}
}

// endless is a body that does not come.
type endless struct{ ctx context.Context }

func (e endless) Read([]byte) (int, error) { <-e.ctx.Done(); return 0, e.ctx.Err() }

// stalled is a bucket whose bodies do not come.
type stalled struct{ *distant }

func (s *stalled) Get(ctx context.Context, key string) (*storage.Object, error) {
	o, err := s.distant.Get(ctx, key)
	if err == nil {
		o.Body.Close()
		o.Body = io.NopCloser(endless{ctx})
	}
	return o, err
}

// TestProbeStalledRead does not wait for a body as long as for a probe.
func TestProbeStalledRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe(&stalled{newDistant()}, time.Now())
		began := time.Now()
		if _, _, err := p.read(t.Context(), p.dir+"none"); !notExist(err) {
			t.Errorf("got %v", err)
		}
		a := p.put(t.Context(), p.dir+"source", storage.Condition{}, 1)
		if _, _, err := p.read(t.Context(), p.dir+"source"); a.err != nil || !errors.Is(err, errShort) {
			t.Errorf("got %v, %v", a.err, err)
		}
		if took := time.Since(began); took != 3*roundTrip+bodyTime {
			t.Errorf("it took %v", took)
		}
	})
}
