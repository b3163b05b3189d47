package main

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/atask/atasktest"
	"github.com/atasks-io/atasks/transport/loopback"
)

// nodes starts n nodes that serve the tasks, and one that does not.
func nodes(t *testing.T, n int, batch atask.Servable) *actor.Node {
	t.Helper()
	broker := loopback.New()
	start := func() *actor.Node {
		conn, err := broker.Connect()
		if err != nil {
			t.Fatal(err)
		}
		node, err := actor.Start(t.Context(), conn, actor.Config{Slots: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := node.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
		})
		return node
	}
	for range n {
		if err := start().Serve(CountTree.With(countTree), batch); err != nil {
			t.Fatal(err)
		}
	}
	return start()
}

func TestCountTree(t *testing.T) {
	t.Parallel()
	for _, root := range []string{source(t, "encoding"), trickyTree(t), t.TempDir()} {
		want, err := sequential(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		node := nodes(t, 3, CountBatch.With(countBatch))
		part, err := CountTree.Await(node.Context(t.Context()), Directory{Root: Text(root), Dir: "."})
		if err != nil {
			t.Fatalf("CountTree.Await(%q) = %v, want nil", root, err)
		}
		if diff := cmp.Diff(want, part.Stats.report(root)); diff != "" {
			t.Errorf("CountTree.Await(%q) differs from one process (-want +got):\n%s", root, diff)
		}
		sum := part.work()
		if sum.Files != want.Total.Files || sum.Directories < len(want.Packages) || sum.Batches < len(want.Packages) || sum.Again != 0 {
			t.Errorf("CountTree.Await(%q) = work of %+v, want %d files of %d packages and nothing again", root, sum, want.Total.Files, len(want.Packages))
		}
	}
}

// TestCountTreeReportsProgress holds the files of the root back until its
// progress shows those of all other directories.
func TestCountTreeReportsProgress(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	node := nodes(t, 2, CountBatch.With(func(ctx context.Context, b Batch) (Part, error) {
		if b.Dir == "." {
			select {
			case <-seen:
			case <-ctx.Done():
			}
		}
		return countBatch(ctx, b)
	}))
	ctx := node.Context(t.Context())
	var once sync.Once
	part, err := CountTree.Await(ctx, Directory{Root: Text(trickyTree(t)), Dir: "."}, atask.OnProgress(func(p atask.ProgressReport) {
		if p.Done > p.Total || p.Total > 13 || p.Note != "." {
			t.Errorf("progress of 13 files = %+v", p)
		}
		if p.Done == 13-5 && p.Total == 13 {
			once.Do(func() { close(seen) })
		}
	}))
	if err != nil || part.files() != 13 {
		t.Errorf("CountTree.Await(tricky tree) = %d files, %v, want 13", part.files(), err)
	}
}

func TestCountTreeFails(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	node := nodes(t, 2, CountBatch.With(func(_ context.Context, b Batch) (Part, error) {
		if b.Dir == "sub/deep/deeper" {
			return Part{}, errors.New("open /src/sub/deep/deeper/deep.go: permission denied")
		}
		return Part{}, nil
	}))
	for in, want := range map[Directory]string{
		{Text(root), "."}:       "open /src/sub/deep/deeper/deep.go: permission denied",
		{Text(root), "nowhere"}: "no such file or directory",
		{Text(root), "../else"}: "is not a path below",
		{Text(root), "/etc"}:    "is not a path below",
		{"/not\xff there", "."}: "no such file or directory",
	} {
		_, err := CountTree.Await(node.Context(t.Context()), in)
		if err == nil || !strings.HasSuffix(plain(err).Error(), want) && !strings.Contains(err.Error(), want) {
			t.Errorf("CountTree.Await(%q) = %v, want %q", in, err, want)
		}
		if strings.Contains(plain(err).Error(), "codestats.") {
			t.Errorf("CountTree.Await(%q) = %v, want no level of awaiting named", in, plain(err))
		}
	}
}

func TestCountTreeCancelled(t *testing.T) {
	t.Parallel()
	reached, left := make(chan struct{}), make(chan struct{})
	node := nodes(t, 2, CountBatch.With(func(ctx context.Context, _ Batch) (Part, error) {
		close(reached)
		<-ctx.Done()
		close(left)
		return Part{}, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(node.Context(t.Context()))
	call := CountTree.Start(ctx, Directory{Root: Text(trickyTree(t)), Dir: "sub/deep/deeper"})
	<-reached
	cancel()
	if _, err := call.Await(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("Await() of a cancelled call = %v, want context.Canceled", err)
	}
	<-left
}

func TestPlainKeepsWhatTheRuntimeSays(t *testing.T) {
	t.Parallel()
	ctx, _ := atasktest.New(t, CountTree.With(func(context.Context, Directory) (Part, error) {
		runtime.Goexit()
		return Part{}, nil
	}))
	_, err := CountTree.Await(ctx, Directory{})
	if !errors.Is(plain(err), atask.ErrPanicked) {
		t.Errorf("plain(%v) = %v, want atask.ErrPanicked", err, plain(err))
	}
}
