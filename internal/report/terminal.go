package report

import (
	"cmp"
	"fmt"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

// Terminal returns a sink for a person at a terminal: one line for each phase
// when it is done, a live bar or status line for the one that runs, and build
// output as it comes. Close removes what is live.
func Terminal(messages, results Console, o Options) Sink {
	t := &terminal{opts: o, results: results}
	t.out = &sticky{w: messages.W}
	t.console = messages
	t.console.W = t.out
	t.bar = newBar(t.console)
	return t
}

type terminal struct {
	stream
	opts    Options
	console Console // of messages
	results Console
	out     *sticky
	failed  error // of results
	bar     *bar
	running []event.PhaseStarted // in the order of their start
	status  bool                 // a status line is on the screen
}

func (t *terminal) Emit(e event.Event) { t.do(func() { t.show(e) }) }

// Close removes the bar and returns the first error of the writers.
func (t *terminal) Close() error {
	t.end(t.clear)
	return firstOf(t.failed, t.out.err)
}

func (t *terminal) show(e event.Event) {
	if p, ok := e.(event.Progress); ok {
		t.progress(p)
		return
	}
	t.clear()
	switch e := e.(type) {
	case event.PhaseStarted:
		t.start(e)
	case event.PhaseDone:
		t.done(e)
	case event.Output:
		fmt.Fprintln(t.out, outputLine(e, t.console.Color))
	case event.Message:
		if e.Severity != event.Debug || t.opts.Verbose {
			writeLines(t.out, messageLines(t.console, e))
		}
	default:
		t.failed = firstOf(t.failed, writeResult(t.results, e, t.opts))
	}
	t.redraw()
}

// start announces a phase. One that runs a command stays on the screen above
// the command's output; others become a status line.
func (t *terminal) start(e event.PhaseStarted) {
	t.running = append(t.running, e)
	if e.Phase == event.Install || e.Phase == event.Build {
		fmt.Fprintf(t.out, "%s %s\n", t.console.paint(cyan, "▸"), t.console.paint(bold, title(e)))
	}
}

func (t *terminal) done(e event.PhaseDone) {
	t.stop(e.Phase)
	fmt.Fprintf(t.out, "%s %-8s %s %s\n", t.console.paint(green, "✓"), e.Phase, outcome(e), t.console.paint(dim, elapsed(e.Elapsed)))
}

func (t *terminal) stop(p event.Phase) {
	kept := t.running[:0]
	for _, r := range t.running {
		if r.Phase != p {
			kept = append(kept, r)
		}
	}
	t.running = kept
	if t.bar.phase == p {
		t.bar.drop()
	}
}

// progress moves the bar. Where the total is not known the status line stays.
func (t *terminal) progress(p event.Progress) {
	if p.Total <= 0 && p.TotalBytes <= 0 {
		return
	}
	if t.status {
		t.clear()
	}
	t.bar.update(p)
}

// clear removes the bar or the status line, so that text can take its place.
func (t *terminal) clear() {
	t.bar.clear()
	if t.status {
		fmt.Fprint(t.out, clearLine)
		t.status = false
	}
}

// redraw shows again what is live: the bar, else the phase that started last
// and prints nothing by itself.
func (t *terminal) redraw() {
	if t.bar.redraw() || len(t.running) == 0 {
		return
	}
	last := t.running[len(t.running)-1]
	if last.Phase == event.Install || last.Phase == event.Build {
		return
	}
	width := cmp.Or(t.console.width(), defaultWidth)
	fmt.Fprint(t.out, t.console.paint(dim, fit("… "+title(last), width-1)))
	t.status = true
}

const (
	clearLine    = "\r\x1b[2K"
	defaultWidth = 80
	frame        = 100 * time.Millisecond // between two drawings of a bar
)
