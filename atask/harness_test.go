package atask_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// virtual runs a test in virtual time, beside others. Waiting costs nothing
// there, and the test fails when a goroutine is left at its end.
func virtual(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Nodes ping on for ever, so a test that hangs does not stop its clock.
		watchdog := time.AfterFunc(10*time.Minute, func() { explode("the test hangs: ten minutes of its time are over") })
		defer watchdog.Stop()
		test(t)
	})
}

// explode is how a test's own handlers panic.
func explode(v any) {
	panic(v)
}

// pass lets time pass, in tests whose time is virtual.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, where time is virtual
}

// connect returns a new connection to a broker.
func connect(t *testing.T, b *loopback.Broker) transport.Conn {
	t.Helper()
	conn, err := b.Connect()
	if err != nil {
		t.Fatalf("Connect() = %v", err)
	}
	return conn
}

// startOn starts a node on conn that serves the given tasks. It is closed when
// the test ends.
func startOn(t *testing.T, conn transport.Conn, cfg actor.Config, servables ...atask.Servable) *actor.Node {
	t.Helper()
	n, err := actor.Start(t.Context(), conn, cfg)
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	t.Cleanup(func() { n.Close() })
	if err := n.Serve(servables...); err != nil {
		t.Fatalf("Serve() = %v", err)
	}
	return n
}

// start starts a node on a connection of its own.
func start(t *testing.T, b *loopback.Broker, cfg actor.Config, servables ...atask.Servable) *actor.Node {
	t.Helper()
	return startOn(t, connect(t, b), cfg, servables...)
}

// pair starts a worker and a caller, and returns the context for calls.
func pair(t *testing.T, servables ...atask.Servable) context.Context {
	t.Helper()
	b := loopback.New()
	start(t, b, actor.Config{}, servables...)
	return start(t, b, actor.Config{}).Context(t.Context())
}

// ways are the three ways of a call. Nobody should see a difference.
var ways = []struct {
	name  string
	start func(t *testing.T, cfg actor.Config, servables ...atask.Servable) *actor.Node // the caller
}{
	{"in the process", func(t *testing.T, cfg actor.Config, servables ...atask.Servable) *actor.Node {
		return start(t, loopback.New(), cfg, servables...)
	}},
	{"through the broker", func(t *testing.T, cfg actor.Config, servables ...atask.Servable) *actor.Node {
		cfg.NoLocal = true
		return start(t, loopback.New(), cfg, servables...)
	}},
	{"to another node", func(t *testing.T, cfg actor.Config, servables ...atask.Servable) *actor.Node {
		b := loopback.New()
		start(t, b, cfg, servables...)
		return start(t, b, cfg)
	}},
}

// eachWay runs a test for each way that a call can go, in virtual time. start
// makes the nodes and returns the one that calls.
func eachWay(t *testing.T, test func(t *testing.T, start starter)) {
	t.Helper()
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			virtual(t, func(t *testing.T) { test(t, way.start) })
		})
	}
}

type starter = func(t *testing.T, cfg actor.Config, servables ...atask.Servable) *actor.Node

// draining begins to drain a node.
func draining(n *actor.Node) {
	go func() { _ = n.Drain(context.Background()) }() // what comes of it Close tells
}

// is fails the test unless err is the error of a call that matches want.
func is(t *testing.T, call string, err, want error) {
	t.Helper()
	if _, coded := errors.AsType[*atask.Error](err); !coded || !errors.Is(err, want) {
		t.Errorf("%s = %v (%T), want *atask.Error that is %q", call, err, err, want)
	}
}

// equal fails the test unless got is want.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// succeeds fails the test unless a call returned want.
func succeeds[T comparable](t *testing.T, call string, got T, err error, want T) {
	t.Helper()
	if err != nil || got != want {
		t.Errorf("%s = %v, %v, want %v", call, got, err, want)
	}
}

// faultyConn is a connection that can be frozen, cut and refused permissions.
type faultyConn struct {
	transport.Conn

	mu     sync.Mutex // guards what follows
	events func(transport.Event)
	thawed chan struct{} // closed while not frozen
	denied string        // the subject that must not be published to
}

func newFaultyConn(t *testing.T, b *loopback.Broker) *faultyConn {
	t.Helper()
	c := &faultyConn{Conn: connect(t, b), thawed: make(chan struct{})}
	close(c.thawed)
	return c
}

func (c *faultyConn) Attach(events func(transport.Event)) error {
	c.mu.Lock()
	c.events = events
	c.mu.Unlock()
	return c.Conn.Attach(events)
}

func (c *faultyConn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	return c.Conn.Subscribe(subject, group, func(m *transport.Message) {
		c.mu.Lock()
		thawed := c.thawed
		c.mu.Unlock()
		<-thawed
		handler(m)
	})
}

func (c *faultyConn) Publish(ctx context.Context, m *transport.Message) error {
	c.mu.Lock()
	denied, events, thawed := m.Subject == c.denied, c.events, c.thawed
	c.mu.Unlock()
	if denied {
		go events(transport.Event{Kind: transport.Denied, Subject: m.Subject})
		return nil
	}
	<-thawed
	return c.Conn.Publish(ctx, m)
}

// freeze stops everything that comes and goes, until thaw or the end of the
// test, where the node that has the connection must be able to close.
func (c *faultyConn) freeze(t *testing.T) {
	t.Helper()
	t.Cleanup(c.thaw)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thawed = make(chan struct{})
}

// thaw ends a freeze; nothing happens without one.
func (c *faultyConn) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.thawed:
	default:
		close(c.thawed)
	}
}

// deny refuses what is published to subject.
func (c *faultyConn) deny(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied = subject
}

// tell makes an event happen.
func (c *faultyConn) tell(kind transport.EventKind) {
	c.mu.Lock()
	events := c.events
	c.mu.Unlock()
	events(transport.Event{Kind: kind})
}

// within fails the test when f takes longer, and reports how long it took.
func within(t *testing.T, what string, most time.Duration, f func()) time.Duration {
	t.Helper()
	began := time.Now()
	f()
	took := time.Since(began)
	if took > most {
		t.Errorf("%s took %v, want at most %v", what, took, most)
	}
	return took
}
