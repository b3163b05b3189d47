package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const methods = `package a

import (
	"fmt"
	f "fmt"
	_ "os"
	"C"
)

//line other.y:700
func plain() {
	fmt.Println(func() {})
}

func (T) value()       {}
func (t *T) pointer()  {}
func (t *L[K, V]) two() {
}
func (L[K]) one()
func generic[T any](t T) T { return t }
var notNamed = func() {
}
func _() {} ; func init() {}`

func TestAnalyse(t *testing.T) {
	t.Parallel()
	got := analyse("x/a.go", []byte(methods))
	want := FileStats{
		Path:    "x/a.go",
		Counts:  Counts{Files: 1, Bytes: len(methods), Lines: 22, Code: 18, Comment: 1, Blank: 3, Functions: 8},
		Imports: []string{"C", "fmt", "os"},
		Longest: []Function{
			{Name: "plain", Path: "x/a.go", Line: 11, Lines: 3},
			{Name: "(*L[K, V]).two", Path: "x/a.go", Line: 17, Lines: 2},
			{Name: "(*T).pointer", Path: "x/a.go", Line: 16, Lines: 1},
			{Name: "L[K].one", Path: "x/a.go", Line: 19, Lines: 1},
			{Name: "T.value", Path: "x/a.go", Line: 15, Lines: 1},
			{Name: "_", Path: "x/a.go", Line: 23, Lines: 1},
			{Name: "generic", Path: "x/a.go", Line: 20, Lines: 1},
			{Name: "init", Path: "x/a.go", Line: 23, Lines: 1},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("analyse(%q) differs (-want +got):\n%s", "x/a.go", diff)
	}
}

func TestAnalyseKeepsTheLongest(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	src.WriteString("package a\n")
	for i := range 3 * top {
		fmt.Fprintf(&src, "func f%d() {%s}\n", i, strings.Repeat("\n", i))
	}
	got := analyse("a.go", []byte(src.String()))
	if got.Counts.Functions != 3*top || len(got.Longest) != top {
		t.Fatalf("analyse of %d functions = %d functions, %d kept, want %[1]d and %d",
			3*top, got.Counts.Functions, len(got.Longest), top)
	}
	if first, last := got.Longest[0].Name, got.Longest[top-1].Name; first != "f29" || last != "f20" {
		t.Errorf("analyse keeps %s to %s, want f29 to f20", first, last)
	}
}

func TestAnalyseUnparsable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, src string
		line      int
	}{
		{"empty", "", 1},
		{"no package clause", "\n\nfunc f() {}\n", 3},
		{"half a function", "package a\n\nimport \"fmt\"\n\nfunc whole() {}\nfunc f( {\n", 6},
		{"after a line directive", "package a\n//line b.y:900\nvar\nvar x = = 1\n", 4},
		{"not UTF-8", "package a\n\xff\n", 2},
		{"unterminated comment", "package a\n/*\n", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := analyse("a.go", []byte(tt.src))
			if got.Counts.Unparsable != 1 || len(got.Faults) != 1 {
				t.Fatalf("analyse(%q) = %d unparsable, %d faults, want 1 and 1", tt.src, got.Counts.Unparsable, len(got.Faults))
			}
			if f := got.Faults[0]; f.Path != "a.go" || f.Line != tt.line || f.Reason == "" {
				t.Errorf("analyse(%q) has the fault %+v, want a reason on line %d of a.go", tt.src, f, tt.line)
			}
			if got.Counts.Functions != 0 || got.Longest != nil || got.Imports != nil {
				t.Errorf("analyse(%q) = %+v, want no function and no import", tt.src, got)
			}
		})
	}
}
