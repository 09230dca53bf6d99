package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
)

// messageLines renders a message: a label, the place in the user's file, the
// text, and the hint on a line of its own.
func messageLines(c Console, m event.Message) []string {
	label, color := labelOf(m.Severity)
	lines := strings.Split(strings.TrimRight(m.Text, "\n"), "\n")
	for i := range lines {
		lines[i] = line(lines[i], false)
		if i > 0 && lines[i] != "" {
			lines[i] = "  " + lines[i]
		}
	}
	lines[0] = c.paint(color, label+":") + " " + place(m) + lines[0]
	if m.Hint != "" {
		hint := strings.Join(strings.Fields(line(strings.ReplaceAll(m.Hint, "\n", " "), false)), " ")
		lines = append(lines, c.paint(cyan, "hint:")+" "+hint)
	}
	return lines
}

func labelOf(s event.Severity) (label, color string) {
	switch s {
	case event.Error:
		return "error", bold + red
	case event.Warning:
		return "warning", yellow
	case event.Debug:
		return "debug", dim
	default:
		return "note", cyan
	}
}

// place returns "file:line:column: ", as far as it is known.
func place(m event.Message) string {
	switch {
	case m.File == "":
		return ""
	case m.Line <= 0:
		return name(m.File) + ": "
	case m.Column <= 0:
		return fmt.Sprintf("%s:%d: ", name(m.File), m.Line)
	}
	return fmt.Sprintf("%s:%d:%d: ", name(m.File), m.Line, m.Column)
}

func writeLines(w io.Writer, lines []string) {
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
}
