package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMergeInAnyOrder adds up the same files in random orders and groupings
// and wants the same value, and the same bytes on paper, each time.
func TestMergeInAnyOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	files := randomFiles(rng, 200)
	var want Stats
	for _, f := range files {
		want.addFile(f)
	}
	wantText := text(t, want.report("/src"))
	for round := range 100 {
		rng.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		got := mergeAtRandom(rng, files)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: merge in another order differs (-want +got):\n%s", round, diff)
		}
		if got := text(t, got.report("/src")); got != wantText {
			t.Fatalf("round %d: report reads\n%s\nwant\n%s", round, got, wantText)
		}
	}
}

// mergeAtRandom splits files into random groups, recursively, and merges what
// comes back in random order. Some groups are empty.
func mergeAtRandom(rng *rand.Rand, files []FileStats) Stats {
	var s Stats
	if len(files) <= 1 {
		for _, f := range files {
			s.addFile(f)
		}
		return s
	}
	a, b := rng.IntN(len(files)+1), rng.IntN(len(files)+1)
	a, b = min(a, b), max(a, b)
	if b-a == len(files) {
		b--
	}
	parts := [][]FileStats{files[:a], files[a:b], files[b:]}
	if a == len(files) || b == 0 {
		parts = [][]FileStats{files[:1], files[1:], nil}
	}
	rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for _, part := range parts {
		s.merge(mergeAtRandom(rng, part))
	}
	return s
}

// randomFiles makes files with many equal lengths and counts, so that ties
// have to be broken.
func randomFiles(rng *rand.Rand, n int) []FileStats {
	var files []FileStats
	for i := range n {
		var src strings.Builder
		if rng.IntN(10) > 0 {
			fmt.Fprintf(&src, "package p\nimport %q\nimport %q\n", fmt.Sprint("i", rng.IntN(30)), fmt.Sprint("i", rng.IntN(30)))
		}
		for range rng.IntN(15) {
			fmt.Fprintf(&src, "// f\nfunc f%d() {%s}\n\n", rng.IntN(3), strings.Repeat("\n", rng.IntN(6)))
		}
		files = append(files, analyse(fmt.Sprintf("p%d/f%d.go", rng.IntN(25), i), []byte(src.String())))
	}
	return files
}

// TestMergeLeavesItsArgument merges into a value that came by value, as a
// result from another process does, and wants the source untouched by what
// happens to the sum afterwards.
func TestMergeLeavesItsArgument(t *testing.T) {
	t.Parallel()
	part := func() Stats {
		var s Stats
		s.addFile(analyse("p/a.go", []byte(methods)))
		s.addFile(analyse("p/b.go", nil))
		return s
	}
	given := part()
	// A decoder may leave room behind what it has read.
	given.Longest, given.Faults = slices.Grow(given.Longest, top), slices.Grow(given.Faults, top)
	var sum Stats
	sum.addFile(analyse("p/d.go", []byte("package p\nfunc d() {\n\n}\n")))
	sum.merge(given)
	sum.addFile(analyse("p/c.go", []byte("package p\nimport \"fmt\"\nfunc f() {\n\n\n\n\n}\n")))
	sum.addFile(analyse("a/a.go", nil))
	if diff := cmp.Diff(part(), given); diff != "" {
		t.Errorf("merge changed its argument (-want +got):\n%s", diff)
	}
	alone := part()
	alone.merge(Stats{})
	if diff := cmp.Diff(part(), alone); diff != "" {
		t.Errorf("merge(Stats{}) changed the sum (-want +got):\n%s", diff)
	}
}

func text(t *testing.T, r Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.write(&b, top); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
