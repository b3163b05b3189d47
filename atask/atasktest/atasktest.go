// Package atasktest tests code that uses tasks, without a broker: a node on
// the in-process transport for one test.
//
//	func TestInvoice(t *testing.T) {
//		ctx, _ := atasktest.New(t, Invoice, Charge.With(alwaysPaid))
//		got, err := Invoice.Await(ctx, 42)
//		…
//	}
//
// Everything works as it does over a broker: inputs and results pass the
// codec, errors take the form in which they travel. For the real server, also
// in virtual time, see package embeddedtest.
package atasktest

import (
	"context"
	"testing"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/internal/nodetest"
	"github.com/atasks-io/atasks/transport/loopback"
)

// New returns a node that serves what is given, and a context whose calls go
// through it. A servable replaces an earlier one of the same name, which is
// how a test puts a stand-in for a dependency after the list that the program
// serves.
//
// The context ends just before the test's cleanup; then the node is closed.
// The test fails when a call names a task that nobody serves, even if the code
// under test swallows the error, and when a handler still runs after the node
// was closed. Several tests may run at once; each New is a world of its own.
func New(tb testing.TB, servables ...actor.Servable) (context.Context, *actor.Node) {
	tb.Helper()
	return NewWith(tb, actor.Config{}, servables...)
}

// NewWith is New for a node with a configuration: the errors that the program
// registers, its middleware, its codec.
func NewWith(tb testing.TB, cfg actor.Config, servables ...actor.Servable) (context.Context, *actor.Node) {
	tb.Helper()
	broker := loopback.New()
	conn, err := broker.Connect()
	if err != nil {
		tb.Fatalf("atasktest.New: %v", err)
	}
	tb.Cleanup(func() { _ = broker.Close() })
	return nodetest.Start(tb, conn, cfg, servables)
}
