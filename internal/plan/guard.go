package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// SmallSite is the number of live files up to which percentages are not
// judged: of a few files, half come and go in ordinary work.
const SmallSite = 20

// Amount is a number of files, or a share of them.
type Amount struct {
	// N counts files, or percent where Percent is set.
	N       int
	Percent bool
}

// Guards are limits that stop a deploy before its first write. The zero value
// allows everything.
type Guards struct {
	// MaxDelete is how many of the live files may be deleted. Files with a
	// fingerprinted name do not count, on either side: each build may rename
	// all of them. Nil: any number.
	MaxDelete *Amount
	// MinFiles is the fewest files that the site may have. 0: any number.
	MinFiles int
	// MaxShrink is the percentage by which the number of files may shrink.
	// Nil: by any.
	MaxShrink *int
	// MaxFileSize and MaxTotalSize are the bytes that one file, and all
	// together, may have. 0: any number.
	MaxFileSize, MaxTotalSize int64
}

// GuardError reports a limit that a plan would break.
type GuardError struct {
	// Rule names the limit: "maxDelete", "minFiles", "maxShrink",
	// "maxFileSize", "maxTotalSize".
	Rule string
	// Got and Limit are what the plan has and what is allowed, in words.
	Got, Limit string
	// Setting is the field of the configuration that allows it.
	Setting string
	// Paths are the files that it is about, the worst first or, of
	// deletions, sorted. Nil where it is about all of them.
	Paths []string

	msg, hint string
}

// Error says what would happen and which limit that breaks.
func (e *GuardError) Error() string { return e.msg }

// Hint says in a sentence how to go on.
func (e *GuardError) Hint() string { return e.hint }

// GuardErrors are all limits that a plan would break. It is never empty.
type GuardErrors []*GuardError

