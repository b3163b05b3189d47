package loopback

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/atasks-io/atasks/transport"
)

// conn is one connection to a Broker.
type conn struct {
	broker *Broker
	owner  transport.Owner
	closed atomic.Bool
	done   chan struct{} // closed when end is through

	// Guarded by broker.mu.
	subs    map[*subscription]struct{} // those whose goroutine has not ended
	stores  []*store
	leaving bool // takes no more subscriptions and stores
}

func (c *conn) Attach(events func(transport.Event)) error {
	if err := c.owner.Attach(events); err != nil {
		return fmt.Errorf("loopback: attach: %w", err)
	}
	return nil
}

// Publish never waits, so it does not look at ctx.
func (c *conn) Publish(_ context.Context, m *transport.Message) error {
	if err := c.check(m); err != nil {
		return fmt.Errorf("loopback: publish to %q: %w", m.Subject, err)
	}
	c.broker.publish(c, m)
	return nil
}

func (c *conn) check(m *transport.Message) error {
	if c.closed.Load() {
		return transport.ErrClosed
	}
	if err := transport.CheckSubject(m.Subject, false); err != nil {
		return err
	}
	if m.Reply != "" {
		if err := transport.CheckSubject(m.Reply, false); err != nil {
			return fmt.Errorf("reply: %w", err)
		}
	}
	if err := transport.CheckHeader(m.Header); err != nil {
		return err
	}
	if limit := c.broker.features.MaxPayload; limit > 0 {
		if n := headerSize(m.Header) + len(m.Data); n > limit {
			return fmt.Errorf("%w: %d bytes, at most %d", transport.ErrTooLarge, n, limit)
		}
	}
	return nil
}

// headerSize is what h takes on the wire of NATS: a line that names the
// version, a line for each value, an empty line.
func headerSize(h transport.Header) int {
	if len(h) == 0 {
		return 0
	}
	n := len("NATS/1.0\r\n") + len("\r\n")
	for k, vs := range h {
		for _, v := range vs {
			n += len(k) + len(": ") + len(v) + len("\r\n")
		}
	}
	return n
}

func (c *conn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	s, err := newSubscription(c, subject, group, handler)
	if err == nil {
		err = c.broker.add(s)
	}
	if err != nil {
		return nil, fmt.Errorf("loopback: subscribe to %q: %w", subject, err)
	}
	go s.run()
	return s, nil
}

// Flush finds everything done: Publish and Subscribe leave nothing behind.
func (c *conn) Flush(ctx context.Context) error {
	if c.closed.Load() {
		return fmt.Errorf("loopback: flush: %w", transport.ErrClosed)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("loopback: flush: %w", context.Cause(ctx))
	}
	return nil
}

func (c *conn) Features() transport.Features { return c.broker.features }

func (c *conn) Drain(ctx context.Context) error {
	subs, _ := c.broker.leave(c, false)
	c.broker.withdraw(subs...)
	for _, s := range subs {
		s.finish()
	}
	for _, s := range subs {
		if err := s.wait(ctx); err != nil {
			// Not waited for here, because a handler may be stuck; Close waits.
			go c.end(nil)
			return fmt.Errorf("loopback: drain: %w", err)
		}
	}
	c.end(nil)
	return nil
}

func (c *conn) Close() error {
	c.end(nil)
	return nil
}

// end closes the connection for the reason why, nil when its owner wanted it,
// and returns when nothing of it runs any more.
func (c *conn) end(why error) {
	subs, first := c.broker.leave(c, true)
	if !first {
		<-c.done
		return
	}
	c.closed.Store(true)
	c.broker.withdraw(subs...)
	var watches []*watch
	for _, s := range c.stores { // none is added any more
		watches = append(watches, s.stop()...)
	}
	for _, s := range subs {
		s.stop()
	}
	for _, s := range subs {
		<-s.done
	}
	for _, w := range watches {
		<-w.done
	}
	c.owner.End(why)
	close(c.done)
}
