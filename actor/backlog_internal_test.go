package actor

import (
	"context"
	"testing"

	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// cuttable is a connection that can be cut off.
type cuttable struct {
	transport.Conn
	events func(transport.Event)
	cut    chan struct{} // holds one element while it is
}

func (c *cuttable) Attach(events func(transport.Event)) error {
	c.events = events
	return c.Conn.Attach(events)
}

func (c *cuttable) Publish(ctx context.Context, m *transport.Message) error {
	select {
	case c.cut <- struct{}{}:
		<-c.cut
		return c.Conn.Publish(ctx, m)
	default:
		return transport.ErrDisconnected
	}
}

// A result that is there while the worker is cut off is kept for its caller.
func TestBacklogKeepsAnswers(t *testing.T) {
	t.Parallel()
	broker := loopback.New()
	start := func(wrap func(transport.Conn) transport.Conn) *Node {
		t.Helper()
		conn, err := broker.Connect()
		if err != nil {
			t.Fatal(err)
		}
		n, err := Start(t.Context(), wrap(conn), Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		return n
	}
	link := &cuttable{cut: make(chan struct{}, 1)}
	worker := start(func(c transport.Conn) transport.Conn { link.Conn = c; return link })
	caller := start(func(c transport.Conn) transport.Conn { return c })

	begun, end := make(chan struct{}), make(chan struct{})
	task := NewTarget[string, string]("slow")
	if err := worker.Serve(Implement(task, func(_ context.Context, s string) (string, error) {
		begun <- struct{}{}
		<-end
		return s, nil
	})); err != nil {
		t.Fatal(err)
	}
	f := Begin[string, string](caller.Context(t.Context()), task, "done")
	<-begun
	link.cut <- struct{}{}
	link.events(transport.Event{Kind: transport.Cut})
	end <- struct{}{}
	for kept := 0; kept == 0; { // until the answer has nowhere to go
		worker.backlog.mu.Lock()
		kept = len(worker.backlog.kept)
		worker.backlog.mu.Unlock()
	}
	<-link.cut
	link.events(transport.Event{Kind: transport.Restored})
	if got, err := f.Await(t.Context()); got != "done" || err != nil {
		t.Errorf("Await() = %q, %v, want done, nil", got, err)
	}
}
