package cli

import (
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/report"
)

// newSink returns what shows a run: JSON lines for programs, the runner's own
// language in GitHub Actions, bars on a terminal, plain lines elsewhere.
func (a *app) newSink() report.Sink {
	o := report.Options{Full: a.full}
	switch {
	case a.json:
		return report.JSON(a.Stdout.W)
	case a.actions != nil:
		return report.GitHub(a.actions, o)
	case a.Stderr.Terminal && !a.run.CI:
		return report.Terminal(a.Stderr, a.Stdout, o)
	default:
		return report.Plain(a.Stderr, a.Stdout, o)
	}
}

// say shows a message.
func (a *app) say(s event.Severity, text, hint string) {
	a.sink.Emit(event.Message{Severity: s, Text: text, Hint: hint})
}