// Error returns the messages, one in each line.
func (e GuardErrors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors for errors.As.
func (e GuardErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// Check returns the GuardErrors of a plan, which turns the live objects into
// others, or nil where it breaks no limit. Numbers and sizes of files are
// those of the whole site. What the storage itself would refuse is its own to
// say: storage.Checker.
func Check(p *Plan, live []state.Object, g Guards) error {
	var broken GuardErrors
	for _, e := range []*GuardError{
		g.deletions(p, live), g.fewest(p), g.shrink(p, live), g.largest(p), g.total(p),
	} {
		if e != nil {
			broken = append(broken, e)
		}
	}
	if broken == nil {
		return nil
	}
	return broken
}

// exceeds reports whether n of so many is more than the amount allows.
func (a Amount) exceeds(n, of int) bool {
	if !a.Percent {
		return n > a.N
	}
	return of > SmallSite && int64(n)*100 > int64(a.N)*int64(of)
}

// text returns the amount as the configuration has it.
func (a Amount) text() string {
	if a.Percent {
		return strconv.Itoa(a.N) + "%"
	}
	return strconv.Itoa(a.N)
}

func (g Guards) deletions(p *Plan, live []state.Object) *GuardError {
	if g.MaxDelete == nil {
		return nil
	}
	var gone []string
	for _, c := range p.Changes {
		if c.Op == Delete && !fingerprinted(c.Old) {
			gone = append(gone, c.Path())
		}
	}
	if len(gone) == 0 {
		return nil
	}
	lasting := 0
	for i := range live {
		if !fingerprinted(&live[i]) {
			lasting++
		}
	}
	if !g.MaxDelete.exceeds(len(gone), lasting) {
		return nil
	}
	e := &GuardError{Rule: "maxDelete", Got: fmt.Sprintf("%d of %s", len(gone), files(lasting)), Limit: g.MaxDelete.text(), Setting: "guards.maxDelete", Paths: gone}
	if lasting < len(live) {
		e.Got += " without a fingerprinted name"
	}
	e.msg = fmt.Sprintf("the deploy would delete %s, more than %s allows (%s)", e.Got, e.Setting, e.Limit)
	e.hint = "Is the output complete, and is this its bucket and prefix? If so, raise " + e.Setting + `; "100%" allows any number.`
	return e
}

// fingerprinted reports whether a build that changes the file renames it.
func fingerprinted(o *state.Object) bool {
	return site.RoleOf(o.Path, o.Headers[storage.ContentType]) == site.Fingerprinted
}

func (g Guards) fewest(p *Plan) *GuardError {
	n := len(p.Objects)
	if n >= g.MinFiles {
		return nil
	}
	e := &GuardError{Rule: "minFiles", Got: files(n), Limit: strconv.Itoa(g.MinFiles), Setting: "guards.minFiles"}
	e.msg = fmt.Sprintf("the site would have %s, fewer than %s asks for (%s)", e.Got, e.Setting, e.Limit)
	e.hint = "Is the output complete? If so, lower " + e.Setting + "."
	return e
}

func (g Guards) shrink(p *Plan, live []state.Object) *GuardError {
	if g.MaxShrink == nil {
		return nil
	}
	most := Amount{N: *g.MaxShrink, Percent: true}
	if !most.exceeds(len(live)-len(p.Objects), len(live)) {
		return nil
	}
	e := &GuardError{Rule: "maxShrink", Got: fmt.Sprintf("from %d to %s", len(live), files(len(p.Objects))), Limit: most.text(), Setting: "guards.maxShrink"}
	e.msg = fmt.Sprintf("the site would shrink %s, by more than %s allows (%s)", e.Got, e.Setting, e.Limit)
	e.hint = "Is the output complete? If so, raise " + e.Setting + `; "100%" allows any shrinking.`
	return e
}

func (g Guards) largest(p *Plan) *GuardError {
	var large []measured
	for i := range p.Objects {
		if o := &p.Objects[i]; g.MaxFileSize > 0 && o.Size > g.MaxFileSize {
			large = append(large, measured{o.Path, o.Size})
		}
	}
	limit, unit := inUnits(g.MaxFileSize)
	return offenders(large, unit, "a file", "files", &GuardError{
		Rule: "maxFileSize", Limit: limit, Setting: "guards.maxFileSize",
		msg:  "larger than guards.maxFileSize allows (" + limit + ")",
		hint: `Leave such files out with "ignore", or raise guards.maxFileSize; 0 is no limit.`,
	})
}

func (g Guards) total(p *Plan) *GuardError {
	var sum int64
	for i := range p.Objects {
		sum += p.Objects[i].Size
	}
	if g.MaxTotalSize <= 0 || sum <= g.MaxTotalSize {
		return nil
	}
	limit, unit := inUnits(g.MaxTotalSize)
	e := &GuardError{Rule: "maxTotalSize", Got: unit(sum), Limit: limit, Setting: "guards.maxTotalSize"}
	e.msg = fmt.Sprintf("the site would have %s, more than %s allows (%s)", e.Got, e.Setting, e.Limit)
	e.hint = `Leave files out with "ignore", or raise ` + e.Setting + "; 0 is no limit."
	return e
}

// measured is a file and what it has too much of.
type measured struct {
	path string
	n    int64
}

// offenders completes e, whose msg says how the files break the limit, or
// returns nil where there are none.
func offenders(over []measured, unit func(int64) string, one, many string, e *GuardError) *GuardError {
	if len(over) == 0 {
		return nil
	}
	slices.SortFunc(over, func(a, b measured) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.path, b.path))
	})
	const shown = 3
	var names []string
	for i, m := range over {
		e.Paths = append(e.Paths, m.path)
		if i < shown {
			names = append(names, fmt.Sprintf("%q (%s)", abbreviated(m.path), unit(m.n)))
		}
	}
	list := strings.Join(names, ", ")
	if more := len(over) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	e.Got = unit(over[0].n)
	e.msg = fmt.Sprintf("the site would have %s %s: %s", english.PluralWord(len(over), one, many), e.msg, list)
	return e
}

// abbreviated returns a path that fits into a message.
func abbreviated(path string) string {
	const begin, end = 50, 40
	if r := []rune(path); len(r) > begin+end {
		return string(r[:begin]) + "…" + string(r[len(r)-end:])
	}
	return path
}

func files(n int) string { return english.Plural(n, "file", "") }

// inBytes returns a number of bytes to the last one, in digits alone as all
// counts are shown.
func inBytes(n int64) string {
	return strconv.FormatInt(n, 10) + english.PluralWord(int(min(n, 2)), " byte", " bytes")
}

// inUnits returns a limit in the largest unit that is exact, and how to write
// numbers above it: in the same unit, unless that would look like the limit.
func inUnits(limit int64) (string, func(int64) string) {
	for _, words := range []func(uint64) string{humanize.IBytes, humanize.Bytes} {
		text := words(uint64(max(limit, 0)))
		if n, err := humanize.ParseBytes(text); err != nil || n != uint64(limit) {
			continue
		}
		return text, func(n int64) string {
			if s := words(uint64(n)); s != text {
				return s
			}
			return inBytes(n)
		}
	}
	return inBytes(limit), inBytes
}
