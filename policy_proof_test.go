package atasks_test

import (
	"strings"
	"testing"
)

// The tests in this file break each rule on made-up packages, to see that it
// bites, and keep it next to that, to see that it lets the rest pass.

// proof is what a check should complain of: one complaint for each of want,
// in that order, that contains it.
type proof struct {
	name string
	got  []string
	want []string
}

func (p proof) run(t *testing.T) {
	t.Parallel()
	for i := range max(len(p.got), len(p.want)) {
		switch {
		case i >= len(p.got):
			t.Errorf("no complaint, want one with %q", p.want[i])
		case i >= len(p.want):
			t.Errorf("complaint %q, want none", p.got[i])
		case !strings.Contains(p.got[i], p.want[i]):
			t.Errorf("complaint %q, want one with %q", p.got[i], p.want[i])
		}
	}
}

// build makes packages from lines "path: import import". A path that begins
// with "./" belongs to this module, one without a dot is standard. Deps follow
// from the imports; what is imported is listed first.
func build(lines ...string) []goPackage {
	var pkgs []goPackage
	deps := make(map[string][]string)
	full := func(path string) string {
		if own, ok := strings.CutPrefix(path, "./"); ok {
			return strings.TrimSuffix(module+"/"+own, "/")
		}
		return path
	}
	for _, line := range lines {
		path, imports, _ := strings.Cut(line, ":")
		p := goPackage{ImportPath: full(path), Standard: !strings.Contains(path, ".")}
		if strings.HasPrefix(path, "./") {
			p.Module = &struct{ Main bool }{true}
		}
		for i := range strings.FieldsSeq(imports) {
			i = full(i)
			p.Imports = append(p.Imports, i)
			p.Deps = append(append(p.Deps, deps[i]...), i)
		}
		deps[p.ImportPath] = p.Deps
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// files makes sources from a path and a text each.
func files(t *testing.T, pathsAndTexts ...string) []source {
	t.Helper()
	var sources []source
	for i := 0; i < len(pathsAndTexts); i += 2 {
		s, err := parseSource(pathsAndTexts[i], []byte(pathsAndTexts[i+1]))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s)
	}
	return sources
}

// excuse makes a table with a reason for each key.
func excuse(keys []string) map[string]string {
	table := make(map[string]string)
	for _, k := range keys {
		table[k] = "a reason"
	}
	return table
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"./", module, true},
		{"./", module + "/actor", false},
		{"./actor", module + "/actor", true},
		{"./actor", module + "/actor/sub", false},
		{"./actor", module + "/factor", false},
		{"./actor/...", module + "/actor", true},
		{"./actor/...", module + "/actor/sub/deep", true},
		{"./actor/...", module + "/actors", false},
		{"./...", module, true},
		{"./...", module + "/x", true},
		{"./...", module + "x/y", false},
		{"./...test", module + "/atask/atasktest", true},
		{"./...test", module + "/atask/tests", false},
		{"./...test", "net/http/httptest", false},
		{"x.org/y/...", "x.org/y/v2", true},
		{"x.org/y/...", "x.org/yy", false},
		{"testing", "testing/iotest", false},
		{"te...test", "test", false},
		{"...", "anything.org/at/all", true},
	} {
		if got := matches(tt.pattern, tt.path); got != tt.want {
			t.Errorf("matches(%q, %q) = %t, want %t", tt.pattern, tt.path, got, tt.want)
		}
	}
}

