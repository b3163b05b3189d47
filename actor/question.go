package actor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// question sends a verb and has take called with what comes back, on the
// inbox's goroutine, until end is called.
func (n *Node) question(node, verb string, body []byte, take func(frame wire.Frame, m *transport.Message)) (end func(), err error) {
	select {
	case <-n.stop:
		return nil, fmt.Errorf("%w: start another", ErrClosed)
	default:
	}
	t := n.calls
	t.mu.Lock()
	p, reply := t.probeLocked(take)
	t.mu.Unlock()
	end = func() {
		t.mu.Lock()
		t.unprobeLocked(p)
		t.mu.Unlock()
	}
	if err := n.publish(wire.NodeSubject(n.cfg.Namespace, node, verb), reply, nil, body); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// maxAnswers is how many nodes are heard when all are asked. More are cut
// off, not waited for.
const maxAnswers = 1024

// scatter asks all nodes and gathers the answers that come within wait.
func scatter[T any](ctx context.Context, n *Node, verb string, wait time.Duration) ([]T, error) {
	return gather(ctx, n, verb, nil, wait, func(m *transport.Message) (v T, err error) {
		err = json.Unmarshal(m.Data, &v)
		return v, err
	})
}

// gather does so with answers of any form.
func gather[T any](ctx context.Context, n *Node, verb string, body []byte, wait time.Duration, read func(*transport.Message) (T, error)) ([]T, error) {
	gathered := make(chan T, maxAnswers)
	end, err := n.question(wire.AllNodes, verb, body, func(frame wire.Frame, m *transport.Message) {
		if frame != wire.FrameResult {
			return
		}
		if v, err := read(m); err == nil {
			select {
			case gathered <- v:
			default:
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("ask all nodes for %s: %w", verb, err)
	}
	defer end()
	enough := time.NewTimer(wait)
	defer enough.Stop()
	var all []T
	for {
		select {
		case v := <-gathered:
			all = append(all, v)
		case <-enough.C:
			return all, nil
		case <-n.stop:
			return all, fmt.Errorf("ask all nodes for %s: %w", verb, ErrClosed)
		case <-ctx.Done():
			return all, fmt.Errorf("ask all nodes for %s: %w", verb, context.Cause(ctx))
		}
	}
}

// ErrNodeGone is what a question to a node ends with that is not there.
var ErrNodeGone = errors.New("no such node")

// askTimeout bounds the wait for one node's answer.
const askTimeout = 5 * time.Second

// ask asks one node and returns the body of its answer.
func (n *Node) ask(ctx context.Context, node, verb string, body []byte) ([]byte, error) {
	what := fmt.Sprintf("ask node %s for %s", node, verb)
	if err := wire.CheckToken("node", node); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", what, ErrBadName, err)
	}
	type reply struct {
		body []byte
		err  error
	}
	replies := make(chan reply, 1)
	end, err := n.question(node, verb, body, func(frame wire.Frame, m *transport.Message) {
		var r reply
		switch {
		case m.Status == transport.NoResponders:
			r.err = fmt.Errorf("%w: it has ended, or is in another namespace", ErrNodeGone)
		case frame == wire.FrameResult:
			r.body = append([]byte{}, m.Data...)
		case frame == wire.FrameError:
			r.err = errors.New(wire.ParseFailure(m.Header, m.Data).Message)
		default:
			return
		}
		select {
		case replies <- r:
		default:
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer end()
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("no answer within %v: it is frozen, cut off, or does not know the question: %w", askTimeout, context.DeadlineExceeded))
	defer cancel()
	select {
	case r := <-replies:
		if r.err != nil {
			return nil, fmt.Errorf("%s: %w", what, r.err)
		}
		return r.body, nil
	case <-n.stop:
		return nil, fmt.Errorf("%s: %w", what, ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
}

// askFor asks one node for an object.
func askFor[T any](ctx context.Context, n *Node, node, verb string, body []byte) (v T, err error) {
	answer, err := n.ask(ctx, node, verb, body)
	if err != nil {
		return v, err
	}
	var refused errorAnswer
	if err = json.Unmarshal(answer, &refused); err == nil && refused.Error != "" {
		return v, fmt.Errorf("ask node %s for %s: %s", node, verb, refused.Error)
	}
	if err = json.Unmarshal(answer, &v); err != nil {
		return v, fmt.Errorf("ask node %s for %s: its answer does not parse: %w", node, verb, err)
	}
	return v, nil
}
