package actor

import (
	"context"
	"strconv"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
)

// publish sends a call; follows is the message to the same entity that was sent
// before it and is still under way, if any.
func (t *calls) publish(c *call, subject, follows string, body []byte, sends, attempt int32, budget time.Duration) error {
	var token [40]byte
	var buf [256]byte
	reply := wire.AppendAddress(buf[:0], t.n.inbox, string(c.appendToken(token[:0], sends)), budget, int(c.depth))
	header := c.header
	if attempt > 1 {
		header = with(header, wire.HeaderAttempt, strconv.Itoa(int(attempt)))
	}
	if follows != "" {
		header = with(header, wire.HeaderAfter, follows)
	}
	// The call is its own context here: when it ends nobody waits on.
	return t.n.publishUnder((*sending)(c), subject, string(reply), header, body)
}

// sending is a call as the context of its own publish: should the transport
// make the publisher wait, the end of the call ends the waiting. It costs
// nothing, as a context with a timer for each call would not.
type sending call

var _ context.Context = (*sending)(nil)

// Deadline implements context.Context.
func (s *sending) Deadline() (time.Time, bool) {
	if s.deadline == 0 {
		return time.Time{}, false
	}
	return s.n.clock.time(s.deadline), true
}

// Done implements context.Context.
func (s *sending) Done() <-chan struct{} { return (*call)(s).channel() }

// Err implements context.Context.
func (s *sending) Err() error {
	if (*call)(s).isOver() {
		return context.Canceled
	}
	return nil
}

// Value implements context.Context.
func (s *sending) Value(any) any { return nil }
