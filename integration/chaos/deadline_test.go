package chaos

import (
	"syscall"
	"testing"
	"time"
)

// F1 where nobody but the caller's own clock can end a call: its worker is
// frozen, the link to it is silent, the broker is down.
func TestDeadlineHoldsWithoutAnybody(t *testing.T) {
	t.Parallel()
	deadlineHolds(t, onNATS(brokerRole{}))
}

func deadlineHolds(t *testing.T, on fabric) {
	r := newRig(t, on)
	cl := r.link()
	w := r.worker(workerRole{Slots: 100})
	var kinds []kind
	for _, timeout := range []time.Duration{20 * time.Millisecond, 200 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond} {
		kinds = append(kinds, kind{Task: "once", Weight: 1, WorkMin: longWork, WorkMax: longWork, Timeout: timeout})
	}
	near := r.caller(callerRole{InFlight: 50, Rate: 100, Kinds: kinds})
	far := r.caller(callerRole{InFlight: 50, Rate: 100, Kinds: kinds, URL: cl.url()})
	lastFor(500 * time.Millisecond)
	r.freeze(w, 1700*time.Millisecond)
	r.silence(cl, far, 1700*time.Millisecond)
	r.restart(syscall.SIGKILL, 1700*time.Millisecond)
	h := r.finish(nil, 0, near, far)
	var late figures
	for _, c := range h.made() {
		if c.outcome == "deadline" {
			late = append(late, h.overdue(c))
		}
	}
	t.Logf("F1 after the deadline: %v; %s", late, h.summary())
	atMost(t, "F1 a call ended after its deadline", late, 300, lateness)
}
