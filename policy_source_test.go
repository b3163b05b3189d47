package atasks_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// source is one Go file of this module. Files for other systems and behind
// build tags are among them.
type source struct {
	path string // slash-separated, relative to the module
	text []byte
	fset *token.FileSet
	tree *ast.File
}

func parseSource(path string, text []byte) (source, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{path, text, fset, tree}, err
}

// readSources reads every Go file of this module.
func readSources(t *testing.T, pkgs []goPackage) []source {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var sources []source
	for _, p := range pkgs {
		if !p.own() {
			continue
		}
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parseSource(filepath.ToSlash(name), text)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, s)
		}
	}
	return sources
}

// dir is the package directory, relative to the module.
func (s source) dir() string { return path.Dir(s.path) }

// test says whether the file is part of tests only.
func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// testAid says whether the file is in a package that exists for tests.
func (s source) testAid() bool { return strings.HasSuffix(s.dir(), "test") }

// library says whether others may import what is in the file.
func (s source) library() bool { return !s.test() && s.tree.Name.Name != "main" }

// at is the place of a node, for a message.
func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.PositionFor(n.Pos(), false).Line)
}

// byPackage groups sources by directory. The tests of a package are apart from
// it, unless there is nothing else.
func byPackage(sources []source) map[string][]source {
	pkgs, tests := make(map[string][]source), make(map[string][]source)
	for _, s := range sources {
		if s.test() {
			tests[s.dir()] = append(tests[s.dir()], s)
		} else {
			pkgs[s.dir()] = append(pkgs[s.dir()], s)
		}
	}
	for dir, files := range tests {
		if pkgs[dir] == nil {
			pkgs[dir] = files
		}
	}
	return pkgs
}

// checkPackageComments complains of packages that do not say what they are
// for, commands included.
func checkPackageComments(sources []source) []string {
	var bad []string
	pkgs := byPackage(sources)
	for _, dir := range slices.Sorted(maps.Keys(pkgs)) {
		// A command may begin as it likes: "Command x", "X prints".
		begin := ""
		if name := pkgs[dir][0].tree.Name.Name; name != "main" {
			begin = "Package " + name + " "
		}
		if !slices.ContainsFunc(pkgs[dir], func(s source) bool {
			text := s.tree.Doc.Text()
			return text != "" && strings.HasPrefix(text, begin)
		}) {
			bad = append(bad, fmt.Sprintf("%s has no package comment that begins with %q: a reader should learn first what it is for", dir, begin))
		}
	}
	return bad
}

// checkNoInit complains of functions that run because something was imported.
func checkNoInit(sources []source) []string {
	var bad []string
	for _, s := range sources {
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				bad = append(bad, s.at(f)+": func init: importing a package must do nothing; make it a function that somebody calls")
			}
		}
	}
	return bad
}

// checkVariables complains of package-level variables in libraries: two nodes
// in one process share nothing. Errors are allowed by their name, the rest by
// the table.
func checkVariables(sources []source, allowed map[string]string) []string {
	var bad []string
	unused := maps.Clone(allowed)
	sentinel := regexp.MustCompile(`^[eE]rr[A-Z]`)
	for _, s := range sources {
		if !s.library() {
			continue
		}
		for _, d := range s.tree.Decls {
			for _, v := range variables(d) {
				for i, name := range v.Names {
					key := s.dir() + "." + name.Name
					delete(unused, key)
					if name.Name == "_" || allowed[key] != "" || sentinel.MatchString(name.Name) && i < len(v.Values) {
						continue
					}
					bad = append(bad, fmt.Sprintf("%s: package-level variable %s: two nodes in one process share nothing; "+
						"if it never changes, list %q in constantVars with the reason", s.at(name), name.Name, key))
				}
			}
		}
	}
	return append(bad, stale("constantVars", unused)...)
}

func variables(d ast.Decl) []*ast.ValueSpec {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.VAR {
		return nil
	}
	var vs []*ast.ValueSpec
	for _, spec := range g.Specs {
		vs = append(vs, spec.(*ast.ValueSpec))
	}
	return vs
}

// checkSkips complains of tests that may pass without having run.
func checkSkips(sources []source, allowed map[string]string) []string {
	var bad []string
	unused := maps.Clone(allowed)
	for _, s := range sources {
		if !s.test() && !s.testAid() {
			continue
		}
		names := testingNames(s.tree)
		for _, d := range s.tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			key := s.path + " " + f.Name.Name
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, call.Sel.Name) || !names[lastName(call.X)] {
					return true
				}
				delete(unused, key)
				if allowed[key] == "" {
					bad = append(bad, fmt.Sprintf("%s: %s may skip: a test that cannot run is a failure where it should run; "+
						"list %q in skips if it must", s.at(call), f.Name.Name, key))
				}
				return true
			})
		}
	}
	return append(bad, stale("skips", unused)...)
}

