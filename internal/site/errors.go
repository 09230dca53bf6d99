package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// What a scan may fail with, for errors.Is.
var (
	// ErrNoOutput says that the output directory does not exist. A missing
	// output is never taken for an empty site.
	ErrNoOutput = errors.New("the output directory does not exist")
	// ErrNotDir says that the output is a file.
	ErrNotDir = errors.New("the output is not a directory")
	// ErrOutside says that a link leads from the output directory's name to a
	// place that the build, which may have made it, cannot read itself.
	ErrOutside = errors.New("the output directory is a link out of the workspace")
	// ErrEmptyOutput says that nothing is left to publish.
	ErrEmptyOutput = errors.New("the output directory holds nothing to publish")
	// ErrRefused says that the output holds what must not, or cannot, be
	// published. The error is a *RefusedError.
	ErrRefused = errors.New("refused to publish")
	// ErrPattern says that a pattern of ignore or headers is malformed. The
	// error is a *PatternError.
	ErrPattern = errors.New("malformed pattern")
)

// OutputError says what is wrong with the output directory as a whole.
type OutputError struct {
	Dir     string
	Ignored int   // entries left out; a directory that was not entered counts once
	Err     error // ErrNoOutput, ErrNotDir, ErrOutside or ErrEmptyOutput
}

// Error returns the cause and the directory in one line.
func (e *OutputError) Error() string {
	s := fmt.Sprintf("%v: %s", e.Err, e.Dir)
	switch e.Ignored {
	case 0:
		return s
	case 1:
		return s + " (1 entry is ignored)"
	default:
		return fmt.Sprintf("%s (%d entries are ignored)", s, e.Ignored)
	}
}

// Unwrap returns the cause.
func (e *OutputError) Unwrap() error { return e.Err }

// Hint says in one sentence what to do.
func (e *OutputError) Hint() string {
	if errors.Is(e.Err, ErrOutside) {
		return `Let the build write into the workspace, and set "outputDir" to that directory itself.`
	}
	if e.Ignored > 0 {
		return `Check the patterns in "ignore": they leave out everything that the build wrote.`
	}
	return `Run the build first, or set "outputDir" to the directory that the build writes.`
}

// PatternError says which pattern is malformed.
type PatternError struct {
	Field   string // ignore or headers
	Pattern string
	Why     string
}

// Error returns the field, the pattern and the reason in one line.
func (e *PatternError) Error() string {
	return fmt.Sprintf("%v in %q: %s: %s", ErrPattern, e.Field, quote(e.Pattern), e.Why)
}

// Unwrap returns ErrPattern.
func (e *PatternError) Unwrap() error { return ErrPattern }

// MaxRefusals is how many refusals an error lists.
const MaxRefusals = 20

// Refusal is one path that must not, or cannot, be published.
type Refusal struct {
	Path    string // in the output, with slashes; a directory ends in one
	Why     string
	Ignore  string // entry of "ignore" that leaves it out; empty where none can
	Include string // entry of "ignore" that publishes it all the same; empty where nothing may
}

// RefusedError lists what a scan refused, by path.
type RefusedError struct {
	Refusals []Refusal // at most MaxRefusals
	Total    int
}

// Error names each path and the reason, one a line where there are several.
func (e *RefusedError) Error() string {
	if e.Total == 1 {
		return fmt.Sprintf("%v %s: %s", ErrRefused, show(e.Refusals[0].Path), e.Refusals[0].Why)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v %d paths:", ErrRefused, e.Total)
	for _, r := range e.Refusals {
		fmt.Fprintf(&b, "\n  %s: %s", show(r.Path), r.Why)
	}
	if n := e.Total - len(e.Refusals); n > 0 {
		fmt.Fprintf(&b, "\n  and %d more", n)
	}
	return b.String()
}

// Unwrap returns ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// Hint gives the entries of "ignore" that leave the listed paths out, and
// those that publish them all the same. It is empty where neither exists.
func (e *RefusedError) Hint() string {
	var out, in []string
	for _, r := range e.Refusals {
		if r.Ignore != "" {
			out = append(out, quote(r.Ignore))
		}
		if r.Include != "" {
			in = append(in, quote(r.Include))
		}
	}
	if len(out) == 0 {
		return ""
	}
	s := fmt.Sprintf(`To leave out, set "ignore": [%s]`, strings.Join(out, ", "))
	if len(in) > 0 {
		s += fmt.Sprintf(`; to publish all the same, set "ignore": [%s]`, strings.Join(in, ", "))
	}
	return s + "."
}

// quote returns s as it is written in pandastack.json.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// show returns a path as it is, or quoted where it would garble a log.
func show(p string) string {
	if badName(p) != "" {
		return fmt.Sprintf("%q", p)
	}
	return p
}
