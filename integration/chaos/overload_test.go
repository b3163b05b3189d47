package chaos

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func TestOverload(t *testing.T) {
	overload(t, onNATS(brokerRole{}), short, nil) // not parallel: it takes the processor from all others
}

// overload is F6: for a while ten times more calls are made than the workers can
// carry. What they hold stays bounded, what is too much is refused at once, and
// soon after all is as before.
func overload(t *testing.T, on fabric, s scale, sum *tally) {
	const (
		slots      = 4
		mailbox    = 128
		padding    = 1 << 10
		recoversIn = 2 * time.Second
		limit      = 128 << 20
	)
	takes := time.Duration(on.slow) * 40 * time.Millisecond
	capacity := float64(2*slots) * float64(time.Second/takes) // of two workers: 200 a second, on NATS
	r := newRig(t, on)
	workers := []*process{
		r.worker(workerRole{Slots: slots, Mailbox: mailbox}),
		r.worker(workerRole{Slots: slots, Mailbox: mailbox}),
	}
	calls := []kind{{Task: "once", Weight: 1, WorkMin: takes, WorkMax: takes, Padding: padding}}
	steady := r.caller(callerRole{InFlight: 100, Rate: capacity / 4, Kinds: calls})
	lastFor(time.Second)
	pressing := []kind{{Task: "once", Weight: 1, WorkMin: takes, WorkMax: takes, Padding: padding, Timeout: time.Second}}
	began := r.now()
	// Each loop makes a call a second, however it ends.
	crowd := r.caller(callerRole{InFlight: int(10 * capacity), Rate: 10 * capacity, Kinds: pressing})
	asked := on.refusals(r, s.overload)
	r.end(crowd)
	over := r.now()
	lastFor(recoversIn + 2*time.Second)
	h := r.finish(sum, capacity/8, steady)

	var offered int
	var refused, after figures
	for _, a := range asked {
		refused = append(refused, h.took(a.from, a.to, theTest, everyone, workers[0].role.Name, workers[1].role.Name))
	}
	for _, c := range h.made() {
		if c.caller == crowd.role.Name {
			offered++
		} else if c.begun > over+int64(recoversIn) {
			if c.outcome != outcomeOK {
				t.Errorf("F6: call %d, %v after the overload, ended with %s", c.call, time.Duration(c.begun-over), c.outcome)
			}
			after = append(after, h.took(c.begun, c.ended, c.caller, everyone, workers[0].role.Name, workers[1].role.Name))
		}
	}
	load := float64(offered) / time.Duration(over-began).Seconds() / capacity
	sum.note(t, "F6 %.1f times the load for %v: refused after %v", load, s.overload, refused)
	sum.note(t, "F6 later than %v after it: %v", recoversIn, after)
	if load < 5 {
		t.Errorf("vacuous: the load was %.1f times what the workers carry", load)
	}
	atMost(t, "F6 a call was refused", refused, 10, on.sends)
	atMost(t, "F6 a call was answered after the overload", after, int(capacity/4), takes+100*time.Millisecond)
	for _, w := range workers {
		wantBounded(t, sum, h, w, limit, slots+64)
	}
}

// wantBounded checks what a process has held at its peak.
func wantBounded(t *testing.T, sum *tally, h *history, p *process, bytes, goroutines int64) {
	t.Helper()
	_, peak, err := memory(p.pid())
	if err != nil {
		t.Fatal(err)
	}
	most := h.gauges[p.role.Name]
	sum.note(t, "F6 %s held %d MiB and had %d goroutines at its peak", p.role.Name, peak>>20, most)
	if peak > bytes {
		t.Errorf("F6: %s held %d MiB, want at most %d", p.role.Name, peak>>20, bytes>>20)
	}
	if most == 0 || most > goroutines {
		t.Errorf("F6: %s had %d goroutines, want 1 to %d", p.role.Name, most, goroutines)
	}
}

// natsRefusals asks for a while as a client without our library does, whose
// runtime tries nothing again, and returns when it asked and was refused.
func natsRefusals(r *rig, d time.Duration) (refused []span) {
	t := r.t
	t.Helper()
	nc, err := nats.Connect(r.broker.url())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	inbox := nats.NewInbox()
	asked := make(map[string]int64)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	sub, err := nc.SubscribeSync(inbox + ".*")
	if err != nil {
		t.Fatal(err)
	}
	number := uint64(200 << callerShift) // above those of the callers
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		number++
		body, err := json.Marshal(job{Call: number, Work: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		reply := inbox + "." + nats.NewInbox()[len("_INBOX."):]
		asked[reply] = r.now()
		if err := nc.PublishRequest("at.default.task.once", reply, body); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := sub.NextMsg(10 * time.Millisecond)
			if err != nil {
				break
			}
			if m.Header.Get("At-Error") == "busy" {
				refused = append(refused, span{asked[m.Subject], r.now()})
			}
		}
	}
	return refused
}
