package chaos

import (
	"context"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

func TestOneSlotEveryWay(t *testing.T) {
	t.Parallel()
	oneSlot(t, onNATS(brokerRole{}), nil)
}

// oneSlot is F9: with one slot per worker, depth and width finish, whichever
// way the handlers wait.
func oneSlot(t *testing.T, on fabric, sum *tally) {
	r := newRig(t, on)
	for range 2 {
		r.worker(workerRole{Slots: 1})
	}
	kinds := []kind{
		{Levels: 200},
		{Levels: 200, Way: byGroup},
		{Levels: 200, Way: byDone},
		{Children: 1000},
		{Children: 1000, Way: byGroup},
		{Children: 1000, Way: byDone},
		{Children: 1000, Way: inBoth},
		{Levels: 4, Children: 4, Way: inBoth},
	}
	began := time.Now()
	var callers []*process
	for _, k := range kinds {
		k.Task, k.Weight = "once", 1
		callers = append(callers, r.caller(callerRole{InFlight: 1, Count: 1, Kinds: []kind{k}}))
	}
	// Many handlers want the lock that one of them holds across its await.
	const locked = 40
	callers = append(callers, r.caller(callerRole{
		InFlight: locked, Count: locked, Kinds: []kind{{Task: "once", Weight: 1, Children: 2, Way: underLock}},
	}))
	want := len(kinds) + locked
	r.await(40*time.Second, "all calls end", func(h *history) bool {
		n := 0
		for _, c := range h.made() {
			n += c.ends
		}
		return n == want
	})
	took := time.Since(began)
	h := r.finish(sum, 0, callers...)
	wantAllWell(t, "F9 one slot per worker", h)
	runs := 0
	for _, c := range h.calls {
		runs += len(c.runs)
	}
	sum.note(t, "F9 one slot per worker: %d calls of %d handlers in %v", len(h.calls), runs, took.Round(time.Millisecond))
}

// A handler that awaits leaves its slot, the only one, to others: they run
// while the call that it awaits does.
func TestParkedHandlerHoldsNoSlot(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	far := atask.Define("far", func(ctx context.Context, n int) (int, error) {
		select {
		case <-release:
			return n, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	})
	parked := atask.Define("parked", func(ctx context.Context, n int) (int, error) { return far.Await(ctx, n) })
	quick := atask.Define("quick", func(_ context.Context, n int) (int, error) { return n, nil })
	srv := startServer(t)
	startHere(t, srv.URL(), actor.Config{Slots: 1}, parked, quick)
	startHere(t, srv.URL(), actor.Config{Slots: 1}, far)
	ctx, cancel := context.WithTimeout(startHere(t, srv.URL(), actor.Config{}).Context(t.Context()), 20*time.Second)
	defer cancel()
	waiting := parked.Start(ctx, 1)
	for i := range 20 {
		if got, err := quick.Await(ctx, i, atask.CallTimeout(5*time.Second)); err != nil || got != i {
			t.Fatalf("F9: quick(%d) = %d, %v, want %d, nil: the handler that awaits keeps its slot", i, got, err, i)
		}
	}
	close(release)
	if got, err := waiting.Await(ctx); err != nil || got != 1 {
		t.Errorf("parked(1) = %d, %v, want 1, nil", got, err)
	}
}
