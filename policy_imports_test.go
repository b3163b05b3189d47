package atasks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/atasks-io/atasks"

// arrow says what the packages that fit a pattern import besides the standard
// library.
type arrow struct {
	from   string
	to     []string
	reason string
}

// ban says what the packages that fit a pattern, and none of the exceptions,
// must not be built from.
type ban struct {
	from   string
	except []string
	to     []string
	reason string
}

// goPackage is what the go command says of one package.
type goPackage struct {
	ImportPath string
	Name       string
	Dir        string
	Standard   bool
	Module     *struct{ Main bool }
	Imports    []string
	Deps       []string
}

// own says whether the package belongs to this module.
func (p goPackage) own() bool { return p.Module != nil && p.Module.Main }

// listPackages lists the packages of this module and all that they are built
// from.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Name,Dir,Standard,Module,Imports,Deps", "./...")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s = %v\n%s", cmd, err, complaints.Bytes())
	}
	var pkgs []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatalf("%s prints what is not JSON: %v", cmd, err)
		}
		pkgs = append(pkgs, p)
	}
}

// matches says whether an import path fits a pattern of the tables.
func matches(pattern, path string) bool {
	if own, ok := strings.CutPrefix(pattern, "./"); ok {
		pattern = strings.TrimSuffix(module+"/"+own, "/")
	}
	before, after, wild := strings.Cut(pattern, "...")
	if !wild {
		return path == pattern
	}
	if after == "" && path+"/" == before {
		return true
	}
	return len(path) >= len(before)+len(after) && strings.HasPrefix(path, before) && strings.HasSuffix(path, after)
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// checkTables complains of rows that name what does not exist: such a row
// guards nothing, most often since a rename. What a ban names outside this
// module need not exist, since keeping it out is the point.
func checkTables(pkgs []goPackage, arrows []arrow, bans []ban, planned []string) []string {
	exists := func(pattern string) bool {
		return slices.ContainsFunc(pkgs, func(p goPackage) bool { return matches(pattern, p.ImportPath) })
	}
	var bad []string
	want := func(pattern, where string) {
		if !exists(pattern) && !slices.Contains(planned, pattern) {
			bad = append(bad, fmt.Sprintf("%s names %s, which does not exist: correct the row, or list it as planned", where, pattern))
		}
	}
	for _, a := range arrows {
		want(a.from, "mayImport")
		for _, to := range a.to {
			if exists(a.from) {
				want(to, "mayImport for "+a.from)
			}
		}
	}
	for _, b := range bans {
		for _, pattern := range slices.Concat([]string{b.from}, b.except, b.to) {
			if strings.HasPrefix(pattern, "./") {
				want(pattern, "mayNotReach for "+b.from)
			}
		}
	}
	for _, pattern := range planned {
		if exists(pattern) {
			bad = append(bad, fmt.Sprintf("planned names %s, which exists by now: take it off the list", pattern))
		}
	}
	slices.Sort(bad)
	return slices.Compact(bad)
}

// checkArrows complains of imports that no row allows, and of packages without
// a row.
func checkArrows(pkgs []goPackage, arrows []arrow) []string {
	standard := make(map[string]bool)
	for _, p := range pkgs {
		standard[p.ImportPath] = p.Standard
	}
	var bad []string
	for _, p := range pkgs {
		if !p.own() {
			continue
		}
		row := slices.IndexFunc(arrows, func(a arrow) bool { return matches(a.from, p.ImportPath) })
		if row < 0 {
			bad = append(bad, fmt.Sprintf("%s has no row in mayImport: say there what it may import, and why", p.ImportPath))
			continue
		}
		for _, i := range p.Imports {
			if !standard[i] && i != "C" && !matchesAny(arrows[row].to, i) {
				bad = append(bad, fmt.Sprintf("%s imports %s; besides the standard library it may import %q: %s",
					p.ImportPath, i, arrows[row].to, arrows[row].reason))
			}
		}
	}
	return bad
}

// checkBans complains of packages that are built from what they must not
// reach.
func checkBans(pkgs []goPackage, bans []ban) []string {
	var bad []string
	for _, p := range pkgs {
		if !p.own() {
			continue
		}
		for _, b := range bans {
			if !matches(b.from, p.ImportPath) || matchesAny(b.except, p.ImportPath) {
				continue
			}
			for _, dep := range p.Deps {
				if matchesAny(b.to, dep) {
					bad = append(bad, fmt.Sprintf("%s must not reach %s, and does so by %s: %s",
						p.ImportPath, dep, strings.Join(way(pkgs, p.ImportPath, dep), " -> "), b.reason))
				}
			}
		}
	}
	return bad
}

// way is a shortest chain of imports between two packages, both included.
func way(pkgs []goPackage, from, to string) []string {
	imports := make(map[string][]string)
	for _, p := range pkgs {
		imports[p.ImportPath] = p.Imports
	}
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range imports[queue[0]] {
			if _, seen := cameFrom[next]; !seen {
				cameFrom[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	var chain []string
	for at := to; at != ""; at = cameFrom[at] {
		chain = append(chain, at)
	}
	slices.Reverse(chain)
	return chain
}
