package actor_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestClose: it is idempotent, from any number of goroutines, and closes the
// connection.
func TestClose(t *testing.T) {
	virtual(t, func(t *testing.T) {
		conn := connect(t, loopback.New())
		n, err := actor.Start(t.Context(), conn, actor.Config{})
		if err != nil {
			t.Fatalf("Start() = %v", err)
		}
		select {
		case <-n.Done():
			t.Error("Done() is closed before Close")
		default:
		}
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if err := n.Close(); err != nil {
					t.Errorf("Close() = %v", err)
				}
			})
		}
		group.Wait()
		<-n.Done()
		equal(t, "connection closed", closed(conn), true)
	})
}

// TestCloseCutsShort: Close waits for what runs as long as Config says, then
// cancels it.
func TestCloseCutsShort(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		causes := make(chan error, 1)
		worker := start(t, b, actor.Config{CloseTimeout: 2 * time.Second}, actor.Handle("forever", func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return nil, ctx.Err()
		}))
		done := requesting(t.Context(), start(t, b, actor.Config{}), "forever", "in")
		pass(100 * time.Millisecond)
		began := time.Now()
		err := worker.Close()
		equal(t, "the time that Close took", time.Since(began), 2*time.Second)
		if !errors.Is(err, actor.ErrDraining) || !strings.Contains(err.Error(), `1 × "forever"`) {
			t.Errorf("Close() = %v, want what was cut short", err)
		}
		if cause := <-causes; !errors.Is(cause, actor.ErrDraining) || !strings.Contains(cause.Error(), "Config.CloseTimeout") {
			t.Errorf("the cause of the handler's context = %v, want Config.CloseTimeout named", cause)
		}
		is(t, "Request()", (<-done).err, actor.ErrWorkerLost)
	})
}

// TestCloseInAHandler: it cannot wait for its own caller, and does not for
// ever.
func TestCloseInAHandler(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		worker := start(t, b, actor.Config{}, actor.Handle("suicide", func(ctx context.Context, _ []byte) ([]byte, error) {
			n, _ := actor.NodeFrom(ctx)
			return nil, n.Close()
		}))
		done := requesting(t.Context(), start(t, b, actor.Config{}), "suicide", "in")
		within(t, "Close in a handler", 3*time.Second, func() { <-worker.Done() })
		is(t, "Request()", (<-done).err, actor.ErrWorkerLost)
	})
}

// TestCloseOfTheCaller: calls that wait end when their node does, and their
// handlers learn of it.
func TestCloseOfTheCaller(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		ended := make(chan error, 1)
		start(t, b, actor.Config{}, actor.Handle("forever", func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil, ctx.Err()
		}))
		caller := start(t, b, actor.Config{})
		done := requesting(t.Context(), caller, "forever", "in")
		pass(time.Second)
		began := time.Now()
		caller.Close()
		is(t, "Request()", (<-done).err, actor.ErrDraining)
		if cause := <-ended; !strings.Contains(cause.Error(), "Config.CloseTimeout") {
			t.Errorf("the cause of the handler's context = %v, want why", cause)
		}
		if took := time.Since(began); took > 1300*time.Millisecond {
			t.Errorf("the end of the caller took %v, want little more than Config.CloseTimeout", took)
		}
	})
}

// TestAfterClose: everything still answers, and nothing hangs.
func TestAfterClose(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n, other := start(t, b, actor.Config{}, actor.Handle("echo", echo)), start(t, b, actor.Config{Namespace: "other"})
		if err := n.Close(); err != nil {
			t.Fatalf("Close() = %v", err)
		}
		_, err := n.Request(t.Context(), "echo", nil)
		is(t, "Request()", err, actor.ErrClosed)
		if err := n.Serve(actor.Handle("late", echo)); !errors.Is(err, actor.ErrClosed) {
			t.Errorf("Serve() = %v, want ErrClosed", err)
		}
		if err := n.Run(t.Context()); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		if err := n.Drain(t.Context()); err != nil {
			t.Errorf("Drain() = %v, want nil", err)
		}
		if err := n.Link(other); err != nil {
			t.Errorf("Link() = %v, want nil", err)
		}
		if _, err := n.Nodes(t.Context(), time.Second); !errors.Is(err, actor.ErrClosed) && !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Nodes() = %v, want ErrClosed", err)
		}
		if _, err := n.Calls(t.Context(), time.Second); !errors.Is(err, actor.ErrClosed) && !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Calls() = %v, want ErrClosed", err)
		}
		if n.ID() == "" || n.Namespace() != "default" {
			t.Errorf("ID(), Namespace() = %q, %q, want what they were", n.ID(), n.Namespace())
		}
	})
}

// TestBrokerGone: a node whose connection has ended ends too, and so do its
// calls.
func TestBrokerGone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		worker := start(t, b, actor.Config{}, actor.Handle("forever", forever))
		caller := start(t, b, actor.Config{})
		ran := make(chan error, 1)
		go func() { ran <- worker.Run(context.Background()) }()
		done := requesting(t.Context(), caller, "forever", "in")
		pass(time.Second)
		b.Close()
		within(t, "the end of the call", 100*time.Millisecond, func() { is(t, "Request()", (<-done).err, actor.ErrClosed) })
		within(t, "the end of the nodes", 2*time.Second, func() {
			<-caller.Done()
			<-worker.Done()
		})
		if err := <-ran; !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Run() = %v, want why the connection ended", err)
		}
	})
}

// TestRun: it blocks until its context ends, drains, and is content.
func TestRun(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{}, actor.Handle("slow", taking(3*time.Second)))
		caller := start(t, b, actor.Config{})
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- n.Run(ctx) }()
		synctest.Wait()
		select {
		case err := <-ran:
			t.Fatalf("Run() = %v before its context ended", err)
		default:
		}
		done := requesting(t.Context(), caller, "slow", "in")
		pass(100 * time.Millisecond)
		stop()
		r := <-done
		answers(t, "Request()", r.body, r.err, "in")
		if err := <-ran; err != nil {
			t.Errorf("Run() = %v, want nil after a clean drain", err)
		}
		<-n.Done()
	})
}

// TestRunOutOfTime: Config.DrainTimeout bounds the drain.
func TestRunOutOfTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{DrainTimeout: 7 * time.Second}, actor.Handle("forever", forever))
		done := requesting(t.Context(), start(t, b, actor.Config{}), "forever", "in")
		pass(100 * time.Millisecond)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		began := time.Now()
		err := n.Run(ctx)
		equal(t, "the time that Run took", time.Since(began), 7*time.Second)
		if !errors.Is(err, actor.ErrDraining) || !strings.Contains(err.Error(), "Config.DrainTimeout of 7s") || !strings.Contains(err.Error(), `"forever"`) {
			t.Errorf("Run() = %v, want Config.DrainTimeout and the task named", err)
		}
		<-done
	})
}

// TestRunOfAClosedNode: whoever closes the node ends Run.
func TestRunOfAClosedNode(t *testing.T) {
	virtual(t, func(t *testing.T) {
		n := start(t, loopback.New(), actor.Config{})
		ran := make(chan error, 1)
		go func() { ran <- n.Run(t.Context()) }()
		synctest.Wait()
		if err := n.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		if err := <-ran; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
}
