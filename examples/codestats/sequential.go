package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// sequential counts the tree at root in this goroutine, one file after the
// other: the program that the distributed one has to agree with. It shares the
// counting of a file with it, and neither the walk nor the batches.
func sequential(ctx context.Context, root string) (Report, error) {
	var s Stats
	err := eachSource(ctx, root, func(place string) error {
		name, err := filepath.Rel(root, place)
		if err != nil {
			return err
		}
		f, err := countFile(root, filepath.ToSlash(name))
		if err != nil {
			return err
		}
		s.addFile(f)
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	return s.report(root), nil
}

// timed is sequential with the time that it took.
func timed(ctx context.Context, root string, s *screen) (Report, time.Duration, error) {
	begun := time.Now()
	s.show(func() string { return fmt.Sprintf("  once more in one process  %.1f s", time.Since(begun).Seconds()) })
	defer s.show(nil)
	r, err := sequential(ctx, root)
	return r, time.Since(begun), err
}

// countNames is how many files there are to count. It opens none of them.
func countNames(ctx context.Context, root string) (int, error) {
	n := 0
	err := eachSource(ctx, root, func(string) error {
		n++
		return nil
	})
	return n, err
}

// eachSource calls f with the place of each file that counts.
func eachSource(ctx context.Context, root string, f func(place string) error) error {
	err := filepath.WalkDir(root, func(place string, e fs.DirEntry, err error) error {
		if err != nil || !isSource(e) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return f(place)
	})
	if err != nil {
		return fmt.Errorf("walk %q: %w", root, err)
	}
	return nil
}
