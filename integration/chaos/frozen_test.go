package chaos

import (
	"testing"
	"time"
)

// frozenSettled is how long after a worker froze its callers may still lose calls to
// it.
const frozenSettled = 5 * time.Second

func TestOneOfFourFrozen(t *testing.T) {
	t.Parallel()
	oneOfFourFrozen(t, onNATS(brokerRole{PingInterval: natsPings}), short, nil)
}

// oneOfFourFrozen is F5: the server goes on feeding a frozen worker for minutes,
// and after 5 s no call fails because of that.
func oneOfFourFrozen(t *testing.T, on fabric, s scale, sum *tally) {
	r := newRig(t, on)
	victim := r.worker(workerRole{Slots: 50})
	for range 3 {
		r.worker(workerRole{Slots: 50})
	}
	c := r.caller(callerRole{
		InFlight: 100, Rate: 400,
		Kinds: []kind{{Task: "once", Weight: 1, WorkMin: 5 * time.Millisecond, WorkMax: 50 * time.Millisecond}},
	})
	lastFor(500 * time.Millisecond)
	r.freeze(victim, s.frozen)
	lastFor(500 * time.Millisecond)
	h := r.finish(sum, 50, c)
	f := h.faults[0]
	before, after, failed := 0, 0, 0
	for _, call := range h.made() {
		switch {
		case call.begun < f.from || call.begun > f.to:
		case call.begun < f.from+int64(frozenSettled):
			if call.outcome != outcomeOK {
				before++
			}
		default:
			after++
			if call.outcome != outcomeOK {
				failed++
			}
		}
	}
	sum.note(t, "F5 one of four frozen: %d calls lost in the first 5 s, %d of %d after that", before, failed, after)
	if before == 0 || after < 100 {
		t.Errorf("vacuous: %d calls were lost at first, and %d begun later, want some, and at least 100", before, after)
	}
	if failed > 0 {
		t.Errorf("F5: %d of %d calls begun later than %v after the freeze failed", failed, after, frozenSettled)
	}
}
