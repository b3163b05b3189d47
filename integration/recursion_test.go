package integration

import (
	"context"
	"os"
	"testing"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

var (
	fibTask  = atask.Declare[int, int]("fib")
	downTask = atask.Declare[int, int]("down")
	fanTask  = atask.Declare[int, int]("fan")
	oneTask  = atask.Declare[int, int]("one")
)

// tasks are what a worker process serves.
func tasks() []actor.Servable {
	return []actor.Servable{fibTask.With(fib), downTask.With(down), fanTask.With(fan), oneTask.With(one)}
}

func fib(ctx context.Context, n int) (int, error) {
	if n < 2 {
		return n, nil
	}
	v, err := atask.All(ctx, fibTask.Start(ctx, n-1), fibTask.Start(ctx, n-2))
	if err != nil {
		return 0, err
	}
	return v[0] + v[1], nil
}

// down awaits itself n levels deep.
func down(ctx context.Context, n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	v, err := downTask.Await(ctx, n-1)
	return v + 1, err
}

// fan awaits n children at once.
func fan(ctx context.Context, n int) (int, error) {
	in := make([]int, n)
	for i := range in {
		in[i] = i
	}
	out, err := oneTask.Map(ctx, in, atask.InFlight(n))
	sum := 0
	for _, v := range out {
		sum += v
	}
	return sum, err
}

func one(_ context.Context, n int) (int, error) { return n, nil }

// With one slot a worker, a handler that held its slot while it awaits would
// stop everything.
func TestOneSlotAWorker(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	startWorker(t, srv.URL(), 1)
	startWorker(t, srv.URL(), 1)
	ctx, _ := startCaller(t, srv.URL())
	for _, c := range []struct {
		name string
		task *atask.Task[int, int]
		in   int
		want int
	}{
		{"fib", fibTask, 20, 6765},
		{"depth", downTask, 200, 200},
		{"fan-out", fanTask, 1000, 1000 * 999 / 2},
	} {
		got, err := c.task.Await(ctx, c.in)
		if err != nil || got != c.want {
			t.Errorf("%s: Await(%d) = %d, %v, want %d, nil", c.name, c.in, got, err, c.want)
		}
	}
}

// fib(25) is a tree of 242,785 calls. Walked breadth-first it would fill the
// memory; deeper calls first keep it small.
func TestDeepTreeStaysSmall(t *testing.T) {
	t.Parallel()
	const limit = 500 << 20
	srv := startServer(t)
	w := []*process{startWorker(t, srv.URL(), 1), startWorker(t, srv.URL(), 1)}
	ctx, _ := startCaller(t, srv.URL())
	got, err := fibTask.Await(ctx, 25)
	if err != nil || got != 75025 {
		t.Fatalf("fib(25) = %d, %v, want 75025, nil", got, err)
	}
	for _, p := range w {
		if peak := p.peak(t); peak > limit {
			t.Errorf("worker %s held %d MiB at its peak, want at most %d", p.node, peak>>20, limit>>20)
		} else {
			t.Logf("worker %s held %d MiB at its peak", p.node, peak>>20)
		}
	}
	if peak := peakOf(t, os.Getpid()); peak > limit {
		t.Errorf("the caller and the server held %d MiB at their peak, want at most %d", peak>>20, limit>>20)
	}
}
