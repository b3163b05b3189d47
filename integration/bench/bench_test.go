package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestMain makes the test binary what the program is besides: each of its own
// processes.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "" {
		os.Exit(m.Run())
	}
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// TestAwait runs one section, as short as can be, and looks whether its
// figures may be true at all.
func TestAwait(t *testing.T) {
	t.Parallel()
	const name = "await/1w/64/4KiB"
	var stdout, stderr bytes.Buffer
	args := []string{"-run", "^" + name + "$", "-pairs", "1", "-time", "50ms"}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatalf("run(%q) = %v\n%s", args, err, stderr.String())
	}
	rows := make(map[string][]string)
	for line := range strings.Lines(stdout.String()) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == name {
			rows[f[1]] = f
		}
	}
	for _, kind := range awaitKinds() {
		row := rows[kind]
		if row == nil {
			t.Errorf("no row for %s in\n%s", kind, stdout.String())
			continue
		}
		for i, limit := range map[int]struct{ least, most float64 }{
			2: {100, 10e6},   // operations a second
			3: {1, 1e6},      // median, in µs
			4: {1, 10e6},     // 99th percentile
			5: {0, 100e3},    // CPU time, which is told in steps of 10 ms
			6: {0.01, 10000}, // allocations
			7: {0.001, 1000}, // ratio
		} {
			got, err := strconv.ParseFloat(strings.ReplaceAll(row[i], ",", ""), 64)
			if err != nil || !(got >= limit.least && got <= limit.most) {
				t.Errorf("column %d of %s = %q, want %v to %v", i, kind, row[i], limit.least, limit.most)
			}
		}
	}
	if t.Failed() {
		t.Logf("the whole output:\n%s", stdout.String())
	}
}

func TestRefusedFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-pairs", "0"},
		{"-time", "0s"},
		{"-calls", "1"},
		{"-run", "("},
		{"-run", "^nothing$"},
		{"await"},
	} {
		var stdout, stderr bytes.Buffer
		if err := run(t.Context(), args, &stdout, &stderr); err == nil {
			t.Errorf("run(%q) = nil, want an error", args)
		}
	}
}
