package main

import (
	"fmt"
	"io"
	"slices"
)

// report is what was measured.
type report struct {
	tables  []*table
	samples map[string]samples // by section
}

func newReport() *report { return &report{samples: make(map[string]samples)} }

// table returns that with the title, and begins it if need be.
func (r *report) table(title string, header ...string) *table {
	if i := slices.IndexFunc(r.tables, func(t *table) bool { return t.title == title }); i >= 0 {
		return r.tables[i]
	}
	t := &table{title: title, header: header}
	r.tables = append(r.tables, t)
	return t
}

// deliver prints the report, and writes it to where it is to go besides.
func (r *report) deliver(o options, stdout io.Writer) error {
	if o.markdown {
		return r.write(stdout, (*table).markdown)
	}
	return r.write(stdout, (*table).text)
}

func (r *report) write(w io.Writer, format func(*table) string) error {
	for i, t := range r.tables {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, format(t)); err != nil {
			return err
		}
	}
	return nil
}
