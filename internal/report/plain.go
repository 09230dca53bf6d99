package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

// How often plain text repeats progress: at a new quarter, but not more often
// than every quietFor; and in any case every aliveAfter, because some CI
// systems end jobs that say nothing.
const (
	quietFor   = 5 * time.Second
	aliveAfter = 30 * time.Second
)

// Plain returns a sink for logs: lines only, no bars, no control sequences,
// and no colour unless the console asks for it.
func Plain(messages, results Console, o Options) Sink {
	p := &plain{opts: o, results: results, pulses: newPulses()}
	p.out = &sticky{w: messages.W}
	p.messages = messages
	p.messages.W = p.out
	return p
}

type plain struct {
	stream
	opts     Options
	messages Console
	results  Console
	out      *sticky
	failed   error // of results
	pulses   *pulses
}

// Emit shows an event as plain lines.
func (p *plain) Emit(e event.Event) { p.do(func() { p.show(e) }) }

// Close returns the first error of the writers.
func (p *plain) Close() error {
	p.end(func() {})
	return firstOf(p.failed, p.out.err)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *plain) show(e event.Event) {
	switch e := e.(type) {
	case event.PhaseStarted:
		p.pulses.start(e.Phase)
		if e.Detail != "" {
			fmt.Fprintln(p.out, title(e))
		}
	case event.PhaseDone:
		fmt.Fprintln(p.out, doneLine(e))
	case event.Output:
		fmt.Fprintln(p.out, outputLine(e, p.messages.Color))
	case event.Progress:
		if p.pulses.due(e) {
			fmt.Fprintln(p.out, progressLine(e))
		}
	case event.Message:
		if e.Severity != event.Debug || p.opts.Verbose {
			writeLines(p.out, messageLines(p.messages, e))
		}
	default:
		p.failed = firstOf(p.failed, writeResult(p.results, e, p.opts))
	}
}

// pulses decides when the progress of a phase is shown.
type pulses struct {
	now func() time.Time
	by  map[event.Phase]pulse
}

// pulse is when, and at which quarter, a phase last showed its progress.
type pulse struct {
	last    time.Time
	quarter int
}

func newPulses() *pulses { return &pulses{now: time.Now, by: map[event.Phase]pulse{}} }

func (p *pulses) start(phase event.Phase) { p.by[phase] = pulse{last: p.now()} }

// due reports whether progress is to be shown now, and if so, notes it.
func (p *pulses) due(e event.Progress) bool {
	b, ok := p.by[e.Phase]
	if !ok {
		p.start(e.Phase)
		return false
	}
	now, quarter := p.now(), percent(e)/25
	since := now.Sub(b.last)
	if since < quietFor || since < aliveAfter && quarter <= b.quarter {
		return false
	}
	p.by[e.Phase] = pulse{last: now, quarter: quarter}
	return true
}

// percent returns how far a phase is, by bytes where they are known; 0 where
// nothing is known.
func percent(e event.Progress) int {
	switch {
	case e.TotalBytes > 0:
		return int(min(100, 100*float64(e.Bytes)/float64(e.TotalBytes)))
	case e.Total > 0:
		return min(100, 100*e.Done/e.Total)
	}
	return 0
}

// title is the phase and what it does, for example "build: npm run build".
func title(e event.PhaseStarted) string {
	if e.Detail == "" {
		return string(e.Phase)
	}
	return string(e.Phase) + ": " + line(strings.ReplaceAll(e.Detail, "\n", " "), false)
}

func doneLine(e event.PhaseDone) string {
	return fmt.Sprintf("%s: %s (%s)", e.Phase, outcome(e), elapsed(e.Elapsed))
}

func outcome(e event.PhaseDone) string {
	if e.Detail == "" {
		return "done"
	}
	return line(strings.ReplaceAll(e.Detail, "\n", " "), false)
}

// outputLine indents a line of the build, to tell it from ours.
func outputLine(e event.Output, colors bool) string {
	if s := line(e.Line, colors); s != "" {
		return "  " + s
	}
	return ""
}

func progressLine(e event.Progress) string {
	s := fmt.Sprintf("%s: %s", e.Phase, amount(e))
	if e.TotalBytes > 0 {
		s += fmt.Sprintf(", %s of %s", size(e.Bytes), size(e.TotalBytes))
	}
	if e.TotalBytes > 0 || e.Total > 0 {
		s += fmt.Sprintf(" (%d%%)", percent(e))
	}
	return s
}

// amount is for example "12 of 240", without the total where it is not known.
func amount(e event.Progress) string {
	if e.Total <= 0 {
		return fmt.Sprint(e.Done)
	}
	return fmt.Sprintf("%d of %d", e.Done, e.Total)
}
