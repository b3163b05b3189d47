package actor

import (
	"bytes"
	"errors"

	"github.com/atasks-io/atasks/internal/wire"
)

// tryLocal executes a call of this node's own here, if the task is served and
// a processor is free for it, or will be in a moment: work first, network when
// busy. A draining node keeps all calls of its handlers, since it takes none
// from the broker.
func (w *worker) tryLocal(c *call, now instant) bool {
	w.mu.Lock()
	s := w.services[c.target.name]
	at := w.placeOfLocked(s, c)
	if at == placeHere {
		w.takeLocked(s, int(c.depth)) // reserved; given back below if need be
	}
	w.mu.Unlock()
	if at == placeElsewhere {
		return false
	}

	ex, err := w.localExecution(c, s, now)
	w.mu.Lock()
	closed := w.closed
	if at == placeNear && w.draining {
		at = placeQueue
	}
	// Settled and entered in one: who cancels the call finds it in hand.
	here := err == nil && !closed && w.n.calls.settle(c, ex)
	switch {
	case here && at == placeHere:
		w.enterLocked(ex)
		ex.holds, ex.state, ex.started = true, running, ex.arrived
		w.dispatchLocked(ex)
	case here:
		w.enterLocked(ex)
		if at == placeNear {
			w.nearLocked(ex)
		} else {
			w.queueLocked(ex)
		}
		w.fillLocked() // there may be room meanwhile
	case at == placeHere:
		w.giveBackLocked(s, int(c.depth))
		w.fillLocked()
	}
	w.mu.Unlock()
	switch {
	case err != nil:
		w.n.calls.abandon(c, err)
	case closed:
		return false // the call ends where it would be sent
	case here && c.tell:
		w.n.calls.settleLocal(c, nil, nil, nil)
	}
	return true
}

// place says what becomes of a call that this node makes.
type place uint8

const (
	placeElsewhere place = iota // it is sent
	placeHere                   // it starts at once
	placeNear                   // it waits for a processor here, for a moment
	placeQueue                  // it waits for a slot here, however long
)

// placeOfLocked decides where a call goes whose task is served as s, or not.
func (w *worker) placeOfLocked(s *service, c *call) place {
	switch {
	case s == nil || w.closed:
		return placeElsewhere
	case w.draining && w.slots.free() && !s.full():
		return placeHere
	case w.draining:
		return placeQueue
	case w.n.cfg.NoLocal || s.full():
		return placeElsewhere
	case w.slots.taken < w.local:
		return placeHere
	case !c.tell && w.near.worthwhile(): // who tells wants it to be taken, for good
		return placeNear
	default:
		return placeElsewhere
	}
}

// localExecution makes the worker's end of a call of this node's own. What
// the network would refuse is refused here too.
func (w *worker) localExecution(c *call, s *service, now instant) (*execution, *Error) {
	limit := w.n.maxPayload()
	// Both sides must have declared a plain type: one that takes anything sees
	// what a codec makes of it.
	plain := c.in != nil && c.target.in != nil && s.in != nil && c.target.in.fits(c.in, w.n.cfg.Codec, limit)
	if !plain {
		if err := c.encode(); err != nil {
			var e *Error
			errors.As(err, &e)
			return nil, e
		}
	}
	body := c.body
	if c.target.untyped {
		body = bytes.Clone(body) // the caller's own, which the handler may change
	}
	ex := &execution{
		w: w, service: s,
		origin:  w.own,
		tell:    c.tell,
		pushes:  c.progress != nil && !c.tell,
		depth:   int(c.depth),
		attempt: c.attempt,
		size:    len(c.body),
		in:      c.in,
		body:    body,
		arrived: now, deadline: c.handlerDeadline(),
	}
	ex.alarm.owner = ex
	if c.tell {
		from := *w.own
		from.token = c.id()
		ex.origin = &from
	} else {
		ex.awaiter = c
	}
	if c.header != nil {
		ex.meta = metaOf(c.header)
		ex.setChain(c.header)
	}
	return ex, nil
}

// settle makes ex the execution of a call that stays in this process; false
// when the call is over already.
func (t *calls) settle(c *call, ex *execution) bool {
	now := ex.arrived
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.state != callNew {
		return false
	}
	c.state = callLocal
	c.local = ex
	if c.deadline != 0 {
		t.armLocked(c, c.deadline, now)
	}
	return true
}

// settleLocal ends a call with what its execution in this process answered:
// a value, an encoding or a failure.
func (t *calls) settleLocal(c *call, out any, body []byte, f *wire.Failure) {
	t.mu.Lock()
	if c.state != callLocal {
		t.mu.Unlock()
		return
	}
	if f != nil {
		t.refusedLocked(c, f)
		return
	}
	t.endLocked(c)
	t.mu.Unlock()
	c.out, c.reply = out, body
	c.end(nil)
}

// settleWrapped ends a call that middleware carried out.
func (t *calls) settleWrapped(c *call, out any, err error) {
	t.mu.Lock()
	if c.overLocked() {
		t.mu.Unlock()
		return
	}
	t.endLocked(c)
	t.mu.Unlock()
	if body, ok := out.([]byte); ok && c.target.untyped {
		c.reply = body
	} else {
		c.out = out
	}
	c.end(err)
}
