package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

var _ transport.Conn = (*Conn)(nil)

// Conn is a connection to a NATS server. It implements transport.Conn, whose
// comments are its contract.
type Conn struct {
	nc       *nats.Conn
	owns     bool // the client connection is ours to close
	log      *slog.Logger
	prefixes []string
	owner    transport.Owner

	status  chan nats.Status
	watched chan struct{} // closed when nobody watches the status any more

	mu     sync.Mutex // guards what follows
	subs   map[*subscription]struct{}
	closed bool
	ending sync.Once
}

func newConn(owns bool, set settings) *Conn {
	c := &Conn{
		owns:     owns,
		log:      set.logger,
		prefixes: append([]string{nats.InboxPrefix, "_R_."}, set.prefixes...),
		subs:     make(map[*subscription]struct{}),
		watched:  make(chan struct{}),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

// open begins to use a client connection.
func (c *Conn) open(nc *nats.Conn) {
	c.nc = nc
	c.status = nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	go c.watch()
}

// Use takes over a connection that the program made, and leaves its settings
// and handlers alone: it is never closed from here, its handlers are never
// replaced. Close and Drain end what was subscribed through the Conn, nothing
// else. Two things go unseen on such a connection: messages that are lost to a
// slow subscription, and refused publishes that no Flush follows. It should
// reconnect for ever and be pinged every few seconds; see Connect.
func Use(nc *nats.Conn) (*Conn, error) {
	if nc == nil {
		return nil, errors.New("nats: use: the connection is nil")
	}
	if nc.IsClosed() {
		return nil, fmt.Errorf("nats: use: %w: the client's connection has ended", transport.ErrClosed)
	}
	c := newConn(false, settings{})
	c.open(nc)
	return c, nil
}

// NATS returns the client's connection, for what this package does not offer.
func (c *Conn) NATS() *nats.Conn { return c.nc }

// Attach implements transport.Conn.
func (c *Conn) Attach(events func(transport.Event)) error {
	if err := c.owner.Attach(events); err != nil {
		return fmt.Errorf("nats: attach: %w", err)
	}
	return nil
}

// Features implements transport.Conn.
func (c *Conn) Features() transport.Features {
	return transport.Features{
		Transport:     "nats",
		MaxPayload:    int(c.nc.MaxPayload()),
		ReplyPrefixes: c.prefixes,
		Discovery:     true,
		Cut:           true,
	}
}

// Publish implements transport.Conn.
func (c *Conn) Publish(ctx context.Context, m *transport.Message) error {
	// A bad subject must not reach the client: the server answers an over-long
	// one by closing the connection for good.
	if err := transport.CheckSubject(m.Subject, false); err != nil {
		return fmt.Errorf("nats: publish: %w", err)
	}
	if m.Reply != "" {
		if err := transport.CheckSubject(m.Reply, false); err != nil {
			return fmt.Errorf("nats: publish with a reply subject: %w", err)
		}
	}
	var err error
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case len(m.Header) > 0:
		if err = transport.CheckHeader(m.Header); err == nil {
			err = c.nc.PublishMsg(&nats.Msg{Subject: m.Subject, Reply: m.Reply, Header: nats.Header(m.Header), Data: m.Data})
		}
	case m.Reply != "":
		err = c.nc.PublishRequest(m.Subject, m.Reply, m.Data)
	default:
		err = c.nc.Publish(m.Subject, m.Data)
	}
	if err != nil {
		return fmt.Errorf("nats: publish to %q: %w", m.Subject, c.translate(err, len(m.Data)))
	}
	return nil
}

// translate gives the client's errors the kinds of the seam.
func (c *Conn) translate(err error, size int) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %d bytes, the server takes %d with headers", transport.ErrTooLarge, size, c.nc.MaxPayload())
	case errors.Is(err, nats.ErrReconnectBufExceeded):
		return fmt.Errorf("%w: %w", transport.ErrDisconnected, err)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining):
		return transport.ErrClosed
	case errors.Is(err, nats.ErrBadSubject):
		return fmt.Errorf("%w: %w", transport.ErrSubject, err)
	default:
		return err
	}
}

// flushWait bounds a flush whose context has no deadline, which the client
// wants to have.
const flushWait = time.Hour

// Flush implements transport.Conn.
func (c *Conn) Flush(ctx context.Context) error {
	before := c.nc.LastError()
	ctx, cancel := context.WithTimeout(ctx, flushWait)
	defer cancel()
	if err := c.nc.FlushWithContext(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("nats: flush: %w", c.translate(err, 0))
	}
	// The server reports a refusal before it answers the flush, and the client
	// notes it where it reads the one, before it reads the other.
	if err := c.nc.LastError(); err != nil && err != before && errors.Is(err, nats.ErrPermissionViolation) { //nolint:errorlint // a new value is a new report
		return fmt.Errorf("nats: %w on %q: grant it in the server's permissions", transport.ErrDenied, deniedSubject(err))
	}
	return nil
}

// Drain implements transport.Conn.
func (c *Conn) Drain(ctx context.Context) error {
	err := c.drainSubscriptions(ctx)
	if err == nil && !c.isClosed() {
		err = c.Flush(ctx)
	}
	if ctx.Err() != nil {
		c.shut()
		return fmt.Errorf("nats: drain: %w", context.Cause(ctx))
	}
	if errors.Is(err, transport.ErrClosed) {
		err = nil // by another Drain or Close, which this one waits for
	}
	return errors.Join(err, c.Close())
}

// drainSubscriptions withdraws every interest, then waits for the handlers.
func (c *Conn) drainSubscriptions(ctx context.Context) error {
	subs := c.list()
	for _, s := range subs {
		if err := s.beginDrain(); err != nil {
			return err
		}
	}
	var errs []error
	for _, s := range subs {
		errs = append(errs, s.Drain(ctx))
	}
	return errors.Join(errs...)
}

// Close implements transport.Conn.
func (c *Conn) Close() error {
	for _, s := range c.shut() {
		<-s.done
	}
	c.ending.Do(func() { c.nc.RemoveStatusListener(c.status) })
	<-c.watched
	c.owner.End(nil)
	return nil
}

// shut ends the connection, or our part in a borrowed one, without waiting for
// handlers. It returns the subscriptions that there were.
func (c *Conn) shut() []*subscription {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	subs := c.list()
	for _, s := range subs {
		s.withdraw()
	}
	if c.owns {
		c.nc.Close()
	}
	return subs
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// list returns the live subscriptions.
func (c *Conn) list() []*subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*subscription, 0, len(c.subs))
	for s := range c.subs {
		list = append(list, s)
	}
	return list
}
