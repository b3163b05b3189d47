package chaos

import (
	"testing"
	"time"
)

func TestNoWorker(t *testing.T) {
	t.Parallel()
	noWorker(t, onNATS(brokerRole{}), nil)
}

// noWorker is F2: a call of a task that nobody serves, without a deadline, ends
// with ErrNoWorker within 50 ms of the end of the grace, which is 300 ms.
func noWorker(t *testing.T, on fabric, sum *tally) {
	const (
		grace = 300 * time.Millisecond
		after = 50 * time.Millisecond
		calls = 300
	)
	r := newRig(t, on)
	c := r.caller(callerRole{InFlight: 20, Count: calls, Kinds: endless("once")})
	r.await(20*time.Second, "all calls end", func(h *history) bool { return h.outcomes()["no_worker"] == calls })
	r.settle(c)
	h := r.history()
	report(t, "F1", h.checkEnds())
	report(t, "F2", h.checkResults())
	var took figures
	for _, call := range h.made() {
		d := h.took(call.begun, call.ended, call.caller, everyone)
		if d.took < grace {
			t.Errorf("a call ended with no_worker after %v, want the grace of %v first", d.took, grace)
		}
		took = append(took, d)
	}
	sum.note(t, "F2 no worker, the grace included: %v", took)
	atMost(t, "F2 ErrNoWorker", took, calls, grace+after)
	sum.add(h)
}
