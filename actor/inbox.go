package actor

import (
	"bytes"
	"context"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// receive takes a message from the node's inbox. It runs on the inbox's own
// goroutine and never blocks. Whatever is for no call of ours is late, a
// duplicate or a stranger's, and ignored.
func (t *calls) receive(m *transport.Message) {
	token, frame, bare, ok := wire.ParseInbox(t.n.inbox, m.Subject, m.Reply)
	salt, seq, sending, own := parseToken(token)
	if !ok || !own {
		t.n.dropped(m.Subject, "not an address of this node")
		return
	}
	if bare {
		if m.Status != transport.NoResponders {
			t.n.dropped(m.Subject, "a message on a bare return address")
			return
		}
	}
	t.mu.Lock()
	c := t.pending[seq]
	if c == nil || c.salt != salt {
		p := t.probes[seq]
		t.mu.Unlock()
		if p != nil && p.salt == salt {
			p.take(frame, m)
		}
		return
	}
	current := int(c.sends) == sending
	switch {
	case frame == wire.FrameResult && 0 < sending && sending <= int(c.sends):
		// Of an earlier sending, too: only a task that may run twice has one.
		t.resultLocked(c, m)
	case !current:
		t.mu.Unlock()
	case bare:
		t.refusedLocked(c, &wire.Failure{Code: wire.CodeNoWorker, Executed: wire.ExecutedNo, Message: t.noWorkerMessage()})
	case frame == wire.FrameError:
		t.refusedLocked(c, wire.ParseFailure(m.Header, m.Data))
	case frame == wire.FrameAccepted:
		t.acceptedLocked(c, m)
	case frame == wire.FrameProgress:
		feed := c.progress
		if c.peer != nil {
			c.peer.heard(t.n.clock.now())
		}
		t.mu.Unlock()
		if feed != nil {
			feed.putFrame(m.Data)
		}
	default:
		t.mu.Unlock()
	}
}

// resultLocked ends the call with its result and unlocks.
func (t *calls) resultLocked(c *call, m *transport.Message) {
	if c.peer != nil {
		c.peer.heard(t.n.clock.now())
	}
	ghost, local := c.state == callGhost, c.local
	t.endLocked(c)
	t.mu.Unlock()
	if ghost {
		return
	}
	if local != nil { // a later attempt, here
		local.cancel(context.Canceled)
	}
	c.reply = m.Data
	c.end(nil)
}

// acceptedLocked takes note of who has the call and unlocks.
func (t *calls) acceptedLocked(c *call, m *transport.Message) {
	node := string(bytes.Clone(m.Data))
	if wire.CheckNode(node) != nil {
		t.mu.Unlock()
		t.n.dropped(m.Subject, "accepted by a node with an impossible ID")
		return
	}
	switch {
	case c.state == callGhost:
		t.endLocked(c)
		sends, reason := c.sends, c.troublesLocked().words
		t.mu.Unlock()
		t.sendCancel(c, node, sends, reason)
	case c.tell:
		t.endLocked(c)
		t.mu.Unlock()
		c.end(nil)
	case c.state != callSent && c.state != callAccepted:
		t.mu.Unlock() // refused since: two frames of a worker may overtake each other
	default:
		now := t.n.clock.now()
		c.state = callAccepted
		c.asks = 0
		if c.trouble != nil {
			c.trouble.tries, c.trouble.until = 0, 0
		}
		t.watchLocked(c, node, now)
		t.armLocked(c, c.deadline, now)
		t.mu.Unlock()
	}
}

// noWorkerMessage says what to do about a task that nobody serves.
func (t *calls) noWorkerMessage() string {
	return "nobody serves it in namespace " + t.n.cfg.Namespace + "; start a worker that does, or check the name"
}
