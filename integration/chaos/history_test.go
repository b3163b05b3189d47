package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"math"
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
}

// span is a time between two instants.
type span struct{ from, to int64 }

// record is all that is known of a call. One that a handler made has runs only.
type record struct {
	call     uint64
	caller   string // the process; empty for a handler
	task     string
	begun    int64
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
	}
}

// add takes an entry of a process's journal.
func (h *history) add(process string, e entry) {
	switch e.What {
	case didStall:
		h.stalls[process] = append(h.stalls[process], span{e.number(0), e.At})
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
		c.caller, c.begun, c.task, c.deadline = process, e.At, e.Rest[0], e.number(1)
	case didCancel:
		c.canceled = e.At
	case didOutcome:
		c.ended, c.outcome, c.executed = e.At, e.Rest[0], e.Rest[1]
		_, _ = fmt.Sscan(e.Rest[2], &c.value) // written as a number
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
func (h *history) running() int { return h.inHandOfAll(math.MaxInt64) }

func (h *history) inHandOfAll(at int64) (n int) {
	for _, c := range h.calls {
		for _, r := range c.runs {
			if r.start < at && (r.end == 0 || r.end > at) {
				n++
			}
		}
	}
	return n
}

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
