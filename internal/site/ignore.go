package site

import (
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/unicode/norm"
)

// DefaultIgnore is what operating systems and editors leave behind. It stands
// before the patterns of the configuration, so that a `!` pattern there
// re-includes any of it.
var DefaultIgnore = []string{
	".DS_Store", "._*", // macOS
	"Thumbs.db", "desktop.ini", // Windows
	".*.swp", ".*.swo", "*~", ".#*", // vim, Emacs
}

// pattern is one entry of ignore. The rules are those of .gitignore, with
// doublestar's globs, and simpler in two ways that "last match wins" implies:
//
//   - `*` and `?` stop at slashes, `**` crosses them, `[a-z]` and `{a,b}` work,
//     `\` takes the next character literally.
//   - A pattern without a slash, or with one only at its end, matches a name at
//     any depth. Any other is relative to the output; a leading slash says so
//     for a single name (`/a`).
//   - A slash at the end matches directories only.
//   - A pattern that matches a directory covers everything in it.
//   - `!` in front re-includes. For each file the last pattern that matches it
//     or a directory above it decides: unlike in .gitignore a file can be
//     re-included below an ignored directory.
//   - Matching is case-sensitive, on NFC names. There are no comments.
type pattern struct {
	glob    string
	segs    []string
	name    bool // matches the last segment, at any depth
	neg     bool
	dirOnly bool
}

type patterns []pattern

// compilePatterns returns the defaults and then the given patterns. The error
// is a *PatternError.
func compilePatterns(lines []string) (patterns, error) {
	ps := make(patterns, 0, len(DefaultIgnore)+len(lines))
	for _, s := range slices.Concat(DefaultIgnore, lines) {
		p, why := compilePattern(s)
		if why != "" {
			return nil, &PatternError{Field: "ignore", Pattern: s, Why: why}
		}
		ps = append(ps, p)
	}
	return ps, nil
}

func compilePattern(s string) (p pattern, why string) {
	g := norm.NFC.String(s)
	g, p.neg = strings.CutPrefix(g, "!")
	g = strings.TrimPrefix(g, "./")
	g, p.dirOnly = strings.CutSuffix(g, "/")
	p.name = !strings.Contains(g, "/")
	g = strings.TrimPrefix(g, "/")
	p.glob, p.segs = g, strings.Split(g, "/")
	return p, checkGlob(g)
}

// checkGlob says what is wrong with a glob that is relative to the output, or
// nothing.
func checkGlob(g string) string {
	segs := strings.Split(g, "/")
	switch {
	case g == "":
		return "it is empty"
	case slices.Contains(segs, "..") || slices.Contains(segs, "."):
		return "it has a segment . or .., and patterns are relative to the output"
	case slices.Contains(segs, ""):
		return "it has an empty segment"
	case !doublestar.ValidatePattern(g):
		return "a bracket, brace or backslash in it is not closed"
	}
	return ""
}

// matches reports whether p matches rel itself.
func (p *pattern) matches(rel string, isDir bool) bool {
	if p.dirOnly && !isDir {
		return false
	}
	if p.name {
		rel = path.Base(rel)
	}
	return doublestar.MatchUnvalidated(p.glob, rel)
}

// mayMatchBelow reports whether p could match something inside the directory
// rel. It may say yes where the answer is no, never the reverse.
func (p *pattern) mayMatchBelow(rel string) bool {
	if p.name || strings.Contains(p.glob, "{") { // a brace may hold slashes
		return true
	}
	for i, seg := range strings.Split(rel, "/") {
		switch {
		case i >= len(p.segs):
			return false
		case p.segs[i] == "**":
			return true
		case !doublestar.MatchUnvalidated(p.segs[i], seg):
			return false
		}
	}
	return true
}

// names reports whether a segment of p stands for the name seg in more than
// wildcards. `!**` re-includes much but names nothing, so it never publishes
// what is refused by name.
func (p *pattern) names(seg string) bool {
	return slices.ContainsFunc(p.segs, func(g string) bool {
		return strings.Trim(g, "*?") != "" && doublestar.MatchUnvalidated(g, seg)
	})
}

// verdict is what the patterns say of one path.
type verdict struct {
	last       int   // index of the last ignoring pattern that matches; -1: none
	ignored    bool  // and no later one re-includes
	reincludes []int // the `!` patterns that match, after the last ignoring one
}

// judge applies the patterns to rel. The set inherited has those that match a
// directory above it; nil is the empty set.
func (ps patterns) judge(inherited []bool, rel string, isDir bool) verdict {
	v := verdict{last: -1}
	for i := len(ps) - 1; i >= 0; i-- {
		if !(inherited != nil && inherited[i]) && !ps[i].matches(rel, isDir) {
			continue
		}
		if !ps[i].neg {
			v.last, v.ignored = i, v.reincludes == nil
			break
		}
		v.reincludes = append(v.reincludes, i)
	}
	return v
}

// below returns the set of patterns that match the directory rel or one above
// it.
func (ps patterns) below(inherited []bool, rel string) []bool {
	set := inherited
	for i := range ps {
		if (set != nil && set[i]) || !ps[i].matches(rel, true) {
			continue
		}
		if len(set) == 0 || len(inherited) > 0 && &set[0] == &inherited[0] {
			set = make([]bool, len(ps))
			copy(set, inherited)
		}
		set[i] = true
	}
	return set
}

// mayReinclude reports whether something in the directory rel, which v says is
// ignored, may be re-included by a later pattern.
func (ps patterns) mayReinclude(v verdict, rel string) bool {
	return slices.ContainsFunc(ps[v.last+1:], func(p pattern) bool {
		return p.neg && p.mayMatchBelow(rel)
	})
}

// allows reports whether one of the re-including patterns names seg.
func (ps patterns) allows(reincludes []int, seg string) bool {
	return slices.ContainsFunc(reincludes, func(i int) bool { return ps[i].names(seg) })
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`)

// exactly returns the pattern that matches rel and nothing else.
func exactly(rel string, isDir bool) string {
	g := "/" + globEscaper.Replace(rel)
	if isDir {
		g += "/"
	}
	return g
}
