package chaos

import (
	"testing"
	"time"
)

func TestCancelReachesAllLevels(t *testing.T) {
	t.Parallel()
	cancelReaches(t, onNATS(brokerRole{}), nil)
}

// cancelReaches is F7: the cancel of a call reaches the contexts of its handler
// and of the handlers three levels below within 100 ms, also when it comes
// while they are just starting.
func cancelReaches(t *testing.T, on fabric, sum *tally) {
	const (
		limit  = 100 * time.Millisecond
		levels = 3
	)
	calls, rate := 400, 0.
	if on.slow > 1 { // or how long what is sent waits would be measured
		calls, rate = 400/on.slow, 25
	}
	r := newRig(t, on)
	for range 3 {
		r.worker(workerRole{Slots: 100})
	}
	nested := func(after time.Duration) kind {
		return kind{Task: "once", Weight: 1, Levels: levels, WorkMin: longWork, WorkMax: longWork, CancelAfter: after}
	}
	c := r.caller(callerRole{
		InFlight: 20, Count: calls, Rate: rate,
		Kinds: []kind{nested(2 * time.Millisecond), nested(15 * time.Millisecond), nested(40 * time.Millisecond), nested(300 * time.Millisecond)},
	})
	r.await(30*time.Second, "all calls end", func(h *history) bool { return h.outcomes()["cancelled"] == calls })
	r.await(10*time.Second, "all handlers end", func(h *history) bool { return h.running() == 0 })
	h := r.finish(sum, 0, c)
	took := make([]figures, levels+1)
	for _, run := range h.calls {
		root := h.calls[run.call&(1<<siblingShift-1)]
		for _, one := range run.runs {
			took[run.call>>levelShift] = append(took[run.call>>levelShift], h.took(max(root.canceled, one.start), one.end, c.role.Name, everyone, "worker-1", "worker-2", "worker-3"))
		}
	}
	for level, f := range took {
		sum.note(t, "F7 cancel, level %d: %v", level, f)
		atMost(t, "F7 a cancel reached its handlers", f, calls/4, limit)
	}
}
