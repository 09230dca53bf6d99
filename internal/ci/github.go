package ci

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/sethvargo/go-githubactions"

	"github.com/pandastack-io/pandastack/internal/secret"
)

// ErrOutputName says that a name cannot be the name of an output.
var ErrOutputName = errors.New("not a name of an output: letters, digits, - and _, not a digit first")

// Actions speaks to the runner of GitHub Actions: through its log, which is
// standard output, and through files that variables name. Where a variable is
// not set (the command line, another CI) the call does nothing.
//
// It is safe for concurrent use.
type Actions struct {
	mu     sync.Mutex
	w      io.Writer
	getenv func(string) string
	api    *githubactions.Action
	token  string   // of stop-commands, while commands are stopped
	masks  []string // that the runner has not been told
	count  map[string]int
}

// NewActions returns an Actions whose log is w.
func NewActions(w io.Writer, getenv func(string) string) *Actions {
	return &Actions{
		w:      w,
		getenv: getenv,
		api:    githubactions.New(githubactions.WithWriter(w), githubactions.WithGetenv(getenv)),
		count:  map[string]int{},
	}
}

// Input returns the action's input with this name, trimmed. Empty means unset.
// The runner passes it as INPUT_<NAME>: upper case, spaces as underscores,
// hyphens kept.
func (a *Actions) Input(name string) string { return a.api.GetInput(name) }

// AddMask hides values from the log from now on, each in all its forms (package
// secret): the runner derives some by itself, others like it do not. Empty ones
// are passed over. While commands are stopped the runner would print the value:
// then the mask is set by ResumeCommands.
func (a *Actions) AddMask(values ...string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, v := range values {
		a.masks = append(a.masks, secret.Forms(strings.TrimSpace(v))...)
	}
	return a.flushMasks()
}

// flushMasks tells the runner the masks that it does not know yet.
func (a *Actions) flushMasks() error {
	for a.token == "" && len(a.masks) > 0 {
		v := a.masks[0]
		if err := try(func() { a.api.AddMask(v) }); err != nil {
			return err
		}
		a.masks = a.masks[1:]
	}
	return nil
}

// outputName is what the runner takes for the name of an output.
var outputName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// SetOutput sets the step's output name. A value of several lines is kept as
// it is and cannot set other outputs: its end is marked by a random word. A
// carriage return or NUL, which the runner does not keep, becomes a space.
func (a *Actions) SetOutput(name, value string) error {
	if !outputName.MatchString(name) {
		return fmt.Errorf("output %q: %w", name, ErrOutputName)
	}
	if a.getenv("GITHUB_OUTPUT") == "" {
		return nil
	}
	value = strings.NewReplacer("\r\n", "\n", "\r", " ", "\x00", " ").Replace(value)
	end := "end-" + rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	return try(func() {
		a.api.IssueFileCommand(&githubactions.Command{
			Name:    "output",
			Message: name + "<<" + end + "\n" + value + "\n" + end,
		})
	})
}

// Group opens a foldable section of the log. Sections do not nest.
func (a *Actions) Group(title string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return try(func() { a.api.Group(title) })
}

// EndGroup closes the section that Group opened.
func (a *Actions) EndGroup() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return try(a.api.EndGroup)
}

// StopCommands makes the runner take all that follows for plain text, until
// ResumeCommands. The word that ends it is random and never told to the
// commands that run meanwhile.
func (a *Actions) StopCommands() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" {
		return nil
	}
	token := "pandastack-" + rand.Text()
	if _, err := fmt.Fprintf(a.w, "::stop-commands::%s\n", token); err != nil {
		return err
	}
	a.token = token
	return nil
}

// ResumeCommands ends what StopCommands began. Without it, it does nothing.
func (a *Actions) ResumeCommands() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == "" {
		return nil
	}
	if _, err := fmt.Fprintf(a.w, "::%s::\n", a.token); err != nil {
		return err
	}
	a.token = ""
	return a.flushMasks()
}

// Print writes text to the log, so that none of its lines is a command, and
// ends the last line.
func (a *Actions) Print(text string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err := io.WriteString(a.w, Escape(strings.TrimSuffix(text, "\n"))+"\n")
	return err
}

// summaryLimit is how large a step's summary may become. The runner drops one of
// more than 1 MiB as a whole.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
const summaryLimit = 900 << 10

// Summary appends Markdown to the job summary. render is told how many bytes
// there is room for, beside what the step has written before; more than that,
// or nothing, is not written.
func (a *Actions) Summary(render func(room int) string) error {
	path := a.getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	const gap = "\n\n" // from what was written before
	room := summaryLimit - len(gap) - 1
	prefix := ""
	if st, err := os.Stat(path); err == nil && st.Size() > 0 {
		room -= int(min(st.Size(), summaryLimit))
		prefix = gap
	}
	markdown := render(max(0, room))
	if markdown == "" || len(markdown) > room {
		return nil
	}
	return try(func() { a.api.AddStepSummary(prefix + markdown) })
}

// try turns the panics by which the library reports a failed write into
// errors. Other panics go on.
func try(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("GitHub Actions: %w", r)
		default:
			panic(r)
		}
	}()
	f()
	return nil
}
