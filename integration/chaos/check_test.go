package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

// The figures of F1.
const (
	lateness = 100 * time.Millisecond // after its deadline, at most

	// patient bounds a call without a deadline beside what its handler takes:
	// the patience of a node with workers that are busy or gone, each time that
	// a task may run again, and the detection of a loss.
	patient = 25 * time.Second
)

// codes are what the runtime may end a call with.
var codes = []string{
	"worker_lost", "no_worker", "busy", "draining", "disconnected", "deadline", "cancelled",
}

// checker looks for violations of one promise in a history.
type checker struct {
	promise string
	check   func(*history) []string
}

// checkers hold for every run, whatever is done in it.
var checkers = []checker{
	{"F1 every call ends, once and in time", (*history).checkEnds},
	{"F4 no call starts twice", (*history).checkStarts},
	{"what a call returns is what its handler did", (*history).checkResults},
	{"F3 nothing is lost without a fault", (*history).checkLosses},
}

// check reports what the checkers find.
func (h *history) check(t *testing.T) {
	t.Helper()
	for _, c := range checkers {
		report(t, c.promise, c.check(h))
	}
}

// report reports violations, not all of many.
func report(t *testing.T, promise string, violations []string) {
	t.Helper()
	const most = 5
	for i, v := range violations {
		if i == most {
			t.Errorf("%s: and %d more", promise, len(violations)-most)
			break
		}
		t.Errorf("%s: %s", promise, v)
	}
}

// checkEnds is F1: every call has ended exactly once, with an outcome that is
// allowed, and not too late. Calls of a caller that was killed are unknown.
func (h *history) checkEnds() (bad []string) {
	for _, c := range h.made() {
		switch {
		case c.ends > 1:
			bad = append(bad, fmt.Sprintf("call %d ended %d times", c.call, c.ends))
		case c.ends == 0 && !h.killed(c.caller):
			bad = append(bad, fmt.Sprintf("call %d of %s never ended: it hangs", c.call, c.caller))
		case c.ends == 0:
		case !c.allowed():
			bad = append(bad, fmt.Sprintf("call %d ended with %q", c.call, c.outcome))
		default:
			if late := h.late(c); late > 0 {
				bad = append(bad, fmt.Sprintf("call %d (%s) ended with %s, %v too late", c.call, c.task, c.outcome, late))
			}
		}
	}
	return bad
}

func (c *record) allowed() bool {
	switch c.outcome {
	case outcomeOK, outcomeHandler:
		return true
	case "deadline":
		return c.deadline != 0
	case "cancelled":
		return c.canceled != 0
	default:
		return slices.Contains(codes, c.outcome)
	}
}

// late is by how much a call missed the time by which it must have ended.
func (h *history) late(c *record) time.Duration {
	if c.deadline != 0 {
		return h.overdue(c).net - lateness
	}
	limit := patient
	if n := len(c.runs); n > 0 && c.runs[n-1].end != 0 {
		limit += time.Duration(c.runs[n-1].end - c.runs[n-1].start)
	}
	return h.took(c.handed, c.ended, c.caller).net - h.down(c.handed, c.ended) - limit
}

// down is how long there was no broker between two instants: meanwhile nobody can
// tell a caller how its calls fare.
func (h *history) down(from, to int64) (sum time.Duration) {
	for _, f := range h.faults {
		if f.target == everyone {
			sum += time.Duration(max(0, min(to, cmp.Or(f.to, to))-max(from, f.from)))
		}
	}
	return sum
}

// overdue is how long after its deadline a call ended. The time in which its
// caller did not run does not count, nor that between the moment from which the
// deadline is reckoned and the one at which the runtime saw the call.
func (h *history) overdue(c *record) figure {
	deadline := c.deadline + h.afterStall(c.caller, c.handed) - c.handed
	return figure{
		took: time.Duration(max(0, c.ended-c.deadline)),
		net:  h.net(deadline, max(deadline, c.ended), c.caller),
	}
}

