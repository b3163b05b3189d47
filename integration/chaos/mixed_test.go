package chaos

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// floor is how many calls must end well in a second of a mixed run.
const mixedFloor = 20

// mixture is what callers call in mixed runs: tasks that may run twice and
// tasks that may not, short and long, nested, with deadlines that are kept and
// missed, cancelled, failing.
var mixture = []kind{
	{Task: "once", Weight: 12, WorkMin: time.Millisecond, WorkMax: 60 * time.Millisecond},
	{Task: "once", Weight: 2, WorkMin: 300 * time.Millisecond, WorkMax: 2 * time.Second},
	{Task: "once", Weight: 4, WorkMin: time.Millisecond, WorkMax: 400 * time.Millisecond, Timeout: 300 * time.Millisecond},
	{Task: "once", Weight: 1, WorkMin: time.Millisecond, WorkMax: 10 * time.Millisecond, Timeout: 5 * time.Millisecond},
	{Task: "once", Weight: 1, WorkMin: time.Millisecond, WorkMax: 10 * time.Millisecond, Fail: true},
	{Task: "once", Weight: 2, WorkMin: time.Millisecond, WorkMax: 30 * time.Millisecond, Levels: 2},
	{Task: "once", Weight: 1, WorkMin: time.Millisecond, WorkMax: 30 * time.Millisecond, Children: 4, Way: byGroup},
	{Task: "once", Weight: 1, WorkMin: 200 * time.Millisecond, WorkMax: time.Second, CancelAfter: 100 * time.Millisecond},
	{Task: "again", Weight: 4, WorkMin: time.Millisecond, WorkMax: 100 * time.Millisecond},
	{Task: "again", Weight: 1, WorkMin: 300 * time.Millisecond, WorkMax: 2 * time.Second},
	{Task: "again", Weight: 1, WorkMin: time.Millisecond, WorkMax: 400 * time.Millisecond, Timeout: time.Second},
	{Task: "retry", Weight: 1, WorkMin: time.Millisecond, WorkMax: 10 * time.Millisecond, Fail: true},
}

// member is a process of a mixed run that can be replaced, and its link.
type member struct {
	*process
	link *link
}

// nemesis hurts the processes of a rig, as its random numbers say.
type nemesis struct {
	*rig
	draw    *rand.Rand
	workers []member
	callers []member
}

// withPingsOrNot is NATS as embedded starts it, or as it is by itself.
func withPingsOrNot(draw *rand.Rand) fabric {
	if draw.IntN(2) == 0 {
		return onNATS(brokerRole{PingInterval: natsPings})
	}
	return onNATS(brokerRole{})
}

// mixed runs a topology under load for a while and hurts it all the time, in
// every way there is. Then it lets it heal, waits for the calls, and checks
// what holds for every run.
func mixed(t *testing.T, pick func(*rand.Rand) fabric, seed uint64, d time.Duration, sum *tally) {
	draw := rand.New(rand.NewPCG(seed, 0))
	n := &nemesis{rig: newRig(t, pick(draw)), draw: draw}
	n.raced = true // what faults do to the runtime's own order is worth the cost
	for range 2 + draw.IntN(3) {
		n.workers = append(n.workers, n.newWorker())
	}
	for range 1 + draw.IntN(2) {
		n.callers = append(n.callers, n.newCaller())
	}
	t.Logf("seed %d: %d workers, %d callers", seed, len(n.workers), len(n.callers))
	lastFor(500 * time.Millisecond)
	for end := time.Now().Add(d); time.Now().Before(end); {
		n.hurt()
		lastFor(n.between(200*time.Millisecond, 1500*time.Millisecond))
	}
	var callers []*process
	for _, c := range n.callers {
		callers = append(callers, c.process)
	}
	h := n.finish(sum, mixedFloor, callers...)
	t.Logf("%d faults; %s", len(h.faults), h.summary())
	for _, f := range h.faults {
		t.Logf("%8.3f s %-12s %-10s for %v", time.Duration(f.from-h.faults[0].from).Seconds(), f.kind, f.target, time.Duration(f.to-f.from))
	}
}

func (n *nemesis) between(least, most time.Duration) time.Duration {
	return least + time.Duration(n.draw.Int64N(int64(most-least)))
}

// wire gives half of the processes a link of their own.
func (n *nemesis) wire() (*link, string) {
	if n.draw.IntN(2) == 0 {
		return nil, ""
	}
	l := n.link()
	return l, l.url()
}

func (n *nemesis) newWorker() member {
	l, url := n.wire()
	return member{n.worker(workerRole{URL: url, Slots: 8 + n.draw.IntN(40)}), l}
}

func (n *nemesis) newCaller() member {
	l, url := n.wire()
	return member{n.caller(callerRole{URL: url, Seed: n.draw.Uint64(), InFlight: 60, Rate: 200, Kinds: mixture}), l}
}

// hurt does one fault to somebody, and lets it heal.
func (n *nemesis) hurt() {
	w, c := &n.workers[n.draw.IntN(len(n.workers))], &n.callers[n.draw.IntN(len(n.callers))]
	switch n.draw.IntN(12) {
	case 0, 1:
		n.kill(w.process)
		*w = n.newWorker()
	case 2, 3:
		n.freeze(w.process, n.between(100*time.Millisecond, 5*time.Second))
	case 4:
		n.term(w.process)
		*w = n.newWorker()
	case 5:
		signal := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[n.draw.IntN(2)]
		n.restart(signal, n.between(0, time.Second))
	case 6, 7, 8:
		n.hurtLink(w)
	case 9, 10:
		n.hurtLink(c)
	case 11:
		if n.draw.IntN(2) == 0 {
			n.freeze(c.process, n.between(100*time.Millisecond, 3*time.Second))
		} else {
			n.kill(c.process)
			*c = n.newCaller()
		}
	}
}

// hurtLink hurts the link of a process, if it has one.
func (n *nemesis) hurtLink(m *member) {
	if m.link == nil {
		return
	}
	switch n.draw.IntN(3) {
	case 0:
		n.cut(m.link, m.process, n.between(0, 3*time.Second))
	case 1:
		n.silence(m.link, m.process, n.between(time.Second, 4*time.Second))
	case 2:
		n.slow(m.link, m.process, n.between(10*time.Millisecond, 200*time.Millisecond), n.between(time.Second, 3*time.Second))
	}
}
