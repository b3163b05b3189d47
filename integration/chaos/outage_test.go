package chaos

import (
	"syscall"
	"testing"
	"time"
)

func TestBrokerRestarts(t *testing.T) {
	t.Parallel()
	outages(t, onNATS(brokerRole{}), short, nil)
}

// outages is F11: the broker is stopped or killed and comes back, under load.
// Nodes are back within on.back; calls that were made meanwhile wait for it; what
// was in flight ends, and nothing is sent twice.
func outages(t *testing.T, on fabric, s scale, sum *tally) {
	r := newRig(t, on)
	for range 3 {
		r.worker(workerRole{Slots: 50})
	}
	mix := []kind{
		{Task: "once", Weight: 5, WorkMin: time.Millisecond, WorkMax: 60 * time.Millisecond},
		{Task: "once", Weight: 1, WorkMin: 300 * time.Millisecond, WorkMax: time.Second},
		{Task: "again", Weight: 1, WorkMin: time.Millisecond, WorkMax: 60 * time.Millisecond},
		{Task: "once", Weight: 1, WorkMin: time.Millisecond, WorkMax: 60 * time.Millisecond, Levels: 2},
	}
	one := r.caller(callerRole{InFlight: 100, Rate: 200, Kinds: mix, Patience: on.patience})
	two := r.caller(callerRole{InFlight: 100, Rate: 200, Kinds: mix, Patience: on.patience})
	lastFor(500 * time.Millisecond)
	for i := range s.outages {
		signal := on.signals[i%len(on.signals)]
		r.restart(signal, 2*briefly(""))
		lastFor(on.back)
	}
	h := r.finish(sum, on.floor, one, two)
	var back figures
	held := map[string]int{}
	for _, f := range h.faults {
		for _, name := range h.workers() {
			back = append(back, h.firstStart(name, f.to))
		}
		for _, c := range []*process{one, two} {
			back = append(back, h.firstResult(c.role.Name, 0, f.to))
		}
		for _, c := range h.made() {
			if c.begun > f.from+int64(on.settling(f.kind)) && c.begun < f.to {
				held[c.outcome]++
			}
		}
	}
	sum.note(t, "F11 nodes back: %v; calls made during an outage: %v; %s", back, held, h.summary())
	if p := back.at(1).took; p > on.back {
		t.Errorf("F11: a node was back after %v, want at most %v", p, on.back)
	}
	if held[outcomeOK] < 5*s.outages {
		t.Errorf("vacuous: %d calls that were made during %d outages ended well", held[outcomeOK], s.outages)
	}
	for outcome, n := range held {
		if outcome != outcomeOK {
			t.Errorf("F11: %d calls made during an outage ended with %s, want them held until the broker is back", n, outcome)
		}
	}
}

// workers lists those that a handler ran on.
func (h *history) workers() []string {
	var names []string
	seen := map[string]bool{}
	for _, c := range h.calls {
		for _, r := range c.runs {
			if !seen[r.worker] {
				seen[r.worker] = true
				names = append(names, r.worker)
			}
		}
	}
	return names
}

// never is when something happened that did not.
const never = 1<<63 - 1

// firstStart is how long after an instant a worker started a call of another
// node.
func (h *history) firstStart(worker string, after int64) figure {
	first := int64(never)
	for _, c := range h.calls {
		for _, r := range c.runs {
			if c.root() && r.worker == worker && r.start > after {
				first = min(first, r.start)
			}
		}
	}
	return h.took(after, first)
}

// firstResult is how long after an instant a call of a node of a caller ended
// well.
func (h *history) firstResult(caller string, node int64, after int64) figure {
	first := int64(never)
	for _, c := range h.calls {
		if c.caller == caller && c.node == node && c.outcome == outcomeOK && c.ended > after {
			first = min(first, c.ended)
		}
	}
	return h.took(after, first)
}

func TestManyClientsComeBack(t *testing.T) {
	t.Parallel()
	manyClients(t, onNATS(brokerRole{}), short, nil)
}

// manyClients lets many nodes lose their broker at once. They must neither
// overrun it nor wait long.
func manyClients(t *testing.T, on fabric, s scale, sum *tally) {
	r := newRig(t, on)
	for range 2 {
		r.worker(workerRole{Slots: 100})
	}
	c := r.caller(callerRole{
		// Two loops each, and a deadline: a call that was in flight may be missed
		// for some seconds, which is no matter of coming back.
		Nodes: s.clients, InFlight: 2 * s.clients, Rate: float64(s.clients),
		Kinds: []kind{{Task: "once", Weight: 1, WorkMin: 50 * time.Millisecond, WorkMax: 200 * time.Millisecond, Timeout: time.Second}},
	})
	lastFor(1500 * time.Millisecond)
	r.restart(syscall.SIGKILL, 100*time.Millisecond)
	lastFor(on.back + time.Second)
	h := r.finish(sum, float64(s.clients)/10, c)
	var back figures
	for node := range s.clients {
		back = append(back, h.firstResult(c.role.Name, int64(node), h.faults[0].to))
	}
	sum.note(t, "F11 %d clients back at once: %v", s.clients, back)
	if p := back.at(1).took; p > on.back {
		t.Errorf("F11: a client of %d was back after %v, want at most %v", s.clients, p, on.back)
	}
}
