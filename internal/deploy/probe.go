package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	// probeTime bounds a probe. Where a service limits the writes to one key,
	// its racing writers wait for each other.
	probeTime = 2 * time.Minute
	// A server can lose an update while it is being written, and one race may
	// miss that. Each race is for a key of its own, which each of the racers
	// writes once, because R2 allows one write a second to one key, and
	// DigitalOcean Spaces five in five minutes.
	racers, rounds, waves = 3, 4, 3
	// Readers watch each race; reads are not limited that much.
	readers, mostReads = 4, 5
	// fewTorn and rareTorn: so many torn reads, and one in so many, are
	// too many.
	fewTorn, rareTorn = 2, 50
	// leftover is the age from which what lies in ProbeDir is that of a probe
	// that did not end.
	leftover = 2 * probeTime
)

// ErrUnfit reports a storage that accepts an object and then holds another
// one, or calls it by another ETag.
var ErrUnfit = errors.New("the storage does not give back what was written to it")

// probe finds out what the storage of the state does with conditions and
// copies. The site's bucket is on the same service, and nothing is written to
// it: visitors could see that, and a crash would leave it there.
type probe struct {
	store storage.Store
	dir   string
	keys  []string // that it may have written
	caps  state.Capabilities
	now   time.Time // by the server's clock, where it tells
	other string    // an ETag that the source of a copy does not have
}

// probe returns the capabilities of the storage of the state, whose identity
// is id.
func (r *Run) probe(ctx context.Context, id string) (state.Capabilities, error) {
	p := newProbe(r.State, r.Now())
	bounded, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	err := p.run(bounded)
	if cleanErr := p.clean(ctx); cleanErr != nil { // the next probe does it
		r.Sink.Emit(event.Message{Severity: event.Debug, Text: "removing a probe: " + oneLine(cleanErr)})
	}
	if err != nil {
		return state.Capabilities{}, fmt.Errorf("trying out the storage: %w", err)
	}
	p.caps.Store, p.caps.Checked = id, p.now.UTC().Truncate(time.Second)
	return p.caps, nil
}

// newProbe returns a probe of a store; now is the time where the store does
// not tell it.
func newProbe(s storage.Store, now time.Time) *probe {
	p := &probe{store: s, dir: state.ProbeDir + strings.ToLower(rand.Text()) + "/", now: now}
	for _, name := range []string{"new", "source", "copy", "stale"} {
		p.keys = append(p.keys, p.dir+name)
	}
	for i := range waves * rounds {
		p.keys = append(p.keys, p.round(i))
	}
	return p
}

func (p *probe) round(i int) string { return fmt.Sprintf("%s%d", p.dir, i) }

