package amqp

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/transport"
)

// task is something to do at the broker, and whom to tell what it came to.
type task struct {
	do     func() error
	done   chan error // or nil
	undone func()     // or nil; called where the session ends before
}

// tasks is what the topology goroutine has to do. It may be much: a connection
// with thousands of subscriptions comes back.
type tasks struct {
	mu   sync.Mutex // guards list and over
	list []task
	over bool
	wake chan struct{} // holds one when there is something to do
}

func (t *tasks) add(k task) {
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		k.cancel()
		return
	}
	t.list = append(t.list, k)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take returns everything that is to be done.
func (t *tasks) take(last bool) []task {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.list
	t.list, t.over = nil, t.over || last
	return list
}

// cancel tells that it will not be done.
func (k task) cancel() {
	if k.undone != nil {
		k.undone()
	}
	k.tell(transport.ErrDisconnected)
}

func (k task) tell(err error) {
	if k.done == nil {
		return
	}
	if err != nil {
		k.done <- err // has room for one
	}
	close(k.done)
}

// ask has the topology goroutine do something. What comes back is closed when
// it is done, and holds the error if there was one.
func (s *session) ask(do func() error) <-chan error {
	done := make(chan error, 1)
	s.tasks.add(task{do: do, done: done})
	return done
}

// work is the topology goroutine: the only one that waits for answers of the
// broker, one thing after the other.
func (s *session) work() {
	for {
		select {
		case <-s.tasks.wake:
			for _, k := range s.tasks.take(false) {
				select {
				case <-s.dead:
					k.cancel()
				default:
					k.tell(k.do())
				}
			}
		case <-s.dead:
			for _, k := range s.tasks.take(true) {
				k.cancel()
			}
			return
		}
	}
}

// sync waits until the broker has processed everything that was published and
// subscribed before.
func (s *session) sync(ctx context.Context) error {
	done := make(chan struct{})
	s.tasks.add(task{do: func() error {
		s.probe(done)
		return nil
	}, undone: func() { close(done) }})
	select {
	case <-done:
		select {
		case <-s.dead:
			return transport.ErrDisconnected
		default:
			return nil
		}
	case <-s.dead:
		return transport.ErrDisconnected
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// probe closes done when the broker has processed what was published before. It
// publishes a message that nobody can receive and that comes back for that: the
// client lets no other question be asked on a channel that others publish on,
// since it writes a message in several frames.
func (s *session) probe(done chan struct{}) {
	id := s.markers.add(done, 0)
	for {
		p := s.pub.Load()
		if p.ch.Publish(s.conn.names.long(), "", true, false, amqp.Publishing{Type: marker, MessageId: id, DeliveryMode: amqp.Transient}) == nil {
			s.wg.Go(func() {
				select {
				case <-done:
				case <-s.dead:
				case <-p.gone: // it may be lost with its channel
					s.tasks.add(task{do: func() error {
						if s.markers.take(id) != nil {
							s.probe(done)
						}
						return nil
					}})
				}
			})
			return
		}
		select {
		case <-p.gone:
		case <-s.dead:
			return
		}
	}
}

// channel returns the channel for what the broker may refuse.
func (s *session) channel() (*amqp.Channel, error) {
	if s.control == nil || s.control.IsClosed() {
		ch, err := s.link.client.Channel()
		if err != nil {
			return nil, err
		}
		s.control = ch
	}
	return s.control, nil
}

// establish makes a subscription known to the broker.
func (s *session) establish(sub *subscription) {
	s.tasks.add(task{do: func() error {
		var err error
		if sub.group != "" {
			err = s.join(sub)
		} else {
			err = s.bind(sub)
		}
		switch {
		case err == nil:
		case isRefusal(err):
			s.conn.denied("subscribe to", sub.subject, err)
		default:
			s.fail(fmt.Errorf("%w: subscribe to %q: %s", transport.ErrDisconnected, sub.subject, plain(err)))
		}
		return nil
	}})
}

// bind has the inbox receive what matches the pattern of sub.
func (s *session) bind(sub *subscription) error {
	if s.bound[sub.subject] == 0 {
		ch, err := s.channel()
		if err != nil {
			return err
		}
		if err := s.conn.names.bind(ch, s.inbox, sub.subject); err != nil {
			return err
		}
	}
	s.bound[sub.subject]++
	sub.bound = s
	return nil
}

// bind binds a queue to what matches a pattern. Long subjects go another way,
// and a pattern with wildcards matches both.
func (n names) bind(ch *amqp.Channel, queue, pattern string) error {
	key := toBinding(pattern)
	if len(key) <= maxShort {
		if err := ch.QueueBind(queue, key, n.exchange, false, nil); err != nil {
			return err
		}
	}
	if isWild(pattern) || len(key) > maxShort {
		return ch.QueueBind(queue, "", n.long(), false, longBinding(pattern))
	}
	return nil
}

func (n names) unbind(ch *amqp.Channel, queue, pattern string) error {
	key := toBinding(pattern)
	if len(key) <= maxShort {
		if err := ch.QueueUnbind(queue, key, n.exchange, nil); err != nil {
			return err
		}
	}
	if isWild(pattern) || len(key) > maxShort {
		return ch.QueueUnbind(queue, "", n.long(), longBinding(pattern))
	}
	return nil
}

// withdraw undoes establish, and closes done when everything that the broker
// had routed to sub has come.
func (s *session) withdraw(sub *subscription, done chan struct{}) {
	s.tasks.add(task{do: func() error {
		if sub.group != "" {
			s.leave(sub, done)
			return nil
		}
		if sub.bound != s { // refused, or of a later session
			close(done)
			return nil
		}
		sub.bound = nil
		ch, err := s.channel()
		if s.bound[sub.subject]--; err == nil && s.bound[sub.subject] == 0 {
			delete(s.bound, sub.subject)
			err = s.conn.names.unbind(ch, s.inbox, sub.subject)
		}
		if err != nil {
			close(done)
			s.fail(fmt.Errorf("%w: unsubscribe from %q: %s", transport.ErrDisconnected, sub.subject, plain(err)))
			return nil
		}
		s.mark(ch, done)
		return nil
	}, undone: func() { close(done) }})
}

// markers are messages to oneself that are on their way.
type markers struct {
	mu   sync.Mutex // guards the fields below
	last uint64
	open map[string]chan struct{} // by ID; closed when it has passed
}

// add returns the ID of a marker that closes done when it has passed, or after
// the time given, if that is not 0.
func (k *markers) add(done chan struct{}, limit time.Duration) (id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open == nil {
		k.open = make(map[string]chan struct{})
	}
	k.last++
	id = strconv.FormatUint(k.last, 10)
	k.open[id] = done
	if limit > 0 {
		time.AfterFunc(limit, func() { k.passed(id) })
	}
	return id
}

// take forgets a marker and returns what it closes; nil when it has passed.
func (k *markers) take(id string) chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	done := k.open[id]
	delete(k.open, id)
	return done
}

// passed tells who waits for the marker.
func (k *markers) passed(id string) {
	if done := k.take(id); done != nil {
		close(done)
	}
}

// markerTime bounds the wait for a marker: a user may not be allowed to write
// to queues by their name.
const markerTime = time.Second

// mark sends a marker through the inbox and closes done when it has passed.
func (s *session) mark(ch *amqp.Channel, done chan struct{}) {
	id := s.markers.add(done, markerTime)
	if ch.Publish("", s.inbox, false, false, amqp.Publishing{Type: marker, MessageId: id, DeliveryMode: amqp.Transient}) != nil {
		s.markers.passed(id)
	}
}
