package main

import (
	"strings"
	"unicode/utf8"
)

// table lays out rows of text in columns, two spaces apart and indented by two.
type table struct {
	align string // per column, '<' or '>'
	rows  [][]string
	width []int // per column, in characters
}

func newTable(align string) *table {
	return &table{align: align, width: make([]int, len(align))}
}

// row adds a row. It may have fewer cells than there are columns.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		t.width[i] = max(t.width[i], utf8.RuneCountInString(c))
	}
	t.rows = append(t.rows, cells)
}

// writeTo writes the rows to b, without white space at the end of a line.
func (t *table) writeTo(b *strings.Builder) {
	for _, cells := range t.rows {
		var line strings.Builder
		for i, c := range cells {
			pad := strings.Repeat(" ", t.width[i]-utf8.RuneCountInString(c))
			if t.align[i] == '>' {
				c = pad + c
			} else {
				c += pad
			}
			line.WriteString("  " + c)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
