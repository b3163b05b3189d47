package chaos

import (
	"testing"
	"time"
)

// spinners are goroutines that take the processor from the runtime's own.
const spinners = 128

// Not parallel, since it takes the processor from all others.
func TestSpinningNodesAreNotLost(t *testing.T) {
	spinning(t, onNATS(brokerRole{}), short, nil)
}

// spinning is F3's other side: nobody is taken for dead who is only starved, on
// either side.
func spinning(t *testing.T, on fabric, s scale, sum *tally) {
	r := newRig(t, on)
	for range 2 {
		r.worker(workerRole{Slots: 100, Spinners: spinners, SpinFor: s.spinning})
	}
	c := r.caller(callerRole{
		InFlight: 30, Spinners: spinners, SpinFor: s.spinning,
		Kinds: []kind{
			{Task: "once", Weight: 8, WorkMin: time.Millisecond, WorkMax: 300 * time.Millisecond},
			{Task: "once", Weight: 1, WorkMin: time.Second, WorkMax: 3 * time.Second},
			{Task: "again", Weight: 1, WorkMin: time.Second, WorkMax: 2 * time.Second},
		},
	})
	lastFor(s.spinning)
	h := r.finish(sum, 0.5, c)
	wantAllWell(t, "F3 beside spinning goroutines", h)
	sum.note(t, "F3 beside %d spinning goroutines on each side, %v: no false loss in %d calls", spinners, s.spinning, len(h.made()))
}

// wantAllWell complains of calls that did not end with their result.
func wantAllWell(t *testing.T, what string, h *history) {
	t.Helper()
	for outcome, n := range h.outcomes() {
		if outcome != outcomeOK {
			t.Errorf("%s: %d calls ended with %s, want a result of all", what, n, outcome)
		}
	}
}

// A caller that is cut off itself hears nobody. It must not blame them: what
// runs meanwhile ends with its result.
func TestSilentCallerBlamesNobody(t *testing.T) {
	t.Parallel()
	silentCaller(t, onNATS(brokerRole{}))
}

func silentCaller(t *testing.T, on fabric) {
	r := newRig(t, on)
	for range 2 {
		r.worker(workerRole{Slots: 100})
	}
	l := r.link()
	c := r.caller(callerRole{
		URL: l.url(), InFlight: 100, Rate: 300,
		Kinds: []kind{
			{Task: "once", Weight: 5, WorkMin: time.Millisecond, WorkMax: 300 * time.Millisecond},
			{Task: "once", Weight: 1, WorkMin: 2 * time.Second, WorkMax: 5 * time.Second},
		},
	})
	lastFor(time.Second)
	r.slow(l, c, 200*time.Millisecond, 2*time.Second)
	r.silence(l, c, 3*time.Second)
	lastFor(time.Second)
	h := r.finish(nil, 20, c)
	wantAllWell(t, "F3 a caller whose link is slow and then silent", h)
	t.Logf("F3 a caller whose link is slow and then silent: %s", h.summary())
}
