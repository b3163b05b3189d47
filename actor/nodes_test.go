package actor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/actor"
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
		watchdog := time.AfterFunc(10*time.Minute, func() {
			panic("the test hangs: ten minutes of its time are over")
		})
		defer watchdog.Stop()
		test(t)
	})
}

// pass lets time pass, in tests whose time is virtual.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, where time is virtual
}

func connect(t *testing.T, b *loopback.Broker) transport.Conn {
	t.Helper()
	conn, err := b.Connect()
	if err != nil {
		t.Fatalf("Connect() = %v", err)
	}
	return conn
}

// start starts a node that serves what is given. It is closed when the test
// ends.
func start(t *testing.T, b *loopback.Broker, cfg actor.Config, servables ...actor.Servable) *actor.Node {
	t.Helper()
	n, err := actor.Start(t.Context(), connect(t, b), cfg)
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	t.Cleanup(func() { n.Close() })
	if err := n.Serve(servables...); err != nil {
		t.Fatalf("Serve() = %v", err)
	}
	return n
}

// handler is what Handle takes.
type handler = func(ctx context.Context, body []byte) ([]byte, error)

// echo answers with the body.
func echo(_ context.Context, body []byte) ([]byte, error) { return body, nil }

// forever answers when nobody wants to know any more.
func forever(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// taking answers after d, whatever happens.
func taking(d time.Duration) handler {
	return func(_ context.Context, body []byte) ([]byte, error) {
		pass(d)
		return body, nil
	}
}

// is fails the test unless err is the error of a call that matches want.
func is(t *testing.T, call string, err, want error) {
	t.Helper()
	if _, coded := errors.AsType[*actor.Error](err); !coded || !errors.Is(err, want) {
		t.Errorf("%s = %v (%T), want *actor.Error that is %q", call, err, err, want)
	}
}

// answers fails the test unless a request returned want.
func answers(t *testing.T, call string, got []byte, err error, want string) {
	t.Helper()
	if err != nil || string(got) != want {
		t.Errorf("%s = %q, %v, want %q", call, got, err, want)
	}
}

// equal fails the test unless got is want.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// within fails the test when f takes longer than most.
func within(t *testing.T, what string, most time.Duration, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took > most {
		t.Errorf("%s took %v, want at most %v", what, took, most)
	}
}

// request is a call that goes on beside the test.
type request struct {
	body []byte
	err  error
}

// requesting sends a call and returns where its outcome appears.
func requesting(ctx context.Context, n *actor.Node, name, body string) <-chan request {
	done := make(chan request, 1)
	go func() {
		out, err := n.Request(ctx, name, []byte(body))
		done <- request{out, err}
	}()
	return done
}

// draining begins to drain a node.
func draining(n *actor.Node) {
	go func() { _ = n.Drain(context.Background()) }() // what comes of it Close tells
}

// closed says whether a connection is.
func closed(conn transport.Conn) bool {
	return errors.Is(conn.Publish(context.Background(), &transport.Message{Subject: "x"}), transport.ErrClosed)
}
