package chaos

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// G1: after Close nothing of a node runs, whatever was going on: calls of all
// kinds under way, cancelled or overdue, a link cut, a worker gone. Not
// parallel, so that what it counts is its own.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := len(ours(t))
	srv := startServer(t)
	l, err := newLink(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	task := atask.Define("task", func(ctx context.Context, d time.Duration) (int, error) { return 1, work(ctx, d) })
	for range 3 {
		worker := startHere(t, srv.URL(), actor.Config{Slots: 64}, task) // some runners will be idle
		caller := startHere(t, l.url(), actor.Config{})
		ctx, cancel := context.WithCancel(caller.Context(t.Context()))
		var over, open sync.WaitGroup
		var running atomic.Int32
		held := atask.Define("held", func(ctx context.Context, n int) (int, error) {
			running.Add(1)
			return n, work(ctx, time.Minute)
		})
		if err := worker.Serve(held); err != nil {
			t.Fatal(err)
		}
		const each = 15
		for range each {
			over.Go(func() { _, _ = task.Await(ctx, 5*time.Millisecond) })
			over.Go(func() { _, _ = task.Await(ctx, time.Minute, atask.CallTimeout(50*time.Millisecond)) })
			over.Go(func() {
				f := task.Start(ctx, time.Minute)
				f.Cancel()
				_, _ = f.Await(ctx)
			})
			open.Go(func() { _, _ = held.Await(ctx, 1) }) // until the node is closed
		}
		over.Wait()
		if !eventually(10*time.Second, func() bool { return running.Load() == each }) {
			t.Errorf("%d handlers run, want %d", running.Load(), each)
		}
		if !eventually(10*time.Second, func() bool { return l.cut(false) > 0 }) {
			t.Error("the link had no connection to cut")
		}
		_ = worker.Close() // both complain of the calls that they cut short
		cancel()
		_ = caller.Close()
		open.Wait()
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	stopServer(t, srv)
	var left []string
	if !eventually(5*time.Second, func() bool { left = ours(t); return len(left) <= before }) {
		t.Errorf("G1: %d goroutines are left after Close, %d before; one of them:\n%s", len(left), before, left[0])
	}
}

// ours returns the stacks of goroutines that run code of this module's, other
// than tests.
func ours(t *testing.T) (stacks []string) {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		t.Fatal(err)
	}
	for stack := range strings.SplitSeq(b.String(), "\n\n") {
		for _, pkg := range []string{"atasks/actor.", "atasks/atask.", "atasks/transport/", "atasks/embedded.", "nats.go", "nats-server"} {
			if strings.Contains(stack, pkg) && !strings.Contains(stack, "testing.(*T).Parallel") {
				stacks = append(stacks, stack)
				break
			}
		}
	}
	return stacks
}
