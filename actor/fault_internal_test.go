package actor

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// faultConn is a connection that fails on demand, as a process or a link does.
type faultConn struct {
	inner transport.Conn
	owner transport.Owner

	mu     sync.Mutex // guards what follows; not held across inner
	frozen chan struct{}
	dead   bool
	closed bool
	isCut  bool
	subs   map[*faultSub]struct{}
	drop   func(m *transport.Message) bool
	delay  func(m *transport.Message) time.Duration
	refuse func(m *transport.Message) error

	storeFault func(key string) storeFault

	sent    []string // the subjects that were published, also those lost on the way
	lagging sync.WaitGroup
}

func newFaultConn(inner transport.Conn) *faultConn {
	return &faultConn{inner: inner, subs: make(map[*faultSub]struct{})}
}

func (c *faultConn) Attach(events func(transport.Event)) error {
	if err := c.owner.Attach(events); err != nil {
		return err
	}
	return c.inner.Attach(func(e transport.Event) {
		if e.Kind != transport.Closed { // Close says so itself
			c.owner.Notify(e)
		}
	})
}

func (c *faultConn) Publish(ctx context.Context, m *transport.Message) error {
	switch alive, err := c.alive(ctx); {
	case err != nil:
		return fmt.Errorf("publish to %q: %w", m.Subject, err)
	case !alive:
		return nil // nobody is left to care
	}
	c.mu.Lock()
	cut, drop, delay, refuse := c.isCut, c.drop, c.delay, c.refuse
	if !cut {
		c.sent = append(c.sent, m.Subject)
	}
	c.mu.Unlock()
	if cut {
		return fmt.Errorf("publish to %q: %w", m.Subject, transport.ErrDisconnected)
	}
	if refuse != nil {
		if err := refuse(m); err != nil {
			return err
		}
	}
	if drop != nil && drop(m) {
		return nil
	}
	if delay != nil {
		if d := delay(m); d > 0 {
			late := *m
			late.Header = m.Header.Clone()
			return c.later(d, &late)
		}
	}
	return c.inner.Publish(ctx, m)
}

// later publishes m after a while.
func (c *faultConn) later(d time.Duration, m *transport.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return transport.ErrClosed
	}
	c.lagging.Go(func() {
		<-time.After(d)
		_ = c.inner.Publish(context.Background(), m) // the connection may be closed by then
	})
	return nil
}

func (c *faultConn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	s := &faultSub{c: c, subject: subject, group: group}
	s.handler = func(m *transport.Message) {
		if alive, _ := c.alive(context.Background()); alive {
			handler(m)
		}
	}
	c.mu.Lock()
	cut := c.isCut
	c.subs[s] = struct{}{}
	c.mu.Unlock()
	if cut {
		return s, nil
	}
	return s, s.join()
}

func (c *faultConn) Flush(ctx context.Context) error {
	c.mu.Lock()
	cut := c.isCut
	c.mu.Unlock()
	if cut {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return c.inner.Flush(ctx)
}

func (c *faultConn) Features() transport.Features { return c.inner.Features() }

func (c *faultConn) Drain(ctx context.Context) error {
	err := c.inner.Drain(ctx)
	c.owner.End(nil)
	return err
}

func (c *faultConn) Close() error {
	c.thaw()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.lagging.Wait()
	err := c.inner.Close()
	c.owner.End(nil)
	return err
}

// alive waits while the process is frozen, until ctx ends, and says whether it
// lives.
func (c *faultConn) alive(ctx context.Context) (bool, error) {
	for {
		c.mu.Lock()
		frozen, dead := c.frozen, c.dead
		c.mu.Unlock()
		if frozen == nil || dead {
			return !dead, nil
		}
		select {
		case <-frozen:
		case <-ctx.Done():
			return true, context.Cause(ctx)
		}
	}
}

// kill ends the process: its subscriptions vanish at once and nothing it does
// from now on reaches anybody.
func (c *faultConn) kill() {
	c.mu.Lock()
	c.dead = true
	c.mu.Unlock()
	c.thaw()
	c.leave()
}

// stop freezes the connection in both directions, as SIGSTOP does: what comes
// in queues, and whoever publishes waits.
func (c *faultConn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen == nil {
		c.frozen = make(chan struct{})
	}
}

// thaw lets go on what stop has stopped.
func (c *faultConn) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen != nil {
		close(c.frozen)
		c.frozen = nil
	}
}

// cut breaks the link. The broker notices at once: it forgets the
// subscriptions. The owner hears of it when tell is set.
func (c *faultConn) cut(tell bool) {
	c.mu.Lock()
	c.isCut = true
	c.mu.Unlock()
	c.leave()
	if tell {
		c.owner.Notify(transport.Event{Kind: transport.Cut})
	}
}

// restore mends the link.
func (c *faultConn) restore(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	c.isCut = false
	subs := c.list()
	c.mu.Unlock()
	for _, s := range subs {
		if err := s.join(); err != nil {
			t.Errorf("subscribe again to %q: %v", s.subject, err)
		}
	}
	c.owner.Notify(transport.Event{Kind: transport.Restored})
}

// leave ends all subscriptions at the broker.
func (c *faultConn) leave() {
	c.mu.Lock()
	subs := c.list()
	c.mu.Unlock()
	for _, s := range subs {
		s.leave()
	}
}

// list returns the subscriptions. mu is held.
func (c *faultConn) list() []*faultSub {
	subs := make([]*faultSub, 0, len(c.subs))
	for s := range c.subs {
		subs = append(subs, s)
	}
	return subs
}

// dropping loses the messages that this side publishes and f picks; nil loses
// none.
func (c *faultConn) dropping(f func(m *transport.Message) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop = f
}

// delaying delivers what this side publishes after the time that f gives.
func (c *faultConn) delaying(f func(m *transport.Message) time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = f
}

// refusing makes Publish fail where f says so.
func (c *faultConn) refusing(f func(m *transport.Message) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = f
}

// count returns how many of the published subjects match.
func (c *faultConn) count(match func(subject string) bool) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sent {
		if match(s) {
			n++
		}
	}
	return n
}

// faultSub is a subscription of a faultConn.
type faultSub struct {
	c       *faultConn
	subject string
	group   string
	handler func(*transport.Message)

	mu    sync.Mutex // guards inner
	inner transport.Subscription
}

func (s *faultSub) join() error {
	inner, err := s.c.inner.Subscribe(s.subject, s.group, s.handler)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inner = inner
	return err
}

// leave ends the subscription at the broker.
func (s *faultSub) leave() {
	if inner := s.take(); inner != nil {
		_ = inner.Close() // of a broker in this process: it does not fail
	}
}

func (s *faultSub) take() transport.Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	inner := s.inner
	s.inner = nil
	return inner
}

func (s *faultSub) forget() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	delete(s.c.subs, s)
}

func (s *faultSub) Drain(ctx context.Context) error {
	s.forget()
	if inner := s.take(); inner != nil {
		return inner.Drain(ctx)
	}
	return nil
}

func (s *faultSub) Close() error {
	s.forget()
	s.leave()
	return nil
}

// Predicates on subjects.

func isFrame(suffix string) func(string) bool {
	return func(s string) bool { return len(s) > len(suffix) && s[len(s)-len(suffix):] == suffix }
}

func isVerb(verb string) func(string) bool {
	return func(s string) bool {
		v, task, ok := wire.ParseNodeSubject(s)
		return ok && task == "" && v == verb
	}
}

func onSubject(match func(string) bool) func(*transport.Message) bool {
	return func(m *transport.Message) bool { return match(m.Subject) }
}
