package amqp

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// patience is how long those who publish wait for a broker that is short of
// memory or disk. Then the connection counts as cut, so that the owner can end
// what waits for it.
const patience = time.Second

// blockade is the time during which the broker wants nothing published.
type blockade struct {
	over  chan struct{} // closed when it is
	timer *time.Timer   // runs out when the connection counts as cut
	cut   atomic.Bool   // it does
}

// wait waits for the end of the blockade.
func (b *blockade) wait(ctx context.Context, s *session) error {
	if s.conn.session.Load() != s {
		return transport.ErrDisconnected // it has lasted too long already
	}
	expired := time.NewTimer(patience)
	defer expired.Stop()
	select {
	case <-b.over:
		return nil
	case <-s.dead:
		return transport.ErrDisconnected
	case <-expired.C:
		return fmt.Errorf("%w: the broker is short of memory or disk and takes no messages", transport.ErrDisconnected)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// block makes those who publish wait.
func (s *session) block(reason string) {
	if s.pause.Load() != nil {
		return
	}
	c := s.conn
	c.log.Warn("amqp: the broker takes no messages", "reason", reason)
	b := &blockade{over: make(chan struct{})}
	b.timer = time.AfterFunc(patience, func() {
		if c.session.CompareAndSwap(s, nil) {
			b.cut.Store(true)
			c.owner.Notify(transport.Event{Kind: transport.Cut, Err: fmt.Errorf("the broker takes no messages: %s", reason)})
		}
	})
	s.pause.Store(b)
}

// unblock lets them go on.
func (s *session) unblock() {
	b := s.pause.Swap(nil)
	if b == nil {
		return
	}
	close(b.over)
	if b.timer.Stop() || !b.cut.Load() {
		return
	}
	// It has counted as cut. Where the link is at its end, run says the rest.
	select {
	case <-s.dead:
		return
	default:
	}
	c := s.conn
	if !c.closed.Load() && c.session.CompareAndSwap(nil, s) {
		c.log.Info("amqp: the broker takes messages again")
		c.owner.Notify(transport.Event{Kind: transport.Restored})
	}
}
