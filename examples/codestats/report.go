package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PackageStats is one directory of a report.
type PackageStats struct {
	Path   string // slash-separated, relative to the root, "." for the root
	Counts Counts
}

// ImportStats is one imported package of a report.
type ImportStats struct {
	Path  string
	Files int // that import it
}

// Report is what is shown of a tree. Equal sums give equal reports, and those
// are written as equal bytes.
type Report struct {
	Root     string // absolute
	Total    Counts
	Packages []PackageStats // every directory with .go files, the one with most lines first
	Longest  []Function     // at most top, the longest first
	Imports  []ImportStats  // the one that most files import first
	Faults   []Fault        // by path
}

// everything is the number of rows for write that leaves none out.
const everything = math.MaxInt

// write writes the report as text, with at most that many rows in each list.
// What comes from the tree is quoted where a terminal would not show it as it
// is.
func (r Report) write(w io.Writer, rows int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", printable(r.Root))
	r.totals().writeTo(&b)
	for _, section := range []struct {
		title, kind string
		there       int // of what the rows are about
		rows        int
		table       *table
	}{
		{"Largest packages", "packages", len(r.Packages), min(rows, len(r.Packages)), r.largestPackages(rows)},
		{"Longest functions", "functions", r.Total.Functions, min(rows, len(r.Longest)), r.longestFunctions(rows)},
		{"Most imported packages", "packages", len(r.Imports), min(rows, len(r.Imports)), r.mostImported(rows)},
		{"Files that do not parse", "files", len(r.Faults), min(rows, len(r.Faults)), r.unparsable(rows)},
	} {
		if section.there == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s", section.title)
		if section.rows < section.there {
			fmt.Fprintf(&b, " (%d of %s %s)", section.rows, group(section.there), section.kind)
		}
		b.WriteString("\n\n")
		section.table.writeTo(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) totals() *table {
	t := newTable("<>>")
	t.row("packages", group(len(r.Packages)))
	t.row("files", group(r.Total.Files))
	t.row("unparsable", group(r.Total.Unparsable), share(r.Total.Unparsable, r.Total.Files))
	t.row("functions", group(r.Total.Functions))
	t.row("bytes", group(r.Total.Bytes))
	t.row("lines", group(r.Total.Lines))
	t.row("  code", group(r.Total.Code), share(r.Total.Code, r.Total.Lines))
	t.row("  comment", group(r.Total.Comment), share(r.Total.Comment, r.Total.Lines))
	t.row("  blank", group(r.Total.Blank), share(r.Total.Blank, r.Total.Lines))
	return t
}

func (r Report) largestPackages(rows int) *table {
	t := newTable(">>>>>><")
	t.row("lines", "code", "comment", "blank", "files", "functions", "package")
	for _, p := range head(r.Packages, rows) {
		c := p.Counts
		t.row(group(c.Lines), group(c.Code), group(c.Comment), group(c.Blank),
			group(c.Files), group(c.Functions), printable(p.Path))
	}
	return t
}

func (r Report) longestFunctions(rows int) *table {
	t := newTable("><<")
	t.row("lines", "function", "place")
	for _, f := range head(r.Longest, rows) {
		t.row(group(f.Lines), printable(f.Name), place(string(f.Path), f.Line))
	}
	return t
}

func (r Report) mostImported(rows int) *table {
	t := newTable("><")
	t.row("files", "package")
	for _, i := range head(r.Imports, rows) {
		t.row(group(i.Files), printable(i.Path))
	}
	return t
}

func (r Report) unparsable(rows int) *table {
	t := newTable("<<")
	t.row("place", "reason")
	for _, f := range head(r.Faults, rows) {
		t.row(place(string(f.Path), f.Line), printable(string(f.Reason)))
	}
	return t
}

func head[T any](s []T, rows int) []T { return s[:min(len(s), rows)] }

func place(path string, line int) string { return printable(path) + ":" + strconv.Itoa(line) }

// printable is s, or s quoted where it holds what a terminal might obey.
func printable(s string) string {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}

// group writes n with a comma before every three digits.
func group(n int) string {
	digits := strconv.Itoa(n)
	first := (len(digits)-1)%3 + 1
	var b strings.Builder
	b.WriteString(digits[:first])
	for rest := digits[first:]; rest != ""; rest = rest[3:] {
		b.WriteByte(',')
		b.WriteString(rest[:3])
	}
	return b.String()
}

// share is part of whole in per cent, rounded half up in whole tenths: done
// with integers, it is the same on every machine.
func share(part, whole int) string {
	if whole == 0 {
		return ""
	}
	tenths := (2000*part + whole) / (2 * whole)
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}
