package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// Pong is a node's answer to a ping.
type Pong struct {
	Node string        // its ID
	RTT  time.Duration // from the question to the answer
}

// Ping asks all nodes of the namespace whether they are there, and returns
// those that answered within wait, this one among them, the fastest first. It
// blocks that long, or until ctx ends. Pings are answered ahead of all else, so
// a node that does not answer is frozen, cut off or overwhelmed.
func (n *Node) Ping(ctx context.Context, wait time.Duration) ([]Pong, error) {
	sent := n.clock.now()
	pongs, err := gather(ctx, n, wire.VerbPing, nil, wait, func(m *transport.Message) (Pong, error) {
		id := string(m.Data)
		return Pong{Node: id, RTT: n.clock.now().sub(sent)}, wire.CheckToken("node", id)
	})
	slices.SortFunc(pongs, func(a, b Pong) int { return int(a.RTT - b.RTT) })
	return pongs, err
}

// PingNode asks one node whether it is there, and returns nil when it is. It
// blocks for 5 s at most. The error is ErrNodeGone when there is no such node.
func (n *Node) PingNode(ctx context.Context, node string) error {
	_, err := n.ask(ctx, node, wire.VerbPing, nil)
	return err
}

// Stacks returns the stacks of all goroutines of the process that a node is
// in, cut to what fits into a message. It blocks for 5 s at most. The error is
// ErrNodeGone when there is no such node.
func (n *Node) Stacks(ctx context.Context, node string) (string, error) {
	a, err := askFor[stackAnswer](ctx, n, node, wire.VerbStack, nil)
	return a.Goroutines, err
}

// DrainNode tells a node to drain, as its own Drain does within its
// Config.DrainTimeout, and returns when it has begun; Ping tells when it is
// gone. It blocks for 5 s at most. The error is ErrNodeGone when there is no
// such node.
func (n *Node) DrainNode(ctx context.Context, node string) error {
	_, err := n.ask(ctx, node, wire.VerbDrain, nil)
	return err
}

// CancelCall ends a call that Survey has found, and with it all calls below
// it: whoever awaits it gets an error with the code "cancelled", and the
// context of its handler ends with the reason. A call that nobody awaits any
// more, or whose caller is foreign, is cancelled where it executes. It returns
// when the node in charge was told, after 5 s at most. A handler that ignores
// its context goes on.
func (n *Node) CancelCall(ctx context.Context, c CallInfo, reason string) error {
	node := c.Node
	if c.Awaited {
		node = c.Caller
	}
	if node == "" {
		return fmt.Errorf("cancel call %s: nobody has it", c.ID)
	}
	key := c.ID
	if c.Caller != "" {
		key = c.Caller + "." + c.ID
	}
	_, err := n.ask(ctx, node, wire.VerbCancel, wire.AppendCancel(nil, wire.Cancel{Keys: []string{key}, Reason: reason}))
	if err != nil {
		return fmt.Errorf("cancel call %s: %w", c.ID, err)
	}
	return nil
}

// cancelled ends the calls that a cancel names: those in hand that nobody
// awaits any more, and those that this node awaits itself.
func (n *Node) cancelled(body []byte) {
	n.worker.cancelled(body)
	c := wire.ParseCancel(body)
	for _, key := range c.Keys {
		token, own := strings.CutPrefix(key, n.id+".")
		if !own {
			continue
		}
		reason := c.Reason
		if reason == "" {
			reason = "cancelled by an operator"
		}
		if awaited := n.calls.byToken(token); awaited != nil {
			awaited.cancel(errors.New(reason), "cancelled")
		} else if ex := n.worker.ofOwn(token); ex != nil {
			if ex.awaiter != nil {
				ex.awaiter.cancel(errors.New(reason), "cancelled")
			} else {
				ex.cancelFor(reason)
			}
		}
	}
}

// byToken finds a call that this node awaits from others, whichever of its
// sendings the token names; nil when there is none.
func (t *calls) byToken(token string) *call {
	salt, seq, _, ok := parseToken(token)
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.pending[seq]
	if !ok || c == nil || c.salt != salt || c.overLocked() {
		return nil
	}
	return c
}

// ofOwn finds a call that this node both makes and executes.
func (w *worker) ofOwn(token string) *execution {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ex := w.first; ex != nil; ex = ex.next {
		if ex.key == "" && ex.id() == token {
			return ex
		}
	}
	return nil
}
