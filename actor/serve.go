package actor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// serveTimeout bounds the wait for the broker's word that subscriptions live.
const serveTimeout = 10 * time.Second

// Serve makes the node execute calls of the given tasks. It is all or nothing:
// when it fails, none of them is served. It returns when the subscriptions are
// live on the broker that the node is connected to. Serving a task twice on
// one node fails with ErrDuplicate. A node that begins to drain meanwhile ends
// it with ErrDraining.
func (n *Node) Serve(servables ...Servable) error {
	select {
	case n.serving <- struct{}{}:
		defer func() { <-n.serving }()
	case <-n.running.Done():
	}
	services, err := n.prepare(servables)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	if err = n.keepKinds(services); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	err = n.subscribe(services)
	if err == nil {
		err = n.publishServices(services)
	}
	if err != nil {
		return fmt.Errorf("serve: %w", errors.Join(err, unsubscribe(services)))
	}
	n.hostKinds(services)
	return nil
}

// publishServices lets calls of this process and calls by name find the
// services. Those that came by the subscriptions before found them already.
func (n *Node) publishServices(services []*service) error {
	w := n.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.draining { // and leaves what is published by now
		return n.notRunning()
	}
	for _, s := range services {
		if s.kind != nil {
			w.kinds[s.name] = newHosted(n, s.kind)
		} else {
			w.services[s.name] = s
		}
	}
	return nil
}

// unsubscribe takes back the subscriptions of a Serve that failed. What they
// have received is executed: it would be lost.
func unsubscribe(services []*service) error {
	var subs []transport.Subscription
	for _, s := range services {
		if s.sub != nil {
			subs = append(subs, s.sub)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	return drainAll(ctx, subs)
}

// notRunning says why nothing new is served; nil while the node runs.
func (n *Node) notRunning() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.phaseNow().err(); err != nil {
		return fmt.Errorf("node %s: %w: start another", n.id, err)
	}
	return nil
}

// prepare checks what is to be served.
func (n *Node) prepare(servables []Servable) ([]*service, error) {
	if err := n.notRunning(); err != nil {
		return nil, err
	}
	n.worker.mu.Lock()
	defer n.worker.mu.Unlock()
	services := make([]*service, 0, len(servables))
	seen := make(map[string]bool, len(servables))
	for i, s := range servables {
		impl := implementationOf(s)
		if impl == nil {
			return nil, fmt.Errorf("servable %d is nil: a task is served with its function, task.With(fn)", i)
		}
		if impl.err != nil {
			return nil, impl.err
		}
		what, taken := "task", n.worker.services[impl.name] != nil
		if impl.kind != nil {
			what, taken = "kind", n.worker.kinds[impl.name] != nil
		}
		if seen[what+impl.name] || taken {
			return nil, fmt.Errorf("%s %q: %w on this node: a name stands for one function", what, impl.name, ErrDuplicate)
		}
		seen[what+impl.name] = true
		services = append(services, newService(n, impl))
	}
	return services, nil
}

// subscribe joins the queue groups of the services.
func (n *Node) subscribe(services []*service) error {
	w := n.worker
	w.mu.Lock()
	w.thaw.watchLocked(n.clock.now())
	w.mu.Unlock()
	for _, s := range services {
		if s.kind != nil {
			continue // messages to entities come by the node's own subject
		}
		subject := wire.TaskSubject(n.cfg.Namespace, s.name)
		sub, err := n.conn.Subscribe(subject, wire.QueueGroup, func(m *transport.Message) { w.receive(s, m, nil) })
		if err != nil {
			return fmt.Errorf("task %q: subscribe to %q: %w", s.name, subject, err)
		}
		s.sub = sub
	}
	ctx, cancel := context.WithTimeout(n.running, serveTimeout)
	defer cancel()
	err := n.conn.Flush(ctx)
	switch {
	case err == nil:
		return nil
	case n.running.Err() != nil:
		return n.notRunning()
	default:
		return fmt.Errorf("subscribe: %w", err)
	}
}

// Request calls a task with an encoded input and returns the encoded result:
// the untyped await under every typed one. body is in the codec of
// Config.Codec, and so is the result. It blocks until the result is there or
// ctx ends, which cancels the call. Options are those of every call.
func (n *Node) Request(ctx context.Context, name string, body []byte, opts ...CallOption) ([]byte, error) {
	c := &call{borrowed: true}
	opts = append([]CallOption{Via(n)}, opts...)
	c.begin(ctx, untyped(name), rawBody(body), opts, true)
	c.await(ctx)
	if err := c.outcome(); err != nil {
		return nil, err
	}
	reply, err := c.resultBytes()
	if err != nil {
		return nil, c.failure(codeBadResult, wire.ExecutedYes, err.Error())
	}
	return reply, nil
}

// untyped is a target of bytes.
func untyped(name string) *Target {
	t := &Target{name: name, untyped: true, nameErr: wire.CheckName(name)}
	t.decoded = func(c *call) (any, error) { return result(c.resultBytes()) }
	return t
}
