package main

import (
	"cmp"
	"slices"
)

// top is how many of the longest functions are kept, and how many rows each
// list of a report shows unless all are asked for.
const top = 10

// Counts are the sums kept for a file, a package and a tree.
type Counts struct {
	Files      int // names ending in .go
	Unparsable int // those of Files that go/parser rejects
	Bytes      int
	Lines      int // newline bytes, as wc -l counts them
	Code       int // Code, Comment and Blank add up to Lines; see classify
	Comment    int
	Blank      int
	Functions  int // functions and methods declared by name, in files that parse
}

// add adds o to c.
func (c *Counts) add(o Counts) {
	c.Files += o.Files
	c.Unparsable += o.Unparsable
	c.Bytes += o.Bytes
	c.Lines += o.Lines
	c.Code += o.Code
	c.Comment += o.Comment
	c.Blank += o.Blank
	c.Functions += o.Functions
}

// Function is one declared function or method.
type Function struct {
	Name  string // with its receiver: "(*List[T]).Push"
	Path  Text   // of the file, slash-separated, relative to the root
	Line  int    // of the keyword func, from 1
	Lines int    // from there to the end of the body, both included
}

// compareFunctions orders the longest first. Ties are broken by every other
// field, so that the order does not depend on who counted what.
func compareFunctions(a, b Function) int {
	return cmp.Or(
		cmp.Compare(b.Lines, a.Lines),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Line, b.Line),
	)
}

// Fault is why a file does not parse.
type Fault struct {
	Path   Text // slash-separated, relative to the root
	Line   int  // from 1
	Reason Text // what go/parser said first
}

func compareFaults(a, b Fault) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Reason, b.Reason))
}

// FileStats is what one file amounts to.
type FileStats struct {
	Path    string // slash-separated, relative to the root
	Counts  Counts
	Longest []Function // at most top, the longest first
	Imports []string   // each path once, sorted
	Faults  []Fault    // why it does not parse: none or one
}

// Stats is what a set of files amounts to. The zero value is that of no file.
//
// Adding the same files in any order and in any grouping gives equal values:
// that is what allows the work to be split anyhow.
type Stats struct {
	Packages map[Text]Counts // by directory, slash-separated, relative to the root, "." for the root
	Imports  map[Text]int    // how many files import each path
	Longest  []Function      // at most top, the longest first
	Faults   []Fault         // by path
}

// addFile adds one file. Nothing of f is kept.
func (s *Stats) addFile(f FileStats) {
	imports := make(map[Text]int, len(f.Imports))
	for _, p := range f.Imports {
		imports[Text(p)] = 1
	}
	s.merge(Stats{
		Packages: map[Text]Counts{Text(packageOf(f.Path)): f.Counts},
		Imports:  imports,
		Longest:  f.Longest,
		Faults:   f.Faults,
	})
}

// merge adds o. It changes nothing of o and keeps none of its maps and slices.
func (s *Stats) merge(o Stats) {
	if s.Packages == nil {
		s.Packages = make(map[Text]Counts, len(o.Packages))
	}
	for p, c := range o.Packages {
		sum := s.Packages[p]
		sum.add(c)
		s.Packages[p] = sum
	}
	if s.Imports == nil {
		s.Imports = make(map[Text]int, len(o.Imports))
	}
	for p, n := range o.Imports {
		s.Imports[p] += n
	}
	s.Longest = longest(slices.Concat(s.Longest, o.Longest))
	if len(o.Faults) > 0 {
		s.Faults = slices.Concat(s.Faults, o.Faults)
		slices.SortFunc(s.Faults, compareFaults)
	}
}

// longest sorts fs in place and returns its head. What is cut off here can be
// in the head of no larger set either, so merging heads loses nothing.
func longest(fs []Function) []Function {
	slices.SortFunc(fs, compareFunctions)
	return slices.Clip(fs[:min(len(fs), top)])
}

// report turns the sums into what is shown of the tree at root.
func (s Stats) report(root string) Report {
	r := Report{
		Root:     root,
		Packages: make([]PackageStats, 0, len(s.Packages)),
		Imports:  make([]ImportStats, 0, len(s.Imports)),
		Longest:  slices.Clone(s.Longest),
		Faults:   slices.Clone(s.Faults),
	}
	for p, c := range s.Packages {
		r.Total.add(c)
		r.Packages = append(r.Packages, PackageStats{Path: string(p), Counts: c})
	}
	slices.SortFunc(r.Packages, func(a, b PackageStats) int {
		return cmp.Or(cmp.Compare(b.Counts.Lines, a.Counts.Lines), cmp.Compare(a.Path, b.Path))
	})
	for p, n := range s.Imports {
		r.Imports = append(r.Imports, ImportStats{Path: string(p), Files: n})
	}
	slices.SortFunc(r.Imports, func(a, b ImportStats) int {
		return cmp.Or(cmp.Compare(b.Files, a.Files), cmp.Compare(a.Path, b.Path))
	})
	return r
}
