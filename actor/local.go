package actor

import "github.com/atasks-io/atasks/internal/wire"

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
