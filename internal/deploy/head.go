package deploy

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	// lease is how long a deploy is protected from others. It is long,
	// because some providers limit how often one key may be written: R2 to
	// one write a second (developers.cloudflare.com/r2/platform/limits),
	// DigitalOcean Spaces to five in five minutes.
	lease = 15 * time.Minute
	// retryRenewal is how long after a failed renewal the next one is tried.
	retryRenewal = time.Minute
	// margin is what is kept free at the end of a lease, so that the last
	// request has ended when others may begin.
	margin = time.Minute
	// handover is how long a run that was interrupted may still write and
	// read the head: GitHub's runner kills it 7.5 seconds after the signal
	// (docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation).
	handover = 4 * time.Second
	// lastTime bounds each such step of a run that was not interrupted.
	lastTime = time.Minute
)

// stateHeaders are the headers of every object of the state.
func stateHeaders() storage.Headers {
	return storage.Headers{storage.ContentType: "application/zstd", storage.CacheControl: "no-store"}
}

// tx is a deploy that holds the head.
type tx struct {
	view  *view
	id    string // of the release and the intent that it writes
	skew  time.Duration
	began time.Time       // when the lease was written, by the server's clock
	ctx   context.Context // ends with the lease, or when it is lost
	close context.CancelCauseFunc

	// release is the record of the new release, where there is one, and drop
	// what it does not keep any more.
	release *state.Release
	drop    struct {
		releases []string
		blobs    []state.Blob
		strays   int      // of the blobs: those that no release has recorded
		listed   bool     // blobs holds all of these
		useless  []string // keys of the state
	}

	// collects: the run is there to remove what is not kept, and removed is
	// what it has removed.
	collects bool
	removed  []storage.Info

	turn  chan struct{} // full while somebody changes the head
	head  state.Head
	etag  string
	date  time.Time // the server's clock when it answered the last write; zero where it does not tell
	known []byte    // the head as this run read or wrote it last; nil: there was none
	late  []draft   // heads of which it is not known whether they were written
}

// newTx returns a transaction that begins at a time of ours, with the head as
// it was read.
func newTx(v *view, began time.Time) *tx {
	t := &tx{view: v, skew: v.skew, etag: v.etag, known: v.raw, turn: make(chan struct{}, 1), head: *v.head}
	t.began = began.Add(t.skew)
	t.id = state.NewID(t.began, slices.Max(append(v.doubts(), v.head.Live)))
	return t
}

// acquire writes into the head that this run deploys now. It fails with
// errMoved where the head is no longer as v has it.
func (r *Run) acquire(ctx context.Context, v *view) (*tx, error) {
	began := r.Now()
	t := newTx(v, began)
	t.head.Owed = slices.DeleteFunc(slices.Clone(v.head.Owed), func(d state.Debt) bool { return slices.Contains(v.void, d.Intent) })
	t.head.Doubt = v.doubts()
	t.head.Suspects = v.suspects()
	t.head.Busy = &state.Busy{
		Owner: r.Owner, Nonce: rand.Text(), Base: v.head.Live, Target: t.id,
		Expires: t.expiry(began),
	}
	if r.probed != nil {
		t.head.Capabilities = r.probed
	}
	if err := r.write(ctx, t); err != nil {
		return nil, err
	}
	if err := r.correct(ctx, t, began); err != nil {
		return nil, err
	}
	t.ctx, t.close = context.WithCancelCause(ctx)
	go r.renew(t, began)
	return t, nil
}

// expiry returns when a lease that was asked for at a time of ours runs out,
// by the server's clock.
func (t *tx) expiry(began time.Time) time.Time {
	return began.Add(t.skew + lease).UTC().Truncate(time.Second)
}

// correct writes the lease again where it was counted by a wrong clock: in a
// site's first deploy, there was no head that told the server's.
func (r *Run) correct(ctx context.Context, t *tx, began time.Time) error {
	skew := t.date.Sub(r.Now())
	if t.view.etag != "" || t.date.IsZero() || (skew-t.skew).Abs() < margin/2 {
		return nil
	}
	t.skew, t.began = skew, began.Add(skew)
	t.close = func(error) {} // there is no context yet
	err := r.update(ctx, t, func(h *state.Head) {
		busy := *h.Busy
		busy.Expires = t.expiry(began)
		h.Busy = &busy
	})
	if err != nil && !errors.Is(err, ErrLost) {
		r.release(t, false)
	}
	return err
}

// outlive returns a context that ends some time after ctx: all that a run
// still says when it was interrupted shares it.
func outlive(ctx context.Context, by time.Duration) context.Context {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return last
}

// insist changes the head also for a run that was interrupted. A request that
// then gets no answer is given up early enough to send it once more.
func (r *Run) insist(t *tx, change func(*state.Head)) error {
	err := r.updateWithin(r.soon, t, change)
	if err != nil && r.soon.Err() != nil && !errors.Is(err, ErrLost) {
		err = r.updateWithin(r.last, t, change)
	}
	return err
}

func (r *Run) updateWithin(ctx context.Context, t *tx, change func(*state.Head)) error {
	ctx, cancel := context.WithTimeout(ctx, lastTime)
	defer cancel()
	return r.update(ctx, t, change)
}

// draft is a head and its bytes.
type draft struct {
	head  state.Head
	bytes []byte
}

// lateError reports that a head is in the bucket that this run wrote, and was
// told, or had to believe, that it had not.
type lateError struct{ head state.Head }

// Error says so.
func (*lateError) Error() string { return "an earlier write of the head was done late" }

