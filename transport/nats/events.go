package nats

import (
	"errors"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// watch reports what happens to the client's connection. It listens to its
// status instead of setting handlers, since those of a borrowed connection
// belong to the program.
func (c *Conn) watch() {
	defer close(c.watched)
	cut := false
	for s := range c.status {
		switch s {
		case nats.RECONNECTING, nats.DISCONNECTED:
			if !cut {
				cut = true
				c.owner.Notify(transport.Event{Kind: transport.Cut, Err: c.nc.LastError()})
			}
		case nats.CONNECTED:
			// The client says so before it has subscribed again, and holds its
			// lock until it has: asking for the status waits for that.
			if cut && c.nc.Status() == nats.CONNECTED {
				cut = false
				c.owner.Notify(transport.Event{Kind: transport.Restored})
			}
		case nats.CLOSED:
			c.ended()
			return
		}
	}
}

// ended reports that the client's connection has ended, unless it was we who
// asked for it.
func (c *Conn) ended() {
	if c.isClosed() {
		return
	}
	err := c.nc.LastError()
	if err == nil {
		err = transport.ErrClosed
	}
	c.owner.Notify(transport.Event{Kind: transport.Closed, Err: err})
}

// asyncError takes what the client reports beside the results of calls.
func (c *Conn) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		c.owner.Notify(transport.Event{Kind: transport.Denied, Subject: deniedSubject(err), Err: err})
	case errors.Is(err, nats.ErrSlowConsumer) && sub != nil:
		c.owner.Notify(transport.Event{Kind: transport.Dropped, Subject: sub.Subject, Err: err})
	default:
		c.log.Warn("nats client", "err", err)
	}
}

// deniedSubject takes the subject from the server's text: Permissions
// Violation for Publish to "subject".
func deniedSubject(err error) string {
	_, rest, _ := strings.Cut(err.Error(), `"`)
	subject, _, _ := strings.Cut(rest, `"`)
	return subject
}
