package report

import (
	"fmt"
	"io"
	"strings"
)

// cell is one cell of a table.
type cell struct {
	text  string
	right bool   // aligned to the right, as numbers are
	color string // SGR; empty: none
}

// table lays out rows below each other. text/tabwriter would measure runes,
// not columns, and count colours; cells measures as the rest of this package.
type table struct {
	rows [][]cell
	// shrink is the column that gives way where a row is wider than the
	// terminal: it is cut at its start, as a path is.
	shrink int
}

func (t *table) row(cells ...cell) { t.rows = append(t.rows, cells) }

// narrowest is how far the column that gives way may be cut.
const narrowest = 12

// write writes the table. Rows that are still too wide for a terminal are cut
// at their end; elsewhere nothing is cut.
func (t *table) write(w io.Writer, c Console) {
	widths, limit := t.widths(), c.width()
	if total := sum(widths) + 2*(len(widths)-1); limit > 0 && total > limit && t.shrink >= 0 {
		widths[t.shrink] = min(widths[t.shrink], max(widths[t.shrink]-(total-limit), narrowest))
	}
	for _, row := range t.rows {
		left := limit
		var b strings.Builder
		for i, x := range row {
			text := pad(x, widths[i], limit > 0, i == len(row)-1)
			if i > 0 {
				text = "  " + text
			}
			if limit > 0 {
				if left <= 0 {
					break
				}
				text = fit(text, left)
				left -= cells.StringWidth(text)
			}
			b.WriteString(c.paint(x.color, text))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// pad brings a cell to the width of its column.
func pad(x cell, width int, cut, last bool) string {
	text := x.text
	if cut && !last {
		text = fitLeft(text, width)
	}
	switch {
	case x.right:
		return cells.FillLeft(text, width)
	case last:
		return text
	default:
		return cells.FillRight(text, width)
	}
}

// widths returns the width of each column of the first row, in terminal
// columns. The last cell of a shorter row runs over those that it lacks.
func (t *table) widths() []int {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, x := range row {
			if i < len(row)-1 || len(row) == len(widths) {
				widths[i] = max(widths[i], cells.StringWidth(x.text))
			}
		}
	}
	return widths
}

func sum(ns []int) int {
	total := 0
	for _, n := range ns {
		total += n
	}
	return total
}
