package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// history is what the journals of a run say.
type history struct {
	faults  []fault
	calls   map[uint64]*record
	stalls  map[string][]span // by process
	settled map[string]int64  // by caller: the calls that it gave up waiting for
	gauges  map[string]int64  // by process: the most goroutines that it had
}

// span is a time between two instants.
type span struct{ from, to int64 }

// record is all that is known of a call. One that a handler made has runs only.
type record struct {
	call     uint64
	caller   string // the process; empty for a handler
	node     int64  // which of the caller's
	task     string
	begun    int64
	handed   int64 // when the runtime got it
	deadline int64 // 0 for none
	canceled int64 // when its caller cancelled it; 0 for never
	ended    int64 // 0 for not yet
	ends     int   // how often it ended
	outcome  string
	executed string
	value    uint64
	runs     []run
}

// run is one start of its handler.
type run struct {
	worker  string
	attempt int
	start   int64
	end     int64  // 0 for never
	how     string // didEnd, didFail or didCancelled
}

func newHistory(faults []fault) *history {
	return &history{
		faults:  faults,
		calls:   make(map[uint64]*record),
		stalls:  make(map[string][]span),
		settled: make(map[string]int64),
		gauges:  make(map[string]int64),
	}
}

// add takes an entry of a process's journal.
func (h *history) add(process string, e entry) {
	switch e.What {
	case didFault, didMend:
		return
	case didStall:
		h.stalls[process] = append(h.stalls[process], span{e.number(0), e.At})
		return
	case didGauge:
		h.gauges[process] = max(h.gauges[process], e.number(0))
		return
	case didSettle:
		h.settled[process] = e.number(0)
		return
	}
	c := h.calls[e.Call]
	if c == nil {
		c = &record{call: e.Call}
		h.calls[e.Call] = c
	}
	switch e.What {
	case didBegin:
		c.caller, c.begun, c.task, c.node = process, e.At, e.Rest[0], e.number(1)
	case didCancel:
		c.canceled = e.At
	case didOutcome:
		c.ended, c.outcome, c.executed = e.At, e.Rest[0], e.Rest[1]
		_, _ = fmt.Sscan(e.Rest[2], &c.value) // written as a number
		c.handed, c.deadline = e.number(3), e.number(4)
		c.ends++
	case didStart:
		c.task = e.Rest[0]
		c.runs = append(c.runs, run{worker: process, attempt: e.Attempt, start: e.At})
	default:
		for i := range c.runs {
			if r := &c.runs[i]; r.worker == process && r.attempt == e.Attempt && r.end == 0 {
				r.end, r.how = e.At, e.What
				break
			}
		}
	}
}

// order puts the runs of each call in the order of their start: the journals
// were read one after the other.
func (h *history) order() {
	for _, c := range h.calls {
		slices.SortFunc(c.runs, func(a, b run) int { return cmp.Compare(a.start, b.start) })
	}
}

// made lists the calls of the callers, in the order of their beginning.
func (h *history) made() []*record {
	var all []*record
	for _, c := range h.calls {
		if c.caller != "" {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.begun, b.begun), cmp.Compare(a.call, b.call))
	})
	return all
}

// net is how long something took between two instants, without the time in
// which one of the processes that had to do with it did not run: that is the
// machine's doing, as it has other things to do than our tests.
func (h *history) net(from, to int64, processes ...string) time.Duration {
	var stalls []span
	for _, p := range processes {
		all := h.stalls[p]
		first, _ := slices.BinarySearchFunc(all, from, func(s span, at int64) int { return cmp.Compare(s.to, at) })
		for _, s := range all[first:] { // in the order of their ends
			if s.from < to {
				stalls = append(stalls, span{max(s.from, from), min(s.to, to)})
			}
			if s.to > to+int64(longestStall) {
				break
			}
		}
	}
	slices.SortFunc(stalls, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	sum, at := to-from, from
	for _, s := range stalls {
		if s.to > at {
			sum -= s.to - max(s.from, at)
			at = s.to
		}
	}
	return time.Duration(sum)
}

// longestStall is how long a stall may be that begins before something ended,
// to be found.
const longestStall = 5 * time.Second

// afterStall is the end of the last stall that an instant of a process lies in,
// or the instant itself.
func (h *history) afterStall(process string, at int64) int64 {
	all := h.stalls[process]
	after := at
	first, _ := slices.BinarySearchFunc(all, at, func(s span, at int64) int { return cmp.Compare(s.to, at) })
	for _, s := range all[first:] {
		if s.from <= at {
			after = s.to
		}
		if s.to > at+int64(longestStall) {
			break
		}
	}
	return after
}

// inFlight counts the calls that were under way at an instant.
func (h *history) inFlight(at int64) (n int) {
	for _, c := range h.calls {
		if c.caller != "" && c.begun < at && (c.ended == 0 || c.ended > at) {
			n++
		}
	}
	return n
}

// inHand counts the handlers that a worker was running at an instant.
func (h *history) inHand(worker string, at int64) (n int) {
	for _, c := range h.calls {
		for _, r := range c.runs {
			if r.worker == worker && r.start < at && (r.end == 0 || r.end > at) {
				n++
			}
		}
	}
	return n
}

// running counts the handlers that run now, as far as the journals know.
func (h *history) running() (n int) {
	for _, c := range h.calls {
		for _, r := range c.runs {
			if r.end == 0 {
				n++
			}
		}
	}
	return n
}

// root says whether a caller made the call, not a handler. A journal of the
// caller may be behind that of the worker.
func (c *record) root() bool { return c.call>>siblingShift == 0 }

// outcomes counts the calls of the callers by how they ended.
func (h *history) outcomes() map[string]int {
	count := make(map[string]int)
	for _, c := range h.made() {
		count[cmp.Or(c.outcome, "none yet")]++
	}
	return count
}

// throughput is how many calls ended well in a second, of those that ended
// between the first and the last.
func (h *history) throughput() float64 {
	var n int
	var first, last int64
	for _, c := range h.made() {
		if c.outcome != outcomeOK {
			continue
		}
		n++
		if first == 0 || c.ended < first {
			first = c.ended
		}
		last = max(last, c.ended)
	}
	if last <= first {
		return 0
	}
	return float64(n) / time.Duration(last-first).Seconds()
}

func (h *history) summary() string {
	count := h.outcomes()
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s %d", outcome, count[outcome]))
	}
	if len(parts) == 0 {
		return "no call"
	}
	return "calls: " + strings.Join(parts, ", ")
}
