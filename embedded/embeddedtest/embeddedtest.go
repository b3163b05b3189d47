// Package embeddedtest tests code that uses tasks on the real server, inside
// the test's process; with [Virtual] in virtual time, where a day passes in a
// moment.
package embeddedtest

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/embedded"
	"github.com/atasks-io/atasks/internal/nodetest"
	"github.com/atasks-io/atasks/transport"
)

// New is atasktest.New on a real server of its own.
func New(tb testing.TB, servables ...actor.Servable) (context.Context, *actor.Node) {
	tb.Helper()
	return NewWith(tb, actor.Config{}, servables...)
}

// NewWith is atasktest.NewWith on a real server of its own.
func NewWith(tb testing.TB, cfg actor.Config, servables ...actor.Servable) (context.Context, *actor.Node) {
	tb.Helper()
	return nodetest.Start(tb, connect(tb), cfg, servables)
}

// Virtual runs f in a bubble of package testing/synctest, with a real server
// and a node on it. Time in the bubble is virtual: it moves on when every
// goroutine waits, so a timeout of hours takes no time, and a test that waits
// for nothing but the clock gives the same at every run. f may serve tasks on
// the node. When f returns, node and server are closed, and the test fails if
// a goroutine is left.
//
// In the bubble nothing may wait for the outside: no sockets, no other
// server, no t.Run, no t.Parallel in f. The test itself must not run in
// parallel with others that use the NATS client, which shares timers between
// all its connections in the process.
func Virtual(t *testing.T, f func(t *testing.T, ctx context.Context, node *actor.Node)) {
	t.Helper()
	// The server's own clock goroutine waits on a channel that was made before
	// the bubble, so it must live outside: registered here, the server in the
	// bubble finds it running. The package's own test notices if a later
	// server does without, or needs more.
	ats.Register()
	defer ats.Unregister()
	// The NATS client keeps timers for reuse by all its connections, and one
	// that was made in the bubble is fatal outside. Two collections empty the
	// pool that they are in.
	defer func() {
		runtime.GC()
		runtime.GC()
	}()
	synctest.Test(t, func(t *testing.T) {
		ctx, node := nodetest.Start(t, connect(t), actor.Config{}, nil)
		f(t, ctx, node)
	})
}

// connect returns the only connection to a new server, which is shut down at
// the end of the test.
func connect(tb testing.TB) transport.Conn {
	tb.Helper()
	srv, err := embedded.Start(embedded.Config{})
	if err != nil {
		tb.Fatalf("start the test's server: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopWait)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			tb.Errorf("shut the test's server down: %v", err)
		}
	})
	conn, err := srv.Connect()
	if err != nil {
		tb.Fatalf("connect to the test's server: %v", err)
	}
	return conn
}

// stopWait bounds the wait for the clients' drain, of which there is one.
const stopWait = 10 * time.Second
