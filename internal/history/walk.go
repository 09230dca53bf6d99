package history

import (
	"context"
	"iter"
	"sync"
)

// All reads the releases, newest first, a few ahead of the caller, and forgets
// each when the next is asked for: so many releases of so many files fit no
// memory. The error is that of a storage that does not answer, and the last
// thing yielded.
func (l *Log) All(ctx context.Context) iter.Seq2[Entry, error] { return l.walk(ctx, l.ids) }

// walk reads the releases of the ids, in their order, as All does.
func (l *Log) walk(ctx context.Context, ids []string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var running sync.WaitGroup
		defer running.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		reads := make([]chan read, len(ids))
		start := func(i int) {
			if i >= len(ids) {
				return
			}
			c := make(chan read, 1)
			reads[i] = c
			running.Go(func() {
				e, err := l.get(ctx, ids[i])
				c <- read{e, err}
			})
		}
		for i := range l.options.Workers {
			start(i)
		}
		for i := range ids {
			r := <-reads[i]
			reads[i] = nil
			start(i + l.options.Workers)
			if !yield(r.entry, r.err) || r.err != nil {
				return
			}
		}
	}
}

// read is what came of reading one release.
type read struct {
	entry Entry
	err   error
}
