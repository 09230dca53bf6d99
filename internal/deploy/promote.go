package deploy

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/pace"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Promotion says which release of another site a promote takes.
type Promotion struct {
	From  string // what people call the other site: its environment
	Site  state.Site
	Live  storage.Store // below the other site's prefix
	State storage.Store // below its state's prefix
	// Release is a name that state.Release.Find knows. Empty: the live
	// release, which must then still be live when this site's is committed.
	Release string
	// Headers are the rules of this site, FromHeaders those of the other one.
	Headers, FromHeaders *site.HeaderSet
	// Order compares a release that came from source with the mark; nil: the
	// order is not known.
	Order func(ctx context.Context, source state.Source, m state.Mark) Order
}

// origin is a release of another site, and where that has its bytes.
type origin struct {
	Promotion
	release *state.Release
	objects []state.Object // as this site shall have them
	live    map[storage.Digest][]storage.CopySource
	shelved map[storage.Digest]bool

	said    sync.Once
	carried atomic.Int64 // bytes that went through this machine
}

// Promote makes the live site what a release of another site is: the same
// bytes, with the headers that the rules of this site give them. Nothing is
// uploaded that the storage can copy. Which release is meant is settled when the
// command begins. The receipt and the errors are those of Deploy; others are
// state.ErrNoRelease, *SourceMovedError, *SourceChangedError, *MissingError and
// what history.Open returns of the other site.
func (r *Run) Promote(ctx context.Context, p Promotion) (event.Finished, error) {
	o, err := r.origin(ctx, p)
	if err != nil {
		return event.Finished{}, err
	}
	again := false
	return r.do(ctx, func(ctx context.Context, _ *view) (aim, error) {
		if again { // the other site may have been deployed while this run waited
			if err := o.stillLive(ctx); err != nil {
				return aim{}, err
			}
		}
		again = true
		return o.aim(), nil
	})
}

// PreviewPromote returns what Promote would do, and writes nothing.
func (r *Run) PreviewPromote(ctx context.Context, p Promotion) (event.Planned, error) {
	o, err := r.origin(ctx, p)
	if err != nil {
		return event.Planned{}, err
	}
	v, err := r.live(ctx)
	if err != nil {
		return event.Planned{}, err
	}
	return r.preview(ctx, v, o.aim())
}

// aim is that of a promote. A plan writes to the objects that it is given.
func (o *origin) aim() aim { return aim{desired: wishes(o.objects), from: o} }

// origin reads the release that a promote takes: the head and one or two
// records, and the beginning of files whose media type the record does not tell.
func (r *Run) origin(ctx context.Context, p Promotion) (*origin, error) {
	log, err := history.Open(ctx, history.Options{Site: p.Site, State: p.State})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.From, err)
	}
	if len(log.IDs()) == 0 {
		return nil, fmt.Errorf("%s: %w", p.From, state.ErrNothing)
	}
	live, err := log.Release(ctx, log.IDs()[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.From, err)
	}
	o := &origin{Promotion: p, release: live}
	if p.Release != "" {
		id, err := live.Find(p.Release)
		if err == nil {
			o.release, err = log.Release(ctx, id)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.From, err)
		}
	}
	if b, valid := log.Busy(); valid {
		r.note(p.From + " is being deployed by " + b.Owner.String() + ": promoting its release " + o.release.ID)
	}
	o.index(live)
	rel := *o.release
	var erased []string
	if rel.Objects, erased = log.Remembered(o.release); len(erased) > 0 {
		r.warn("release "+rel.ID+" of "+p.From+" comes without "+some(erased)+": the bytes were erased from the history there", "")
		o.release = &rel
	}
	return o, o.wish(ctx, r.pace)
}

// index notes where the other site has its bytes.
func (o *origin) index(live *state.Release) {
	o.live, o.shelved = map[storage.Digest][]storage.CopySource{}, map[storage.Digest]bool{}
	add := func(obj *state.Object) {
		o.live[obj.SHA256] = append(o.live[obj.SHA256], storage.CopySource{Store: o.Live, Key: obj.Path, ETag: obj.ETag, Size: obj.Size})
	}
	for i := range live.Objects {
		add(&live.Objects[i])
	}
	for i := range live.Retired { // a former release may need them
		add(&live.Retired[i].Object)
	}
	for _, b := range live.Blobs {
		o.shelved[b.SHA256] = true
	}
}

