package chaos

import (
	"testing"
	"time"
)

// longWork is a call that outlives every fault.
const longWork = 5 * time.Minute

// F3: a worker that is killed is noticed within 750 ms by those whose calls it
// had said it had, those that wait in its mailbox included.
func TestKilledWorkerIsNoticed(t *testing.T) {
	t.Parallel()
	r := newRig(t, brokerRole{})
	w := r.worker(workerRole{Slots: 50})
	const calls = 200 // three quarters of them in the mailbox
	c := r.caller(callerRole{InFlight: calls, Count: calls, Kinds: []kind{{Task: "once", Weight: 1, WorkMin: longWork, WorkMax: longWork}}})
	r.await(10*time.Second, "50 calls run", func(h *history) bool { return h.running() == 50 && h.inFlight(now(r)) == calls })
	lastFor(200 * time.Millisecond) // for all to be accepted
	r.kill(w)
	r.await(10*time.Second, "all calls end", func(h *history) bool { return h.outcomes()[lostOutcome] == calls })
	r.settle(c)
	h := r.history()
	h.check(t)
	h.checkVacuity(t, 0, faultKill)
	d := h.detect(&h.faults[0])
	t.Logf("a worker killed with %d calls: %v", calls, d.accepted)
	if len(d.accepted) != calls {
		t.Errorf("%d calls count as accepted, want %d", len(d.accepted), calls)
	}
	if p99 := d.accepted.at(.99); p99 > 750*time.Millisecond {
		t.Errorf("noticed after %v (p99), want at most 750ms", p99)
	}
}

// now is this moment as the journals of the rig show it.
func now(r *rig) int64 { return r.log.stamp(time.Now()) }
