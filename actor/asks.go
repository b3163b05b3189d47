package actor

import "github.com/atasks-io/atasks/internal/wire"

// addressee is the entity that a call is for. Its owner may change between two
// sendings.
type addressee struct {
	key  string
	node string // that it was last sent to; guarded by n.calls.mu
	spot laneSpot
}

// subject is where the call goes when it is sent to nobody by name, with
// n.calls.mu held.
func (c *call) subject() string {
	ns := c.n.cfg.Namespace
	if m := c.target.method; m != nil {
		return wire.AskSubject(ns, c.to.node, m.kind.name, m.name, c.to.key)
	}
	return c.target.subject(ns)
}

// checkAsk says what is wrong with a message to an entity.
func (c *call) checkAsk() error {
	m := c.target.method
	if err := wire.CheckKey(c.to.key); err != nil {
		return c.failure(codeBadName, wire.ExecutedNo, err.Error())
	}
	if c.parent == nil || c.parent.entity == nil || c.tell {
		return nil
	}
	chain := c.parent.entity.link()
	if from, ok := wire.ChainFrom(chain, m.kind.name, c.to.key); ok {
		return c.failure(wire.CodeCycle, wire.ExecutedNo, wire.ShowChain(wire.AppendLink(from, m.kind.name, c.to.key))+": it would wait for itself")
	}
	return nil
}

// maxChain bounds the header that names the entities which wait on a call.
const maxChain = 16 << 10

// setChain tells the worker which entities wait on the call.
func (c *call) setChain() error {
	if c.parent == nil || c.parent.entity == nil || c.tell {
		return nil
	}
	chain := c.parent.entity.link()
	if len(chain) > maxChain {
		return c.failure(wire.CodeTooDeep, wire.ExecutedNo, "too many entities wait on each other: "+endSooner)
	}
	if chain != "" {
		c.set(wire.HeaderChain, chain)
	}
	return nil
}

// routeAsk sends a message to the owner of its key, which may be here.
func (c *call) routeAsk(now instant) {
	n, m := c.n, c.target.method
	owner := n.members.owner(m.kind.name, c.to.key)
	if owner == "" && n.worker.keepsAsks(m.kind.name) {
		owner = n.id
	}
	if owner == "" {
		n.members.ask()
		n.calls.mu.Lock()
		c.to.node = ""
		n.calls.mu.Unlock()
		n.calls.refuseUnsent(c, &wire.Failure{
			Code: wire.CodeNoWorker, Executed: wire.ExecutedNo,
			Message: "nobody hosts kind " + m.kind.name + " in namespace " + n.cfg.Namespace + "; start a worker that does, or check the name",
		})
		return
	}
	if owner == n.id && !n.cfg.NoLocal {
		if !n.calls.hereInTurn(c, now) {
			return
		}
		if n.worker.askHere(c, now) {
			n.calls.laneMoved(c)
			return
		}
	}
	n.calls.mu.Lock()
	c.to.node = owner
	n.calls.mu.Unlock()
	c.send()
}

// refuseUnsent treats a call that could not be sent as if a worker had refused
// it.
func (t *calls) refuseUnsent(c *call, f *wire.Failure) {
	t.mu.Lock()
	if c.state != callNew {
		t.mu.Unlock()
		return
	}
	if t.closed {
		t.endLocked(c)
		t.mu.Unlock()
		c.end(c.failure(codeClosed, c.ran(wire.ExecutedNo), ""))
		return
	}
	t.listLocked(c)
	c.state = callSent
	t.refusedLocked(c, f)
}

// askRefusedLocked learns from an answer where an entity is not.
func (t *calls) askRefusedLocked(c *call, f *wire.Failure) {
	m := t.n.members
	kind, node := c.target.method.kind.name, c.to.node
	switch f.Code {
	case wire.CodeMoved:
		t.n.spawn(func() { m.moved(kind, f.Message); m.ask() })
	case wire.CodeNoWorker, wire.CodeDraining:
		if node != "" && node != t.n.id {
			t.n.spawn(func() { m.missed(node); m.ask() })
		}
	}
}

// keepsAsks says whether messages to a kind stay here although nobody hosts it
// any more: the node drains, alone, and its handlers ask.
func (w *worker) keepsAsks(kind string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.draining && w.kinds[kind] != nil
}

// askHere executes a message of this node's own here; false when it must be
// sent after all.
func (w *worker) askHere(c *call, now instant) bool {
	m := c.target.method
	w.mu.Lock()
	h := w.kinds[m.kind.name]
	w.mu.Unlock()
	if h == nil {
		return false
	}
	s := h.methods[m.name]
	if s == nil {
		w.n.calls.abandon(c, c.failure(wire.CodeBadInput, wire.ExecutedNo, "kind "+m.kind.name+" has no method "+m.name+" here"))
		return true
	}
	ex, err := w.localExecution(c, s, now)
	if err != nil {
		w.n.calls.abandon(c, err)
		return true
	}
	to := &seat{kind: h, key: c.to.key}
	if ex.entity != nil {
		to.chain = ex.entity.chain
	}
	if c.header != nil {
		if to.reminder = c.header.Get(wire.HeaderReminder); to.reminder != "" {
			ex.origin = &origin{caller: w.n.id, token: c.id(), codec: stateCodec()}
		}
	}
	ex.entity = to
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return false
	}
	here := w.n.calls.settle(c, ex)
	var f *wire.Failure
	if here {
		if f = w.seatLocked(ex); f == nil {
			w.enterLocked(ex)
			w.queueLocked(ex)
			w.fillLocked()
		}
	}
	w.mu.Unlock()
	switch {
	case f != nil:
		w.n.calls.settleLocal(c, nil, nil, f)
	case here && c.tell:
		w.n.calls.settleLocal(c, nil, nil, nil)
	}
	return true
}
