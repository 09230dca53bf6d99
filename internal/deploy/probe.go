package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	// probeTime bounds a probe. Where a service limits the writes to one key,
	// its racing writers wait for each other.
	probeTime = 2 * time.Minute
	// leftover is the age from which what lies in ProbeDir is that of a probe
	// that did not end.
	leftover = 2 * probeTime
	// bodyTime is how long after its headers the few bytes of a body may come.
	// s3rver announces the length of one version, sends a shorter one, and
	// keeps the connection open.
	bodyTime = 3 * time.Second
)

// ErrUnfit reports a storage that accepts an object and then holds another
// one, or calls it by another ETag.
var ErrUnfit = errors.New("the storage does not give back what was written to it")

// errShort reports an object whose body ended before it had the length that was
// announced for it.
var errShort = errors.New("the body ends early")

// probe finds out what the storage of the state does with conditions and
// copies. The site's bucket is on the same service, and nothing is written to
// it: visitors could see that, and a crash would leave it there.
type probe struct {
	store storage.Store
	dir   string
	keys  []string // that it may have written
	caps  state.Capabilities
	now   time.Time // by the server's clock, where it tells

	swaps        []swap
	source, self attempt // what is copied to another key, and onto itself

	others []storage.Info // what other probes have written
	unseen error          // why that is not all
}

// newProbe returns a probe of a store; now is the time where the store does
// not tell it.
func newProbe(s storage.Store, now time.Time) *probe {
	p := &probe{store: s, dir: state.ProbeDir + strings.ToLower(rand.Text()) + "/", now: now, swaps: make([]swap, waves*rounds)}
	for _, name := range []string{"new", "source", "self", "copy", "stale", "other"} {
		p.keys = append(p.keys, p.dir+name)
	}
	for i := range p.swaps {
		s := &p.swaps[i]
		s.key, s.late = fmt.Sprintf("%s%d", p.dir, i), i%2 == 0
		p.keys = append(p.keys, s.key)
	}
	return p
}

// run tries everything side by side, as nothing of it needs the result of
// another part: what is slow is to wait for answers, of which at most four
// follow each other.
func (p *probe) run(ctx context.Context) error {
	if err := sideBySide(ctx, p.plant, p.list); err != nil {
		return err
	}
	return sideBySide(ctx, p.create, p.update, p.copies, p.payload)
}

// sideBySide calls functions at once. The first error ends them, and is
// returned.
func sideBySide(ctx context.Context, functions ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range functions {
		g.Go(func() error { return f(ctx) })
	}
	return g.Wait()
}

// plant writes what is to be replaced and copied. It also opens connections,
// so that the racers do not have to wait for theirs.
func (p *probe) plant(ctx context.Context) error {
	plain := func(key string, a *attempt) func(context.Context) error {
		return func(ctx context.Context) error {
			*a = p.put(ctx, key, storage.Condition{}, 1)
			return a.err
		}
	}
	writes := []func(context.Context) error{plain(p.dir+"source", &p.source), plain(p.dir+"self", &p.self)}
	for i := range p.swaps {
		writes = append(writes, plain(p.swaps[i].key, &p.swaps[i].first))
	}
	err := sideBySide(ctx, writes...)
	if date := p.source.info.Date; !date.IsZero() {
		p.now = date
	}
	return err
}

// attempt is what became of one write.
type attempt struct {
	text string
	info storage.Info
	err  error
}

