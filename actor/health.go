package actor

import (
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// health is what a node knows of itself: whether it may take the silence of
// others for their death. A process that is starved of CPU, or whose link was
// just restored, hears nobody in time and must blame itself first. So it pings
// itself through the broker, and silence counts only while that ping returns.
type health struct {
	t     *calls
	alarm alarm

	// Guarded by t.mu.
	watching bool // pings go out
	ping     *probe
	sent     instant
	good     instant // when a ping returned in time
	excused  instant // silence before this moment counts for nothing
	restored instant // when the connection last was
	until    instant // when pinging stops, for want of anybody to watch
	every    time.Duration
}

const (
	selfPingEvery = 500 * time.Millisecond // at the least; else four before anybody counts as lost
	selfPingLate  = 400 * time.Millisecond
	reconnectRest = 3 * time.Second // after a reconnect, for the others to be back too
	watchAhead    = 3 * time.Second // and a ping or two
)

func (h *health) init(t *calls) {
	h.t = t
	h.alarm.owner = h
	h.every = max(selfPingEvery, t.n.cfg.LostAfter/4)
}

// watchLocked keeps the pings going for a while longer.
func (h *health) watchLocked(now instant) {
	h.until = now.add(watchAhead + 2*max(h.every, h.t.n.cfg.PingInterval))
	if !h.watching {
		h.watching = true
		h.excused = max(h.excused, now)
		h.t.wheel.set(&h.alarm, now, now)
		h.t.sweeper.rearm(now)
	}
}

// ring sends the next ping, or counts the one that is out against us.
func (h *health) ring(now instant) {
	t := h.t
	t.mu.Lock()
	if h.alarm.slot != 0 {
		t.mu.Unlock()
		return
	}
	if now.sub(h.alarm.at) > selfPingLate { // this process was frozen or starved
		h.excused = max(h.excused, now)
	}
	if h.ping != nil {
		h.excused = max(h.excused, now)
		if now.sub(h.sent) < reconnectRest {
			t.wheel.set(&h.alarm, now.add(selfPingLate/4), now)
			t.mu.Unlock()
			return
		}
		t.unprobeLocked(h.ping) // lost with a connection
	}
	if now > h.until {
		h.ping, h.watching = nil, false
		t.mu.Unlock()
		return
	}
	var reply string
	h.ping, reply = t.probeLocked(h.returned)
	h.sent = now
	// Looked at early, so that a late return is known before anyone relies on it.
	t.wheel.set(&h.alarm, now.add(selfPingLate), now)
	t.mu.Unlock()
	subject := wire.NodeSubject(t.n.cfg.Namespace, t.n.id, wire.VerbPing)
	t.n.outbox.put(subject, reply, nil)
}

// returned takes the answer to a ping.
func (h *health) returned(_ wire.Frame, m *transport.Message) {
	t := h.t
	now := t.n.clock.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unprobeLocked(h.ping)
	h.ping = nil
	if now.sub(h.sent) > selfPingLate || m.Status == transport.NoResponders {
		h.excused = max(h.excused, now)
	} else {
		h.good = now
	}
	t.wheel.set(&h.alarm, h.sent.add(h.every), now)
	t.sweeper.rearm(h.sent.add(h.every))
}

// restoredLocked excuses everybody for a while.
func (h *health) restoredLocked(now instant) {
	h.excused, h.restored = now.add(reconnectRest), now
}

// restingLocked says whether the connection was restored a moment ago, when
// others may still be without theirs.
func (h *health) restingLocked(now instant) bool { return now < h.excused }

// silenceLocked returns for how long someone last heard from at seen has been
// silent without our own fault. While nothing vouches for ourselves, for nobody
// is: after a freeze others may be looked at before the next ping is even due.
func (h *health) silenceLocked(seen, now instant) time.Duration {
	if mutant.FalseDeath {
		return 4 * now.sub(seen)
	}
	if h.ping != nil && now.sub(h.sent) > selfPingLate || now.sub(h.good) > h.every+selfPingLate {
		return 0
	}
	return max(0, now.sub(max(seen, h.excused)))
}
