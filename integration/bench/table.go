package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table is a part of the report.
type table struct {
	title  string
	header []string
	rows   [][]string
	notes  []string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// widths are those of the columns, in characters.
func (t *table) widths() []int {
	w := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			w[i] = max(w[i], utf8.RuneCountInString(cell))
		}
	}
	return w
}

// text is the table for a terminal: columns of words to the left, of figures
// to the right.
func (t *table) text() string {
	var b strings.Builder
	b.WriteString(t.title + "\n\n")
	widths := t.widths()
	for _, row := range append([][]string{t.header}, t.rows...) {
		line := ""
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.isWords(i) {
				line += "  " + cell + space
			} else {
				line += "  " + space + cell
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, n := range t.notes {
		b.WriteString("\n  " + n + "\n")
	}
	return b.String()
}

// markdown is the table for a document.
func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("### " + t.title + "\n\n")
	rule := make([]string, len(t.header))
	for i := range rule {
		rule[i] = "---:"
		if t.isWords(i) {
			rule[i] = "---"
		}
	}
	for _, row := range append([][]string{t.header, rule}, t.rows...) {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	for _, n := range t.notes {
		b.WriteString("\n" + n + "\n")
	}
	return b.String()
}

// isWords says whether a column holds no figures. The first never does.
func (t *table) isWords(column int) bool {
	return column == 0 || slices.ContainsFunc(t.rows, func(row []string) bool {
		cell := row[column]
		return cell != "" && (cell[0] < '0' || cell[0] > '9')
	})
}

// number writes a figure with three digits that matter, and thousands apart.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return thousands(int64(math.Round(v)))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// cell is a ratio in a table: empty where there is nothing to compare with.
func (s spread) cell() string {
	switch s {
	case spread{}:
		return ""
	case spread{1, 1, 1}:
		return "1" // with itself
	}
	return s.String()
}

// String writes a figure, and how far the measurements of it are apart where
// there were several.
func (s spread) String() string {
	if s.Min == s.Max {
		return number(s.Median)
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Min, s.Max)
}