func TestProofOfImports(t *testing.T) {
	t.Parallel()
	const because = "of the reason"
	arrows := []arrow{
		{from: "./low", to: []string{"x.org/lib/..."}, reason: because},
		{from: "./high", to: []string{"./low"}, reason: because},
		{from: "./cmd/...", to: []string{"..."}, reason: because},
	}
	bans := []ban{
		{from: "./...", except: []string{"./cmd/...", "./...test"}, to: []string{"heavy.org/...", "./...test"}, reason: because},
	}
	imports := func(lines ...string) []string {
		pkgs := build(lines...)
		return append(checkArrows(pkgs, arrows), checkBans(pkgs, bans)...)
	}
	tables := func(planned []string, lines ...string) []string {
		return checkTables(build(lines...), arrows, bans, planned)
	}
	good := []string{"fmt:", "x.org/lib/sub:", "./low: fmt x.org/lib/sub", "./high: ./low", "heavy.org/a:", "./cmd/x: ./high heavy.org/a C", "./lowtest:"}
	for _, p := range []proof{
		{"every arrow as allowed", imports(good[:6]...), nil},
		{"a package of this module", imports("./high:", "./low: ./high"), []string{"low imports " + module + "/high"}},
		{"a foreign package", imports("y.org/z:", "./high: y.org/z"), []string{because}},
		{"a neighbour of an allowed package", imports("x.org/library:", "./low: x.org/library"), []string{"x.org/library"}},
		{"no row", imports("./new:"), []string{"/new has no row"}},
		{"foreign packages are free", imports("y.org/z:", "x.org/lib: y.org/z", "./low: x.org/lib"), nil},
		{
			"a banned package on a long way", imports("heavy.org/a/b:", "x.org/lib: heavy.org/a/b", "./low: x.org/lib", "./high: ./low"),
			[]string{"low must not reach heavy.org/a/b", "/high -> " + module + "/low -> x.org/lib -> heavy.org/a/b: " + because},
		},
		{"a banned package where it is excepted", imports("heavy.org/a:", "./cmd/x: heavy.org/a"), nil},
		{
			"an aid for tests", imports("./cmd/lowtest:", "./cmd/x: ./cmd/lowtest", "./low: ./cmd/lowtest"),
			[]string{"low imports", "low must not reach " + module + "/cmd/lowtest"},
		},

		{"tables that fit", tables(nil, good...), nil},
		{"a row for nothing", tables(nil, append([]string{"./low:", "x.org/lib:"}, good[5:]...)...), []string{"mayImport names ./high"}},
		{"a row for what is planned", tables([]string{"./high"}, append([]string{"./low:", "x.org/lib:"}, good[5:]...)...), nil},
		{"an allowance of what is planned", checkTables(nil, []arrow{{from: "./later", to: []string{"later.org/x"}}}, nil, []string{"./later"}), nil},
		{"an allowance for nothing", tables(nil, append([]string{"./low:", "./high:"}, good[5:]...)...), []string{"mayImport for ./low names x.org/lib/..."}},
		{"an exception for nothing", tables([]string{"./cmd/..."}, good[:5]...), []string{"mayNotReach for ./... names ./...test"}},
		{"a plan that was carried out", tables([]string{"./low"}, good...), []string{"planned names ./low, which exists"}},
	} {
		t.Run(p.name, p.run)
	}
}

func TestProofOfPackageComments(t *testing.T) {
	t.Parallel()
	check := func(pathsAndTexts ...string) []string {
		return checkPackageComments(files(t, pathsAndTexts...))
	}
	for _, p := range []proof{
		{"in one of two files", check("a/a.go", "package a", "a/doc.go", "// Package a is.\npackage a"), nil},
		{"none", check("a/a.go", "package a"), []string{"a has no package comment"}},
		{"of another name", check("a/a.go", "// Package b is.\npackage a"), []string{`"Package a "`}},
		{"apart from the clause", check("a/a.go", "// Package a is.\n\npackage a"), []string{"a has no"}},
		{"only a directive", check("a/a.go", "//go:build linux\n\npackage a"), []string{"a has no"}},
		{"only in a test", check("a/a.go", "package a", "a/a_test.go", "// Package a is.\npackage a"), []string{"a has no"}},
		{"nothing but tests", check("a/a_test.go", "// Package a is.\npackage a"), nil},
		{"nothing but tests, without", check("a/a_test.go", "package a"), []string{"a has no"}},
		{"a command", check("a/main.go", "// Anything.\npackage main"), nil},
		{"a command without", check("a/main.go", "package main"), []string{"a has no"}},
	} {
		t.Run(p.name, p.run)
	}
}

