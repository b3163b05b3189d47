package amqp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/transport"
)

// session is what there is between two cuts: a link with its channels, its
// inbox and its consumers. Nothing of it outlives it.
type session struct {
	conn  *Conn
	link  *link
	inbox string // the queue of subscriptions without a group
	frame int    // bytes, the largest that the broker takes
	tasks tasks  // for the topology goroutine

	pub     atomic.Pointer[publisher]
	pause   atomic.Pointer[blockade] // not nil while the broker wants nothing published
	sweeps  chan string
	foreign foreign

	control *amqp.Channel  // the topology goroutine only
	bound   map[string]int // how many subscriptions have a pattern; the topology goroutine only
	members int            // of groups; the topology goroutine only
	markers markers

	once sync.Once
	err  error         // why it is dead; set before dead is closed
	dead chan struct{} // closed when it is of no use any more
	wg   sync.WaitGroup
}

// newSession sets up what every session has. It takes l over, also when it
// fails.
func newSession(ctx context.Context, c *Conn, l *link) (*session, error) {
	s := &session{
		conn: c, link: l, inbox: c.names.inbox(rand.Text()), frame: l.client.Config.FrameSize,
		sweeps: make(chan string, 64), bound: make(map[string]int),
		dead: make(chan struct{}),
	}
	s.tasks.wake = make(chan struct{}, 1)
	s.wg.Go(s.watch)
	s.wg.Go(s.work)
	s.wg.Go(s.sweep)
	ready := s.ask(s.prepare)
	var err error
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		s.end(false)
		return nil, err
	}
	return s, nil
}

// prepare makes the exchanges, the inbox and the channel to publish on.
func (s *session) prepare() error {
	if err := s.declareExchanges(); err != nil {
		return err
	}
	if err := s.openPublisher(nil); err != nil {
		return err
	}
	ch, err := s.link.client.Channel()
	if err != nil {
		return err
	}
	if _, err := ch.QueueDeclare(s.inbox, false, true, true, false, nil); err != nil {
		return fmt.Errorf("declare the queue %q: %w", s.inbox, err)
	}
	// Nothing is acknowledged here: the queue ends with the connection, and so
	// does whatever is in it.
	deliveries, err := ch.Consume(s.inbox, "", true, true, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume from the queue %q: %w", s.inbox, err)
	}
	s.wg.Go(func() {
		for d := range deliveries {
			if d.Type == marker {
				s.markers.passed(d.MessageId)
				continue
			}
			s.conn.index.deliver(fromDelivery(&d), false)
		}
		s.fail(errInbox)
	})
	return nil
}

var errInbox = errors.New("the broker has ended the inbox")

// declareExchanges makes the exchanges unless they are there: a user who may
// not make any can still use them.
func (s *session) declareExchanges() error {
	for name, kind := range map[string]string{s.conn.names.exchange: amqp.ExchangeTopic, s.conn.names.long(): amqp.ExchangeHeaders} {
		err := s.throwaway(func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive(name, kind, true, false, false, false, nil)
		})
		if isMissing(err) {
			err = s.throwaway(func(ch *amqp.Channel) error {
				return ch.ExchangeDeclare(name, kind, true, false, false, false, nil)
			})
		}
		if err != nil {
			return fmt.Errorf("declare the exchange %q: %w", name, err)
		}
	}
	return nil
}

// throwaway runs f on a channel of its own, which what f does may close.
func (s *session) throwaway(f func(ch *amqp.Channel) error) error {
	ch, err := s.link.client.Channel()
	if err != nil {
		return err
	}
	err = f(ch)
	_ = ch.Close() // the broker may have closed it
	return err
}

// fail ends the session: the link is broken, or something that must not happen
// has happened. Everything is made anew.
func (s *session) fail(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.dead)
	})
}

// closeTime bounds the farewell of a broker that may not answer.
const closeTime = 2 * time.Second

// end closes the link and returns when nothing of the session runs any more. An
// orderly end waits until the broker has everything.
func (s *session) end(orderly bool) {
	s.fail(transport.ErrDisconnected)
	if orderly {
		_ = s.link.client.CloseDeadline(time.Now().Add(closeTime)) // it is closed below in any case
	}
	s.link.abort()
	s.wg.Wait()
}

