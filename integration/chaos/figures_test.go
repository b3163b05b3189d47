package chaos

import (
	"fmt"
	"slices"
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
		switch {
		case noticed == 0:
		case f.from-c.begun >= int64(acceptMargin):
			d.accepted = append(d.accepted, time.Duration(noticed-f.from))
		default:
			d.early = append(d.early, time.Duration(noticed-f.from))
		}
	}
	return d
}

const lostOutcome = "worker_lost"
