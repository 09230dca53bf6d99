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
	// terminal, and cut shortens its text: fit or fitLeft.
	shrink int
	cut    func(text string, columns int) string
}

func (t *table) row(cells ...cell) { t.rows = append(t.rows, cells) }

const (
	narrowest = 12 // how far the column that gives way is cut
	lastWidth = 20 // what is left to the last column before another gives way
)

// write writes the table. Rows that are still too wide for a terminal are cut
// at their end; elsewhere nothing is cut.
func (t *table) write(w io.Writer, c Console) {
	widths, limit := t.widths(), c.width()
	if over := needed(widths) - limit; limit > 0 && over > 0 {
		s := t.shrink
		widths[s] = min(widths[s], max(widths[s]-over, narrowest))
	}
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.TrimRight(t.line(c, row, widths, limit), " "))
	}
}

// needed returns the width of a row, or what it is with a last column that is
// cut.
func needed(widths []int) int {
	last := len(widths) - 1
	total := 2*last + min(widths[last], lastWidth)
	for _, w := range widths[:last] {
		total += w
	}
	return total
}

// line renders a row, of at most limit columns; 0 is no limit.
func (t *table) line(c Console, row []cell, widths []int, limit int) string {
	var b strings.Builder
	left := limit
	for i, x := range row {
		text := t.pad(x, i, widths[i], limit > 0, i == len(row)-1)
		if limit > 0 {
			if left == 0 {
				break
			}
			text = fit(text, left)
			left -= cells.StringWidth(text)
		}
		if x.color != "" {
			text = c.paint(x.color, text)
		}
		b.WriteString(text)
	}
	return b.String()
}

// pad brings a cell to the width of its column, with the gap before it. The
// last of a row has no end to be aligned.
func (t *table) pad(x cell, column, width int, limited, last bool) string {
	text, gap := x.text, "  "
	if column == 0 {
		gap = ""
	}
	if limited && column == t.shrink && !last {
		text = t.cut(text, width)
	}
	switch {
	case x.right:
		text = cells.FillLeft(text, width)
	case !last:
		text = cells.FillRight(text, width)
	}
	return gap + text
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
