package build

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pandastack-io/pandastack/internal/event"
)

const (
	maxLine   = 16 << 10 // bytes of one event.Output; longer lines are split
	tailLines = 20       // kept for the error
	minSecret = 4        // bytes; hiding shorter values would garble every line
)

// lines is a writer that turns what a command prints into event.Output, line
// by line. A carriage return starts the line over, as on a terminal, so that of
// a progress bar only the last state is left. Invalid UTF-8 is replaced.
type lines struct {
	phase event.Phase
	sink  event.Sink
	hide  *strings.Replacer

	mu       sync.Mutex
	buf      []byte   // the line so far; never more than maxLine
	returned bool     // the last byte was a carriage return
	split    bool     // parts of the line were emitted
	last     []string // the last tailLines lines
}

func newLines(phase event.Phase, sink event.Sink, secrets []string) *lines {
	var pairs []string
	for _, s := range secrets {
		if s = strings.TrimSpace(s); len(s) >= minSecret {
			pairs = append(pairs, s, "***")
		}
	}
	return &lines{phase: phase, sink: sink, hide: strings.NewReplacer(pairs...)}
}

// Write never fails.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		if i != 0 {
			part := p
			if i > 0 {
				part = p[:i]
			}
			l.add(part)
			p = p[len(part):]
			continue
		}
		l.returned = p[0] == '\r'
		if !l.returned {
			l.end()
		}
		p = p[1:]
	}
	return n, nil
}

// add appends a piece without line ends, and emits what is too long in parts.
func (l *lines) add(part []byte) {
	if l.returned {
		l.buf, l.returned = l.buf[:0], false
	}
	for len(part) > 0 {
		n := min(maxLine-len(l.buf), len(part))
		l.buf = append(l.buf, part[:n]...)
		part = part[n:]
		if len(l.buf) == maxLine {
			l.emit(wholeRunes(l.buf))
			l.split = true
		}
	}
}

// wholeRunes is the length of b without a last rune that is not complete.
func wholeRunes(b []byte) int {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if utf8.FullRune(b[i:]) {
				return len(b)
			}
			return i
		}
	}
	return len(b)
}

// emit sends the first n bytes of the buffer as a line and keeps the rest.
func (l *lines) emit(n int) {
	text := l.hide.Replace(strings.ToValidUTF8(string(l.buf[:n]), "\uFFFD"))
	l.buf = append(l.buf[:0], l.buf[n:]...)
	if len(l.last) == tailLines {
		l.last = append(l.last[:0], l.last[1:]...)
	}
	l.last = append(l.last, text)
	l.sink.Emit(event.Output{Phase: l.phase, Line: text})
}

// end emits the rest of a line.
func (l *lines) end() {
	if len(l.buf) > 0 || !l.split {
		l.emit(len(l.buf))
	}
	l.split = false
}

// Close emits a last line that has no end.
func (l *lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) > 0 {
		l.end()
	}
	return nil
}

// tail returns the last lines.
func (l *lines) tail() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.last)
}
