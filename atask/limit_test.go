package atask_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// TestLimit: no more calls of the task than that execute at once on a node,
// and they do not stand in the way of other tasks.
func TestLimit(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var now, most atomic.Int32
		n := start(t, actor.Config{Slots: 100}, double.With(func(ctx context.Context, n int) (int, error) {
			defer now.Add(-1)
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			pass(10 * time.Millisecond)
			return doubled(ctx, n)
		}, atask.Limit(2)), work.With(echo))
		ctx := n.Context(t.Context())
		futures := make([]*atask.Future[int], 40)
		begun := time.Now()
		for i := range futures {
			futures[i] = double.Start(ctx, i)
		}
		within(t, "a call of another task", time.Millisecond, func() {
			got, err := work.Await(ctx, "in")
			succeeds(t, "Await()", got, err, "in")
		})
		within(t, "40 calls", 300*time.Millisecond, func() {
			if _, err := atask.All(ctx, futures...); err != nil {
				t.Errorf("All() = %v", err)
			}
		})
		if took := time.Since(begun); took < 200*time.Millisecond {
			t.Errorf("40 calls of 10 ms took %v, want 200ms: two at a time", took)
		}
		equal(t, "the most at once", most.Load(), 2)
	})
}

// TestLimitAwaiting: a call that awaits another one does not count.
func TestLimitAwaiting(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		n := start(t, actor.Config{}, double.With(func(ctx context.Context, n int) (int, error) {
			if n == 0 {
				return 0, nil
			}
			return double.Await(ctx, n-1)
		}, atask.Limit(1)))
		got, err := double.Await(n.Context(t.Context()), 20)
		succeeds(t, "Await(20)", got, err, 0)
	})
}

// TestLimitCancelled: what waits for the limit can be cancelled, and what is
// behind it moves up.
func TestLimitCancelled(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		n := start(t, actor.Config{}, work.With(late, atask.Limit(1)))
		ctx := n.Context(t.Context())
		first := work.Start(ctx, "first")
		pass(100 * time.Millisecond)
		second := work.Start(ctx, "second")
		third := work.Start(ctx, "third")
		pass(100 * time.Millisecond)
		second.Cancel()
		_, err := second.Await(ctx)
		is(t, "Await() of the cancelled call", err, context.Canceled)
		for _, f := range []*atask.Future[string]{first, third} {
			if _, err := f.Await(ctx); err != nil {
				t.Errorf("Await() of the others = %v", err)
			}
		}
	})
}