// watch sees the end of the link, and when the broker wants nothing published.
func (s *session) watch() {
	closed := s.link.client.NotifyClose(make(chan *amqp.Error, 1))
	blocked := s.link.client.NotifyBlocked(make(chan amqp.Blocking, 1))
	// The client has to be read until it is at its end.
	for closed != nil || blocked != nil {
		select {
		case err, ok := <-closed:
			if !ok {
				closed = nil
				s.fail(errors.New("the connection has been closed"))
				continue
			}
			s.fail(fmt.Errorf("%w: %s", transport.ErrDisconnected, plain(err)))
		case b, ok := <-blocked:
			if !ok {
				blocked = nil
				s.unblock()
				continue
			}
			if b.Active {
				s.block(b.Reason)
			} else {
				s.unblock()
			}
		}
	}
}

// publisher is the channel that messages are published on.
type publisher struct {
	ch   *amqp.Channel
	gone chan struct{} // closed when there is another one
}

// openPublisher makes a channel to publish on, in place of old.
func (s *session) openPublisher(old *publisher) error {
	ch, err := s.link.client.Channel()
	if err != nil {
		return err
	}
	p := &publisher{ch: ch, gone: make(chan struct{})}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	returned := ch.NotifyReturn(make(chan amqp.Return, 1024))
	s.pub.Store(p)
	if old != nil {
		close(old.gone)
	}
	s.wg.Go(func() { s.watchPublisher(p, closed, returned) })
	return nil
}

// watchPublisher turns what comes back into NoResponders. The broker closes the
// channel when it refuses a message; then there is a new one.
func (s *session) watchPublisher(p *publisher, closed <-chan *amqp.Error, returned <-chan amqp.Return) {
	for returned != nil || closed != nil {
		select {
		case r, ok := <-returned:
			if !ok {
				returned = nil
				continue
			}
			if r.Type == marker {
				s.markers.passed(r.MessageId)
				continue
			}
			if reply := replyOf(r.ReplyTo, r.CorrelationId, r.Headers); reply != "" {
				s.conn.index.deliver(transport.Message{Subject: reply, Status: transport.NoResponders}, true)
			}
		case err, ok := <-closed:
			closed = nil
			switch {
			case ok && isRefusal(err):
				s.conn.denied("publish to", refusedSubject(err), err)
				if err := s.openPublisher(p); err != nil {
					s.fail(err)
				}
			case ok:
				s.fail(fmt.Errorf("%w: %s", transport.ErrDisconnected, plain(err)))
			default:
				s.fail(transport.ErrDisconnected)
			}
		}
	}
}

// publish sends p, and waits while the broker wants nothing published.
func (s *session) publish(ctx context.Context, exchange, key string, mandatory bool, p *amqp.Publishing) error {
	for {
		if b := s.pause.Load(); b != nil {
			if err := b.wait(ctx, s); err != nil {
				return err
			}
		}
		pub := s.pub.Load()
		err := pub.ch.Publish(exchange, key, mandatory, false, *p)
		if err == nil {
			return nil
		}
		if !pub.ch.IsClosed() {
			s.fail(fmt.Errorf("%w: %w", transport.ErrDisconnected, err))
			return transport.ErrDisconnected
		}
		// Nothing was sent. Either there is another channel soon, or the end.
		select {
		case <-pub.gone:
		case <-s.dead:
			return transport.ErrDisconnected
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// foreign answers clients that know nothing of us, on a channel of its own: the
// broker closes it when they name what this user may not write to.
type foreign struct {
	mu sync.Mutex // guards ch
	ch *amqp.Channel
}

func (s *session) answerForeign(address string, p *amqp.Publishing) error {
	replyTo, id := parseForeign(address)
	if len(replyTo) > maxShort {
		return fmt.Errorf("%w: a reply_to of %d bytes", transport.ErrSubject, len(replyTo))
	}
	p.CorrelationId = id
	s.foreign.mu.Lock()
	defer s.foreign.mu.Unlock()
	if s.foreign.ch == nil || s.foreign.ch.IsClosed() {
		ch, err := s.link.client.Channel()
		if err != nil {
			return transport.ErrDisconnected
		}
		s.foreign.ch = ch
	}
	if err := s.foreign.ch.Publish("", replyTo, false, false, *p); err != nil {
		return transport.ErrDisconnected
	}
	return nil
}
