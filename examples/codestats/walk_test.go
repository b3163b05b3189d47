package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestList(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	got, err := list(root, ".")
	if err != nil {
		t.Fatal(err)
	}
	want := Listing{
		Files: []File{{".go", 10}, {"a.go", int64(len(methods))}, {"crlf.go", 39}, {"empty.go", 0}, {"no_newline.go", 20}},
		Dirs:  []string{".hidden", "new\nline", "not_utf8_\xff", "sub", "testdata", "vendor"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list(root, %q) differs (-want +got):\n%s", ".", diff)
	}
	got, err = list(root, "sub")
	if err != nil {
		t.Fatal(err)
	}
	want = Listing{Files: []File{{"_test.go", 40}}, Dirs: []string{"deep"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list(root, %q) differs (-want +got):\n%s", "sub", diff)
	}
}

func TestListFails(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	if _, err := list(root, "nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("list(root, %q) = %v, want fs.ErrNotExist", "nowhere", err)
	}
	for _, dir := range []string{"", "..", "../x", "sub/../..", "/etc"} {
		if got, err := list(root, dir); err == nil {
			t.Errorf("list(root, %q) = %+v, want an error: it leads out of the root", dir, got)
		}
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	many := func(n int, size int64) []File {
		var fs []File
		for i := range n {
			fs = append(fs, File{Name: fmt.Sprint(i, ".go"), Size: size})
		}
		return fs
	}
	for _, tt := range []struct {
		name  string
		files []File
		want  []int // names in each batch
	}{
		{"none", nil, nil},
		{"one", many(1, 10), []int{1}},
		{"as many as fit", many(maxBatchFiles, 10), []int{maxBatchFiles}},
		{"one more", many(maxBatchFiles+1, 10), []int{maxBatchFiles, 1}},
		{"as large as fits", many(4, maxBatchBytes/4), []int{4}},
		{"larger", many(5, maxBatchBytes/4), []int{4, 1}},
		{"each too large", many(3, maxBatchBytes+1), []int{1, 1, 1}},
		{"one too large", []File{{"a", 1}, {"b", maxBatchBytes}, {"c", 1}, {"d", 1}}, []int{1, 1, 2}},
		{"empty files", many(2*maxBatchFiles, 0), []int{maxBatchFiles, maxBatchFiles}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []int
			var names []Text
			for _, b := range batches("/root", "dir", tt.files) {
				got = append(got, len(b.Names))
				names = append(names, b.Names...)
				if b.Root != "/root" || b.Dir != "dir" {
					t.Errorf("batches makes one of %q in %q, want dir in /root", b.Dir, b.Root)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("batches makes batches of %v files, want %v", got, tt.want)
			}
			for i, f := range tt.files {
				if i >= len(names) || string(names[i]) != f.Name {
					t.Fatalf("batches lists %q, want every file once and in order", names)
				}
			}
		})
	}
}

func TestBatchCountFails(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	b := Batch{Root: Text(root), Dir: ".", Names: []Text{"a.go", "gone.go"}}
	if _, err := b.count(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("count() of a file that is gone = %v, want fs.ErrNotExist", err)
	}
	b = Batch{Root: Text(root), Dir: ".", Names: []Text{"../x.go"}}
	if _, err := b.count(t.Context()); err == nil {
		t.Error("count() of a file outside the root = nil, want an error")
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	b = Batch{Root: Text(root), Dir: ".", Names: []Text{"a.go"}}
	if _, err := b.count(ctx); !errors.Is(err, cause) {
		t.Errorf("count() under an ended context = %v, want its cause", err)
	}
}

// countSplit counts the tree at root the way the work is split between
// processes, in one.
func countSplit(t *testing.T, root, dir string) Stats {
	t.Helper()
	l, err := list(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	var s Stats
	for _, b := range batches(root, dir, l.Files) {
		part, err := b.count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.merge(part)
	}
	for _, d := range l.Dirs {
		s.merge(countSplit(t, root, path.Join(dir, d)))
	}
	return s
}
