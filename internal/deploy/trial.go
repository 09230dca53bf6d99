package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// trial is a probe in the background of a run.
type trial struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when caps and err are set, and what it wrote is removed
	caps   state.Capabilities
	err    error
}

// beginTrial begins to try out the storage of the state, whose identity is id.
// What the probe wrote is removed before the head can say that there was one:
// for what a killed run leaves, there has to be another probe.
func (r *Run) beginTrial(ctx context.Context, id string) *trial {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	t := &trial{cancel: cancel, done: make(chan struct{})}
	p := newProbe(r.State, r.Now())
	go func() {
		defer close(t.done)
		defer cancel()
		if err := p.run(ctx); err != nil {
			t.err = fmt.Errorf("trying out the storage: %w", err)
		}
		p.caps.Store, p.caps.Checked = id, p.now.UTC().Truncate(time.Second)
		t.caps = p.caps
		if err := p.clean(r.last); err != nil { // the next probe does it
			r.Sink.Emit(event.Message{Severity: event.Debug, Text: "removing a probe: " + oneLine(err)})
		}
	}()
	return t
}

// probe returns the capabilities of the storage of the state, whose identity
// is id. It may be that Anticipate has begun to find out.
func (r *Run) probe(ctx context.Context, id string) (state.Capabilities, error) {
	r.trying.Lock()
	early := r.trial != nil
	if !early {
		r.trial = r.beginTrial(ctx, id)
	}
	t := r.trial
	r.trying.Unlock()
	select {
	case <-t.done:
		if t.err != nil && early && ctx.Err() == nil { // perhaps long ago, during the build
			r.trying.Lock()
			r.trial = nil
			r.trying.Unlock()
			return r.probe(ctx, id)
		}
		return t.caps, t.err
	case <-ctx.Done():
		return state.Capabilities{}, context.Cause(ctx)
	}
}

// Anticipate lets a run that will write try out the storage while its caller
// still builds and scans, where nothing was ever deployed: then that has to be
// done whatever the output is. Who gives up before Deploy has to call Close.
func (r *Run) Anticipate(ctx context.Context) {
	id := storage.Identity(r.State)
	if id == "" {
		return
	}
	go func() {
		v, err := r.live(ctx)
		if err != nil || v.etag != "" {
			return
		}
		r.trying.Lock()
		defer r.trying.Unlock()
		if r.trial == nil && !r.closed {
			r.trial = r.beginTrial(ctx, id)
		}
	}()
}

// Close ends the trial of a storage, if one is under way, and waits until what
// it wrote is removed, at most for a minute, or for as long as an interrupted
// run has. All that writes to a site does this at its end.
func (r *Run) Close() {
	r.trying.Lock()
	t := r.trial
	r.trial, r.closed = nil, true
	r.trying.Unlock()
	if t != nil {
		t.cancel()
		<-t.done
	}
}
