package nats

import (
	"errors"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// watch tells the owner what becomes of the link. It listens to the client's
// status and not to its handlers, which belong to somebody else on a borrowed
// connection.
func (c *Conn) watch(status chan nats.Status) {
	defer close(c.watched)
	defer c.nc.RemoveStatusListener(status)
	for {
		select {
		case <-c.life.Done():
			return
		case s := <-status:
			switch s {
			case nats.RECONNECTING, nats.DISCONNECTED:
				c.setCut()
			case nats.CONNECTED:
				c.setRestored()
			case nats.CLOSED:
				c.setLost()
				return
			}
		}
	}
}

func (c *Conn) setCut() {
	if c.state.CompareAndSwap(live, cut) {
		c.cuts.Add(1)
		c.flights.end(transport.ErrDisconnected)
		c.owner.Notify(transport.Event{Kind: transport.Cut})
	}
}

// setRestored tells that the link is back, once the subscriptions are in place:
// the client reports the link before it has sent them.
func (c *Conn) setRestored() {
	if c.state.Load() != cut {
		return
	}
	c.mu.Lock()
	subs := c.list()
	c.mu.Unlock()
	for _, s := range subs {
		s.withdrawAgain()
	}
	if c.roundTrip(c.life) != nil {
		return // if it has been cut again, the next status says so
	}
	c.payload.Store(c.nc.MaxPayload())
	if c.state.CompareAndSwap(cut, live) {
		c.owner.Notify(transport.Event{Kind: transport.Restored})
	}
}

// setLost tells that the client has closed, which we did not ask for.
func (c *Conn) setLost() {
	if c.state.Swap(closed) == closed {
		return
	}
	c.flights.end(transport.ErrClosed)
	err := c.nc.LastError()
	if c.link == nil || err == nil {
		// The last error of a connection that was lent may be an old one, and
		// have nothing to do with it.
		err = errors.New("nats: the program has closed the client's connection")
	}
	c.owner.Notify(transport.Event{Kind: transport.Closed, Err: err})
}

// denied tells of a refusal by the server.
func (c *Conn) denied(err error) {
	inbox := c.nc.Opts.InboxPrefix
	if inbox == "" {
		inbox = strings.TrimSuffix(nats.InboxPrefix, ".")
	}
	c.flights.deny(refusedSubject(err), inbox, denial(err))
	c.owner.Notify(transport.Event{Kind: transport.Denied, Subject: refusedSubject(err), Err: err})
}

// dropped tells that a subscription has lost messages.
func (c *Conn) dropped(subject string) {
	c.owner.Notify(transport.Event{Kind: transport.Dropped, Subject: subject, Err: nats.ErrSlowConsumer})
}

// asyncError takes what the client reports beside the results of calls. The
// client calls it on one goroutine, in the order of what has happened.
func (c *Conn) asyncError(sub *nats.Subscription, err error) {
	switch {
	case isRefusal(err):
		if c.refusals.called(err) {
			c.denied(err)
		}
	case errors.Is(err, nats.ErrSlowConsumer) && sub != nil:
		c.dropped(sub.Subject)
	case err.Error() != c.reported:
		// Once, and not at each attempt to reconnect.
		c.reported = err.Error()
		c.log.Warn("nats: the client reports an error", "error", err)
	}
}
