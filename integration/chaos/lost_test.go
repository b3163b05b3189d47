package chaos

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// longWork is the work of a call that outlives every fault.
const longWork = 5 * time.Minute

// The figures of F3.
const (
	noticedKilled = 750 * time.Millisecond  // of a call that the worker had accepted
	noticedEarly  = 1500 * time.Millisecond // of one that was sent just before
	noticedSilent = 3 * time.Second         // of a worker that is frozen or cut off
)

func endless(task string) []kind {
	return []kind{{Task: task, Weight: 1, WorkMin: longWork, WorkMax: longWork}}
}

// now is this moment as the journals of the rig show it.
func (r *rig) now() int64 { return r.log.stamp(time.Now()) }

func TestKilledWorkerIsNoticed(t *testing.T) {
	t.Parallel()
	killedWithMailbox(t, onNATS(brokerRole{}), nil)
}

// killedWithMailbox kills a worker most of whose calls wait in its mailbox.
func killedWithMailbox(t *testing.T, on fabric, sum *tally) {
	r := newRig(t, on)
	w := r.worker(workerRole{Slots: 50})
	const calls = 200
	c := r.caller(callerRole{InFlight: calls, Count: calls, Kinds: endless("once")})
	r.await(10*time.Second, "50 calls run", func(h *history) bool {
		return h.running() == 50 && h.inFlight(r.now()) == calls
	})
	lastFor(noticedEarly + 2*acceptMargin) // what was not accepted is not in flight any more
	r.kill(w)
	r.await(10*time.Second, "all calls end", func(h *history) bool { return h.outcomes()[lostOutcome] == calls })
	h := r.finish(sum, 0, c)
	d := h.detect(&h.faults[0], true)
	sum.note(t, "F3 killed, 50 calls running and 150 in the mailbox: %v", d.accepted)
	atMost(t, "F3 a killed worker was noticed", d.accepted, calls, noticedKilled)
}

// atMost checks the p99 of what was measured at least n times.
func atMost(t *testing.T, what string, f figures, n int, limit time.Duration) {
	t.Helper()
	if len(f) < n {
		t.Errorf("vacuous: %s %d times, want at least %d", what, len(f), n)
	}
	if f.at(.99).net > limit {
		t.Errorf("%s later than %v (p99): %v", what, limit, f)
	}
}

func TestWorkerKilledRightAfterTheCall(t *testing.T) {
	t.Parallel()
	killedEarly(t, onNATS(brokerRole{}), short, nil)
}

// killedEarly kills a worker 0 to 50 ms after calls without a deadline, of
// which most have not been accepted then.
func killedEarly(t *testing.T, on fabric, s scale, sum *tally) {
	r := newRig(t, on)
	const calls = 20
	var callers []*process
	for round := range s.rounds {
		w := r.worker(workerRole{Slots: 10})
		c := r.caller(callerRole{InFlight: calls, Count: calls, Kinds: endless("once")})
		callers = append(callers, c)
		r.await(10*time.Second, "a call", func(h *history) bool { return h.inFlight(r.now()) > 0 })
		lastFor(time.Duration(round%6) * 10 * time.Millisecond)
		r.kill(w)
		r.await(10*time.Second, "all calls end", func(h *history) bool { return h.inFlight(r.now()) == 0 })
	}
	h := r.finish(sum, 0, callers...)
	var all figures
	for i := range h.faults {
		d := h.detect(&h.faults[i], true)
		all = append(all, d.early...)
	}
	sum.note(t, "F3 killed 0 to 50 ms after the call: %v", all)
	atMost(t, "F3 a worker killed early was noticed", all, s.rounds*calls/2, noticedEarly)
}

