package cli

import (
	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/report"
)

// newSink returns what shows a run and keeps its facts, without what it hides.
func (a *app) newSink() report.Sink {
	return discreet{report.Multi(a.record, a.openSink()), &a.hidden}
}

// discreet keeps secrets out of messages: what a storage, a CDN or a proxy says
// may repeat them.
type discreet struct {
	report.Sink
	hidden *hidden
}

// mostWord is how many characters a secret has at most that may as well be a
// word: such a key id is not hidden.
const mostWord = 7

// Emit shows an event.
func (d discreet) Emit(e event.Event) {
	if m, ok := e.(event.Message); ok {
		for _, secret := range d.hidden.all() {
			if len(secret) > mostWord {
				m.Text, m.Hint = cdn.Redact(m.Text, secret), cdn.Redact(m.Hint, secret)
			}
		}
		e = m
	}
	d.Sink.Emit(e)
}

// openSink returns what shows a run: JSON lines for programs, the runner's own
// language in GitHub Actions, bars on a terminal, plain lines elsewhere.
func (a *app) openSink() report.Sink {
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
