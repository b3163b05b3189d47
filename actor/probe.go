package actor

import (
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// probe waits in the inbox for the answers to a question that the runtime
// itself asked: a ping, or a verb for all nodes.
type probe struct {
	seq  uint64
	salt uint32
	take func(frame wire.Frame, m *transport.Message) // on the inbox's goroutine; must not block
}

// probeLocked enters a question into the table and returns the address that
// its answers come to.
func (t *calls) probeLocked(take func(frame wire.Frame, m *transport.Message)) (p *probe, reply string) {
	p = &probe{seq: t.seq.Add(1), salt: newSalt(), take: take}
	t.probes[p.seq] = p
	token := string(appendToken(nil, p.salt, p.seq, 1))
	return p, string(wire.AppendAddress(nil, t.n.inbox, token, wire.NoBudget, 0))
}

// unprobeLocked takes a question out of the table; nil is fine.
func (t *calls) unprobeLocked(p *probe) {
	if p != nil {
		delete(t.probes, p.seq)
	}
}