// hurtWorker runs calls on two workers, hurts one of them, and checks how long
// the callers took to notice.
func hurtWorker(t *testing.T, on fabric, sum *tally, what string, linked bool, hurt func(*rig, *link, *process)) {
	t.Helper()
	r := newRig(t, on)
	var l *link
	role := workerRole{Slots: 100}
	if linked {
		l = r.link()
		role.URL = l.url()
	}
	victim := r.worker(role)
	r.worker(workerRole{Slots: 100})
	const each = 40
	long := r.caller(callerRole{InFlight: each, Count: each, Kinds: endless("once")})
	twice := r.caller(callerRole{InFlight: each, Count: each, Kinds: endless("again")})
	h := r.await(10*time.Second, "all calls run", func(h *history) bool { return h.running() == 2*each })
	had := h.inHand(victim.role.Name, r.now())
	lastFor(2 * acceptMargin)
	hurt(r, l, victim)
	r.end(long, twice)
	h = r.finish(sum, 0, long, twice)
	d := h.detect(&h.faults[0], true)
	sum.note(t, "F3 %s: %v", what, d.accepted)
	atMost(t, "F3 a worker that "+what+" was noticed", d.accepted, had, noticedSilent)
	if had == 0 {
		t.Error("vacuous: the victim had no call")
	}
}

func TestFrozenWorkerIsNoticed(t *testing.T) {
	t.Parallel()
	frozenWorker(t, onNATS(brokerRole{}), nil)
}

func frozenWorker(t *testing.T, on fabric, sum *tally) {
	hurtWorker(t, on, sum, "froze", false, func(r *rig, _ *link, w *process) { r.freeze(w, 4*time.Second) })
}

func TestWorkerBehindACutLinkIsNoticed(t *testing.T) {
	t.Parallel()
	cutOffWorker(t, onNATS(brokerRole{}), nil)
}

func cutOffWorker(t *testing.T, on fabric, sum *tally) {
	hurtWorker(t, on, sum, "was cut off", true, func(r *rig, l *link, w *process) { r.cut(l, w, 4*time.Second) })
}

func TestWorkerBehindASilentLinkIsNoticed(t *testing.T) {
	t.Parallel()
	silentWorker(t, onNATS(brokerRole{}), nil)
}

func silentWorker(t *testing.T, on fabric, sum *tally) {
	hurtWorker(t, on, sum, "fell silent", true, func(r *rig, l *link, w *process) { r.silence(l, w, 4*time.Second) })
}

// Somebody who subscribes to everything hears every call, so the broker no
// longer says that nobody is there.
func TestKilledWorkerIsNoticedBesideADebugger(t *testing.T) {
	t.Parallel()
	r := newRig(t, onNATS(brokerRole{}))
	nc, err := nats.Connect(r.broker.url())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Subscribe(">", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	w := r.worker(workerRole{Slots: 50})
	const calls = 50
	c := r.caller(callerRole{InFlight: calls, Count: calls, Kinds: endless("once")})
	r.await(10*time.Second, "all calls run", func(h *history) bool { return h.running() == calls })
	lastFor(2 * acceptMargin)
	r.kill(w)
	r.await(10*time.Second, "all calls end", func(h *history) bool { return h.outcomes()[lostOutcome] == calls })
	none := r.caller(callerRole{InFlight: calls, Count: calls, Kinds: endless("once")}) // nobody serves it any more
	r.await(10*time.Second, "all calls end", func(h *history) bool { return h.outcomes()[lostOutcome] == 2*calls })
	h := r.finish(nil, 0, c, none)
	d := h.detect(&h.faults[0], true)
	t.Logf("F3 killed beside a subscription to everything: %v", d.accepted)
	atMost(t, "F3 a killed worker was noticed", d.accepted, calls, noticedSilent)
	var took figures
	for _, call := range h.made() {
		if call.caller == none.role.Name {
			took = append(took, h.took(call.begun, call.ended, call.caller, everyone))
		}
	}
	t.Logf("F2 no worker, beside a subscription to everything: %v", took)
	atMost(t, "F3 a call that nobody took was noticed", took, calls, noticedEarly)
}
