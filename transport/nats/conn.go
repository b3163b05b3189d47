package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

var _ transport.Conn = (*Conn)(nil)

// Conn is a connection to NATS, made by Connect or Use. It is a
// transport.Conn; its methods may be called from any goroutine.
type Conn struct {
	nc       *nats.Conn
	link     *link // nil when nc is borrowed
	log      *slog.Logger
	prefixes []string
	owner    transport.Owner
	refusals refusals
	flights  flights

	state   atomic.Int32 // one of the states below
	cuts    atomic.Int64 // how often the link has been cut
	payload atomic.Int64 // the server's limit, kept here because asking the client may block

	life     context.Context // ends when the connection is closed
	die      context.CancelFunc
	reported string // the error that was logged last; the client's callbacks only, which come one by one

	watched chan struct{} // closed when watch has returned
	done    chan struct{} // closed when Close is through

	// mu guards the fields below. It is not held while the client is called.
	mu      sync.Mutex
	subs    map[*subscription]struct{} // those that have not ended
	stores  map[*store]struct{}        // those that are not closed
	leaving bool                       // takes no more subscriptions and stores
	closing bool
}

// The states of a connection.
const (
	live int32 = iota
	cut
	closed
)

func newConn(set *settings) *Conn {
	c := &Conn{
		log: set.logger,
		// Clients of NATS are answered on the first, those behind an import
		// of another account on the second.
		prefixes: append([]string{nats.InboxPrefix, "_R_."}, set.prefixes...),
		watched:  make(chan struct{}),
		done:     make(chan struct{}),
		subs:     make(map[*subscription]struct{}),
		stores:   make(map[*store]struct{}),
	}
	c.life, c.die = context.WithCancel(context.Background())
	return c
}

// Use puts a connection on top of nc, which stays the caller's: Close and Drain
// end what was subscribed through the result and leave nc open, and no handler
// or option of nc is changed. When the caller closes nc, the owner of the
// result hears Closed.
//
// nc should notice a dead link soon and reconnect for ever; the client's own
// defaults do neither. Since its error handler is not ours, the owner hears of
// Denied only when it calls Flush, also when somebody else's use of nc was
// refused, and of Dropped when the slow handler returns.
//
// It fails when nc is closed or draining, when it does not receive its own
// messages (NoEcho), and when the server knows no headers.
func Use(nc *nats.Conn) (*Conn, error) {
	switch {
	case nc == nil:
		return nil, errors.New("nats: use: no connection given")
	case nc.IsClosed(), nc.IsDraining():
		return nil, fmt.Errorf("nats: use: %w, or draining: give one that is open", transport.ErrClosed)
	case nc.Opts.NoEcho:
		return nil, errors.New("nats: use: the connection has NoEcho set, so a node could not reach itself: connect without")
	case nc.IsConnected() && !nc.HeadersSupported():
		return nil, fmt.Errorf("nats: use: %w", errNoHeaders)
	}
	set := newSettings()
	if p := nc.Opts.InboxPrefix; p != "" {
		set.prefixes = append(set.prefixes, p+".")
	}
	c := newConn(set)
	c.refusals.known = nc.LastError() // of the time before
	c.open(nc)
	return c, nil
}

var errNoHeaders = errors.New("the server supports no headers: want NATS 2.2 or later, without no_header_support")

// open begins to use nc.
func (c *Conn) open(nc *nats.Conn) {
	c.nc = nc
	c.payload.Store(nc.MaxPayload())
	status := nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	// What has happened before the line above is seen below, the rest by watch.
	if nc.IsReconnecting() {
		c.setCut()
	}
	go c.watch(status)
}

// NATS returns the client's connection, for what this package does not offer.
// Whoever closes or drains it ends the Conn as well.
func (c *Conn) NATS() *nats.Conn { return c.nc }

// Attach implements transport.Conn.
func (c *Conn) Attach(events func(transport.Event)) error {
	if err := c.owner.Attach(events); err != nil {
		return fmt.Errorf("nats: attach: %w", err)
	}
	return nil
}

// Features implements transport.Conn. It never blocks.
func (c *Conn) Features() transport.Features {
	return transport.Features{
		Transport:     "nats",
		MaxPayload:    int(c.payload.Load()),
		ReplyPrefixes: c.prefixes,
		Discovery:     true,
		Cut:           true,
	}
}

// Drain implements transport.Conn. While the connection is cut it handles what
// has been received, and flushes nothing. It fails with an error that wraps
// transport.ErrDisconnected when the link is cut during the last flush.
func (c *Conn) Drain(ctx context.Context) error {
	c.mu.Lock()
	c.leaving = true
	subs := c.list()
	c.mu.Unlock()
	for _, s := range subs {
		s.withdraw()
	}
	if err := c.settle(ctx, subs); err != nil {
		// Not waited for here, because a handler may be stuck; a later Close
		// waits.
		go c.end()
		return fmt.Errorf("nats: drain: %w", err)
	}
	var err error
	if c.state.Load() == live {
		err = c.roundTrip(ctx)
	}
	c.end()
	if err != nil && !errors.Is(err, transport.ErrClosed) {
		return fmt.Errorf("nats: drain: %w", err)
	}
	return nil
}

// settle waits until subs, which are withdrawn, have nothing left to handle.
func (c *Conn) settle(ctx context.Context, subs []*subscription) error {
	if len(subs) > 0 && c.state.Load() == live {
		// One round trip for all: what the server has sent is here then. An
		// error is either that of ctx or a cut, which each finds for itself.
		epoch := c.cuts.Load()
		if c.roundTrip(ctx) == nil {
			for _, s := range subs {
				s.flushedIn(epoch)
			}
		}
	}
	for _, s := range subs {
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close implements transport.Conn. On a connection that was made by Connect it
// also sends what Publish has accepted.
func (c *Conn) Close() error {
	c.end()
	return nil
}

// end closes the connection and returns when nothing of it runs any more.
func (c *Conn) end() {
	c.mu.Lock()
	first := !c.closing
	c.closing, c.leaving = true, true
	subs := c.list()
	stores := slices.Collect(maps.Keys(c.stores))
	c.mu.Unlock()
	if !first {
		<-c.done
		return
	}
	before := c.state.Swap(closed)
	c.die()
	c.flights.end(transport.ErrClosed)
	var watches []*watch
	for _, s := range stores {
		watches = append(watches, s.stop()...)
	}
	for _, s := range subs {
		s.drop()
	}
	if c.link != nil {
		// The client holds its lock while it dials, so stop that first; a link
		// that is up still has something to send.
		c.link.stop(before == cut)
		c.nc.Close()
	} else {
		for _, s := range subs {
			s.unsubscribe()
		}
	}
	for _, s := range subs {
		<-s.done
	}
	for _, w := range watches {
		<-w.done
	}
	<-c.watched
	c.owner.End(nil)
	close(c.done)
}

// list returns the subscriptions. mu is held.
func (c *Conn) list() []*subscription {
	list := make([]*subscription, 0, len(c.subs))
	for s := range c.subs {
		list = append(list, s)
	}
	return list
}
