package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// fabric is loopback with a link that can break and permissions, so that every
// topic has something to run on. What it lacks on purpose is in its mutant.
type fabric struct {
	broker *loopback.Broker
	mutant mutant

	mu    sync.Mutex // guards what follows
	cut   bool
	conns []*cuttable
}

func openMutant(m mutant) Open {
	return func(tb testing.TB) Harness {
		tb.Helper()
		f := &fabric{broker: loopback.New(), mutant: m}
		tb.Cleanup(func() { f.broker.Close() })
		return f
	}
}

// Limit is short where a case has to fail.
func (f *fabric) Limit() time.Duration {
	switch {
	case f.mutant.caught == "":
		return 10 * time.Second
	case strings.HasPrefix(f.mutant.caught, "expiry/"):
		return 3 * time.Second // these take their time also where nothing is wrong
	case strings.HasPrefix(f.mutant.caught, "schedule"):
		return 5 * time.Second
	}
	return time.Second
}

func (f *fabric) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	c := f.dial(tb, "")
	if f.mutant.wrap != nil {
		return f.mutant.wrap(c)
	}
	return c
}

func (f *fabric) OpenGuarded(tb testing.TB) (transport.Conn, string) {
	tb.Helper()
	return f.dial(tb, "secret"), "secret"
}

func (f *fabric) dial(tb testing.TB, denied string) *cuttable {
	tb.Helper()
	inner, err := f.broker.Connect()
	if err != nil {
		tb.Fatalf("Connect() = %v, want nil", err)
	}
	c := &cuttable{Conn: inner, fabric: f, denied: denied}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, c)
	return c
}

func (f *fabric) Cut(testing.TB) { f.each(true, (*cuttable).sever) }

func (f *fabric) Heal(testing.TB) { f.each(false, (*cuttable).restore) }

func (f *fabric) each(cut bool, do func(*cuttable)) {
	f.mu.Lock()
	f.cut = cut
	conns := append([]*cuttable(nil), f.conns...)
	f.mu.Unlock()
	for _, c := range conns {
		do(c)
	}
}

// cuttable is one connection to a fabric. Since a cut reaches all connections
// of a fabric, it is enough that nobody can publish meanwhile.
type cuttable struct {
	transport.Conn
	fabric *fabric
	denied string // the prefix that it may not use
	owner  transport.Owner

	mu      sync.Mutex // guards what follows
	cut     bool
	closed  bool
	subs    []transport.Subscription
	watches []transport.Watcher
	refused []string
}

func (c *cuttable) Features() transport.Features {
	f := c.Conn.Features()
	f.Cut = true
	return f
}

func (c *cuttable) Attach(events func(transport.Event)) error { return c.owner.Attach(events) }

func (c *cuttable) sever() {
	c.mu.Lock()
	c.cut = true
	subs, watches := c.subs, c.watches
	c.mu.Unlock()
	if c.fabric.mutant.forgets {
		for _, w := range watches {
			go w.Close()
		}
		for _, s := range subs {
			go s.Close() // its handler may be stuck
		}
	}
	c.owner.Notify(transport.Event{Kind: transport.Cut, Err: errors.New("severed")})
}

func (c *cuttable) restore() {
	c.mu.Lock()
	c.cut = false
	c.mu.Unlock()
	c.owner.Notify(transport.Event{Kind: transport.Restored})
}

func (c *cuttable) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut && !c.closed
}

func (c *cuttable) Publish(ctx context.Context, m *transport.Message) error {
	if c.isCut() {
		return transport.ErrDisconnected
	}
	if c.deny(m.Subject) {
		return nil
	}
	return c.Conn.Publish(ctx, m)
}

func (c *cuttable) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	if c.deny(subject) {
		return closedSubscription{}, nil
	}
	s, err := c.Conn.Subscribe(subject, group, handler)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subs = append(c.subs, s)
	if c.fabric.mutant.resurrects && c.cut {
		return closedSubscription{}, nil
	}
	if c.fabric.mutant.resurrects {
		return lasting{s, c}, nil
	}
	return s, nil
}

// lasting is a subscription that cannot be closed during a cut.
type lasting struct {
	transport.Subscription
	conn *cuttable
}

func (l lasting) Close() error {
	if l.conn.isCut() {
		return nil
	}
	return l.Subscription.Close()
}

func (c *cuttable) deny(subject string) bool {
	if c.denied == "" || !strings.HasPrefix(subject, c.denied+".") {
		return false
	}
	c.mu.Lock()
	c.refused = append(c.refused, subject)
	c.mu.Unlock()
	if !c.fabric.mutant.silent {
		c.owner.Notify(transport.Event{Kind: transport.Denied, Subject: subject, Err: errors.New("denied")})
	}
	return true
}

func (c *cuttable) Flush(ctx context.Context) error {
	if c.isCut() {
		return transport.ErrDisconnected
	}
	c.mu.Lock()
	refused := c.refused
	c.refused = nil
	c.mu.Unlock()
	if len(refused) > 0 && !c.fabric.mutant.patient {
		return fmt.Errorf("%w: %q", transport.ErrDenied, refused)
	}
	return c.Conn.Flush(ctx)
}

func (c *cuttable) Close() error {
	err := c.Conn.Close()
	c.end()
	c.owner.End(nil)
	return err
}

func (c *cuttable) Drain(ctx context.Context) error {
	err := c.Conn.Drain(ctx)
	c.end()
	if err == nil {
		c.owner.End(nil)
	} else {
		c.owner.Notify(transport.Event{Kind: transport.Closed})
	}
	return err
}

func (c *cuttable) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// closedSubscription is what is left of one that was refused.
type closedSubscription struct{}

func (closedSubscription) Drain(context.Context) error { return nil }
func (closedSubscription) Close() error                { return nil }
