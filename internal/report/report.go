// Package report shows events to people and programs.
//
// Results (the plan and the receipt) go to one console, all that is said on
// the way (phases, build output, progress, messages) to another. The command
// line gives standard output for the first and standard error for the second,
// so that `pandastack plan > plan.txt` keeps the plan alone. The exceptions
// are JSON and GitHub, which write one stream: a program reads the one, and
// the runner merges both streams in no certain order.
//
// File names, build output and what servers say are never trusted: no sink
// lets them move the cursor, break a line, or give a command to a runner.
package report

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/pandastack-io/pandastack/internal/event"
)

// Sink shows events. Close ends what it shows and returns the first error of
// its writers; events after it are dropped.
type Sink interface {
	event.Sink
	io.Closer
}

// Options are what all text sinks know. The zero value is the default.
type Options struct {
	Full    bool             // show every change of a plan
	Verbose bool             // show debug messages
	Now     func() time.Time // what ages are counted from; nil: time.Now
}

// Console is a writer and what it can show. The zero value of all but W is
// plain text of any width.
type Console struct {
	W        io.Writer
	Terminal bool // the cursor can be moved
	Color    bool
	Width    int // columns; 0: those of the terminal, else no limit

	file *os.File // that W is, where it is a terminal
}

// Inspect returns what f can show. NO_COLOR (https://no-color.org) and
// TERM=dumb are honoured; a dumb terminal counts as none.
func Inspect(f *os.File, getenv func(string) string) Console {
	c := Console{W: f}
	if term.IsTerminal(int(f.Fd())) && getenv("TERM") != "dumb" {
		c.Terminal = true
		c.Color = getenv("NO_COLOR") == ""
		c.file = f
	}
	return c
}

// width returns the columns at this moment; 0 is no limit.
func (c Console) width() int {
	if c.Width > 0 || c.file == nil {
		return c.Width
	}
	w, _, err := term.GetSize(int(c.file.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// writeResult writes the result of a command. Other events are no results,
// and nothing is written.
func writeResult(c Console, e event.Event, o Options) error {
	switch e := e.(type) {
	case event.Planned:
		return WritePlan(c, e, o)
	case event.Finished:
		return WriteReceipt(c, e, o)
	case event.Releases:
		return WriteReleases(c, e, o)
	case event.Shown:
		return WriteRelease(c, e, o)
	case event.Compared:
		return WriteComparison(c, e, o)
	case event.Blamed:
		return WriteBlame(c, e, o)
	case event.Verified:
		return WriteFindings(c, e, o)
	case event.Collected:
		return WriteCollected(c, e, o)
	}
	return nil
}

// Multi returns a sink that passes events to all sinks, in order. Close closes
// those that can be closed.
func Multi(sinks ...event.Sink) Sink { return multi(sinks) }

type multi []event.Sink

// Emit passes an event to all sinks, in order.
func (m multi) Emit(e event.Event) {
	for _, s := range m {
		s.Emit(e)
	}
}

// Close closes the sinks that can be closed and joins their errors.
func (m multi) Close() error {
	var errs []error
	for _, s := range m {
		if c, ok := s.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// sticky is a writer that keeps the first error and drops what comes after it,
// so that the code that lays out text need not look at each line's error.
type sticky struct {
	w   io.Writer
	err error
}

// Write writes b, unless a write failed before. It never fails itself.
func (s *sticky) Write(b []byte) (int, error) {
	if s.err == nil {
		_, s.err = s.w.Write(b)
	}
	return len(b), nil
}

// stream serialises the events of a sink, and drops those after Close.
type stream struct {
	mu     sync.Mutex
	closed bool
}

func (s *stream) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		f()
	}
}

// end runs f at the first Close.
func (s *stream) end(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		f()
		s.closed = true
	}
}
