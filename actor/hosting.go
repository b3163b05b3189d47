package actor

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// hosted is a kind on a node that hosts it.
type hosted struct {
	*kindImplementation
	w       *worker
	methods map[string]*service
	keeper  *keeper // nil for a volatile kind

	// Guarded by worker.mu.
	activations map[string]*activation
	first, last *activation // those without a message, the idlest first
	idling      int         // how many these are
	waiting     int         // messages that wait for their turn
}

func newHosted(n *Node, i *kindImplementation) *hosted {
	h := &hosted{kindImplementation: i, w: n.worker, methods: make(map[string]*service), activations: make(map[string]*activation)}
	if !i.volatile {
		h.keeper = n.keeper.Load()
	}
	for name, m := range i.methods {
		h.methods[name] = newService(n, m)
	}
	return h
}

// linkLocked puts an activation behind those that have been idle for longer.
func (h *hosted) linkLocked(a *activation) {
	a.linked = true
	h.idling++
	a.prev, a.next = h.last, nil
	if h.last != nil {
		h.last.next = a
	} else {
		h.first = a
	}
	h.last = a
}

func (h *hosted) unlinkLocked(a *activation) {
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		h.first = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	} else {
		h.last = a.prev
	}
	a.linked = false
	h.idling--
	a.prev, a.next = nil, nil
}

// passivateLocked takes an idle entity out of memory.
func (h *hosted) passivateLocked(a *activation) {
	h.unlinkLocked(a)
	delete(h.activations, a.key)
	a.stopTimersLocked()
	if o := a.own; o != nil && o.lease != 0 && o.empty {
		key, revision := wire.StateKey(h.name, a.key), o.revision
		h.keeper.n.spawn(func() { h.keeper.sweepUp(h.keeper.n.sending, key, revision) })
	}
}

// emptyClaims returns the records without a state that idle entities have, by
// key.
func (w *worker) emptyClaims() map[string]transport.Revision {
	w.mu.Lock()
	defer w.mu.Unlock()
	empty := make(map[string]transport.Revision)
	for _, h := range w.kinds {
		for a := h.first; a != nil; a = a.next {
			if o := a.own; o != nil && o.lease != 0 && o.empty {
				empty[wire.StateKey(h.name, a.key)] = o.revision
			}
		}
	}
	return empty
}

// passivateLocked takes entities out of memory that have been idle for long
// enough, and returns when the next will have been.
func (w *worker) passivateLocked(now instant) (next instant) {
	for _, h := range w.kinds {
		for a := h.first; a != nil; a = h.first {
			if at := a.used.add(h.idle); at > now {
				next = earliest(next, at)
				break
			}
			if a.ticksLocked() {
				a.used = now // it will get a message
				h.unlinkLocked(a)
				h.linkLocked(a)
				continue
			}
			h.passivateLocked(a)
		}
	}
	return next
}

// crowdedLocked takes the idlest entities out of memory while there are more
// than may be.
func (w *worker) crowdedLocked() {
	count := 0
	for _, h := range w.kinds {
		count += len(h.activations)
	}
	for ; count > w.n.cfg.Activations; count-- {
		var idlest *activation
		for _, h := range w.kinds {
			if a := h.first; a != nil && a.held == 0 && (idlest == nil || a.used < idlest.used) {
				idlest = a
			}
		}
		if idlest == nil {
			return
		}
		idlest.kind.passivateLocked(idlest)
	}
}

// rehome takes entities out of memory that belong to another node now. Those
// that have messages finish them first.
func (w *worker) rehome() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.kinds {
		for a := h.first; a != nil; {
			next := a.next
			if a.held == 0 && w.n.members.owner(h.name, a.key) != w.n.id {
				h.passivateLocked(a)
			}
			a = next
		}
	}
}

// elsewhere says to whom a message belongs that came to this node; nil when it
// belongs here. A node that drains alone keeps those of its own handlers.
func (m *membership) elsewhere(kind, key string, draining bool) *wire.Failure {
	switch owner := m.owner(kind, key); {
	case owner == m.n.id:
		return nil
	case owner != "":
		return &wire.Failure{Code: wire.CodeMoved, Executed: wire.ExecutedNo, Message: owner}
	case draining:
		return &wire.Failure{Code: wire.CodeDraining, Executed: wire.ExecutedNo, Message: "node " + m.n.id + " is stopping"}
	default:
		return &wire.Failure{Code: wire.CodeNoWorker, Executed: wire.ExecutedNo, Message: "node " + m.n.id + " does not host it"}
	}
}

// keepKinds opens what the kinds among services need to keep their state.
func (n *Node) keepKinds(services []*service) error {
	for _, s := range services {
		if s.kind == nil || s.kind.volatile {
			continue
		}
		ctx, cancel := context.WithTimeout(n.running, serveTimeout)
		defer cancel()
		if err := n.openKeeper(ctx); err != nil {
			if n.running.Err() != nil {
				return n.notRunning()
			}
			return fmt.Errorf("kind %q: %w", s.name, err)
		}
		return nil
	}
	return nil
}

// hostKinds has the others know what kinds this node hosts from now on.
func (n *Node) hostKinds(services []*service) {
	var kinds []string
	for _, s := range services {
		if s.kind != nil {
			kinds = append(kinds, s.name)
		}
	}
	if len(kinds) > 0 {
		n.members.host(kinds)
	}
}

// directAsk takes a message that was sent to an entity on this node.
func (n *Node) directAsk(kind, method, key string, m *transport.Message) {
	w := n.worker
	w.mu.Lock()
	h := w.kinds[kind]
	w.mu.Unlock()
	f := &wire.Failure{Code: wire.CodeNoWorker, Executed: wire.ExecutedNo, Message: "node " + n.id + " does not host kind " + kind}
	if h != nil {
		s := h.methods[method]
		if s != nil {
			w.receive(s, m, &seat{kind: h, key: key})
			return
		}
		f.Code, f.Message = wire.CodeBadInput, "kind "+kind+" has no method "+method+" on node "+n.id+": deploy the program that has"
	}
	n.refuseMessage(m, f)
}