func (p *probe) run(ctx context.Context) error {
	for _, part := range []func(context.Context) error{p.create, p.update, p.copies} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// attempt is what became of one write.
type attempt struct {
	text string
	info storage.Info
	err  error
}

// put writes something that is in no other object.
func (p *probe) put(ctx context.Context, key string, cond storage.Condition) attempt {
	a := attempt{text: rand.Text()}
	a.info, a.err = p.store.Put(ctx, key, storage.Bytes([]byte(a.text)), stateHeaders(), cond)
	return a
}

// race lets several writers write a key on the same condition, all at once.
// Where it is kept, exactly one succeeds, and is returned.
func (p *probe) race(ctx context.Context, key string, cond storage.Condition) (attempt, state.Promise, error) {
	attempts := make([]attempt, racers)
	start := make(chan struct{})
	var g errgroup.Group
	for i := range attempts {
		g.Go(func() error {
			<-start
			attempts[i] = p.put(ctx, key, cond)
			return nil
		})
	}
	close(start)
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

// decides reports whether an error is about more than the request that was
// tried out. What a server answers to a request that it does not know, and to
// writers that meet each other, is not always the code that it should be.
func decides(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	for _, kind := range []error{storage.ErrCredentials, storage.ErrDenied, storage.ErrNoBucket, storage.ErrUnreachable, storage.ErrWrongRegion} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// refusal tries a write whose condition does not hold.
func (p *probe) refusal(ctx context.Context, key string, cond storage.Condition) (state.Promise, error) {
	err := p.put(ctx, key, cond).err
	switch {
	case err == nil:
		return state.Broken, nil
	case unmet(err):
		return state.Kept, nil
	case decides(ctx, err):
		return "", err
	default:
		return state.Refused, nil
	}
}

// create tries conditional creation: of several writers one wins, and none
// that comes later.
func (p *probe) create(ctx context.Context) error {
	key := p.dir + "new"
	won, promise, err := p.race(ctx, key, storage.Condition{Absent: true})
	if p.caps.Create = promise; err != nil || promise != state.Kept {
		return err
	}
	if err := p.holds(ctx, key, won); err != nil {
		return err
	}
	p.caps.Create, err = p.refusal(ctx, key, storage.Condition{Absent: true})
	return err
}

// update tries conditional replacement, in several races at once, and once
// more where the first found nothing. A server that keeps this promise by luck
// is seen by its readers before it is seen to lose an update: they get the
// bytes of one version with the ETag of another, and with them overwrite what
// they have not read. One such read in a thousand, as versitygw has it, is a
// smaller risk than to do without conditions; rclone's are one in eight.
func (p *probe) update(ctx context.Context) error {
	p.caps.Update = state.Kept
	var reads, torn int
	for i := 0; i < waves && p.caps.Update == state.Kept; i++ {
		found, err := p.wave(ctx, i*rounds)
		if err != nil {
			return err
		}
		for _, s := range found {
			reads, torn = reads+s.reads, torn+s.torn
			if s.promise != state.Kept {
				p.caps.Update = s.promise
			}
		}
		if torn >= fewTorn && torn*rareTorn > reads {
			p.caps.Update = state.Broken
		}
		p.other = found[0].first.info.ETag
		if date := found[0].first.info.Date; !date.IsZero() {
			p.now = date
		}
	}
	return nil
}

// wave holds several races at once, each for a key of its own.
func (p *probe) wave(ctx context.Context, from int) ([]swap, error) {
	found := make([]swap, rounds)
	g, gctx := errgroup.WithContext(ctx)
	for i := range rounds {
		g.Go(func() error { return p.swap(gctx, p.round(from+i), &found[i]) })
	}
	return found, g.Wait()
}

// swap is a race of writers that compare and swap one key.
type swap struct {
	first       attempt
	promise     state.Promise
	reads, torn int
}

// swap writes a key, lets writers compare and swap it while others read it,
// and then one that comes too late.
func (p *probe) swap(ctx context.Context, key string, s *swap) error {
	if s.first = p.put(ctx, key, storage.Condition{}); s.first.err != nil {
		return s.first.err
	}
	if err := p.holds(ctx, key, s.first); err != nil {
		return err
	}
	stop := p.watch(ctx, key)
	won, promise, err := p.race(ctx, key, storage.Condition{ETag: s.first.info.ETag})
	seen := stop()
	if s.promise = promise; err != nil || promise != state.Kept {
		return err
	}
	s.reads = len(seen)
	for _, got := range seen {
		if got != s.first.version() && got != won.version() {
			s.torn++
		}
	}
	if err := p.holds(ctx, key, won); errors.Is(err, ErrUnfit) { // it was, before the race
		s.promise = state.Broken
		return nil
	} else if err != nil {
		return err
	}
	s.promise, err = p.refusal(ctx, key, storage.Condition{ETag: s.first.info.ETag})
	return err
}

// version is what a reader saw. Where it saw nothing, though something is
// there, it is empty.
type version struct{ text, etag string }

func (a attempt) version() version { return version{a.text, a.info.ETag} }

// watch reads a key again and again until the function that it returns is
// called, which returns what was seen. A read that fails for any other reason
// than what is at the key does not count.
func (p *probe) watch(ctx context.Context, key string) (stop func() []version) {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	var seen []version
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for n := 0; n < mostReads && ctx.Err() == nil; n++ {
				text, info, err := p.read(ctx, key)
				if err != nil && !notExist(err) && !unmet(err) {
					continue
				}
				mu.Lock()
				seen = append(seen, version{text, info.ETag})
				mu.Unlock()
			}
		})
	}
	return func() []version {
		cancel()
		wg.Wait()
		return seen
	}
}

