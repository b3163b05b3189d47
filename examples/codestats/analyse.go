package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strconv"
	"strings"
)

// analyse counts the file at name, slash-separated and relative to the root,
// that holds src. It never fails: of a file that go/parser rejects, the lines
// count and the fault is named, but no function and no import is taken from
// the half that was understood.
func analyse(name string, src []byte) FileStats {
	lines := classify(src)
	f := FileStats{Path: name, Counts: Counts{
		Files:   1,
		Bytes:   len(src),
		Lines:   lines.total,
		Code:    lines.code,
		Comment: lines.comment,
		Blank:   lines.blank(),
	}}
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		f.Counts.Unparsable = 1
		f.Faults = []Fault{faultOf(name, src, err)}
		return f
	}
	functions := functionsOf(name, fset, tree)
	f.Counts.Functions = len(functions)
	f.Longest = longest(functions)
	f.Imports = importsOf(tree)
	return f
}

// functionsOf lists what the file declares with the keyword func and a name.
func functionsOf(name string, fset *token.FileSet, tree *ast.File) []Function {
	var fs []Function
	for _, d := range tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first, last := lineOf(fset, fn.Pos()), lineOf(fset, fn.End())
		fs = append(fs, Function{Name: nameOf(fn), Path: Text(name), Line: first, Lines: last - first + 1})
	}
	return fs
}

// lineOf is the line in the file itself: a //line directive, which generated
// code has many of, does not move it.
func lineOf(fset *token.FileSet, p token.Pos) int { return fset.PositionFor(p, false).Line }

// nameOf writes a method with its receiver, as the Go specification writes
// method expressions.
func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	receiver := types.ExprString(fn.Recv.List[0].Type)
	if strings.HasPrefix(receiver, "*") {
		receiver = "(" + receiver + ")"
	}
	return receiver + "." + fn.Name.Name
}

// importsOf lists the import paths, each once: a file that imports a package
// under two names still is one file that imports it.
func importsOf(tree *ast.File) []string {
	var paths []string
	for _, s := range tree.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// faultOf keeps the first complaint. Its line is found from the offset,
// because a //line directive moves the line that the parser names.
func faultOf(name string, src []byte, err error) Fault {
	f := Fault{Path: Text(name), Line: 1, Reason: Text(err.Error())}
	if list, ok := errors.AsType[scanner.ErrorList](err); ok && len(list) > 0 {
		f.Line = 1 + newlines(src[:min(list[0].Pos.Offset, len(src))])
		f.Reason = Text(list[0].Msg)
	}
	return f
}

// packageOf is the directory of a file: what lies together counts as one
// package, whatever the package clauses and build constraints say.
func packageOf(name string) string { return path.Dir(name) }
