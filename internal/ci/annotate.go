package ci

import (
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/sethvargo/go-githubactions"

	"github.com/pandastack-io/pandastack/internal/event"
)

// The runner keeps ten annotations of each type per step and 4,096 characters
// of each; what is more would be lost silently.
const (
	maxAnnotations = 10
	maxMessage     = 4000 // bytes, below the runner's 4,096 characters
)

// Annotate shows a message as the runner's notice, warning, error or debug
// line, with its file and position. Past the tenth of a type, and while
// commands are stopped, it becomes plain text of the log.
func (a *Actions) Annotate(m event.Message) error {
	name, title := command(m.Severity)
	text := m.Text
	if m.Hint != "" {
		text += "\n" + m.Hint
	}
	a.mu.Lock()
	stopped := a.token != ""
	if !stopped {
		a.count[name]++
	}
	full := name != "debug" && a.count[name] > maxAnnotations
	a.mu.Unlock()
	if stopped || full {
		return a.Print(title + ": " + place(m) + text)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return try(func() {
		a.api.IssueCommand(&githubactions.Command{Name: name, Message: clip(text), Properties: a.properties(m)})
	})
}

func command(s event.Severity) (name, title string) {
	switch s {
	case event.Error:
		return "error", "error"
	case event.Warning:
		return "warning", "warning"
	case event.Debug:
		return "debug", "debug"
	default:
		return "notice", "notice"
	}
}

func (a *Actions) properties(m event.Message) githubactions.CommandProperties {
	if m.File == "" {
		return nil
	}
	p := githubactions.CommandProperties{"file": a.inWorkspace(m.File)}
	if m.Line > 0 {
		p["line"] = strconv.Itoa(m.Line)
		if m.Column > 0 {
			p["col"] = strconv.Itoa(m.Column)
		}
	}
	return p
}

// inWorkspace returns a file's name as the runner looks for it: relative to the
// workspace, wherever the step began.
func (a *Actions) inWorkspace(file string) string {
	workspace := a.getenv("GITHUB_WORKSPACE")
	abs, err := filepath.Abs(file)
	if workspace == "" || err != nil {
		return file
	}
	if rel, err := filepath.Rel(workspace, abs); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return file
}

// place is the message's position as text, with a colon and a space behind.
func place(m event.Message) string {
	if m.File == "" {
		return ""
	}
	s := m.File
	if m.Line > 0 {
		s += ":" + strconv.Itoa(m.Line)
		if m.Column > 0 {
			s += ":" + strconv.Itoa(m.Column)
		}
	}
	return s + ": "
}

func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "…"
}

// Escape returns text of which the runner takes no line for a workflow
// command, and which reads the same: a zero-width space splits the marks. A
// command is a line that begins with "::" after white space, or that holds
// "##[" anywhere; a carriage return ends a line, too.
func Escape(text string) string {
	if !strings.Contains(text, "::") && !strings.Contains(text, "##[") {
		return text
	}
	text = strings.ReplaceAll(text, "##[", "##\u200b[")
	var b strings.Builder
	for len(text) > 0 {
		end := strings.IndexAny(text, "\r\n") + 1
		if end == 0 {
			end = len(text)
		}
		b.WriteString(escapeLine(text[:end]))
		text = text[end:]
	}
	return b.String()
}

func escapeLine(line string) string {
	rest := strings.TrimLeftFunc(line, isSpace)
	if !strings.HasPrefix(rest, "::") {
		return line
	}
	return line[:len(line)-len(rest)] + ":\u200b" + rest[1:]
}

// isSpace reports whether the runner's trimming could take r for white space.
// It trims by .NET's rules; to be wider than they are does no harm.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}
