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
// one node fails with ErrDuplicate.
func (n *Node) Serve(servables ...Servable) error {
	n.serving.Lock()
	defer n.serving.Unlock()
	services, err := n.prepare(servables)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	w := n.worker
	w.mu.Lock()
	for _, s := range services {
		w.services[s.name] = s
	}
	w.thaw.watchLocked(n.clock.now())
	w.mu.Unlock()
	if err := n.subscribe(services); err != nil {
		w.mu.Lock()
		for _, s := range services {
			delete(w.services, s.name)
		}
		w.mu.Unlock()
		for _, s := range services {
			if s.sub != nil {
				err = errors.Join(err, s.sub.Close())
			}
		}
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// prepare checks what is to be served.
func (n *Node) prepare(servables []Servable) ([]*service, error) {
	n.mu.Lock()
	phase := n.phase
	n.mu.Unlock()
	if phase != phaseRunning {
		return nil, fmt.Errorf("node %s: %w: start another", n.id, phase.err())
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
		if seen[impl.name] || n.worker.services[impl.name] != nil {
			return nil, fmt.Errorf("task %q: %w on this node: a name stands for one function", impl.name, ErrDuplicate)
		}
		seen[impl.name] = true
		services = append(services, newService(n, impl))
	}
	return services, nil
}

// subscribe joins the queue groups of the services.
func (n *Node) subscribe(services []*service) error {
	for _, s := range services {
		subject := wire.TaskSubject(n.cfg.Namespace, s.name)
		sub, err := n.conn.Subscribe(subject, wire.QueueGroup, func(m *transport.Message) { n.worker.receive(s, m) })
		if err != nil {
			return fmt.Errorf("task %q: subscribe to %q: %w", s.name, subject, err)
		}
		s.sub = sub
	}
	ctx, cancel := context.WithTimeout(context.Background(), serveTimeout)
	defer cancel()
	if err := n.conn.Flush(ctx); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// Request calls a task with an encoded input and returns the encoded result:
// the untyped await under every typed one. body is in the codec of
// Config.Codec, and so is the result. It blocks until the result is there or
// ctx ends, which cancels the call. Options are those of every call.
func (n *Node) Request(ctx context.Context, name string, body []byte, opts ...CallOption) ([]byte, error) {
	c := new(call)
	opts = append([]CallOption{Via(n)}, opts...)
	c.begin(ctx, untyped(name), rawBody(body), opts, true)
	c.await(ctx)
	if c.err != nil {
		return nil, c.err
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
