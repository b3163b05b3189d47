package chaos

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"sync"
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
		worker := startHere(t, srv.URL(), actor.Config{Slots: 4}, task)
		caller := startHere(t, l.url(), actor.Config{})
		ctx, cancel := context.WithCancel(caller.Context(t.Context()))
		var calls sync.WaitGroup
		for i := range 60 {
			calls.Go(func() {
				switch i % 4 {
				case 0:
					_, _ = task.Await(ctx, 5*time.Millisecond)
				case 1:
					_, _ = task.Await(ctx, time.Minute, atask.CallTimeout(50*time.Millisecond))
				case 2:
					f := task.Start(ctx, time.Minute)
					f.Cancel()
					_, _ = f.Await(ctx)
				default:
					_, _ = task.Await(ctx, time.Minute) // until the node is closed
				}
			})
		}
		if !eventually(10*time.Second, func() bool { return l.cut(false) > 0 }) {
			t.Error("the link had no connection to cut")
		}
		_ = worker.Close() // both complain of the calls that they cut short
		cancel()
		_ = caller.Close()
		calls.Wait()
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
