package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// subscription is a subscription of the client.
type subscription struct {
	c    *Conn
	sub  *nats.Subscription
	done chan struct{} // closed when its handler will not run any more
	once sync.Once
}

// How much a subscription keeps for a handler that is behind; what comes after
// that is dropped and reported.
const (
	pendingMessages = 1 << 20
	pendingBytes    = 256 << 20
)

// Subscribe implements transport.Conn.
func (c *Conn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	if err := transport.CheckSubject(subject, true); err != nil {
		return nil, fmt.Errorf("nats: subscribe: %w", err)
	}
	if group != "" {
		if err := transport.CheckSubject(group, false); err != nil {
			return nil, fmt.Errorf("nats: subscribe to %q in group %q: %w", subject, group, err)
		}
	}
	if handler == nil {
		return nil, fmt.Errorf("nats: subscribe to %q: the handler is nil", subject)
	}
	s := &subscription{c: c, done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("nats: subscribe to %q: %w", subject, transport.ErrClosed)
	}
	var m transport.Message // one for all: handlers run one at a time and keep its parts, not it
	deliver := func(msg *nats.Msg) {
		m = transport.Message{Subject: msg.Subject, Reply: msg.Reply, Header: transport.Header(msg.Header), Data: msg.Data}
		if len(msg.Data) == 0 && msg.Header.Get(statusHeader) == noResponders {
			m.Header, m.Status = nil, transport.NoResponders
		}
		handler(&m)
	}
	var err error
	if group == "" {
		s.sub, err = c.nc.Subscribe(subject, deliver)
	} else {
		s.sub, err = c.nc.QueueSubscribe(subject, group, deliver)
	}
	if err != nil {
		return nil, fmt.Errorf("nats: subscribe to %q: %w", subject, c.translate(err, 0))
	}
	s.sub.SetClosedHandler(func(string) { s.ended() })
	if c.nc.IsClosed() { // perhaps before the handler was set
		s.ended()
		return nil, fmt.Errorf("nats: subscribe to %q: %w", subject, transport.ErrClosed)
	}
	if err := s.sub.SetPendingLimits(pendingMessages, pendingBytes); err != nil && !errors.Is(err, nats.ErrBadSubscription) {
		return nil, errors.Join(fmt.Errorf("nats: subscribe to %q: %w", subject, err), s.sub.Unsubscribe())
	}
	c.subs[s] = struct{}{}
	return s, nil
}

// How a server says that nobody was subscribed (NATS ADR-1).
const (
	statusHeader = "Status"
	noResponders = "503"
)

// ended notes that the handler will not run any more.
func (s *subscription) ended() { s.once.Do(func() { close(s.done) }) }

// Drain implements transport.Subscription.
func (s *subscription) Drain(ctx context.Context) error {
	if err := s.beginDrain(); err != nil {
		return err
	}
	select {
	case <-s.done:
		s.forget()
		return nil
	case <-ctx.Done():
		s.withdraw()
		return fmt.Errorf("nats: drain %q: %w", s.sub.Subject, context.Cause(ctx))
	}
}

// beginDrain withdraws the interest and keeps what has been received.
func (s *subscription) beginDrain() error {
	if err := s.sub.Drain(); err != nil && !isOver(err) {
		return fmt.Errorf("nats: drain %q: %w", s.sub.Subject, err)
	}
	return nil
}

// Close implements transport.Subscription.
func (s *subscription) Close() error {
	err := s.withdraw()
	<-s.done
	s.forget()
	return err
}

// withdraw ends the interest and drops what has not been handled.
func (s *subscription) withdraw() error {
	if err := s.sub.Unsubscribe(); err != nil && !isOver(err) {
		return fmt.Errorf("nats: unsubscribe %q: %w", s.sub.Subject, err)
	}
	return nil
}

func (s *subscription) forget() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	delete(s.c.subs, s)
}

// isOver says that the subscription had ended before.
func isOver(err error) bool {
	return errors.Is(err, nats.ErrBadSubscription) || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrConnectionDraining)
}
