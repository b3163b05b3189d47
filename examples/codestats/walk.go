package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A batch is small enough that losing it costs little, and large enough that
// counting it costs more than asking for it.
const (
	maxBatchFiles = 32
	maxBatchBytes = 256 << 10
)

// File is one .go file of a directory.
type File struct {
	Name string // without its directory
	Size int64  // in bytes
}

// Listing is what one directory holds for codestats, each list by name.
type Listing struct {
	Files []File
	Dirs  []string // without their directory
}

// Batch names files of one directory that are counted together. Whoever counts
// it must see the same tree at Root.
type Batch struct {
	Root  Text // absolute
	Dir   Text // slash-separated, relative to Root, "." for Root
	Names []Text
}

// isSource says whether an entry of a directory is a file that counts: the
// same that find -type f -name '*.go' prints.
func isSource(e fs.DirEntry) bool {
	return e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".go")
}

// locate is the place of a slash-separated path under root. A path that would
// lead out of root is refused: it may come from another process.
func locate(root, name string) (string, error) {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) {
		return "", fmt.Errorf("%q is not a path below %q", name, root)
	}
	return filepath.Join(root, local), nil
}

// list reads one directory, not those below it.
func list(root, dir string) (Listing, error) {
	place, err := locate(root, dir)
	if err != nil {
		return Listing{}, err
	}
	entries, err := os.ReadDir(place)
	if err != nil {
		return Listing{}, fmt.Errorf("list %q: %w", place, err)
	}
	var l Listing
	for _, e := range entries {
		switch {
		case e.IsDir():
			l.Dirs = append(l.Dirs, e.Name())
		case isSource(e):
			info, err := e.Info()
			if err != nil {
				return Listing{}, fmt.Errorf("list %q: %w", place, err)
			}
			l.Files = append(l.Files, File{Name: e.Name(), Size: info.Size()})
		}
	}
	return l, nil
}

// batches splits the files of one directory. A file larger than a batch makes
// one by itself.
func batches(root, dir string, files []File) []Batch {
	var bs []Batch
	var size int64
	for i, f := range files {
		if i == 0 || len(bs[len(bs)-1].Names) == maxBatchFiles || size+f.Size > maxBatchBytes {
			bs = append(bs, Batch{Root: Text(root), Dir: Text(dir)})
			size = 0
		}
		b := &bs[len(bs)-1]
		b.Names = append(b.Names, Text(f.Name))
		size += f.Size
	}
	return bs
}

// count reads and counts the files of the batch. It ends early, with the cause,
// when ctx does.
func (b Batch) count(ctx context.Context) (Stats, error) {
	var s Stats
	for _, name := range b.Names {
		if ctx.Err() != nil {
			return Stats{}, context.Cause(ctx)
		}
		f, err := countFile(string(b.Root), path.Join(string(b.Dir), string(name)))
		if err != nil {
			return Stats{}, err
		}
		s.addFile(f)
	}
	return s, nil
}

// countFile reads and counts one file; name is slash-separated and relative to
// root.
func countFile(root, name string) (FileStats, error) {
	place, err := locate(root, name)
	if err != nil {
		return FileStats{}, err
	}
	src, err := os.ReadFile(place)
	if err != nil {
		return FileStats{}, fmt.Errorf("count lines: %w", err)
	}
	return analyse(name, src), nil
}
