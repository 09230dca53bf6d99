package local

import (
	"context"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a process asks for the lock while another has it; the
// lock is held for a few renames, never while bytes are written.
const lockPoll = 2 * time.Millisecond

// lock waits until this goroutine alone, of all processes, may change the
// directory.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	file := flock.New(filepath.Join(s.dir, metaDir, lockFile), flock.SetPermissions(0o666))
	if _, err := file.TryLockContext(ctx, lockPoll); err != nil {
		<-s.turn
		return nil, err
	}
	return func() {
		file.Unlock() // closing the file, which it does, cannot leave it locked
		<-s.turn
	}, nil
}
