// Package nodetest is what packages atasktest and embeddedtest share: a node
// for one test of a user's code.
package nodetest

import (
	"context"
	"errors"
	"testing"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
)

// Start starts a node on conn that serves what is given, and closes it at the
// end of the test. The test fails when a call finds no worker, and when
// something of the node is left after it was closed.
func Start(tb testing.TB, conn transport.Conn, cfg actor.Config, servables []actor.Servable) (context.Context, *actor.Node) {
	tb.Helper()
	cfg.OnCall = append([]actor.Middleware{failUnserved(tb)}, cfg.OnCall...)
	node, err := actor.Start(tb.Context(), conn, cfg)
	if err != nil {
		tb.Fatalf("start a test node: %v", err)
	}
	tb.Cleanup(func() { Close(tb, node) })
	if err := node.Serve(latest(servables)...); err != nil {
		tb.Fatalf("start a test node: %v", err)
	}
	return node.Context(tb.Context()), node
}

// Close closes a node, at once for the test where it is closed already.
func Close(tb testing.TB, node *actor.Node) {
	tb.Helper()
	if err := node.Close(); errors.Is(err, actor.ErrStuck) {
		tb.Errorf("close the test node: %v", err)
	}
}

// failUnserved makes the test fail on a call of a task that nobody serves,
// even where the code under test swallows the error.
func failUnserved(tb testing.TB) actor.Middleware {
	tb.Helper()
	return func(next actor.Handler) actor.Handler {
		return func(ctx context.Context, c *actor.Call) error {
			err := next(ctx, c)
			if e, ok := errors.AsType[*actor.Error](err); ok && e.Name == c.Info.Task && errors.Is(e, actor.ErrNoWorker) {
				tb.Errorf("a call of task %q, which the test does not serve: serve it, or a stand-in for it", c.Info.Task)
			}
			return err
		}
	}
}

// latest keeps of several servables with the same name the one given last.
func latest(servables []actor.Servable) []actor.Servable {
	at := make(map[string]int)
	var kept []actor.Servable
	for _, s := range servables {
		if s == nil {
			kept = append(kept, s) // Serve says what is wrong
			continue
		}
		if i, ok := at[s.Name()]; ok {
			kept[i] = s
			continue
		}
		at[s.Name()] = len(kept)
		kept = append(kept, s)
	}
	return kept
}