// has reports whether the other site has such bytes, as far as it recorded.
func (o *origin) has(d storage.Digest) bool {
	return o != nil && (o.shelved[d] || len(o.live[d]) > 0)
}

// places returns where such bytes may be, the likeliest first: a deploy that is
// at work there may have moved them to a blob.
func (o *origin) places(d storage.Digest, size int64) []storage.CopySource {
	return append(slices.Clone(o.live[d]), storage.CopySource{Store: o.State, Key: state.BlobKey(d), Size: size})
}

// wish fills the desired objects.
func (o *origin) wish(ctx context.Context, p *pace.Pacer) error {
	o.objects = make([]state.Object, len(o.release.Objects))
	g, ctx := p.Group(ctx)
	for i := range o.release.Objects {
		obj := &o.release.Objects[i]
		dress := func(mediaType string) {
			o.objects[i] = state.Object{Path: obj.Path, Size: obj.Size, SHA256: obj.SHA256, Headers: o.Headers.Of(obj.Path, mediaType)}
		}
		// What the rules of the other site made of the type does not count here.
		if t := obj.Headers[storage.ContentType]; site.IsTypeOf(obj.Path, t) && !o.FromHeaders.Types(obj.Path) {
			dress(t)
			continue
		}
		g.Go(0, func() error {
			head, err := o.beginning(ctx, obj)
			if err == nil {
				dress(site.MediaType(obj.Path, head))
			}
			return err
		})
	}
	return g.Wait()
}

// beginning reads as much of an object as tells its media type.
func (o *origin) beginning(ctx context.Context, obj *state.Object) ([]byte, error) {
	for _, from := range o.places(obj.SHA256, obj.Size) {
		got, err := from.Store.Get(ctx, from.Key)
		if notExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.From, err)
		}
		defer got.Body.Close()
		if from.ETag != "" && got.ETag != from.ETag {
			continue
		}
		head, err := io.ReadAll(io.LimitReader(got.Body, site.HeadSize))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.From, &storage.Error{Op: "get", Key: from.Key, Err: err})
		}
		return head, nil
	}
	return nil, o.gone(ctx, obj.Path)
}

// gone explains why bytes are not where the other site recorded them.
func (o *origin) gone(ctx context.Context, path string) error {
	return cmp.Or(o.stillLive(ctx), error(&SourceChangedError{From: o.From, Release: o.release.ID, Path: path}))
}

// stillLive reads the head of the other site again. It returns a
// *SourceMovedError where the release that is promoted, because it was live, is
// so no longer.
func (o *origin) stillLive(ctx context.Context) error {
	if o == nil || o.Release != "" {
		return nil
	}
	live, err := history.Live(ctx, history.Options{Site: o.Site, State: o.State})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", o.From, err)
	case live != o.release.ID:
		return &SourceMovedError{From: o.From, Promoted: o.release.ID, Live: live}
	}
	return nil
}

// promotion is what the record of the new release says.
func (o *origin) promotion() *state.Promotion {
	return &state.Promotion{Environment: o.From, Site: o.Site, Release: o.release.ID}
}

// uploaded returns how many bytes went through this machine.
func (o *origin) uploaded() int64 {
	if o == nil {
		return 0
	}
	return o.carried.Load()
}

// fetchFrom copies the bytes of an object from the other site. The ETag that
// was recorded there guards that they are the right ones, or they are hashed on
// their way.
func (u *upload) fetchFrom(ctx context.Context, o *origin, c plan.Change) (storage.Info, error) {
	for _, from := range o.places(c.New.SHA256, c.New.Size) {
		info, ok, err := u.copyThere(ctx, u.Live, c.Path(), from, c.New.Headers)
		if !ok {
			info, err = u.carryFrom(ctx, o, from, c)
		}
		if !unmet(err) && !notExist(err) {
			return info, err
		}
	}
	return storage.Info{}, o.gone(ctx, c.Path())
}

// carryFrom copies an object of the other site through this machine.
func (u *upload) carryFrom(ctx context.Context, o *origin, from storage.CopySource, c plan.Change) (storage.Info, error) {
	o.said.Do(func() {
		u.note("the storage cannot copy from " + o.From + " on its side: the bytes go through this machine")
	})
	info, err := u.carry(ctx, u.Live, c.Path(), from, c.New.SHA256, c.New.Headers)
	if err == nil {
		o.carried.Add(c.New.Size)
	}
	return info, err
}
