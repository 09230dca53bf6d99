package report

import (
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
)

// Commands speaks to the runner of GitHub Actions, whose log is one stream.
type Commands interface {
	// Group opens a foldable section of the log; sections do not nest.
	Group(title string) error
	EndGroup() error
	// Annotate shows a message beside the code and in the run's summary.
	Annotate(event.Message) error
	// StopCommands makes the runner take all lines as text until
	// ResumeCommands, which without it does nothing.
	StopCommands() error
	ResumeCommands() error
	// Print writes lines of text, none of which the runner takes for a
	// command.
	Print(text string) error
}

// GitHub returns a sink for a workflow's log: a section for each phase with
// one line of result below it, warnings and errors as annotations, and build
// output that can give the runner no commands.
func GitHub(c Commands, o Options) Sink {
	return &github{run: c, opts: o, pulses: newPulses(), titles: map[event.Phase]string{}}
}

type github struct {
	stream
	run     Commands
	opts    Options
	pulses  *pulses
	titles  map[event.Phase]string
	open    event.Phase // whose section is open; empty: none
	stopped bool        // commands are stopped
	err     error
}

// Emit shows an event in the workflow's log.
func (g *github) Emit(e event.Event) { g.do(func() { g.show(e) }) }

// Close ends an open section and returns the first error of the log.
func (g *github) Close() error {
	g.end(g.leave)
	return g.err
}

func (g *github) show(e event.Event) {
	switch e := e.(type) {
	case event.PhaseStarted:
		g.titles[e.Phase] = title(e)
		g.pulses.start(e.Phase)
		if e.Detail != "" { // something runs: say so before it prints
			g.enter(e.Phase)
		}
	case event.PhaseDone:
		if g.open == e.Phase {
			g.leave()
		}
		g.print(doneLine(e))
	case event.Output:
		g.output(e)
	case event.Progress:
		if g.pulses.due(e) {
			g.enter(e.Phase)
			g.print(progressLine(e))
		}
	case event.Message:
		g.message(e)
	default:
		g.result(e)
	}
}

// result prints the result of a command below all sections.
func (g *github) result(e event.Event) {
	var text strings.Builder
	g.leave()
	g.try(writeResult(Console{W: &text}, e, g.opts))
	g.print(text.String())
}

// output prints a line of the build. Commands stay stopped until there is one
// of ours to give.
func (g *github) output(e event.Output) {
	g.enter(e.Phase)
	if !g.stopped {
		g.try(g.run.StopCommands())
		g.stopped = true
	}
	g.print(outputLine(e, true))
}

// message annotates what must not be missed. An error leaves the section,
// which would hide it. Notes are text: the runner keeps few annotations.
func (g *github) message(m event.Message) {
	switch {
	case m.Severity == event.Debug && !g.opts.Verbose:
		return
	case m.Severity == event.Error:
		g.leave()
	case m.Severity != event.Warning:
		for _, l := range messageLines(Console{}, m) {
			g.print(l)
		}
		return
	}
	g.resume()
	g.try(g.run.Annotate(m))
}

// enter opens the section of a phase, unless it is open.
func (g *github) enter(p event.Phase) {
	if g.open == p {
		return
	}
	g.leave()
	t := g.titles[p]
	if t == "" {
		t = string(p)
	}
	g.try(g.run.Group(t))
	g.open = p
}

func (g *github) leave() {
	g.resume()
	if g.open != "" {
		g.try(g.run.EndGroup())
		g.open = ""
	}
}

func (g *github) resume() {
	if g.stopped {
		g.try(g.run.ResumeCommands())
		g.stopped = false
	}
}

func (g *github) print(text string) { g.try(g.run.Print(text)) }

func (g *github) try(err error) { g.err = firstOf(g.err, err) }
