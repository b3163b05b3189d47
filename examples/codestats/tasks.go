package main

import (
	"context"
	"errors"
	"path"

	"github.com/atasks-io/atasks/atask"
)

// The tasks. They read and nothing else, so a call whose worker was lost may
// run again elsewhere.
var (
	// CountTree counts a directory and all that lies below it. It awaits a
	// CountTree for each sub-directory and a CountBatch for each batch of files.
	CountTree = atask.Declare[Directory, Part]("codestats.tree", atask.Idempotent())

	// CountBatch parses and counts some files of one directory.
	CountBatch = atask.Declare[Batch, Part]("codestats.batch", atask.Idempotent())
)

// Directory names a directory to count. Whoever counts it must see the same
// tree at Root.
type Directory struct {
	Root Text // absolute
	Dir  Text // slash-separated, relative to Root, "." for Root
}

// countTree implements CountTree. The sub-directories come first: the sooner
// they are known, the more there is for all workers to do.
func countTree(ctx context.Context, d Directory) (Part, error) {
	root, name := string(d.Root), string(d.Dir)
	l, err := list(root, name)
	if err != nil {
		return Part{}, err
	}
	split := batches(root, name, l.Files)
	progress := newTally(len(l.Dirs)+len(split), len(l.Files), func(done, total int) {
		atask.Progress(ctx, int64(done), int64(total), name)
	})
	var calls []*atask.Future[Part]
	for i, dir := range l.Dirs {
		below := Directory{Root: d.Root, Dir: Text(path.Join(name, dir))}
		calls = append(calls, CountTree.Start(ctx, below, atask.OnProgress(progress.follow(i))))
	}
	for _, b := range split {
		calls = append(calls, CountBatch.Start(ctx, b))
	}
	sum := newPart(ctx, Work{Directories: 1})
	for i, r := range atask.AsCompleted(ctx, calls...) {
		if r.Err != nil {
			return Part{}, plain(r.Err) // returning cancels the other calls
		}
		sum.merge(r.Value)
		progress.finish(i, r.Value.files(), i < len(l.Dirs))
	}
	return sum, nil
}

// countBatch implements CountBatch.
func countBatch(ctx context.Context, b Batch) (Part, error) {
	p := newPart(ctx, Work{Batches: 1, Files: len(b.Names)})
	var err error
	p.Stats, err = b.count(ctx)
	return p, err
}

// plain is what a task said was wrong, without the name that each level of
// awaiting puts before it: the path in the text tells more. What the runtime
// says stays as it is.
func plain(err error) error {
	if e, ok := errors.AsType[*atask.Error](err); ok && e.Code == "failed" {
		return errors.New(e.Message)
	}
	return err
}
