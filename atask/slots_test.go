package atask_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/transport/loopback"
)

// fib is the recursion that needs more calls than there are slots.
var fib = atask.Declare[int, int]("fib")

// gather waits for two calls, each in its own way.
type gather func(ctx context.Context, a, b *atask.Future[int]) (int, error)

func fibBy(wait gather) func(context.Context, int) (int, error) {
	return func(ctx context.Context, n int) (int, error) {
		if n < 2 {
			return n, nil
		}
		return wait(ctx, fib.Start(ctx, n-1), fib.Start(ctx, n-2))
	}
}

func byAll(ctx context.Context, a, b *atask.Future[int]) (int, error) {
	v, err := atask.All(ctx, a, b)
	if err != nil {
		return 0, err
	}
	return v[0] + v[1], nil
}

func byDone(ctx context.Context, a, b *atask.Future[int]) (int, error) {
	<-a.Done()
	<-b.Done()
	return byAll(ctx, a, b)
}

func byGroup(ctx context.Context, a, b *atask.Future[int]) (int, error) {
	var group sync.WaitGroup
	var sum [2]int
	var errs [2]error
	for i, f := range []*atask.Future[int]{a, b} {
		group.Go(func() { sum[i], errs[i] = f.Await(ctx) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return sum[0] + sum[1], nil
}

// bySelect waits for whichever is first, in a select of its own.
func bySelect(ctx context.Context, a, b *atask.Future[int]) (int, error) {
	select {
	case <-a.Done():
		<-b.Done()
	case <-b.Done():
		<-a.Done()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return byAll(ctx, a, b)
}

// single starts nodes with one slot each, all of which serve the tasks, and
// returns a context for calls from another one.
func single(t *testing.T, nodes int, servables ...atask.Servable) context.Context {
	t.Helper()
	b := loopback.New()
	for range nodes {
		start(t, b, actor.Config{Slots: 1}, servables...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return start(t, b, actor.Config{}).Context(ctx)
}

// TestOneSlot is promise F9: with one slot a worker, recursion finishes,
// whichever way a handler waits.
func TestOneSlot(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]gather{"All": byAll, "Done": byDone, "WaitGroup": byGroup, "select": bySelect} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for nodes := 1; nodes <= 2; nodes++ {
				ctx := single(t, nodes, fib.With(fibBy(wait)))
				got, err := fib.Await(ctx, 12)
				succeeds(t, fmt.Sprintf("fib.Await(12) on %d nodes", nodes), got, err, 144)
			}
		})
	}
}

// TestOneSlotTree is the large tree of F9.
func TestOneSlotTree(t *testing.T) {
	t.Parallel()
	got, err := fib.Await(single(t, 2, fib.With(fibBy(byAll))), 20)
	succeeds(t, "fib.Await(20)", got, err, 6765)
}

func TestOneSlotDepth(t *testing.T) {
	t.Parallel()
	depth := atask.Declare[int, int]("depth")
	ctx := single(t, 2, depth.With(func(ctx context.Context, n int) (int, error) {
		if n == 0 {
			info, _ := actor.InfoFrom(ctx)
			return info.Depth, nil
		}
		return depth.Await(ctx, n-1)
	}))
	got, err := depth.Await(ctx, 200)
	succeeds(t, "depth.Await(200)", got, err, 200)
}

func TestOneSlotFanOut(t *testing.T) {
	t.Parallel()
	one := atask.Declare[int, int]("one")
	sum := atask.Declare[int, int]("sum")
	ctx := single(t, 2,
		one.With(func(_ context.Context, n int) (int, error) { return n, nil }),
		sum.With(func(ctx context.Context, n int) (int, error) {
			futures := make([]*atask.Future[int], n)
			for i := range futures {
				futures[i] = one.Start(ctx, i)
			}
			all, err := atask.All(ctx, futures...)
			total := 0
			for _, v := range all {
				total += v
			}
			return total, err
		}))
	got, err := sum.Await(ctx, 1000)
	succeeds(t, "sum.Await(1000)", got, err, 999*1000/2)
}

// TestOneSlotMutex: a handler that awaits with a mutex held does not keep
// those who wait for the mutex from finishing, nor they it.
func TestOneSlotMutex(t *testing.T) {
	t.Parallel()
	for _, alsoBefore := range []bool{false, true} {
		t.Run(fmt.Sprint("a call before, too: ", alsoBefore), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			count := 0
			outer := atask.Declare[int, int]("outer")
			ctx := single(t, 2, double.With(doubled), outer.With(func(ctx context.Context, n int) (int, error) {
				var early *atask.Future[int]
				if alsoBefore {
					early = double.Start(ctx, n)
				}
				mu.Lock()
				defer mu.Unlock()
				before := count
				v, err := double.Await(ctx, n)
				count = before + 1
				if err != nil || early == nil {
					return v, err
				}
				return early.Await(ctx)
			}))
			got, err := outer.Map(ctx, upTo(50))
			if err != nil {
				t.Fatalf("Map() = %v", err)
			}
			for i, v := range got {
				equal(t, fmt.Sprintf("result %d", i), v, 2*i)
			}
			equal(t, "the count under the mutex", count, 50)
		})
	}
}

// TestOneSlotLimit: a recursive task with a limit of one finishes: a call that
// awaits another does not count against it.
func TestOneSlotLimit(t *testing.T) {
	t.Parallel()
	ctx := single(t, 1, fib.With(fibBy(byAll), atask.Limit(1)))
	got, err := fib.Await(ctx, 12)
	succeeds(t, "fib.Await(12) with Limit(1)", got, err, 144)
}

// TestSlotsBoundRoots: calls that nobody's task awaits never execute beyond
// the slots, however many there are.
func TestSlotsBoundRoots(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var now, most atomic.Int32
		n := start(t, actor.Config{Slots: 3}, work.With(func(_ context.Context, in string) (string, error) {
			defer now.Add(-1)
			for n := now.Add(1); ; {
				m := most.Load()
				if n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			pass(10 * time.Millisecond)
			return in, nil
		}))
		got, err := work.Map(n.Context(t.Context()), make([]string, 100))
		if err != nil || len(got) != 100 {
			t.Errorf("Map() = %d results, %v, want 100", len(got), err)
		}
		equal(t, "the most calls at once", most.Load(), 3)
	})
}
