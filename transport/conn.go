package transport

import "context"

// Conn is one connection to a message fabric. All methods may be called from
// any goroutine.
//
// A connection has exactly one owner, which says so with Attach before it
// uses anything else.
type Conn interface {
	// Attach makes the caller the owner of the connection. From then on events
	// reports what happens to it: one event at a time, in order, on a goroutine
	// of the transport, so events must return soon and must not call Close or
	// Drain. A second Attach fails with ErrTaken and leaves the first owner in
	// place. Attach on a closed connection fails with ErrClosed.
	Attach(events func(Event)) error

	// Publish hands m to the fabric. It neither keeps nor changes m, m.Header
	// or m.Data after it returns. Messages that one goroutine publishes reach
	// each subscription in that order. A nil error says that the message was
	// accepted for sending, not that anyone has it.
	//
	// A message with a Reply that no subscription matches comes back as an
	// empty message with Status NoResponders on its Reply subject.
	//
	// While the connection is cut, Publish either keeps the message within a
	// fixed bound, to send it once the connection is back, or fails with
	// ErrDisconnected. It fails with ErrTooLarge, ErrSubject, ErrHeader or
	// ErrClosed before anything is sent. It may wait for the fabric to take
	// the message, at most until ctx ends.
	Publish(ctx context.Context, m *Message) error

	// Subscribe registers interest in a subject pattern. Of the subscriptions
	// with the same pattern and the same non-empty group, each message reaches
	// exactly one; without a group every subscription receives it. It fails
	// with ErrSubject when subject is no pattern, or group is neither empty
	// nor fit to be a literal subject.
	//
	// handler is called for one message at a time, in the order of arrival, on
	// a goroutine that belongs to this subscription: a slow handler delays its
	// own subscription only. The Message is valid until handler returns; its
	// strings, Header and Data may be kept and belong to the handler.
	//
	// The subscription is certain to be live once a later Flush has returned.
	Subscribe(subject, group string, handler func(*Message)) (Subscription, error)

	// Flush returns when the fabric has processed everything this connection
	// published and subscribed before. It fails with an error that wraps
	// ErrDenied and names the subject when the fabric has refused one of these
	// for want of permission.
	Flush(ctx context.Context) error

	// Features tells what this connection can do. It is cheap and may change
	// after a reconnect.
	Features() Features

	// Drain ends all subscriptions as Subscription.Drain does, flushes what
	// was published and closes the connection. When ctx ends first, the
	// connection is closed at once and the cause of ctx is returned, without
	// waiting for a handler that still runs; a later Close waits for it.
	Drain(ctx context.Context) error

	// Close ends the connection at once and waits until no handler runs and no
	// goroutine of the connection is left, so it must not be called from a
	// handler. It is idempotent. Afterwards every method but Close and Drain
	// fails with ErrClosed.
	Close() error
}

// Subscription is a live interest in a subject pattern. Both methods are
// idempotent, may be called from any goroutine, and must not be called from
// the subscription's own handler.
type Subscription interface {
	// Drain withdraws the interest, then returns when every message that had
	// been received has been handled. When ctx ends first, what is left is
	// dropped and the cause of ctx is returned, without waiting for a handler
	// that still runs; a later Close waits for it.
	Drain(ctx context.Context) error

	// Close withdraws the interest and drops what has not been handled. It
	// waits for a handler that is running.
	Close() error
}

// Features tells what a connection can do.
type Features struct {
	// Transport names the kind of fabric: "loopback", "nats", "amqp".
	Transport string

	// MaxPayload is the most bytes that Data and Header of one message may
	// take together; 0 when there is no limit.
	MaxPayload int

	// ReplyPrefixes are the beginnings of reply subjects that the fabric's own
	// request-reply clients use, such as "_INBOX." on NATS. A caller that
	// knows nothing of this library is answered there and nowhere else. The
	// slice is shared and must not be changed.
	ReplyPrefixes []string

	// Discovery says that services on this fabric announce themselves on
	// "$SRV." subjects as NATS services do.
	Discovery bool

	// Cut says that Attach reports Cut and Restored: the fabric is reached
	// over a link that can break.
	Cut bool
}

// Sweeper is a Conn whose fabric may keep messages for a group of which no
// member is there. It is optional.
type Sweeper interface {
	// Sweep makes the fabric give back what waits for the group on subject, if
	// nobody is there to take it: each such message comes back as NoResponders
	// on its Reply, unless it may have been handled before. Sweep returns at
	// once and may be called again and again.
	Sweep(subject, group string)
}
