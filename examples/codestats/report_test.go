package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files with what the tests see")

func TestReportGolden(t *testing.T) {
	t.Parallel()
	report, err := sequential(t.Context(), trickyTree(t))
	if err != nil {
		t.Fatal(err)
	}
	report.Root = "/src"
	got := text(t, report)
	golden := filepath.Join("testdata", "report.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("report differs from %s (-want +got), -update rewrites it:\n%s", golden, diff)
	}
}

func TestReportOfNothing(t *testing.T) {
	t.Parallel()
	got := text(t, Stats{}.report("/empty"))
	if !strings.Contains(got, "files       0\n") || strings.Contains(got, "Largest") {
		t.Errorf("report of nothing reads\n%s\nwant 0 files and no list", got)
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":               "",
		"net/http":       "net/http",
		"größe 界":        "größe 界",
		"a\x1b[2Jb":      `"a\x1b[2Jb"`,
		"a\nb":           `"a\nb"`,
		"\xff":           `"\xff"`,
		"a\u202Eb":       `"a\u202eb"`,
		"no\u00a0break":  `"no\u00a0break"`,
		"zero\u200bwide": `"zero\u200bwide"`,
	} {
		if got := printable(s); got != want {
			t.Errorf("printable(%q) = %s, want %s", s, got, want)
		}
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 999999: "999,999", 1234567: "1,234,567"} {
		if got := group(n); got != want {
			t.Errorf("group(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		part, whole int
		want        string
	}{
		{0, 0, ""}, {0, 5, "0.0%"}, {5, 5, "100.0%"}, {1, 3, "33.3%"}, {2, 3, "66.7%"}, {1, 2000, "0.1%"}, {1, 2001, "0.0%"},
	} {
		if got := share(tt.part, tt.whole); got != tt.want {
			t.Errorf("share(%d, %d) = %q, want %q", tt.part, tt.whole, got, tt.want)
		}
	}
}