// holds returns ErrUnfit unless a key holds what was written to it, under the
// ETag that the writer was told.
func (p *probe) holds(ctx context.Context, key string, a attempt) error {
	text, info, err := p.read(ctx, key)
	if err == nil && (info.ETag == "" || version{text, info.ETag} != a.version()) {
		err = &storage.Error{Op: "get", Key: key, Err: ErrUnfit}
	}
	return err
}

func (p *probe) read(ctx context.Context, key string) (string, storage.Info, error) {
	obj, err := p.store.Get(ctx, key)
	if err != nil {
		return "", storage.Info{}, err
	}
	defer obj.Body.Close()
	b, err := io.ReadAll(io.LimitReader(obj.Body, 1<<10)) // more than was written
	return string(b), obj.Info, err
}

// copies tries copies on the server: to another key, onto itself, and of a
// version that is not there any more.
func (p *probe) copies(ctx context.Context) error {
	p.caps.Copy, p.caps.CopyIf = state.Refused, state.Refused
	copier, ok := p.store.(storage.Copier)
	if !ok {
		return nil
	}
	key := p.dir + "source"
	src := p.put(ctx, key, storage.Condition{})
	if src.err != nil {
		return src.err
	}
	from := storage.CopySource{Key: key, ETag: src.info.ETag, Size: int64(len(src.text))}
	for _, to := range []string{p.dir + "copy", key} {
		promise, err := p.tryCopy(ctx, copier, from, to, src.text)
		if p.caps.Copy = promise; err != nil || promise != state.Kept {
			return err
		}
	}
	from.ETag = p.other
	_, err := copier.Copy(ctx, from, p.dir+"stale", blobHeaders())
	switch {
	case err == nil:
		p.caps.CopyIf = state.Broken
	case unmet(err):
		p.caps.CopyIf = state.Kept
	case decides(ctx, err):
		return err
	}
	return nil
}

// tryCopy makes a copy with other headers, and looks at it. Its ETag must be
// the one that was answered: it is the guard of the next write.
func (p *probe) tryCopy(ctx context.Context, c storage.Copier, from storage.CopySource, to, want string) (state.Promise, error) {
	copied, err := c.Copy(ctx, from, to, blobHeaders())
	switch {
	case err == nil:
	case errors.Is(err, storage.ErrDenied), !decides(ctx, err): // a key may write, and not copy
		return state.Refused, nil
	case errors.Is(err, storage.ErrUnreachable):
		// rclone answers a copy onto itself without an ETag: what answers
		// all else, and not this as S3 does, breaks it.
		if _, _, unread := p.read(ctx, from.Key); unread == nil {
			return state.Broken, nil
		}
		return "", err
	default:
		return "", err
	}
	text, info, err := p.read(ctx, to)
	switch {
	case err != nil && !notExist(err):
		return "", err
	case err != nil, text != want, info.ETag != copied.ETag, !info.Headers.Equal(blobHeaders()):
		return state.Broken, nil
	}
	return state.Kept, nil
}

// clean removes what this probe wrote, and what others left that did not end.
func (p *probe) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handover)
	defer cancel()
	keys := p.keys
	for info, err := range p.store.List(ctx, state.ProbeDir) {
		if err != nil {
			return errors.Join(err, p.store.Delete(ctx, keys...))
		}
		if !strings.HasPrefix(info.Key, p.dir) && p.now.Sub(info.Modified) > leftover {
			keys = append(keys, info.Key)
		}
	}
	return p.store.Delete(ctx, keys...)
}
