package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// figure is how long something took, and how much of that there is left without
// the time in which the machine did not run those that had to do with it. On a
// machine that is idle but for the test the two are the same.
type figure struct{ took, net time.Duration }

// took measures what happened between two instants, to which the processes had
// to contribute one after the other.
func (h *history) took(from, to int64, processes ...string) figure {
	return figure{time.Duration(to - from), h.net(from, to, processes...)}
}

// figures are what was measured.
type figures []figure

// at returns quantiles; 0 when nothing was measured.
func (f figures) at(q float64) figure {
	quantile := func(of func(figure) time.Duration) time.Duration {
		if len(f) == 0 {
			return 0
		}
		all := make([]time.Duration, len(f))
		for i, one := range f {
			all[i] = of(one)
		}
		slices.Sort(all)
		return all[min(len(all)-1, int(q*float64(len(all))))]
	}
	return figure{
		quantile(func(f figure) time.Duration { return f.took }),
		quantile(func(f figure) time.Duration { return f.net }),
	}
}

func (f figures) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	p50, p99, worst := f.at(.5), f.at(.99), f.at(1)
	s := fmt.Sprintf("n %d, p50 %v, p99 %v, max %v", len(f), round(p50.took), round(p99.took), round(worst.took))
	if p99.took-p99.net > p99.took/20 {
		s += fmt.Sprintf("; without what the machine took p99 %v, max %v", round(p99.net), round(worst.net))
	}
	return s
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

// detect measures the calls that a fault took from their worker. Where nothing
// else goes on, those that never started were with the victim, too, and one that
// is started again says when its loss was noticed. In mixed runs neither tells:
// the call may have been on its way to others, and wait for a slot elsewhere.
func (h *history) detect(f *fault, only bool) detection {
	var d detection
	for _, c := range h.calls {
		if c.caller == "" || c.begun > f.from || c.ended != 0 && c.ended < f.from {
			continue
		}
		if !only && c.task != onceTask.Name() {
			continue
		}
		noticed, since := int64(0), c.begun
		for i, r := range c.runs {
			if r.worker != f.target || r.start > f.from || r.end != 0 && r.end < f.from {
				continue
			}
			since = r.start
			switch {
			case i+1 < len(c.runs) && c.runs[i+1].start > f.from:
				noticed = c.runs[i+1].start
			case c.outcome == lostOutcome:
				noticed = c.ended
			}
		}
		if only && len(c.runs) == 0 && c.outcome == lostOutcome {
			noticed = c.ended // with the call in its mailbox, or on its way there
		}
		took := h.took(f.from, noticed, c.caller, everyone)
		switch {
		case noticed == 0:
		case f.from-since >= int64(acceptMargin):
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
