package integration

import (
	"context"
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
	return append(openTasks(), fibTask.With(fib), downTask.With(down), fanTask.With(fan), oneTask.With(one), markTask.With(mark), waitTask.With(waitLong))
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
	ctx := startCaller(t, srv.URL())
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
