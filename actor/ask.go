package actor

import (
	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// asksBeforeLoss is how often all nodes are asked who has a call, before it
// counts as lost.
const asksBeforeLoss = 2

// notWatched stands in place of the number of asks for a call that was just
// sent, until the node watches itself.
const notWatched = -1

// unheard is the calls that nobody has accepted in good time.
type unheard struct {
	tokens []string
	tasks  map[string]struct{} // that they are calls of
}

func (u *unheard) add(token, task string) {
	if u.tasks == nil {
		u.tasks = make(map[string]struct{}, 1)
	}
	u.tokens = append(u.tokens, token)
	u.tasks[task] = struct{}{}
}

// unheardLocked looks at a call that nobody has accepted in good time: the
// worker may have died with it, or it sits before a worker that is frozen. It
// unlocks.
func (t *calls) unheardLocked(c *call, now instant) {
	t.health.watchLocked(now)
	switch {
	case mutant.NoAsk:
		t.mu.Unlock()
	case c.asks == notWatched:
		c.asks = 0
		t.armLocked(c, earliest(c.deadline, now.add(askFirst/2)), now)
		t.mu.Unlock()
	case t.cut || t.health.silenceLocked(c.sent, now) < askFirst/2:
		// Our own fault, for all we know yet.
		t.armLocked(c, earliest(c.deadline, now.add(askFirst/2)), now)
		t.mu.Unlock()
	case int(c.asks) < asksBeforeLoss:
		c.asks++
		t.unheard.add(string(c.appendToken(nil, c.sends)), c.target.name)
		t.armLocked(c, earliest(c.deadline, now.add(askAgain)), now)
		t.mu.Unlock()
	default:
		if c.to != nil {
			node := c.to.node
			t.n.spawn(func() { t.n.members.silent(node) })
		}
		// A detour around another worker avoids this one, too: only nodes that
		// answer are on it. What was sent before a cut was lost with it, most
		// likely: were every node to look for a way around that, all would ask
		// all.
		if c.sent > t.health.restored && (len(t.detours) == 0 || t.detours[""] != nil) {
			t.detourAroundLocked("", now)
		}
		t.mu.Unlock()
		t.lose(c, nil, "no worker accepted it and none has it: it was lost with its worker, or waits before a frozen one")
	}
}

// askAll asks all nodes about the calls that this sweep found unheard of. A
// node that has one of them answers with another accepted frame.
func (t *calls) askAll() {
	t.mu.Lock()
	tokens, tasks := t.unheard.tokens, t.unheard.tasks
	t.unheard = unheard{}
	t.mu.Unlock()
	if s, ok := t.n.conn.(transport.Sweeper); ok {
		for name := range tasks { // they may wait where nobody takes them
			s.Sweep(wire.TaskSubject(t.n.cfg.Namespace, name), wire.QueueGroup)
		}
	}
	for len(tokens) > 0 {
		some := tokens[:min(len(tokens), pingNames)]
		tokens = tokens[len(some):]
		// A return address says who asks; nothing comes back to it.
		reply := string(wire.AppendAddress(nil, t.n.inbox, "0", wire.NoBudget, 0))
		subject := wire.NodeSubject(t.n.cfg.Namespace, wire.AllNodes, wire.VerbPing)
		t.n.outbox.put(subject, reply, wire.AppendCalls(nil, some...))
	}
}
