package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// Publish implements transport.Conn. While the connection is cut it fails at
// once with transport.ErrDisconnected; otherwise it copies m to the client's
// buffer and does not wait, except that a server which has stopped reading can
// hold it up for 6 seconds, whatever ctx says, once very much was gathered for
// it.
func (c *Conn) Publish(_ context.Context, m *transport.Message) error {
	if err := c.publish(m); err != nil {
		return fmt.Errorf("nats: publish to %q: %w", m.Subject, err)
	}
	return nil
}

func (c *Conn) publish(m *transport.Message) error {
	// Not left to the client, which holds its lock while it dials.
	if err := c.usable(); err != nil {
		return err
	}
	// Nothing malformed may reach the server: it closes the connection for
	// good over a line that is too long, and the client sends "a.*" happily.
	if err := transport.CheckSubject(m.Subject, false); err != nil {
		return err
	}
	if m.Reply != "" {
		if err := transport.CheckSubject(m.Reply, false); err != nil {
			return fmt.Errorf("reply: %w", err)
		}
	}
	var err error
	switch {
	case len(m.Header) > 0:
		if err := transport.CheckHeader(m.Header); err != nil {
			return err
		}
		err = c.nc.PublishMsg(&nats.Msg{Subject: m.Subject, Reply: m.Reply, Header: nats.Header(m.Header), Data: m.Data})
	case m.Reply != "":
		err = c.nc.PublishRequest(m.Subject, m.Reply, m.Data)
	default:
		err = c.nc.Publish(m.Subject, m.Data)
	}
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: %d bytes beside the header, the server's limit is %d", transport.ErrTooLarge, len(m.Data), c.payload.Load())
	}
	return c.translate(err)
}

// usable says why nothing can be sent, or nil.
func (c *Conn) usable() error {
	switch c.state.Load() {
	case cut:
		return transport.ErrDisconnected
	case closed:
		return transport.ErrClosed
	default:
		return nil
	}
}

// Flush implements transport.Conn. While the connection is cut, and when it is
// cut meanwhile, it fails with transport.ErrDisconnected.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.usable(); err != nil {
		return fmt.Errorf("nats: flush: %w", err)
	}
	if err := c.roundTrip(ctx); err != nil {
		return fmt.Errorf("nats: flush: %w", err)
	}
	// The server answers in the order in which it was asked, and the client
	// keeps its last error while it reads: a refusal of what came before the
	// flush is there by now.
	refused, fresh := c.refusals.flushed(c.nc.LastError(), c.link != nil)
	if fresh != nil {
		c.denied(fresh)
	}
	if len(refused) > 0 {
		return fmt.Errorf("nats: flush: %w: %s: ask for it in the server's permissions", transport.ErrDenied, describe(refused))
	}
	return nil
}

// roundTrip waits until the server has answered a ping.
func (c *Conn) roundTrip(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := c.nc.FlushWithContext(patient{ctx})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, nats.ErrConnectionClosed) && c.state.Load() != closed && !c.nc.IsClosed():
		return transport.ErrDisconnected // what the client says to all who wait when the link is cut
	default:
		return c.translate(err)
	}
}

// patient is a context that claims to have a deadline: the client refuses to
// flush under one that has none, and then looks at Done only.
type patient struct{ context.Context }

func (p patient) Deadline() (time.Time, bool) {
	if d, ok := p.Context.Deadline(); ok {
		return d, true
	}
	return time.Unix(1<<40, 0), true
}

// translate gives an error of the client the kind that the seam has for it.
// After a write that failed, nothing of the message will be understood by the
// server, since the rest of it never comes.
func (c *Conn) translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining):
		return transport.ErrClosed
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrDisconnected):
		return transport.ErrDisconnected
	case errors.Is(err, nats.ErrBadSubject):
		return transport.ErrSubject
	case errors.Is(err, nats.ErrBadHeaderMsg):
		return transport.ErrHeader
	case errors.Is(err, nats.ErrHeadersNotSupported):
		return errNoHeaders
	default:
		return fmt.Errorf("%w: %w", transport.ErrDisconnected, err)
	}
}
