package bench

import (
	"errors"
	"strings"
)

// What stands between these lines of a page is replaced.
const (
	beginMark = "<!-- bench: begin -->\n"
	endMark   = "<!-- bench: end -->\n"
)

// errMarks reports a page that has no place for results.
var errMarks = errors.New("the page has no " + strings.TrimSpace(beginMark) + " before " + strings.TrimSpace(endMark))

// Insert returns the page with text between its marks, in place of what stands
// there.
func Insert(page, text string) (string, error) {
	before, rest, ok := strings.Cut(page, beginMark)
	_, after, closed := strings.Cut(rest, endMark)
	if !ok || !closed {
		return "", errMarks
	}
	return before + beginMark + text + endMark + after, nil
}
