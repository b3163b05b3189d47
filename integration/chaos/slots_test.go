package chaos

import (
	"testing"
	"time"
)

func TestOneSlotEveryWay(t *testing.T) {
	t.Parallel()
	oneSlot(t, nil)
}

// oneSlot is F9: with one slot per worker, depth and width finish, whichever
// way the handlers wait.
func oneSlot(t *testing.T, sum *tally) {
	r := newRig(t, brokerRole{})
	for range 2 {
		r.worker(workerRole{Slots: 1})
	}
	kinds := []kind{
		{Levels: 200}, {Levels: 200, Way: byGroup}, {Levels: 200, Way: byDone},
		{Children: 1000}, {Children: 1000, Way: byGroup}, {Children: 1000, Way: byDone}, {Children: 1000, Way: inBoth},
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