func TestProofOfNoInit(t *testing.T) {
	t.Parallel()
	check := func(path, text string) []string { return checkNoInit(files(t, path, text)) }
	for _, p := range []proof{
		{"none", check("a/a.go", "package a\nfunc f() {}\nfunc (T) init() {}"), nil},
		{"one", check("a/a.go", "package a\n\nfunc init() {}"), []string{"a/a.go:3"}},
		{"in a command", check("a/a.go", "package main\nfunc init() {}"), []string{"a/a.go:2"}},
		{"in a test", check("a/a_test.go", "package a\nfunc init() {}"), []string{"a/a_test.go:2"}},
	} {
		t.Run(p.name, p.run)
	}
}

func TestProofOfNoMutableVariables(t *testing.T) {
	t.Parallel()
	check := func(path, text string, allowed ...string) []string {
		return checkVariables(files(t, path, text), excuse(allowed))
	}
	for _, p := range []proof{
		{"constants", check("a/a.go", "package a\nconst X = 1\nfunc f() { var x int; _ = x }"), nil},
		{"one", check("a/a.go", "package a\nvar cache = map[string]int{}"), []string{`a/a.go:2: package-level variable cache`}},
		{"a group", check("a/a.go", "package a\nvar (\n\tx, y int\n)"), []string{"variable x", "variable y"}},
		{"a satisfied interface", check("a/a.go", "package a\nvar _ I = (*T)(nil)"), nil},
		{"errors", check("a/a.go", "package a\nvar ErrX, errY = errors.New(`x`), b.ErrY"), nil},
		{"an error that waits for its value", check("a/a.go", "package a\nvar ErrX error"), []string{"variable ErrX"}},
		{"a name that only begins so", check("a/a.go", "package a\nvar errands = 1"), []string{"variable errands"}},
		{"a listed one", check("a/a.go", "package a\nvar X = 1", "a.X"), nil},
		{"listed for another package", check("a/b/b.go", "package b\nvar X = 1", "a.X"), []string{"variable X", `constantVars lists "a.X"`}},
		{"in a command", check("a/a.go", "package main\nvar x = 1"), nil},
		{"in a test", check("a/a_test.go", "package a\nvar x = 1"), nil},
		{"in an aid for tests", check("a/atest/a.go", "package atest\nvar x = 1"), []string{"variable x"}},
	} {
		t.Run(p.name, p.run)
	}
}

func TestProofOfNoSkips(t *testing.T) {
	t.Parallel()
	check := func(path, text string, allowed ...string) []string {
		return checkSkips(files(t, path, "package a\n"+text), excuse(allowed))
	}
	const skipping = "func TestX(b *testing.T) { b.Skip(`no`) }"
	for _, p := range []proof{
		{"in a test", check("a/a_test.go", skipping), []string{"a/a_test.go:2: TestX may skip"}},
		{"in a subtest", check("a/a_test.go", "func TestX(b *testing.T) { b.Run(``, func(bb *testing.T) {\nbb.SkipNow() }) }"), []string{"a/a_test.go:3"}},
		{"outside a test function", check("a/a_test.go", "func help(tb testing.TB) { tb.Skipf(``) }"), []string{"help may skip"}},
		{"by a field", check("a/a_test.go", "type h struct { tb testing.TB }\nfunc (x h) f() { x.tb.Skip() }"), []string{"f may skip"}},
		{"by an embedded field", check("a/a_test.go", "type h struct { testing.TB }\nfunc (x h) f() { x.TB.Skip() }"), []string{"f may skip"}},
		{"as a value", check("a/a_test.go", "func f(b *testing.B) { g := b.SkipNow; g() }"), []string{"f may skip"}},
		{"in an aid for tests", check("a/atest/a.go", skipping), []string{"TestX may skip"}},
		{"in production code", check("a/a.go", "func f(d *Decoder) { d.Skip() }"), nil},
		{"of something else", check("a/a_test.go", "func TestX(b *testing.T) { var d Decoder; d.Skip() }"), nil},
		{"listed", check("a/a_test.go", skipping, "a/a_test.go TestX"), nil},
		{"listed in vain", check("a/a_test.go", "", "a/a_test.go TestX"), []string{`skips lists "a/a_test.go TestX"`}},
	} {
		t.Run(p.name, p.run)
	}
}

