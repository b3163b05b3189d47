package actor

import (
	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
)

// lane keeps one node's messages to one entity in the order in which they were
// begun: those that are not over, the first first. A message is sent while the
// one before it is still under way, and names it, so that the owner refuses one
// that comes before it. Is the one before held back, to be tried again, so are
// those behind it.
//
// Messages that this node executes itself are in no lane: they come to the
// entity as they are begun. Only one that was refused is, until it is over, and
// those behind it.
type lane struct{ first, last *call }

// laneKey says whose lane it is.
type laneKey struct{ kind, key string }

// laneSpot is a message's place in a lane, guarded by n.calls.mu.
type laneSpot struct {
	lane          *lane
	before, after *call
	waits         bool   // for the one before
	follows       string // the token of the one before, when this was sent last
}

// joinLaneLocked puts a message behind all that were begun before it.
func (t *calls) joinLaneLocked(c *call) {
	s := &c.to.spot
	if s.lane != nil || c.overLocked() {
		return
	}
	at := laneKey{c.target.method.kind.name, c.to.key}
	l := t.lanes[at]
	if l == nil {
		l = new(lane)
		t.lanes[at] = l
	}
	s.lane, s.before = l, l.last
	if l.last != nil {
		l.last.to.spot.after = c
	} else {
		l.first = c
	}
	l.last = c
	t.laned.Store(int32(len(t.lanes)))
}

// leaveLaneLocked takes a message out that is over, and lets the next one go.
func (t *calls) leaveLaneLocked(c *call) {
	s := &c.to.spot
	l := s.lane
	if l == nil {
		return
	}
	next := s.after
	if s.before != nil {
		s.before.to.spot.after = next
	} else {
		l.first = next
	}
	if next != nil {
		next.to.spot.before = s.before
	} else {
		l.last = s.before
	}
	*s = laneSpot{}
	if l.first == nil {
		delete(t.lanes, laneKey{c.target.method.kind.name, c.to.key})
		t.laned.Store(int32(len(t.lanes)))
	}
	t.releaseLocked(next)
}

// releaseLocked has a message looked at again that waits for the one before.
func (t *calls) releaseLocked(c *call) {
	if c != nil && c.to.spot.waits {
		c.to.spot.waits = false
		t.n.spawn(func() { t.again(c) })
	}
}

// inTurnLocked says whether a message may be sent to a node now. Otherwise it
// is held until the one before it has been sent there, or is over.
func (t *calls) inTurnLocked(c *call, now instant) bool {
	t.joinLaneLocked(c)
	s := &c.to.spot
	s.follows = ""
	p := s.before
	if p == nil || mutant.NoOrder {
		return true
	}
	if (p.state == callSent || p.state == callAccepted) && p.to.node == c.to.node {
		s.follows = string(p.appendToken(nil, p.sends))
		return true
	}
	t.waitTurnLocked(c, now)
	return false
}

// hereInTurn says whether a message may go to an entity on this node now.
func (t *calls) hereInTurn(c *call, now instant) bool {
	if t.laned.Load() == 0 || mutant.NoOrder {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.lanes[laneKey{c.target.method.kind.name, c.to.key}] == nil {
		return true
	}
	t.joinLaneLocked(c)
	p := c.to.spot.before
	if p == nil || p.state == callLocal || c.state != callNew {
		return true
	}
	t.listLocked(c)
	t.waitTurnLocked(c, now)
	return false
}

// waitTurnLocked holds a message until the one before it has moved on. It is
// looked at again after a while in any case.
func (t *calls) waitTurnLocked(c *call, now instant) {
	c.to.spot.waits = true
	if c.trouble != nil {
		c.trouble.tries = 0 // what follows is not for want of patience with a worker
	}
	t.holdLocked(c, now, longestPause)
}

// laneMoved lets the message behind one that this node executes go, too.
func (t *calls) laneMoved(c *call) {
	if t.laned.Load() > 0 {
		t.sentInTurn(c)
	}
}

// sentInTurn lets the message behind one that was sent go, too.
func (t *calls) sentInTurn(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := &c.to.spot; s.lane != nil {
		t.releaseLocked(s.after)
	}
}

// followsLocked says whether the owner has, or has just had, the message that
// one is to follow.
func (w *worker) followsLocked(a *activation, key string) bool {
	if p := w.byKey[key]; p != nil {
		return p.entity != nil && p.entity.at == a && !p.suspect
	}
	if a == nil {
		return false
	}
	h := wire.Hash(key)
	for _, done := range a.done {
		if done == h {
			return true
		}
	}
	return false
}

// noteLocked remembers a message of another node that was executed, for one
// that was sent behind it.
func (a *activation) noteLocked(ex *execution) {
	if ex.key == "" {
		return
	}
	copy(a.done[1:], a.done[:])
	a.done[0] = wire.Hash(ex.key)
}