func (h *history) killed(process string) bool {
	return slices.ContainsFunc(h.faults, func(f fault) bool { return f.kind == faultKill && f.target == process })
}

// checkStarts is F4: a call of a task that may not run twice starts at most
// once, and of one that may each attempt does.
func (h *history) checkStarts() (bad []string) {
	for _, c := range h.calls {
		if c.task == onceTask.Name() && len(c.runs) > 1 {
			bad = append(bad, fmt.Sprintf("call %d started %d times: %s", c.call, len(c.runs), c.where()))
			continue
		}
		seen := make(map[int]bool)
		for _, r := range c.runs {
			if seen[r.attempt] {
				bad = append(bad, fmt.Sprintf("attempt %d of call %d started twice: %s", r.attempt, c.call, c.where()))
			}
			seen[r.attempt] = true
		}
	}
	return bad
}

func (c *record) where() (s string) {
	for i, r := range c.runs {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s (attempt %d, at %d)", r.worker, r.attempt, r.start)
	}
	return s
}

// checkResults compares what callers were told with what handlers recorded.
func (h *history) checkResults() (bad []string) {
	for _, c := range h.made() {
		ran := func(how string) bool {
			return slices.ContainsFunc(c.runs, func(r run) bool { return r.how == how && r.end <= c.ended })
		}
		switch {
		case c.outcome == outcomeOK && c.value != value(c.call):
			bad = append(bad, fmt.Sprintf("call %d returned %d, want %d: the result of another", c.call, c.value, value(c.call)))
		case c.outcome == outcomeOK && !ran(didEnd):
			bad = append(bad, fmt.Sprintf("call %d returned a result, and no handler recorded its end", c.call))
		case c.outcome == outcomeHandler && !ran(didFail):
			bad = append(bad, fmt.Sprintf("call %d returned its handler's error, and no handler recorded one", c.call))
		case c.executed == "no" && len(c.runs) > 0:
			bad = append(bad, fmt.Sprintf("call %d ended with %s, as not executed, and started: %s", c.call, c.outcome, c.where()))
		}
	}
	return bad
}

// checkLosses finds calls that ended as if there had been a fault, and there
// was none: a worker that lives was taken for dead.
func (h *history) checkLosses() (bad []string) {
	for _, c := range h.made() {
		switch {
		case c.outcome == lostOutcome || c.outcome == "no_worker" || c.outcome == "disconnected":
			if !h.explained(c, c.ended) {
				bad = append(bad, fmt.Sprintf("call %d, begun at %d, ended with %s without a fault: %s", c.call, c.begun, c.outcome, c.where()))
			}
		case c.task == againTask.Name() && len(c.runs) > 1:
			if !h.explained(c, c.runs[len(c.runs)-1].start) {
				bad = append(bad, fmt.Sprintf("call %d, begun at %d, was started again without a fault: %s", c.call, c.begun, c.where()))
			}
		}
	}
	return bad
}

// explained says whether a fault can have cost the call its worker by then. Of
// an attempt that never started nobody knows who had it.
func (h *history) explained(c *record, by int64) bool {
	unknown := c.outcome != outcomeOK && (len(c.runs) == 0 || c.task != onceTask.Name())
	return slices.ContainsFunc(h.faults, func(f fault) bool {
		if unknown {
			return f.touches(f.target, c.begun, by)
		}
		return f.touches(c.caller, c.begun, by) || slices.ContainsFunc(c.runs, func(r run) bool {
			return f.touches(r.worker, c.begun, by)
		})
	})
}

// checkVacuity fails a run in which there was nothing to see: nothing in flight
// when a fault began, or hardly a call that ended well. That the faults took
// place is verified by those who do them.
func (h *history) checkVacuity(t *testing.T, floor float64) {
	t.Helper()
	for _, f := range h.faults {
		if h.inFlight(f.from) == 0 {
			t.Errorf("vacuous: nothing was in flight at the fault %v", &f)
		}
	}
	if got := h.throughput(); got < floor {
		t.Errorf("vacuous: %.0f calls a second ended well, want at least %.0f", got, floor)
	}
}
