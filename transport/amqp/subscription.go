package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/transport"
)

// What a subscription keeps for a handler that is behind.
const (
	maxPending      = 256 << 10 // messages
	maxPendingBytes = 64 << 20
)

// item is a message in the queue of a subscription, with what there is to
// acknowledge: nothing where there is no group.
type item struct {
	message transport.Message
	from    *amqp.Channel
	tag     uint64
}

// subscription is a queue of messages, and a goroutine while there are any.
type subscription struct {
	conn    *Conn
	subject string
	group   string
	head    string // the literal beginning of subject, if tail
	tail    bool   // subject is literal but for a ">" at its end
	handler func(*transport.Message)
	done    chan struct{} // closed when the handler will not run any more

	withdrawn chan struct{} // what telling the broker came to; made when it is told. Guarded by conn.mu

	consumer *consumer // of the session's; its topology goroutine only
	bound    *session  // where the pattern is bound; that session's topology goroutine only

	mu      sync.Mutex // guards the fields below
	queue   []item
	at      int // of queue: what comes before it has been handled
	bytes   int // in queue[at:]
	slow    bool
	running bool
	phase   phase
	unacked item // the newest that was handled and not acknowledged
	count   int  // of those
}

// phase only grows.
type phase uint8

const (
	open      phase = iota
	finishing       // what is here is handled still
	stopped         // only what is in hand
)

func newSubscription(c *Conn, subject, group string, handler func(*transport.Message)) (*subscription, error) {
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
	if head, ok := strings.CutSuffix(subject, ">"); ok && !isWild(head) {
		s.head, s.tail = head, true
	}
	return s, nil
}

// push queues what the broker has delivered.
func (s *subscription) push(it item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == stopped || s.phase == finishing && !s.running {
		return // done is closed
	}
	size := len(it.message.Data)
	// The broker holds back what a member of a group has no room for.
	if it.from == nil && (len(s.queue)-s.at >= maxPending || s.bytes+size > maxPendingBytes) {
		if !s.slow {
			s.slow = true
			s.conn.owner.Notify(transport.Event{Kind: transport.Dropped, Subject: s.subject, Err: errSlow})
		}
		return
	}
	if len(s.queue) == cap(s.queue) && s.at > len(s.queue)/2 {
		n := copy(s.queue, s.queue[s.at:])
		clear(s.queue[n:])
		s.queue, s.at = s.queue[:n], 0
	}
	s.queue = append(s.queue, it)
	s.bytes += size
	if !s.running {
		s.running = true
		go s.run()
	}
}

var errSlow = errors.New("the subscription's handler is too slow")

// run handles messages until none is left.
func (s *subscription) run() {
	var it item
	for s.next(&it) {
		s.handler(&it.message)
	}
	select {
	case <-s.done:
		s.conn.release(s)
	default:
	}
}

// next puts the next message into it, whose former one has been handled. It
// returns false when there is none; the goroutine then ends.
func (s *subscription) next(it *item) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.from != nil {
		s.unacked = item{from: it.from, tag: it.tag}
		s.count++
	}
	empty := s.at == len(s.queue)
	if s.count > 0 && (empty || s.count >= s.conn.prefetch/4 || s.phase == stopped) {
		s.acknowledge()
	}
	if empty || s.phase == stopped {
		s.running, s.queue, s.at, s.bytes = false, s.queue[:0], 0, 0
		if cap(s.queue) > 1024 {
			s.queue = nil // the room that a burst has taken
		}
		if s.phase != open {
			close(s.done)
		}
		return false
	}
	*it, s.queue[s.at] = s.queue[s.at], item{}
	s.at++
	s.bytes -= len(it.message.Data)
	if s.slow && len(s.queue)-s.at < maxPending/2 && s.bytes < maxPendingBytes/2 {
		s.slow = false
	}
	return true
}

// acknowledge tells the broker of everything handled so far, on the channel
// that it came by: after a reconnect that one is closed, and nothing is said on
// another, where the same numbers stand for other messages. mu is held; the
// write waits for no answer.
func (s *subscription) acknowledge() {
	_ = s.unacked.from.Ack(s.unacked.tag, true) // fails when the link is cut: the broker then delivers again, and says so
	s.unacked, s.count = item{}, 0
}

// grow moves to a later phase.
func (s *subscription) grow(to phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == open && to != open && !s.running {
		close(s.done)
	}
	if s.phase < to {
		s.phase = to
	}
	if s.phase == stopped && !s.running {
		s.queue, s.at, s.bytes = nil, 0, 0
	}
}

// Drain implements transport.Subscription.
func (s *subscription) Drain(ctx context.Context) error {
	if err := s.settle(ctx, s.conn.withdraw(s)); err != nil {
		return fmt.Errorf("amqp: drain %q: %w", s.subject, err)
	}
	return nil
}

// settle returns when what had come before withdrawn is handled. When ctx ends
// first the rest is dropped.
func (s *subscription) settle(ctx context.Context, withdrawn <-chan struct{}) error {
	select {
	case <-withdrawn: // or cut: then nothing more comes either
	case <-s.done: // ended by somebody else
	case <-ctx.Done():
		s.end()
		return context.Cause(ctx)
	}
	s.grow(finishing)
	select {
	case <-s.done:
		s.conn.release(s)
		return nil
	case <-ctx.Done():
		s.end()
		return context.Cause(ctx)
	}
}

// end drops what is queued, without waiting for the handler.
func (s *subscription) end() {
	s.grow(stopped)
	select {
	case <-s.done:
		s.conn.release(s)
	default: // run does it when the handler returns, so that it can acknowledge
	}
}

// Close implements transport.Subscription. What a member of a group had not
// handled goes to the others, marked as redelivered.
func (s *subscription) Close() error {
	s.conn.withdraw(s)
	s.grow(stopped)
	<-s.done
	s.conn.release(s)
	return nil
}
