package chaos

import (
	"fmt"
	"testing"
	"time"
)

// The figure of F10.
const noNewAfter = 100 * time.Millisecond

func TestRollingRestarts(t *testing.T) {
	t.Parallel()
	rollingRestarts(t, onNATS(brokerRole{}), short, nil)
}

// rollingRestarts is F10: workers are stopped with SIGTERM and replaced one
// after the other, under load, and no await fails.
func rollingRestarts(t *testing.T, on fabric, s scale, sum *tally) {
	r := newRig(t, on)
	workers := make([]*process, 3)
	for i := range workers {
		workers[i] = r.worker(workerRole{Slots: 50})
	}
	c := r.caller(callerRole{
		InFlight: 100, Rate: 400,
		Kinds: []kind{
			{Task: "once", Weight: 8, WorkMin: time.Millisecond, WorkMax: 60 * time.Millisecond},
			{Task: "once", Weight: 1, WorkMin: 300 * time.Millisecond, WorkMax: 700 * time.Millisecond},
			{Task: "once", Weight: 2, WorkMin: 20 * time.Millisecond, WorkMax: 100 * time.Millisecond, Levels: 2},
			{Task: "once", Weight: 1, WorkMin: 5 * time.Millisecond, WorkMax: 20 * time.Millisecond, Children: 5},
		},
	})
	lastFor(500 * time.Millisecond)
	for i := range s.restarts {
		victim := &workers[i%len(workers)]
		r.term(*victim)
		*victim = r.worker(workerRole{Slots: 50})
		lastFor(100 * time.Millisecond)
	}
	h := r.finish(sum, 100, c)
	wantAllWell(t, "F10 rolling restarts", h)
	report(t, "F10", h.checkDrains())
	sum.note(t, "F10 %d rolling restarts: %s", s.restarts, h.summary())
}

// checkDrains finds calls that a worker took though it had been told to stop
// 100 ms before. What its own handlers call may stay there.
func (h *history) checkDrains() (bad []string) {
	for i := range h.faults {
		f := &h.faults[i]
		if f.kind != faultTerm {
			continue
		}
		if h.inHand(f.target, f.from) == 0 {
			bad = append(bad, fmt.Sprintf("vacuous: %s had nothing in hand when it was stopped", f.target))
		}
		for _, c := range h.calls {
			for _, run := range c.runs {
				if !c.root() || run.worker != f.target || run.start < f.from {
					continue
				}
				if late := h.net(f.from, run.start, f.target, everyone); late > noNewAfter {
					bad = append(bad, fmt.Sprintf("%s started call %d %v after SIGTERM", f.target, c.call, late))
				}
			}
		}
	}
	return bad
}
