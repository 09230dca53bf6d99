package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// Limits of a file: its bytes, and how deep its brackets nest. The parser
// recurses without a limit of its own, and a valid file needs six levels.
const (
	maxSize  = 1 << 20
	maxDepth = 100
)

// Parse reads a file: JSON, with comments and trailing commas. All problems
// of the file are returned together as Errors that name it, but a syntax
// error stands alone.
func Parse(name string, data []byte) (*Layer, error) {
	p := newPositions(name, data)
	if problem := p.encoding(); problem != nil {
		return nil, Errors{problem}
	}
	if problem := p.depth(); problem != nil {
		return nil, Errors{problem}
	}
	value, err := hujson.Parse(data)
	if err != nil {
		return nil, Errors{p.syntaxError(err)}
	}
	w := &walker{positions: p}
	root := w.value(&value, fileShape, "", p.origin(value.StartOffset))
	if err := w.problems.orNil(); err != nil {
		return nil, err
	}
	layer := &Layer{root: root, environments: map[string]*node{}, order: w.environments}
	if blocks := root.fields["environments"]; blocks != nil {
		layer.environments = blocks.fields
		layer.root = root.without("environments")
	}
	return layer, nil
}

// Environments returns the names of the file's environments, in its order.
func (l *Layer) Environments() []string {
	if l == nil {
		return nil
	}
	return l.order
}

// positions turns offsets of a file into lines and columns.
type positions struct {
	file  string
	data  []byte
	lines []int // where each line starts

	// The last answer: the walk asks in order, and a long line is then
	// counted once.
	offset, line, column int
}

func newPositions(file string, data []byte) *positions {
	lines := []int{0}
	for i, c := range data {
		if c == '\n' {
			lines = append(lines, i+1)
		}
	}
	return &positions{file: file, data: data, lines: lines, line: 1, column: 1}
}

// origin returns the place of an offset.
func (p *positions) origin(offset int) Origin {
	line := sort.SearchInts(p.lines, offset+1) // the lines that start at or before it
	if line != p.line || offset < p.offset {
		p.offset, p.line, p.column = p.lines[line-1], line, 1
	}
	p.column += utf8.RuneCount(p.data[p.offset:offset])
	p.offset = offset
	return Origin{File: p.file, Line: line, Column: p.column, rank: fromFile}
}

// encoding returns what is wrong with the bytes before they are parsed, or
// nil.
func (p *positions) encoding() *Error {
	const hint = "Save it as UTF-8 without a byte order mark."
	start := Origin{File: p.file, Line: 1, Column: 1}
	switch {
	case len(p.data) > maxSize:
		return errorAt(start, "the file is larger than 1 MiB", "Is this the right file?")
	case bytes.HasPrefix(p.data, []byte("\xef\xbb\xbf")):
		return errorAt(start, "the file starts with a byte order mark", hint)
	case bytes.HasPrefix(p.data, []byte("\xff\xfe")), bytes.HasPrefix(p.data, []byte("\xfe\xff")):
		return errorAt(start, "the file is not UTF-8 but UTF-16", hint)
	}
	for i, c := range string(p.data) {
		if c == utf8.RuneError && !bytes.HasPrefix(p.data[i:], []byte("\uFFFD")) {
			return errorAt(p.origin(i), "the file is not UTF-8", hint)
		}
	}
	return nil
}

// depth returns a problem where brackets nest too deep, or nil. Those in
// strings and comments count too: a hundred of them that are never closed do
// not happen by chance.
func (p *positions) depth() *Error {
	depth := 0
	for i, c := range p.data {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth = max(0, depth-1)
		}
		if depth > maxDepth {
			return errorAt(p.origin(i), "brackets nest too deep", "Is this the right file?")
		}
	}
	return nil
}

// syntaxError translates an error of hujson.Parse, which names its place in
// the text, with the column in bytes.
func (p *positions) syntaxError(err error) *Error {
	var line, column int
	if n, _ := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); n != 2 {
		line, column = 1, 1
	}
	at := p.origin(p.offsetOf(line, column))
	cause := errors.Unwrap(err)
	if cause == nil {
		cause = err
	}
	literal, isLiteral := strings.CutPrefix(cause.Error(), "invalid literal: ")
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && !bytes.ContainsAny(p.data, `{}[]"`):
		return errorAt(p.origin(0), "the file is empty", `Write at least {"type": "static", "outputDir": "dist"}.`)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errorAt(at, "the file ends too early", "A brace, bracket, quote or comment is not closed.")
	case isLiteral && strings.HasPrefix(literal, `"`):
		return errorAt(at, "invalid string", "Strings end on their line, and a backslash in one is written twice.")
	case isLiteral:
		return errorAt(at, fmt.Sprintf("invalid value %.40q", literal), "Strings stand in double quotes.")
	case strings.Contains(cause.Error(), `'\''`):
		return errorAt(at, cause.Error(), "Strings stand in double quotes.")
	default:
		return errorAt(at, cause.Error(), "Look here and just before: a comma, colon, quote or bracket is missing or too many.")
	}
}

// offsetOf is the inverse of hujson's lines and columns in bytes.
func (p *positions) offsetOf(line, column int) int {
	return min(p.lines[line-1]+column-1, len(p.data))
}