// write puts the transaction's head where it is still the one that this run
// read or wrote last. It is the caller's turn, or the caller is alone.
func (r *Run) write(ctx context.Context, t *tx) error {
	b, err := state.EncodeHead(t.head)
	if err != nil {
		return err
	}
	if !r.caps.Exclusive() {
		return r.writeSlowly(ctx, t, draft{t.head, b})
	}
	info, err := r.putHead(ctx, t, b)
	if err != nil { // it may have been done all the same
		if info, err = r.readBack(ctx, t, draft{t.head, b}, err); err != nil {
			return err
		}
	}
	t.etag, t.date, t.known, t.late = info.ETag, info.Date, b, nil
	return nil
}

func (r *Run) putHead(ctx context.Context, t *tx, b []byte) (storage.Info, error) {
	cond := r.sendable(storage.Condition{Absent: t.etag == "", ETag: t.etag})
	return r.State.Put(ctx, state.HeadKey, storage.Bytes(b), stateHeaders(), cond)
}

// readBack finds out what became of a head whose writing failed: the answer was
// lost, or the run was interrupted while it waited, or the ETag that it named
// is not that of the head that it read or wrote last, because the service had
// named a wrong one. Two runs never write the same head while a deploy runs, as
// it holds a nonce, and where the head is idle the same bytes mean the same.
func (r *Run) readBack(ctx context.Context, t *tx, wanted draft, failed error) (storage.Info, error) {
	got, info, err := r.rawHead()
	switch {
	case err == nil && bytes.Equal(got, wanted.bytes):
		return info, nil
	case !unmet(failed):
		t.late = append(t.late, wanted)
		return info, failed
	case notExist(err):
		return info, errMoved
	case err != nil:
		return info, err
	case t.wroteLate(got):
		return info, t.tookLate(got, info)
	case bytes.Equal(got, t.known) && info.ETag != t.etag:
		t.etag = info.ETag
		if info, err = r.putHead(ctx, t, wanted.bytes); unmet(err) {
			err = errMoved
		}
		return info, err
	}
	return info, errMoved
}

// wroteLate reports whether a head is one of those of which this run does not
// know whether they were written.
func (t *tx) wroteLate(head []byte) bool {
	return slices.ContainsFunc(t.late, func(d draft) bool { return bytes.Equal(d.bytes, head) })
}

// tookLate goes on from a head that was written late.
func (t *tx) tookLate(head []byte, info storage.Info) error {
	i := slices.IndexFunc(t.late, func(d draft) bool { return bytes.Equal(d.bytes, head) })
	t.etag, t.known = info.ETag, head
	return &lateError{t.late[i].head}
}

// rawHead reads the bytes of the head, also for a run that was interrupted.
func (r *Run) rawHead() ([]byte, storage.Info, error) {
	ctx, cancel := context.WithTimeout(r.last, lastTime)
	defer cancel()
	obj, err := r.State.Get(ctx, state.HeadKey)
	if err != nil {
		return nil, storage.Info{}, err
	}
	defer obj.Body.Close()
	b, err := io.ReadAll(io.LimitReader(obj.Body, state.MaxHead))
	return b, obj.Info, err
}

// current returns the head as this run has written it last: its lease may be
// renewed at any time.
func (t *tx) current() state.Head {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	return t.head
}

// update changes the head and writes it. Where another run has taken over,
// the error is ErrLost and the transaction is at its end.
func (r *Run) update(ctx context.Context, t *tx, change func(*state.Head)) error {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	old := t.head
	change(&t.head)
	err := r.write(ctx, t)
	var late *lateError
	if errors.As(err, &late) {
		old, t.head = late.head, late.head
		change(&t.head)
		err = r.write(ctx, t)
	}
	if err == nil {
		return nil
	}
	t.head = old
	if isMoved(err) {
		err = ErrLost
		t.close(err)
	}
	return err
}

// renew keeps the lease alive until the transaction ends, and ends the
// transaction before a lease that cannot be renewed.
func (r *Run) renew(t *tx, began time.Time) {
	for wait := lease / 2; ; {
		expiry := time.AfterFunc(time.Until(began.Add(lease-margin)), func() {
			t.close(fmt.Errorf("the lease could not be renewed in time: %w", ErrLost))
		})
		select {
		case <-t.ctx.Done():
			expiry.Stop()
			return
		case <-time.After(wait):
		}
		next := r.Now()
		err := r.update(t.ctx, t, func(h *state.Head) {
			if h.Busy != nil {
				busy := *h.Busy
				busy.Expires = t.expiry(next)
				h.Busy = &busy
			}
		})
		if err == nil {
			began, wait = next, lease/2
		} else {
			wait = retryRenewal
			r.Sink.Emit(event.Message{Severity: event.Debug, Text: "renewing the lease: " + err.Error()})
		}
		expiry.Stop()
	}
}

// release gives the head back without a commit. Where the deploy may have
// touched something, its intent stays in doubt for the next run. It works in
// the short time that an interrupted run has left.
func (r *Run) release(t *tx, touched bool) {
	err := r.insist(t, func(h *state.Head) {
		h.Busy = nil
		if touched {
			h.Doubt = append(slices.Clone(h.Doubt), t.id)
		} else {
			h.Strays = true // the intent may have been written all the same
		}
	})
	if err != nil && !errors.Is(err, ErrLost) { // then it is another run's
		r.warn("the lock could not be given back: "+err.Error(), "Another deploy can begin in "+lease.String()+".")
	}
}
