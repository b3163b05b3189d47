package chaos

import (
	"syscall"
	"testing"
	"time"
)

// F4 under everything that makes a runtime want to send again: a worker that is
// killed, one that freezes and wakes, a link that is cut on either side, a
// broker that restarts. The calls are of tasks that may run twice and of tasks
// that may not; the checkers tell them apart.
func TestNoCallStartsTwice(t *testing.T) {
	t.Parallel()
	startsOnce(t, onNATS(brokerRole{}))
}

func startsOnce(t *testing.T, on fabric) {
	r := newRig(t, on)
	wl, cl := r.link(), r.link()
	behind := r.worker(workerRole{Slots: 50, URL: wl.url()})
	victim := r.worker(workerRole{Slots: 50})
	r.worker(workerRole{Slots: 50})
	mix := []kind{
		{Task: "once", Weight: 6, WorkMin: time.Millisecond, WorkMax: 60 * time.Millisecond},
		{Task: "once", Weight: 1, WorkMin: 200 * time.Millisecond, WorkMax: time.Second},
		{Task: "once", Weight: 1, WorkMax: 5 * time.Millisecond, Fail: true},
		{Task: "once", Weight: 1, WorkMax: 20 * time.Millisecond, Levels: 2},
		{Task: "again", Weight: 2, WorkMin: time.Millisecond, WorkMax: 100 * time.Millisecond},
		{Task: "retry", Weight: 1, WorkMax: 5 * time.Millisecond, Fail: true},
	}
	near := r.caller(callerRole{InFlight: 40, Rate: 300, Kinds: mix})
	far := r.caller(callerRole{InFlight: 40, Rate: 300, Kinds: mix, URL: cl.url()})
	lastFor(500 * time.Millisecond)
	r.freeze(victim, 2500*time.Millisecond)
	r.cut(cl, far, 300*time.Millisecond)
	r.cut(wl, behind, 300*time.Millisecond)
	lastFor(time.Second)
	r.kill(victim)
	lastFor(500 * time.Millisecond)
	r.restart(syscall.SIGKILL, 200*time.Millisecond)
	lastFor(3 * time.Second)
	h := r.finish(nil, 2*on.floor, near, far)
	starts, again := 0, 0
	for _, c := range h.calls {
		starts += len(c.runs)
		again += max(0, len(c.runs)-1)
	}
	if again == 0 {
		t.Error("vacuous: no call that may run twice did")
	}
	t.Logf("F4: %d starts, %d of them another attempt of a task that permits it; %s", starts, again, h.summary())
}
