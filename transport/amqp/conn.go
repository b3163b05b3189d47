package amqp

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/atasks-io/atasks/transport"
)

var _ transport.Conn = (*Conn)(nil)

// Conn is a connection to RabbitMQ, made by Connect. It is a transport.Conn;
// its methods may be called from any goroutine.
type Conn struct {
	dialer   *dialer
	names    names
	prefetch int
	payload  int
	prefixes []string
	log      *slog.Logger
	owner    transport.Owner
	refusals refusals
	index    index

	session atomic.Pointer[session] // nil while nothing can be sent
	closed  atomic.Bool
	life    context.Context // ends when the connection is closed
	die     context.CancelFunc
	ran     chan struct{} // closed when run has returned
	done    chan struct{} // closed when Close is through

	// mu guards the fields below. It is not held while the client is called.
	mu      sync.Mutex
	current *session                   // that subscriptions are told to; nil while cut
	subs    map[*subscription]struct{} // those that are not withdrawn
	live    map[*subscription]struct{} // those whose handler may run
	leaving bool                       // takes no more subscriptions
	closing bool
}

func newConn(set *settings, d *dialer) *Conn {
	c := &Conn{
		dialer: d, names: names{set.exchange}, prefetch: set.prefetch, payload: set.payload, log: set.logger,
		prefixes: []string{directReply, namedQueue},
		ran:      make(chan struct{}), done: make(chan struct{}),
		subs: make(map[*subscription]struct{}), live: make(map[*subscription]struct{}),
	}
	c.life, c.die = context.WithCancel(context.Background())
	return c
}

// Attach implements transport.Conn.
func (c *Conn) Attach(events func(transport.Event)) error {
	if err := c.owner.Attach(events); err != nil {
		return fmt.Errorf("amqp: attach: %w", err)
	}
	return nil
}

// Features implements transport.Conn. It never blocks.
func (c *Conn) Features() transport.Features {
	return transport.Features{
		Transport:     "amqp",
		MaxPayload:    c.payload,
		ReplyPrefixes: c.prefixes,
		Cut:           true,
	}
}

// Subscribe implements transport.Conn. While the connection is cut the
// subscription is live when the owner hears Restored. A subscription in a group
// takes a channel of the connection, of which RabbitMQ allows 2,047.
func (c *Conn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	s, err := newSubscription(c, subject, group, handler)
	if err == nil {
		err = c.admit(s)
	}
	if err != nil {
		return nil, fmt.Errorf("amqp: subscribe to %q: %w", subject, err)
	}
	return s, nil
}

func (c *Conn) admit(s *subscription) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return transport.ErrClosed
	}
	c.index.add(s)
	c.subs[s], c.live[s] = struct{}{}, struct{}{}
	if c.current != nil {
		c.current.establish(s)
	}
	return nil
}

// withdraw tells the broker that s wants nothing more. What comes back says
// when everything that had been routed to s is here.
func (c *Conn) withdraw(s *subscription) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.withdrawn == nil {
		s.withdrawn = make(chan struct{})
		delete(c.subs, s)
		if c.current != nil {
			c.current.withdraw(s, s.withdrawn)
		} else {
			close(s.withdrawn)
		}
	}
	return s.withdrawn
}

// release gives back what s has held at the broker. Its handler has nothing
// left to do.
func (c *Conn) release(s *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.live[s]; !ok {
		return
	}
	delete(c.live, s)
	c.index.remove(s)
	if c.current != nil && s.group != "" {
		c.current.release(s)
	}
}

// run restores the session whenever it has ended, until the connection is
// closed.
func (c *Conn) run(s *session) {
	defer close(c.ran)
	for s != nil {
		select {
		case <-s.dead:
		case <-c.life.Done():
		}
		c.mu.Lock()
		c.current = nil
		c.mu.Unlock()
		wasLive := c.session.Swap(nil) != nil
		if c.life.Err() != nil {
			s.end(true)
			return
		}
		if wasLive {
			c.owner.Notify(transport.Event{Kind: transport.Cut, Err: s.err})
		}
		c.log.Warn("amqp: the connection is cut", "error", s.err)
		s.end(false)
		s = c.restore()
	}
}

// restore makes a new session, however often it takes; nil says that the
// connection is closed.
func (c *Conn) restore() *session {
	var reported string
	for attempt := 1; ; attempt++ {
		l, err := c.dialer.dial(c.life)
		if err == nil {
			var s *session
			if s, err = c.begin(c.life, l); err == nil {
				return s
			}
		}
		if c.life.Err() != nil {
			return nil
		}
		if text := err.Error(); text != reported { // once, and not at each attempt
			reported = text
			c.log.Warn("amqp: reconnecting has failed and is tried again", "error", err)
		}
		if !pause(c.life, reconnectDelay(attempt)) {
			return nil
		}
	}
}

// begin makes a session on a link and waits until all subscriptions are in
// place.
func (c *Conn) begin(ctx context.Context, l *link) (*session, error) {
	s, err := newSession(ctx, c, l)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.current = s
	for sub := range c.subs {
		s.establish(sub)
	}
	ready := s.ask(func() error { return nil })
	c.mu.Unlock()
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		c.mu.Lock()
		c.current = nil
		c.mu.Unlock()
		s.end(false)
		return nil, err
	}
	c.session.Store(s)
	if !c.closed.Load() {
		c.owner.Notify(transport.Event{Kind: transport.Restored})
	}
	return s, nil
}

// Drain implements transport.Conn. While the connection is cut it handles what
// has been received, and flushes nothing. It fails with an error that wraps
// transport.ErrDisconnected when the link is cut during the last flush.
func (c *Conn) Drain(ctx context.Context) error {
	c.mu.Lock()
	c.leaving = true
	subs := c.list()
	c.mu.Unlock()
	withdrawn := make([]<-chan struct{}, len(subs))
	for i, s := range subs {
		withdrawn[i] = c.withdraw(s)
	}
	for i, s := range subs {
		if err := s.settle(ctx, withdrawn[i]); err != nil {
			for _, s := range subs {
				s.grow(stopped)
			}
			// Not waited for here, because a handler may be stuck; a later Close
			// waits.
			go c.end()
			return fmt.Errorf("amqp: drain: %w", err)
		}
	}
	var err error
	if s := c.session.Load(); s != nil {
		err = s.sync(ctx)
	}
	ended := c.closed.Load() // by another call, which then has flushed
	c.end()
	if err != nil && !ended {
		return fmt.Errorf("amqp: drain: %w", err)
	}
	return nil
}

// Close implements transport.Conn. It also sends what Publish has accepted.
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
	c.mu.Unlock()
	if !first {
		<-c.done
		return
	}
	c.closed.Store(true)
	for _, s := range subs {
		s.grow(stopped)
	}
	c.die()
	<-c.ran
	for _, s := range subs {
		<-s.done
	}
	c.owner.End(nil)
	close(c.done)
}

// list returns the subscriptions whose handlers may run. mu is held.
func (c *Conn) list() []*subscription {
	list := make([]*subscription, 0, len(c.live))
	for s := range c.live {
		list = append(list, s)
	}
	return list
}
