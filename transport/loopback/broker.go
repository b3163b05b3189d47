package loopback

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

// defaultMaxPayload is what a NATS server accepts by default, so that a test
// on loopback finds the message that would be too large there.
const defaultMaxPayload = 1 << 20

// Broker is a message fabric inside this process. Its methods may be called
// from any goroutine.
type Broker struct {
	features transport.Features

	// mu guards the fields below. It is read-locked while a message is put
	// into queues, so that after a subscription has left the index nothing is
	// on its way to it any more.
	mu     sync.RWMutex
	index  index
	conns  map[*conn]struct{}
	stores map[string]*records
	closed bool
}

// Option changes what New makes.
type Option func(*Broker)

// MaxPayload makes n the most bytes that header and data of one message may
// take together, the header counted as NATS encodes it; 0 or less means no
// limit. The default is 1 MiB.
func MaxPayload(n int) Option {
	return func(b *Broker) { b.features.MaxPayload = max(n, 0) }
}

// New returns a broker without connections. It costs nothing until somebody
// connects.
func New(opts ...Option) *Broker {
	b := &Broker{
		features: transport.Features{
			Transport:     "loopback",
			MaxPayload:    defaultMaxPayload,
			ReplyPrefixes: []string{"_INBOX."},
			Discovery:     true,
		},
		conns:  make(map[*conn]struct{}),
		stores: make(map[string]*records),
	}
	for _, opt := range opts {
		opt(b)
	}
	return b
}

// Connect returns a new connection, which its owner closes. It does not block.
// It fails with transport.ErrClosed after Close.
func (b *Broker) Connect() (transport.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("loopback: connect: broker closed: %w", transport.ErrClosed)
	}
	c := &conn{broker: b, subs: make(map[*subscription]struct{}), done: make(chan struct{})}
	b.conns[c] = struct{}{}
	return c, nil
}

// Close ends all connections as their own Close does, except that their owners
// hear Closed with a reason, and waits until no goroutine of the broker is
// left. What was stored is gone. So it must not be called from a handler. It is
// idempotent.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		conns = append(conns, c)
	}
	b.mu.Unlock()
	why := fmt.Errorf("loopback: broker closed: %w", transport.ErrClosed)
	for _, c := range conns {
		c.end(why)
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, r := range b.stores {
		r.clear()
	}
	return nil
}

// add makes s receive messages, unless its connection takes no more
// subscriptions.
func (b *Broker) add(s *subscription) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.conn.leaving {
		return transport.ErrClosed
	}
	s.conn.subs[s] = struct{}{}
	s.listed = true
	b.index.add(s)
	return nil
}

// withdraw ends the interest of subs. When it returns nothing is on its way to
// them any more.
func (b *Broker) withdraw(subs ...*subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range subs {
		if s.listed {
			s.listed = false
			b.index.remove(s)
		}
	}
}

// forget takes s, which has ended, off its connection.
func (b *Broker) forget(s *subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(s.conn.subs, s)
}

// leave keeps c from subscribing again and returns its subscriptions. With
// gone it also takes c off the list, and first says that it was on it.
func (b *Broker) leave(c *conn, gone bool) (subs []*subscription, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.leaving = true
	if gone {
		_, first = b.conns[c]
		delete(b.conns, c)
	}
	for s := range c.subs {
		subs = append(subs, s)
	}
	return subs, first
}

// publish puts a copy of m into the queue of everyone who is to have it.
func (b *Broker) publish(c *conn, m *transport.Message) {
	// The copy is made before the lock is taken: it may be large, and nearly
	// every message has one taker.
	cp := clone(m)
	var room [8]*interest // enough to keep the usual match off the heap

	b.mu.RLock()
	defer b.mu.RUnlock()
	takers := 0
	give := func(s *subscription) {
		if takers++; takers > 1 {
			cp = clone(m)
		}
		s.push(cp)
	}
	for _, in := range b.index.match(m.Subject, room[:0]) {
		for _, s := range in.plain {
			give(s)
		}
		for _, g := range in.groups {
			give(g.members[rand.IntN(len(g.members))])
		}
	}
	if takers == 0 && m.Reply != "" {
		b.bounce(c, m.Reply)
	}
}

// bounce tells c on reply that nobody took its message. mu is read-locked.
func (b *Broker) bounce(c *conn, reply string) {
	var room [8]*interest
	for _, in := range b.index.match(reply, room[:0]) {
		for _, s := range in.plain {
			if s.conn == c {
				s.push(transport.Message{Subject: reply, Status: transport.NoResponders})
				return
			}
		}
	}
}

// clone returns m as a subscription receives it.
func clone(m *transport.Message) transport.Message {
	return transport.Message{
		Subject: m.Subject,
		Reply:   m.Reply,
		Header:  m.Header.Clone(),
		Data:    bytes.Clone(m.Data),
	}
}
