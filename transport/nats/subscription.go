package nats

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// What a subscription keeps for a handler that is behind. The client counts no
// overhead, some 300 bytes a message, so the number bounds it to about 80 MiB.
const (
	maxPending      = 256 << 10 // messages
	maxPendingBytes = 64 << 20
)

// How the server tells that nobody was subscribed: an empty message with this
// header (ADR-4 of NATS).
const (
	statusHeader = "Status"
	noResponders = "503"
)

// subscription is one of the client's, with its end in sight.
type subscription struct {
	conn    *Conn
	ns      *nats.Subscription
	handler func(*transport.Message)
	slow    <-chan nats.SubStatus // of a borrowed connection, else nil
	done    chan struct{}         // closed when the handler will not run any more

	message  transport.Message // one for all: it is valid until handler returns
	phase    atomic.Int32      // one of the phases below
	admitted chan struct{}     // closed when phase is not early any more
	draining atomic.Bool
	flushed  atomic.Int64 // one more than Conn.cuts when all that had been sent was here; 0: never
}

// The phases of a subscription.
const (
	early   int32 = iota // Subscribe has not returned
	open                 // messages are handled
	dropped              // messages are not handled any more
)

// Subscribe implements transport.Conn. While the connection is cut the
// subscription is live when the owner hears Restored.
func (c *Conn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	s, err := c.subscribe(subject, group, handler)
	if err != nil {
		return nil, fmt.Errorf("nats: subscribe to %q: %w", subject, err)
	}
	return s, nil
}

func (c *Conn) subscribe(subject, group string, handler func(*transport.Message)) (*subscription, error) {
	if err := transport.CheckSubject(subject, true); err != nil {
		return nil, err
	}
	if group != "" {
		if err := transport.CheckSubject(group, false); err != nil {
			return nil, fmt.Errorf("group: %w", err)
		}
	}
	if handler == nil {
		return nil, errors.New("no handler given")
	}
	if c.state.Load() == closed {
		return nil, transport.ErrClosed
	}
	s := &subscription{conn: c, handler: handler, done: make(chan struct{}), admitted: make(chan struct{})}
	var err error
	if s.ns, err = c.nc.QueueSubscribe(subject, group, s.receive); err != nil {
		return nil, c.translate(err)
	}
	if err := s.admit(); err != nil {
		return nil, err
	}
	return s, nil
}

// admit lets messages through to the handler, unless the connection is at its
// end: then none has been handled, and none will be.
func (s *subscription) admit() error {
	defer close(s.admitted)
	c := s.conn
	s.ns.SetClosedHandler(func(string) {
		c.forget(s)
		close(s.done)
	})
	// Looked at after the line above, which is in time if it is valid here.
	valid := s.ns.IsValid() && s.ns.SetPendingLimits(maxPending, maxPendingBytes) == nil
	if valid && c.link == nil {
		s.slow = s.ns.StatusChanged(nats.SubscriptionSlowConsumer)
	}
	c.mu.Lock()
	valid = valid && !c.leaving
	if valid {
		c.subs[s] = struct{}{}
	}
	c.mu.Unlock()
	if !valid {
		s.drop()
		s.unsubscribe()
		return transport.ErrClosed
	}
	// Not over a drop by a Close that has come in between.
	s.phase.CompareAndSwap(early, open)
	return nil
}

func (c *Conn) forget(s *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, s)
}

// receive handles one message, on the goroutine that the client has for this
// subscription. Its parts belong to us: the client makes new ones each time.
func (s *subscription) receive(m *nats.Msg) {
	if s.phase.Load() != open {
		<-s.admitted
		if s.phase.Load() == dropped {
			return
		}
	}
	s.message = transport.Message{Subject: m.Subject, Reply: m.Reply, Header: transport.Header(m.Header), Data: m.Data}
	if len(m.Data) == 0 && m.Header != nil && m.Header.Get(statusHeader) == noResponders {
		s.message.Header, s.message.Status = nil, transport.NoResponders
	}
	s.handler(&s.message)
	s.message = transport.Message{} // what the handler did not keep is garbage now
	select {
	case status, ok := <-s.slow:
		if !ok {
			s.slow = nil
		} else if status == nats.SubscriptionSlowConsumer {
			s.conn.dropped(s.ns.Subject)
		}
	default:
	}
}

// Drain implements transport.Subscription.
func (s *subscription) Drain(ctx context.Context) error {
	s.withdraw()
	if err := s.settle(ctx); err != nil {
		return fmt.Errorf("nats: drain %q: %w", s.ns.Subject, err)
	}
	return nil
}

// Close implements transport.Subscription.
func (s *subscription) Close() error {
	s.drop()
	s.unsubscribe()
	<-s.done
	return nil
}

// drop keeps the handler from being called again.
func (s *subscription) drop() { s.phase.Store(dropped) }

// unsubscribe makes the client forget the subscription and what it has queued.
// It fails when there is nothing to forget.
func (s *subscription) unsubscribe() {
	_ = s.ns.Unsubscribe()
}

// withdraw tells the server, if there is one, that nothing more is wanted. It
// does not wait.
func (s *subscription) withdraw() {
	if s.conn.state.Load() == live && s.draining.CompareAndSwap(false, true) {
		_ = s.ns.Drain() // fails when the subscription has ended
	}
}

// withdrawAgain follows a reconnect, at which the client subscribes to
// everything, also to what is being drained, and later forgets to tell the
// server that it is done with that.
func (s *subscription) withdrawAgain() {
	if s.draining.Load() {
		_ = s.ns.Drain() // fails when the subscription has ended
	}
}

// flushedIn notes that the server has answered after it was told, and that the
// link had been cut so many times before.
func (s *subscription) flushedIn(cuts int64) {
	if s.draining.Load() {
		s.flushed.Store(cuts + 1)
	}
}

// settle returns when what has been received is handled. When ctx ends first,
// the rest is dropped.
func (s *subscription) settle(ctx context.Context) error {
	// The client does not say when its queue is empty, and its own Drain looks
	// ten times a second.
	const often, seldom = 500 * time.Microsecond, 10 * time.Millisecond
	pause := time.NewTimer(0)
	defer pause.Stop()
	for wait := often; ; wait = min(2*wait, seldom) {
		select {
		case <-s.done:
			return nil
		case <-pause.C:
			if s.isSettled(ctx) {
				// The client's Drain would end it as well, a little later.
				s.unsubscribe()
			}
			pause.Reset(wait)
		case <-ctx.Done():
			s.drop()
			s.unsubscribe()
			return context.Cause(ctx)
		}
	}
}

// isSettled says whether nothing is left to handle and nothing more can come.
func (s *subscription) isSettled(ctx context.Context) bool {
	c := s.conn
	epoch := c.cuts.Load()
	if c.state.Load() == live && s.flushed.Load() != epoch+1 {
		// Not told yet, or told before a cut, after which the client has
		// subscribed again.
		s.draining.Store(true)
		_ = s.ns.Drain() // fails when the subscription has ended
		if c.roundTrip(ctx) != nil {
			return false
		}
		s.flushedIn(epoch)
	}
	pending, _, err := s.ns.Pending() // counts the message in hand; fails when it has ended
	return err != nil || pending == 0
}
