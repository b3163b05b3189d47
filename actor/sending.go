package actor

import (
	"context"
	"time"
)

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
