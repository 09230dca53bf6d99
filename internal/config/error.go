package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Origin is where a value comes from.
type Origin struct {
	// Source names the place where it is not a file: "flag --bucket",
	// "input bucket", "PANDASTACK_BUCKET" or "default".
	Source string
	// File, Line and Column are the place in a file. Both count from 1,
	// columns in characters.
	File         string
	Line, Column int
	// Environment is the environment block that holds the value.
	Environment string

	rank rank
}

// rank orders origins: the value with the highest wins.
type rank int

const (
	fromDefault rank = iota
	fromFile
	fromEnvironment
	fromVariable
	fromInput
	fromFlag
)

// String returns the origin as `pandastack config` prints it, for example
// "pandastack.json:7:5 (environments.staging)".
func (o Origin) String() string {
	if o.File == "" {
		return o.Source
	}
	s := fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
	if o.Environment != "" {
		s += " (environments." + o.Environment + ")"
	}
	return s
}

// Error is one problem of the configuration.
type Error struct {
	// File, Line and Column are the place in a file. Both count from 1,
	// columns in characters; all are zero where the value is not in a file.
	File         string
	Line, Column int
	// Source names the place of a value that is not in a file, for example
	// "flag --bucket". It may be empty.
	Source string
	// Msg is what is wrong, Hint what to do about it, as a sentence.
	Msg, Hint string
}

// Error returns the place and what is wrong, in one line.
func (e *Error) Error() string {
	switch {
	case e.File != "":
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
	case e.Source != "":
		return e.Source + ": " + e.Msg
	default:
		return e.Msg
	}
}

// errorAt returns a problem of the value that came from o.
func errorAt(o Origin, msg, hint string) *Error {
	return &Error{File: o.File, Line: o.Line, Column: o.Column, Source: o.Source, Msg: msg, Hint: hint}
}

// Errors is what every function of this package fails with: all problems, in
// order of their places. It is never empty.
type Errors []*Error

// Error returns the problems, one in each line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems for errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// orNil returns the problems in order, or nil where there are none.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}
