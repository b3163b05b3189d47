package actor

import (
	"fmt"
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// peer is a worker's node that has accepted calls of ours. It is asked twice a
// second whether it still has them, once however many they are.
type peer struct {
	t     *calls
	node  string
	alarm alarm

	// Guarded by t.mu.
	first, last *call // accepted by it, the longest awaited first
	count       int
	cursor      *call   // where the next ping goes on naming calls
	seen        instant // its last sign of life
	strikes     int8    // pings in a row that nobody was there to hear
	struck      instant // the last of them

	// One for all pings: a worker that is starved answers late, and lives.
	answers *probe
	reply   string // where they come to
}

const (
	pingNames  = 2000                   // calls named in one ping at most: some 40 KB
	namedAfter = time.Second            // calls younger than that are not named
	strikeWait = 150 * time.Millisecond // between two pings to a worker that seems gone
)

// watchLocked puts the call under the worker that accepted it.
func (t *calls) watchLocked(c *call, node string, now instant) {
	if c.peer != nil {
		if c.peer.node == node {
			c.peer.heard(now)
			return
		}
		c.peer.removeLocked(c)
	}
	p := t.peers[node]
	if p == nil {
		p = &peer{t: t, node: node}
		p.alarm.owner = p
		p.answers, p.reply = t.probeLocked(p.answered)
		t.peers[node] = p
		at := now.add(t.n.cfg.PingInterval)
		t.wheel.set(&p.alarm, at, now)
		t.sweeper.rearm(at)
	}
	p.heard(now)
	p.addLocked(c)
	t.health.watchLocked(now)
}

// heard takes note of a sign of life.
func (p *peer) heard(now instant) { p.seen, p.strikes = now, 0 }

func (p *peer) addLocked(c *call) {
	c.peer, c.missed = p, 0
	c.peerPrev, c.peerNext = p.last, nil
	if p.last != nil {
		p.last.peerNext = c
	} else {
		p.first = c
	}
	p.last = c
	p.count++
}

func (p *peer) removeLocked(c *call) {
	if p.cursor == c {
		p.cursor = c.peerNext
	}
	if c.peerPrev != nil {
		c.peerPrev.peerNext = c.peerNext
	} else {
		p.first = c.peerNext
	}
	if c.peerNext != nil {
		c.peerNext.peerPrev = c.peerPrev
	} else {
		p.last = c.peerPrev
	}
	c.peer, c.peerPrev, c.peerNext = nil, nil, nil
	p.count--
}

// ring asks the worker again, or gives it up.
func (p *peer) ring(now instant) {
	t := p.t
	t.mu.Lock()
	if p.alarm.slot != 0 || t.peers[p.node] != p {
		t.mu.Unlock()
		return
	}
	if p.count == 0 && !t.isDetourLocked(p.node, now) {
		t.unprobeLocked(p.answers)
		delete(t.peers, p.node)
		t.mu.Unlock()
		return
	}
	t.health.watchLocked(now)
	if silence := t.health.silenceLocked(p.seen, now); silence >= t.n.cfg.LostAfter && p.count > 0 && !t.cut {
		t.detourAroundLocked(p.node, now)
		t.n.spawn(func() { t.n.members.silent(p.node) })
		p.loseAllLocked(fmt.Sprintf("node %s has been silent for %v: frozen or cut off", p.node, silence.Round(100*time.Millisecond)))
		t.mu.Lock()
	}
	at := now.add(t.n.cfg.PingInterval)
	t.wheel.set(&p.alarm, at, now)
	names := p.namesLocked(now)
	t.mu.Unlock()
	if mutant.NoPing {
		return
	}
	t.n.outbox.put(wire.NodeSubject(t.n.cfg.Namespace, p.node, wire.VerbPing), p.reply, names)
}

// namesLocked lists the calls to ask about; when there are too many for one
// ping, the next one goes on where this one ends.
func (p *peer) namesLocked(now instant) []byte {
	var body []byte
	if p.cursor == nil {
		p.cursor = p.first
	}
	for n := 0; p.cursor != nil && n < pingNames; n++ {
		c := p.cursor
		p.cursor = c.peerNext
		if now.sub(c.begun) < namedAfter {
			continue
		}
		if len(body) > 0 {
			body = append(body, ' ')
		}
		body = c.appendToken(body, c.sends)
	}
	return body
}

// answered takes what comes back on pings.
func (p *peer) answered(frame wire.Frame, m *transport.Message) {
	t := p.t
	now := t.n.clock.now()
	t.mu.Lock()
	if m.Status == transport.NoResponders {
		if t.health.restingLocked(now) {
			t.mu.Unlock() // it may be on its way back, as we were
			return
		}
		if p.strikes > 0 && now.sub(p.struck) < strikeWait {
			t.mu.Unlock() // pings that left together say the same thing once
			return
		}
		p.struck = now
		if p.strikes++; p.strikes >= 2 {
			t.endDetourLocked(p.node)
			t.n.spawn(func() { t.n.members.silent(p.node) })
			p.loseAllLocked(fmt.Sprintf("node %s is gone: its process ended or its connection closed", p.node))
			return
		}
		t.wheel.set(&p.alarm, now.add(strikeWait), now)
		t.sweeper.rearm(now.add(strikeWait))
		t.mu.Unlock()
		return
	}
	p.heard(now)
	t.endDetourLocked(p.node)
	var lost []*call
	if frame == wire.FrameResult {
		wire.ParseCalls(string(m.Data), func(token string) {
			salt, seq, sending, ok := parseToken(token)
			c := t.pending[seq]
			if !ok || c == nil || c.salt != salt || int(c.sends) != sending || c.peer != p {
				return
			}
			if c.missed++; c.missed >= 2 {
				lost = append(lost, c)
			}
		})
	}
	t.mu.Unlock()
	for _, c := range lost {
		t.lose(c, p, fmt.Sprintf("node %s no longer has the call, and its result did not arrive", p.node))
	}
}

// loseAllLocked ends every call that the worker has, and unlocks.
func (p *peer) loseAllLocked(why string) {
	t := p.t
	lost := make([]*call, 0, p.count)
	for c := p.first; c != nil; c = c.peerNext {
		lost = append(lost, c)
	}
	t.mu.Unlock()
	if len(lost) > 0 {
		t.n.log.Warn("worker lost", "worker", p.node, "calls", len(lost), "why", why)
	}
	for _, c := range lost {
		t.lose(c, p, why)
	}
}

// lose ends a call whose worker is lost, or has it run again; p is nil for one
// that nobody has accepted. Who has it may have changed meanwhile.
func (t *calls) lose(c *call, p *peer, why string) {
	t.mu.Lock()
	if c.peer != p || p == nil && c.state != callSent {
		t.mu.Unlock()
		return
	}
	t.refusedLocked(c, &wire.Failure{Code: wire.CodeWorkerLost, Executed: wire.ExecutedUnknown, Message: why})
}