// testingNames lists the names of the parameters and fields of a file that are
// a *testing.T, B or F, or a testing.TB.
func testingNames(tree *ast.File) map[string]bool {
	names := make(map[string]bool)
	ast.Inspect(tree, func(n ast.Node) bool {
		f, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		typ := f.Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		sel, ok := typ.(*ast.SelectorExpr)
		if !ok || lastName(sel.X) != "testing" {
			return true
		}
		names[sel.Sel.Name] = true // embedded: reached by the name of its type
		for _, name := range f.Names {
			names[name.Name] = true
		}
		return true
	})
	return names
}

// lastName is b of a.b, and a of a.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// checkDocComments complains of exported names without a comment: what a name
// promises stands there or nowhere. Constants and variables may share that of
// their group.
func checkDocComments(sources []source) []string {
	var bad []string
	pkgs := byPackage(sources)
	for _, dir := range slices.Sorted(maps.Keys(pkgs)) {
		missing, err := undocumented(pkgs[dir])
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", dir, err))
		}
		for _, name := range missing {
			bad = append(bad, fmt.Sprintf("%s: %s has no comment: an exported name says what it promises", dir, name))
		}
	}
	return bad
}

// undocumented lists the exported names of a package that have no comment.
func undocumented(pkg []source) ([]string, error) {
	// Package doc changes the trees it is given, and wants one file set.
	fset := token.NewFileSet()
	var files []*ast.File
	for _, s := range pkg {
		f, err := parser.ParseFile(fset, s.path, s.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, path.Join(module, pkg[0].dir()))
	if err != nil {
		return nil, err
	}
	values := slices.Concat(p.Consts, p.Vars)
	funcs := p.Funcs
	var names []string
	for _, t := range p.Types {
		values = slices.Concat(values, t.Consts, t.Vars)
		funcs = slices.Concat(funcs, t.Funcs, t.Methods)
		if t.Doc == "" {
			names = append(names, t.Name)
		}
		names = append(names, undocumentedMethods(t)...)
	}
	for _, f := range funcs {
		if f.Doc == "" {
			names = append(names, strings.TrimPrefix(f.Recv+"."+f.Name, "."))
		}
	}
	for _, v := range values {
		names = append(names, undocumentedValues(v)...)
	}
	slices.Sort(names)
	return names, nil
}

// undocumentedMethods lists those of an interface, where contracts are made.
func undocumentedMethods(t *doc.Type) []string {
	var names []string
	for _, spec := range t.Decl.Specs {
		i, ok := spec.(*ast.TypeSpec).Type.(*ast.InterfaceType)
		if !ok {
			continue
		}
		for _, m := range i.Methods.List {
			if len(m.Names) == 1 && m.Names[0].IsExported() && m.Doc.Text() == "" && m.Comment.Text() == "" {
				names = append(names, t.Name+"."+m.Names[0].Name)
			}
		}
	}
	return names
}

func undocumentedValues(v *doc.Value) []string {
	if v.Doc != "" {
		return nil
	}
	var names []string
	for _, spec := range v.Decl.Specs {
		s := spec.(*ast.ValueSpec)
		for _, name := range s.Names {
			if name.IsExported() && s.Doc.Text() == "" && s.Comment.Text() == "" {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

// checkLengths complains of long files that are no tests.
func checkLengths(sources []source, most int, allowed map[string]string) []string {
	var bad []string
	unused := maps.Clone(allowed)
	for _, s := range sources {
		n := bytes.Count(s.text, []byte{'\n'})
		if s.test() || n <= most {
			continue
		}
		delete(unused, s.path)
		if allowed[s.path] == "" {
			bad = append(bad, fmt.Sprintf("%s has %d lines, at most %d allowed: split it by concept, or list it in longFiles with the reason",
				s.path, n, most))
		}
	}
	return append(bad, stale("longFiles", unused)...)
}

// stale complains of entries of a table that excuse nothing.
func stale(table string, unused map[string]string) []string {
	var bad []string
	for _, key := range slices.Sorted(maps.Keys(unused)) {
		bad = append(bad, fmt.Sprintf("%s lists %q, which needs no excuse: take it off", table, key))
	}
	return bad
}
