package amqp

import (
	"context"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/transport"
)

// Publish implements transport.Conn. While the connection is cut it fails at
// once with transport.ErrDisconnected. A broker that is short of memory or disk
// holds it up until ctx ends, for a second at most; then the connection counts
// as cut.
func (c *Conn) Publish(ctx context.Context, m *transport.Message) error {
	if err := c.publish(ctx, m); err != nil {
		return fmt.Errorf("amqp: publish to %q: %w", m.Subject, err)
	}
	return nil
}

func (c *Conn) publish(ctx context.Context, m *transport.Message) error {
	s, err := c.usable()
	if err != nil {
		return err
	}
	if err := transport.CheckSubject(m.Subject, false); err != nil {
		return err
	}
	if m.Reply != "" {
		if err := transport.CheckSubject(m.Reply, false); err != nil {
			return fmt.Errorf("reply: %w", err)
		}
	}
	if len(m.Header) > 0 {
		if err := transport.CheckHeader(m.Header); err != nil {
			return err
		}
	}
	var p amqp.Publishing
	size, err := toPublishing(&p, m)
	if err != nil {
		return err
	}
	if len(m.Data)+size > c.payload {
		return fmt.Errorf("%w: %d bytes and a header of %d, the limit is %d", transport.ErrTooLarge, len(m.Data), size, c.payload)
	}
	// A header has to fit into one frame.
	if size > s.frame-frameRest {
		return fmt.Errorf("%w: a header of %d bytes, the broker takes %d", transport.ErrTooLarge, size, s.frame-frameRest)
	}
	if isForeign(m.Subject) {
		return s.answerForeign(m.Subject, &p)
	}
	exchange, key := c.names.exchange, toKey(m.Subject)
	if len(key) > maxShort {
		exchange, key = c.names.long(), ""
		if p.Headers == nil {
			p.Headers = make(amqp.Table)
		}
		for k, v := range longRoute(m.Subject) {
			p.Headers[k] = v
		}
	}
	// Whoever waits for an answer is told when nobody is there.
	return s.publish(ctx, exchange, key, m.Reply != "", &p)
}

// frameRest is what a frame holds beside the header of a message: the other
// properties, and a long subject in pieces.
const frameRest = 32 << 10

// usable returns the session, or says why nothing can be sent.
func (c *Conn) usable() (*session, error) {
	if s := c.session.Load(); s != nil {
		return s, nil
	}
	if c.closed.Load() {
		return nil, transport.ErrClosed
	}
	return nil, transport.ErrDisconnected
}

// Flush implements transport.Conn. While the connection is cut, and when it is
// cut meanwhile, it fails with transport.ErrDisconnected.
func (c *Conn) Flush(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("amqp: flush: %w", context.Cause(ctx))
	}
	s, err := c.usable()
	if err == nil {
		err = s.sync(ctx)
	}
	if err != nil {
		if c.closed.Load() {
			err = transport.ErrClosed
		}
		return fmt.Errorf("amqp: flush: %w", err)
	}
	if refused := c.refusals.take(); len(refused) > 0 {
		return fmt.Errorf("amqp: flush: %w: %s: ask for it in the broker's permissions", transport.ErrDenied, describe(refused))
	}
	return nil
}

// Sweep has the broker give back what waits for a group of which no member is
// there: each message comes back to whoever published it as NoResponders. There
// is such a queue for a while after the broker was restarted, or when its first
// member died as it came. Sweep does not wait, and does nothing while the
// connection is cut.
func (c *Conn) Sweep(subject, group string) {
	if s := c.session.Load(); s != nil {
		select {
		case s.sweeps <- c.names.group(subject, group):
		default: // there is enough to do already
		}
	}
}
