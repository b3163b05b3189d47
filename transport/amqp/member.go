package amqp

import (
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/transport"
)

// orphanTime is how long the broker keeps the queue of a group that nobody
// reads, where it has not deleted it with the last member: after it was
// restarted, or when the first member died as it came. In milliseconds.
const orphanTime = int32(60_000)

// spareChannels is how many channels are kept for what is no membership.
const spareChannels = 16

var errTooMany = errors.New("too many subscriptions in groups")

// consumer is a subscription's membership in a group, on a channel of its own.
type consumer struct {
	session *session
	ch      *amqp.Channel
	tag     string
	ended   chan struct{} // closed when everything delivered is in the subscription's queue
	leaving bool          // the topology goroutine only
}

// join makes sub a member of its group.
func (s *session) join(sub *subscription) error {
	// The queue may be deleted between the two steps of it, with the member that
	// was the last one.
	const attempts = 20
	if most := int(s.link.client.Config.ChannelMax) - spareChannels; s.members >= most {
		return fmt.Errorf("%w: the connection has %d, as many as the broker's channel_max allows", errTooMany, s.members)
	}
	var err error
	for range attempts {
		var k *consumer
		if k, err = s.consume(sub); err == nil {
			s.members++
			sub.consumer = k
			return nil
		}
		if !isMissing(err) {
			return err
		}
	}
	return err
}

func (s *session) consume(sub *subscription) (*consumer, error) {
	ch, err := s.link.client.Channel()
	if err != nil {
		return nil, err
	}
	k := &consumer{session: s, ch: ch, tag: "member", ended: make(chan struct{})}
	queue := s.conn.names.group(sub.subject, sub.group)
	deliveries, err := func() (<-chan amqp.Delivery, error) {
		if err := ch.Qos(s.conn.prefetch, 0, false); err != nil {
			return nil, err
		}
		// Durable only because RabbitMQ 4 takes no shared queue that is not; what
		// is in it is not kept.
		if _, err := ch.QueueDeclare(queue, true, true, false, false, amqp.Table{"x-expires": orphanTime, "x-queue-type": "classic"}); err != nil {
			return nil, err
		}
		if err := s.conn.names.bind(ch, queue, sub.subject); err != nil {
			return nil, err
		}
		return ch.Consume(queue, k.tag, false, false, false, false, nil)
	}()
	if err != nil {
		_ = ch.Close() // the broker has closed it most likely
		if isRefusal(err) {
			// Not left behind without a member.
			_ = s.throwaway(func(ch *amqp.Channel) error {
				_, err := ch.QueueDelete(queue, true, true, false)
				return err
			})
		}
		return nil, err
	}
	s.wg.Go(func() {
		defer close(k.ended)
		for d := range deliveries {
			m := fromDelivery(&d)
			if d.Type == nobodyThere {
				m.Redelivered = false
			}
			sub.push(item{message: m, from: ch, tag: d.DeliveryTag})
		}
		s.tasks.add(task{do: func() error {
			if !k.leaving {
				s.fail(errMember)
			}
			return nil
		}})
	})
	return k, nil
}

var errMember = errors.New("the broker has ended a subscription: its queue was deleted, or a node of the cluster is gone")

// leave ends the membership of sub and closes done when everything delivered is
// in its queue.
func (s *session) leave(sub *subscription, done chan struct{}) {
	k := sub.consumer
	if k == nil || k.session != s {
		close(done)
		return
	}
	k.leaving = true
	if err := k.ch.Cancel(k.tag, false); err != nil {
		s.fail(fmt.Errorf("%w: leave the group on %q: %s", transport.ErrDisconnected, sub.subject, plain(err)))
	}
	s.wg.Go(func() {
		defer close(done)
		select {
		case <-k.ended:
		case <-s.dead:
			<-k.ended // the client ends it
		}
	})
}

// release gives the channel of a former member back. What it has not
// acknowledged goes to the others.
func (s *session) release(sub *subscription) {
	s.tasks.add(task{do: func() error {
		k := sub.consumer
		if k == nil || k.session != s {
			return nil
		}
		sub.consumer = nil
		s.members--
		k.leaving = true
		_ = k.ch.Close() // fails when the link is cut, and then it is closed
		return nil
	}})
}

// sweepTime is how often at most one queue is looked at.
const sweepTime = 100 * time.Millisecond

// sweep looks at queues that may have nobody to read them.
func (s *session) sweep() {
	last := make(map[string]time.Time)
	for {
		select {
		case <-s.dead:
			return
		case queue := <-s.sweeps:
			now := time.Now()
			if now.Sub(last[queue]) < sweepTime {
				continue
			}
			if len(last) > 1024 {
				clear(last)
			}
			last[queue] = now
			// An error says that there is no such queue, or that the link is cut.
			_ = s.throwaway(func(ch *amqp.Channel) error { return s.giveBack(ch, queue) })
		}
	}
}

// giveBack takes what is in a queue without a reader and tells those who wait
// for an answer that nobody is there. What was delivered before may have been
// executed, so about that it says nothing.
func (s *session) giveBack(ch *amqp.Channel, queue string) error {
	q, err := ch.QueueDeclarePassive(queue, true, true, false, false, nil)
	if err != nil || q.Consumers > 0 {
		return err
	}
	for range q.Messages {
		d, ok, err := ch.Get(queue, true)
		if err != nil || !ok {
			return err
		}
		reply := replyOf(d.ReplyTo, d.CorrelationId, d.Headers)
		if reply == "" || d.Redelivered || isForeign(reply) || !fitsKey(reply) {
			continue
		}
		if err := ch.Publish(s.conn.names.exchange, toKey(reply), false, false, amqp.Publishing{Type: nobodyThere, DeliveryMode: amqp.Transient}); err != nil {
			return err
		}
	}
	return nil
}
