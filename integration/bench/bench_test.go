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

// TestSections runs three sections, as short as can be, and looks whether their
// figures may be true at all.
func TestSections(t *testing.T) {
	t.Parallel()
	kinds := map[string][]string{
		"await/1w/64/4KiB": awaitKinds(),
		"fanout/100":       {kindHand, kindHandOwn, kindTasks},
		"amqp/1w/64/100B":  rabbitKinds(),
	}
	var stdout, stderr bytes.Buffer
	args := []string{"-run", "^(await/1w/64/4KiB|fanout/100|amqp/1w/64/100B)$", "-pairs", "1", "-time", "50ms"}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatalf("run(%q) = %v\n%s", args, err, stderr.String())
	}
	rows := make(map[string][]string) // by section and kind
	for line := range strings.Lines(stdout.String()) {
		if f := strings.Fields(line); len(f) > 2 {
			rows[f[0]+" "+f[1]] = f
		}
	}
	for section, list := range kinds {
		for _, kind := range list {
			checkRow(t, section, kind, rows[section+" "+kind])
		}
	}
	if t.Failed() {
		t.Logf("the whole output:\n%s\n%s", stdout.String(), stderr.String())
	}
}

// checkRow looks at the figures of one kind.
func checkRow(t *testing.T, section, kind string, row []string) {
	t.Helper()
	for i, limit := range map[int]struct{ least, most float64 }{
		2: {0.1, 10e6},     // operations a second
		3: {1, 10e6},       // median, in µs
		4: {1, 10e6},       // 99th percentile
		5: {0, 10e6},       // CPU time, which is told in steps of 10 ms
		6: {0.01, 100_000}, // allocations
		8: {0.0001, 10000}, // ratio
	} {
		if len(row) <= i {
			t.Errorf("%s of %s has %d columns, want more than %d", kind, section, len(row), i)
			return
		}
		got, err := strconv.ParseFloat(strings.ReplaceAll(row[i], ",", ""), 64)
		if err != nil || !(got >= limit.least && got <= limit.most) {
			t.Errorf("column %d of %s of %s = %q, want %v to %v", i, kind, section, row[i], limit.least, limit.most)
		}
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
