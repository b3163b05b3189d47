package actor

import (
	"bytes"
	"errors"

	"github.com/atasks-io/atasks/internal/wire"
)

// tryLocal executes a call of this node's own here, if the task is served and
// a processor is free for it: work first, network when busy. A draining node
// keeps all calls of its handlers, since it takes none from the broker.
func (w *worker) tryLocal(c *call) bool {
	w.mu.Lock()
	s := w.services[c.target.name]
	room := s != nil && !w.closed && (w.draining || !w.n.cfg.NoLocal && w.slots.taken < w.local && !s.full())
	if !room {
		w.mu.Unlock()
		return false
	}
	queue := !w.slots.free() || s.full() // only while draining
	if !queue {
		w.takeLocked(s, int(c.depth)) // reserved; given back below if need be
	}
	w.mu.Unlock()

	ex, err := w.localExecution(c, s)
	w.mu.Lock()
	closed := w.closed
	// Settled and entered in one: who cancels the call finds it in hand.
	here := err == nil && !closed && w.n.calls.settle(c, ex)
	switch {
	case here && queue:
		w.enterLocked(ex)
		w.queueLocked(ex)
		w.fillLocked() // a slot may have become free meanwhile
	case here:
		w.enterLocked(ex)
		ex.holds, ex.state, ex.started = true, running, ex.arrived
		w.dispatchLocked(ex)
	case !queue:
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

// localExecution makes the worker's end of a call of this node's own. What
// the network would refuse is refused here too.
func (w *worker) localExecution(c *call, s *service) (*execution, *Error) {
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
		caller:  w.n.id,
		tell:    c.tell,
		pushes:  c.progress != nil && !c.tell,
		depth:   int(c.depth),
		attempt: int(c.attempt),
		size:    len(c.body),
		in:      c.in,
		body:    body,
		codec:   w.n.cfg.Codec,
		arrived: w.n.clock.now(), deadline: c.handlerDeadline(),
	}
	ex.alarm.owner = ex
	if c.tell {
		ex.token = c.id()
	} else {
		ex.awaiter = c
	}
	if c.header != nil {
		ex.meta = metaOf(c.header)
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
