package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// figures are durations that were measured.
type figures []time.Duration

// at returns a quantile; 0 when nothing was measured.
func (f figures) at(q float64) time.Duration {
	if len(f) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func (f figures) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("n %d, p50 %v, p99 %v, max %v", len(f), round(f.at(.5)), round(f.at(.99)), round(f.at(1)))
}

// detection is how long the callers took to notice what happened to a worker:
// until a call that it had in hand ended, or was started elsewhere.
type detection struct {
	accepted figures // of calls that the worker had for long enough to have said so
	early    figures // of calls that were sent just before
}

// acceptMargin is how long before a fault a call was begun that was surely
// accepted by then: the 20 ms after which a worker says so, and its way.
const acceptMargin = 100 * time.Millisecond

// detect measures the calls that a fault took from their worker.
func (h *history) detect(f *fault) detection {
	var d detection
	for _, c := range h.calls {
		if c.caller == "" || c.begun > f.from || c.ended != 0 && c.ended < f.from {
			continue
		}
		noticed := int64(0)
		for i, r := range c.runs {
			if r.worker != f.target || r.start > f.from || r.end != 0 && r.end < f.from {
				continue
			}
			switch {
			case i+1 < len(c.runs) && c.runs[i+1].start > f.from:
				noticed = c.runs[i+1].start
			case c.outcome == lostOutcome:
				noticed = c.ended
			}
		}
		if len(c.runs) == 0 && c.outcome == lostOutcome {
			noticed = c.ended // with the call in its mailbox, or on its way there
		}
		took := h.net(f.from, noticed, c.caller, everyone)
		switch {
		case noticed == 0:
		case f.from-c.begun >= int64(acceptMargin):
			d.accepted = append(d.accepted, took)
		default:
			d.early = append(d.early, took)
		}
	}
	return d
}

// alone says whether nothing else was wrong around a fault that can have kept
// the callers from noticing it: they blame themselves first.
func (h *history) alone(f *fault) bool {
	const around = int64(4 * time.Second)
	return !slices.ContainsFunc(h.faults, func(g fault) bool {
		return g != *f && (g.target == everyone || strings.HasPrefix(g.target, "caller") || g.target == f.target) &&
			g.from < f.from+around && (g.to == 0 || g.to > f.from-around)
	})
}

const lostOutcome = "worker_lost"
