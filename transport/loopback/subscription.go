package loopback

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

// Bounds of what waits for one subscription, in bytes.
const (
	maxWaiting  = 64 << 20
	messageCost = 128 // of a message beside its header and data
)

// subscription is one queue of messages and the goroutine that empties it.
type subscription struct {
	conn    *conn
	subject string
	group   string
	handler func(*transport.Message)
	done    chan struct{} // closed when run returns
	listed  bool          // in the index; guarded by conn.broker.mu

	// mu guards the fields below. It is not held while handler runs.
	mu      sync.Mutex
	changed sync.Cond // the queue has become longer, or state has changed
	queue   []transport.Message
	head    int // of queue: what comes before it has been handled
	waiting int // cost of queue[head:]
	slow    bool
	state   state
}

// state only grows.
type state uint8

const (
	open state = iota
	finishing
	stopped
)

func newSubscription(c *conn, subject, group string, handler func(*transport.Message)) (*subscription, error) {
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
	s := &subscription{conn: c, subject: subject, group: group, handler: handler, done: make(chan struct{})}
	s.changed.L = &s.mu
	return s, nil
}

func (s *subscription) Drain(ctx context.Context) error {
	s.conn.broker.withdraw(s)
	s.finish()
	if err := s.wait(ctx); err != nil {
		return fmt.Errorf("loopback: drain %q: %w", s.subject, err)
	}
	return nil
}

func (s *subscription) Close() error {
	s.conn.broker.withdraw(s)
	s.stop()
	<-s.done
	return nil
}

// push queues m, which belongs to s from now on.
func (s *subscription) push(m transport.Message) {
	cost := costOf(&m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stopped {
		return
	}
	if s.waiting+cost > maxWaiting {
		if !s.slow {
			s.slow = true
			s.conn.owner.Notify(transport.Event{Kind: transport.Dropped, Subject: s.subject})
		}
		return
	}
	s.waiting += cost
	s.append(m)
	s.changed.Signal()
}

// append adds m to the queue, over what has been handled where that is worth
// the copying. mu is held.
func (s *subscription) append(m transport.Message) {
	if len(s.queue) == cap(s.queue) && s.head > len(s.queue)/2 {
		n := copy(s.queue, s.queue[s.head:])
		clear(s.queue[n:])
		s.queue, s.head = s.queue[:n], 0
	}
	s.queue = append(s.queue, m)
}

// run handles one message after the other until the subscription ends.
func (s *subscription) run() {
	defer close(s.done)
	defer s.conn.broker.forget(s)
	var m transport.Message // one for all: it is valid until handler returns
	for s.next(&m) {
		s.handler(&m)
		m = transport.Message{} // what the handler did not keep is garbage now
	}
}

// next waits for a message; it returns false when there will be none.
func (s *subscription) next(m *transport.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.head == len(s.queue) && s.state == open {
		s.changed.Wait()
	}
	if s.state == stopped || s.head == len(s.queue) {
		s.queue, s.head, s.waiting = nil, 0, 0
		return false
	}
	*m, s.queue[s.head] = s.queue[s.head], transport.Message{}
	s.head++
	s.waiting -= costOf(m)
	if s.waiting < maxWaiting/2 {
		s.slow = false
	}
	if s.head == len(s.queue) {
		s.rewind()
	}
	return true
}

// rewind makes the empty queue start over, without the room that a burst may
// have taken. mu is held.
func (s *subscription) rewind() {
	const keep = 1024 // messages
	s.queue, s.head = s.queue[:0], 0
	if cap(s.queue) > keep {
		s.queue = nil
	}
}

// finish lets the goroutine end once the queue is empty.
func (s *subscription) finish() { s.grow(finishing) }

// stop makes the goroutine end after the message in hand.
func (s *subscription) stop() { s.grow(stopped) }

func (s *subscription) grow(to state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = max(s.state, to)
	s.changed.Broadcast()
}

// wait returns when the goroutine has ended; when ctx ends first, it is told
// to stop.
func (s *subscription) wait(ctx context.Context) error {
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-s.done: // both at the same time: nothing was left undone
		return nil
	default:
		s.stop()
		return context.Cause(ctx)
	}
}

func costOf(m *transport.Message) int { return messageCost + headerSize(m.Header) + len(m.Data) }
