package deploy

import (
	"context"
	"slices"
	"sync"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// restore puts the old objects back at the paths that a failed deploy may
// have overwritten, from the blobs. It returns the paths where that failed,
// sorted. What was created stays: nothing that is live refers to it.
func (u *upload) restore(ctx context.Context) []string {
	over := u.overwritten()
	if len(over) == 0 {
		return nil
	}
	started := u.begin(event.Restore, "")
	var mu sync.Mutex
	var lost []string
	g, _ := u.pace.Group(ctx)
	for _, c := range u.plan.Changes {
		if _, hit := slices.BinarySearch(over, c.Path()); c.Op == plan.Delete || !hit {
			continue
		}
		g.Go(0, func() error {
			if err := u.putBack(ctx, c); err != nil {
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, c.Path())
			}
			return nil
		})
	}
	_ = g.Wait() // no function fails
	slices.Sort(lost)
	if len(lost) == 0 {
		u.end(event.Restore, started, english.Plural(len(over), "object", ""))
	}
	return lost
}

// putBack writes the old object of a change again. The bytes of one whose
// headers alone were to change are still in its place. What neither this deploy
// nor the release put there stays: a write that met it may have got no answer
// at first, so that it counts as one that was perhaps done.
func (u *upload) putBack(ctx context.Context, c plan.Change) error {
	now, _, err := u.fetch(ctx, c.Path())
	switch {
	case err != nil && !notExist(err):
		return err
	case err == nil && now.SHA256 != c.Old.SHA256 && now.SHA256 != c.New.SHA256:
		return &ForeignError{Paths: []string{c.Path()}, Changed: true}
	}
	from := storage.CopySource{Store: u.State, Key: state.BlobKey(c.Old.SHA256), Size: c.Old.Size}
	if c.Op == plan.Headers {
		from = storage.CopySource{Store: u.Live, Key: c.Path(), Size: c.Old.Size}
	}
	_, err = u.copy(ctx, u.Live, c.Path(), from, c.Old.SHA256, c.Old.Headers)
	return err
}
