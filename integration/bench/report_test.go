package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("spreadOf(%v) = %+v, want %+v", c.values, got, c.want)
		}
	}
}

// TestRatioIsByPair: pairs that a slow moment hit alike have the same ratio.
func TestRatioIsByPair(t *testing.T) {
	t.Parallel()
	s := samples{
		"a": {{throughput: 200}, {throughput: 20}, {throughput: 300}},
		"b": {{throughput: 100}, {throughput: 10}, {throughput: 100}},
	}
	if got, want := s.ratio("a", "b", throughput), (spread{2, 2, 3}); got != want {
		t.Errorf("ratio(a, b) = %+v, want %+v", got, want)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target target
		value  float64
		want   string
	}{
		{target{most: 10}, 10, "yes"},
		{target{most: 10}, 10.9, "within 10 %"},
		{target{most: 10}, 11.5, "no"},
		{target{least: 2}, 2, "yes"},
		{target{least: 2}, 50, "yes"},
		{target{least: 2}, 1.85, "within 10 %"},
		{target{least: 2}, 1.7, "no"},
	} {
		if got := c.target.verdict(c.value); got != c.want {
			t.Errorf("%s: verdict(%v) = %q, want %q", c.target.goal(), c.value, got, c.want)
		}
	}
}

// TestTargetsNameSections: a target of a section that does not exist would
// never be held against anything.
func TestTargetsNameSections(t *testing.T) {
	t.Parallel()
	exists := make(map[string]bool)
	for _, s := range sections() {
		if exists[s.name] {
			t.Errorf("two sections are called %q", s.name)
		}
		exists[s.name] = true
	}
	for _, one := range targets() {
		if !exists[one.section] {
			t.Errorf("target %q names %q, which is no section", one.what, one.section)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	x := &table{title: "T", header: []string{"what", "n"}, notes: []string{"A note."}}
	x.add("µs", number(1234567.8))
	x.add("longer", number(1.234))
	const text = "T\n\n  what            n\n  µs      1,234,568\n  longer       1.23\n\n  A note.\n"
	if d := cmp.Diff(text, x.text()); d != "" {
		t.Errorf("text() differs (-want +got):\n%s", d)
	}
	const markdown = "### T\n\n| what | n |\n| --- | ---: |\n| µs | 1,234,568 |\n| longer | 1.23 |\n\nA note.\n"
	if d := cmp.Diff(markdown, x.markdown()); d != "" {
		t.Errorf("markdown() differs (-want +got):\n%s", d)
	}
}

func TestUpdateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "doc.md")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + figuresBegin + "old\n" + figuresEnd + "after\n")
	for _, tables := range []string{"first\n", "second\n"} {
		if err := updateFile(path, tables); err != nil {
			t.Fatalf("updateFile(%q) = %v, want nil", tables, err)
		}
		got, err := os.ReadFile(path)
		if want := "before\n" + figuresBegin + "\n" + tables + figuresEnd + "after\n"; err != nil || string(got) != want {
			t.Errorf("after updateFile(%q) the file holds %q, %v, want %q", tables, got, err, want)
		}
	}
	write("no place\n")
	if err := updateFile(path, "tables"); err == nil || !strings.Contains(err.Error(), "no place") {
		t.Errorf("updateFile without a place = %v, want an error that says so", err)
	}
}

// TestDocument: the document that make benchdoc writes to has a place for the
// tables.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(text), figuresBegin)
	if !begins || !strings.Contains(rest, figuresEnd) {
		t.Errorf("docs/benchmarks.md has no lines %q and %q", figuresBegin, figuresEnd)
	}
}