// put writes something that is in no other object, and size times as long as
// the least.
func (p *probe) put(ctx context.Context, key string, cond storage.Condition, size int) attempt {
	a := attempt{text: strings.Repeat(rand.Text(), size)}
	a.info, a.err = p.store.Put(ctx, key, storage.Bytes([]byte(a.text)), stateHeaders(), cond)
	return a
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
	err := p.put(ctx, key, cond, 1).err
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

// version is what a reader saw. Where it saw nothing, though something is
// there, it is empty.
type version struct{ text, etag string }

func (a attempt) version() version { return version{a.text, a.info.ETag} }

// holds returns ErrUnfit unless a key holds what was written to it, under the
// ETag that the writer was told.
func (p *probe) holds(ctx context.Context, key string, a attempt) error {
	text, info, err := p.read(ctx, key)
	if err == nil && (info.ETag == "" || version{text, info.ETag} != a.version()) {
		err = &storage.Error{Op: "get", Key: key, Err: ErrUnfit}
	}
	return err
}

// read returns an object and what is known of it; errShort where there is less
// of it than was announced.
func (p *probe) read(ctx context.Context, key string) (string, storage.Info, error) {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	obj, err := p.store.Get(bounded, key)
	if err != nil {
		return "", storage.Info{}, err
	}
	defer obj.Body.Close()
	defer time.AfterFunc(bodyTime, cancel).Stop()
	b, err := io.ReadAll(io.LimitReader(obj.Body, 1<<10)) // more than was written
	if err != nil && ctx.Err() == nil {
		err = &storage.Error{Op: "get", Key: key, Err: errors.Join(errShort, err)}
	}
	return string(b), obj.Info, err
}

// create tries conditional creation: of several writers one wins, and none
// that comes later.
func (p *probe) create(ctx context.Context) error {
	key, cond := p.dir+"new", storage.Condition{Absent: true}
	won, promise, err := p.race(ctx, key, cond, func() {})
	if p.caps.Create = promise; err != nil || promise != state.Kept {
		return err
	}
	lost := false
	err = sideBySide(ctx,
		func(ctx context.Context) error {
			err := p.holds(ctx, key, won)
			if lost = errors.Is(err, ErrUnfit) || errors.Is(err, errShort); lost {
				return nil // copies looks whether that is so without a race, too
			}
			return err
		},
		func(ctx context.Context) (err error) {
			p.caps.Create, err = p.refusal(ctx, key, cond)
			return err
		})
	if lost {
		p.caps.Create = state.Broken
	}
	return err
}

// payload tries to write other bytes than were announced. Files are left to the
// storage to check where it says that they are others, and has not kept them.
func (p *probe) payload(ctx context.Context) error {
	key, src := p.dir+"other", storage.Bytes([]byte(rand.Text()))
	src.SHA256, src.Checked = storage.Bytes([]byte(rand.Text())).SHA256, true
	_, err := p.store.Put(ctx, key, src, stateHeaders(), storage.Condition{})
	if errors.Is(err, storage.ErrModified) {
		if _, _, err = p.read(ctx, key); notExist(err) {
			p.caps.Payload = state.Kept
			return nil
		}
	}
	switch {
	case err == nil: // it has them, whatever it says
		p.caps.Payload = state.Broken
	case ctx.Err() != nil:
		return err
	default:
		// It says no, but not why: one that signs what it got finds the
		// credentials wrong. Whether they are, all other requests tell.
		p.caps.Payload = state.Refused
	}
	return nil
}

// copies tries copies on the server: to another key, onto itself, and of a
// version that is not there.
func (p *probe) copies(ctx context.Context) error {
	p.caps.Copy, p.caps.CopyIf = state.Refused, state.Refused
	copier, ok := p.store.(storage.Copier)
	if !ok {
		return nil
	}
	var aside, onto, stale state.Promise
	err := sideBySide(ctx,
		func(ctx context.Context) error { return p.holds(ctx, p.dir+"source", p.source) },
		func(ctx context.Context) (err error) {
			aside, err = p.tryCopy(ctx, copier, p.copyOf("source", p.source), p.dir+"copy", p.source.text)
			return err
		},
		func(ctx context.Context) (err error) {
			onto, err = p.tryCopy(ctx, copier, p.copyOf("self", p.self), p.dir+"self", p.self.text)
			return err
		},
		func(ctx context.Context) (err error) {
			stale, err = p.staleCopy(ctx, copier)
			return err
		})
	if p.caps.Copy = aside; aside == state.Kept {
		p.caps.Copy = onto
	}
	if p.caps.Copy == state.Kept {
		p.caps.CopyIf = stale
	}
	return err
}

// copyOf is an object of the probe as the source of a copy.
func (p *probe) copyOf(name string, a attempt) storage.CopySource {
	return storage.CopySource{Key: p.dir + name, ETag: a.info.ETag, Size: int64(len(a.text))}
}

// staleCopy tries to copy what has another ETag.
func (p *probe) staleCopy(ctx context.Context, c storage.Copier) (state.Promise, error) {
	from := p.copyOf("source", p.source)
	from.ETag = p.self.info.ETag
	_, err := c.Copy(ctx, from, p.dir+"stale", blobHeaders())
	switch {
	case err == nil:
		return state.Broken, nil
	case unmet(err):
		return state.Kept, nil
	case decides(ctx, err) && !errors.Is(err, storage.ErrDenied): // which tryCopy meets, too
		return "", err
	}
	return state.Refused, nil
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

// list finds what other probes have left, or still write.
func (p *probe) list(ctx context.Context) error {
	for info, err := range p.store.List(ctx, state.ProbeDir) {
		if err != nil {
			p.unseen = err // the next probe may see it
			return nil
		}
		if !strings.HasPrefix(info.Key, p.dir) {
			p.others = append(p.others, info)
		}
	}
	return nil
}

// clean removes what this probe wrote, and what others left that did not end.
func (p *probe) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastTime)
	defer cancel()
	keys := p.keys
	for _, info := range p.others {
		if p.now.Sub(info.Modified) > leftover {
			keys = append(keys, info.Key)
		}
	}
	return errors.Join(p.unseen, p.store.Delete(ctx, keys...))
}
