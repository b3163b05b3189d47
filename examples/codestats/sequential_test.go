package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAgreement compares, over real and over tricky trees, one process with
// find and wc, and with the split that the distributed program makes.
func TestAgreement(t *testing.T) {
	t.Parallel()
	src := filepath.Join(goroot(t.Context()), "src")
	for _, dir := range []string{filepath.Join(src, "go"), filepath.Join(src, "encoding"), trickyTree(t), t.TempDir()} {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			root, err := findRoot(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			report, err := sequential(t.Context(), root)
			if err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			if err := checkTotals(t.Context(), report, &said); err != nil {
				t.Errorf("checkTotals(%q) = %v, want agreement", root, err)
			}
			if !strings.Contains(said.String(), group(report.Total.Lines)+" lines") {
				t.Errorf("checkTotals(%q) says %q, want the number of lines", root, said.String())
			}
			if c := report.Total; c.Code+c.Comment+c.Blank != c.Lines {
				t.Errorf("%q has %+v, want kinds of lines that add up", root, c)
			}
			split := countSplit(t, root, ".").report(root)
			if diff := cmp.Diff(report, split); diff != "" {
				t.Errorf("report of %q split into batches differs (-sequential +split):\n%s", root, diff)
			}
		})
	}
}

func TestCheckNoticesADifference(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	report, err := sequential(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Counts){
		"one line less": func(c *Counts) { c.Lines-- },
		"one file more": func(c *Counts) { c.Files++ },
	} {
		wrong := report
		change(&wrong.Total)
		var said bytes.Buffer
		if err := checkTotals(t.Context(), wrong, &said); err == nil || said.Len() > 0 {
			t.Errorf("checkTotals with %s = %v and %q, want an error and nothing", name, err, said.String())
		}
	}
	report.Root = filepath.Join(root, "nowhere")
	if err := checkTotals(t.Context(), report, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("checkTotals where nothing is = %v, want what find says", err)
	}
}

func TestSequentialFails(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	nowhere := filepath.Join(root, "nowhere")
	if _, err := sequential(t.Context(), nowhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("sequential(%q) = %v, want fs.ErrNotExist", nowhere, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sequential(ctx, root); !errors.Is(err, context.Canceled) {
		t.Errorf("sequential under an ended context = %v, want context.Canceled", err)
	}
}

func TestFindRoot(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	for dir, want := range map[string]string{
		root:                           root,
		root + "/sub/../":              root,
		filepath.Join(root, "dirlink"): filepath.Join(root, "sub"),
	} {
		if got, err := findRoot(t.Context(), dir); got != want || err != nil {
			t.Errorf("findRoot(%q) = %q, %v, want %q", dir, got, err, want)
		}
	}
	for _, dir := range []string{filepath.Join(root, "nowhere"), filepath.Join(root, "a.go"), filepath.Join(root, "dangling.go")} {
		if got, err := findRoot(t.Context(), dir); err == nil {
			t.Errorf("findRoot(%q) = %q, want an error", dir, got)
		}
	}
	got, err := findRoot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(got, "go", "ast")); err != nil {
		t.Errorf("findRoot(%q) = %q, want the source of the Go distribution: %v", "", got, err)
	}
}
