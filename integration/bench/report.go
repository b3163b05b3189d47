package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
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
	text := r.text(o)
	if o.markdown {
		text = r.markdown(o)
	}
	_, err := io.WriteString(stdout, text)
	if o.update != "" {
		err = errors.Join(err, updateFile(o.update, r.markdown(o)))
	}
	return err
}

// text ends with what matters most, next to the prompt.
func (r *report) text(o options) string {
	var b strings.Builder
	for _, t := range slices.Concat([]*table{conditions(o)}, r.tables, []*table{r.targets()}) {
		if len(t.rows) > 0 {
			b.WriteString(t.text() + "\n")
		}
	}
	return b.String()
}

// markdown begins with what matters most.
func (r *report) markdown(o options) string {
	var b strings.Builder
	for _, t := range slices.Concat([]*table{conditions(o), r.targets()}, r.tables) {
		if len(t.rows) > 0 {
			b.WriteString(t.markdown() + "\n")
		}
	}
	return b.String()
}

// The lines of a document between which its tables are.
const (
	figuresBegin = "<!-- figures: written by make benchdoc -->\n"
	figuresEnd   = "<!-- end of figures -->\n"
)

// updateFile puts the tables between the two lines of a document.
func updateFile(path, tables string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), figuresBegin)
	_, after, ends := strings.Cut(rest, figuresEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no place for the tables: it needs a line %q and after it %q", path, strings.TrimSpace(figuresBegin), strings.TrimSpace(figuresEnd))
	}
	return os.WriteFile(path, []byte(before+figuresBegin+"\n"+tables+figuresEnd+after), 0o666)
}