func TestProofOfDocComments(t *testing.T) {
	t.Parallel()
	check := func(text string) []string { return checkDocComments(files(t, "a/a.go", "package a\n"+text)) }
	for _, p := range []proof{
		{"nothing exported", check("type t struct{}\nfunc (t) F() {}\nfunc f() {}\nvar v int\nconst c = 1"), nil},
		{"all with comments", check("// T is.\ntype T struct{}\n// F does.\nfunc (T) F() {}\n// V is.\nvar V = 1\n"), nil},
		{"a function", check("func F() {}"), []string{"a: F has no comment"}},
		{"a type", check("type T struct{}"), []string{"a: T has"}},
		{"a method", check("// T is.\ntype T struct{}\nfunc (*T) F() {}"), []string{"T.F has"}},
		{"a constructor", check("// T is.\ntype T struct{}\nfunc New() T { panic(0) }"), []string{"New has"}},
		{"a method of an interface", check("// I is.\ntype I interface {\n\tA()\n\t// B does.\n\tB()\n\tc()\n}"), []string{"I.A has"}},
		{"a group with a comment", check("// The modes.\nconst (\n\tA = 1\n\tB = 2\n)"), nil},
		{"a group with some comments", check("const (\n\tA = 1 // a\n\t// B is.\n\tB = 2\n\tC, D = 3, 4\n\te = 5\n)"), []string{"C has", "D has"}},
		{"a variable", check("var V int"), []string{"V has"}},
		{"a constant of a type", check("// T is.\ntype T int\nconst C T = 1"), []string{"C has"}},
		{"only a directive", check("//go:noinline\nfunc F() {}"), []string{"F has"}},
		{"in a command", checkDocComments(files(t, "a/a.go", "package main\nfunc F() {}")), []string{"F has"}},
		{"in a test", checkDocComments(files(t, "a/a_test.go", "package a\nfunc F() {}")), nil},
	} {
		t.Run(p.name, p.run)
	}
}

func TestProofOfFileLengths(t *testing.T) {
	t.Parallel()
	check := func(path string, lines int, allowed ...string) []string {
		return checkLengths(files(t, path, "package a"+strings.Repeat("\n", lines)), 10, excuse(allowed))
	}
	for _, p := range []proof{
		{"as long as allowed", check("a/a.go", 10), nil},
		{"longer", check("a/a.go", 11), []string{"a/a.go has 11 lines, at most 10"}},
		{"a test", check("a/a_test.go", 11), nil},
		{"listed", check("a/a.go", 11, "a/a.go"), nil},
		{"listed in vain", check("a/a.go", 10, "a/a.go"), []string{"longFiles lists"}},
		{"listed by another name", check("a/a.go", 11, "b/a.go"), []string{"a/a.go has", "longFiles lists"}},
	} {
		t.Run(p.name, p.run)
	}
}

// TestWayIsShortest wants the shorter of two chains in a complaint.
func TestWayIsShortest(t *testing.T) {
	t.Parallel()
	for _, imports := range []string{"b.org/b x.org/x", "x.org/x b.org/b"} {
		pkgs := build("d.org/d:", "c.org/c: d.org/d", "b.org/b: c.org/c", "x.org/x: d.org/d", "./a: "+imports)
		got := strings.Join(way(pkgs, module+"/a", "d.org/d"), " ")
		if want := module + "/a x.org/x d.org/d"; got != want {
			t.Errorf("way(a, d) = %q, want %q, where a imports %s", got, want, imports)
		}
	}
}
