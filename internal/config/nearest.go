package config

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// suggest returns a hint for an unknown name: the nearest known one, or all
// of them. What is their plural: "fields".
func suggest(name string, known []string, what string) string {
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	return fmt.Sprintf("Known %s: %s.", what, strings.Join(known, ", "))
}

// Nearest returns the known name that is most like name, or "" where none is
// alike: the same letters in another spelling, or few edits away.
func Nearest(name string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		a, b := plain(name), plain(k)
		limit := max(1, max(utf8.RuneCountInString(a), utf8.RuneCountInString(b))/3)
		if d := distance(a, b); d <= limit && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// plain drops what differs between buildCommand, build_command and
// build-command.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// distance is the number of characters to insert, delete, replace or swap
// with their neighbour that make b of a (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	var before, last []int // the rows above
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := range s {
		before, last, row = last, row, make([]int, len(t)+1)
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(t)]
}
