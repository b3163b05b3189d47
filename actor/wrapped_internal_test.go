package actor

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
)

// onCall is caller's middleware of one function.
func onCall(f func(ctx context.Context, c *Call, next Handler) error) Config {
	return Config{OnCall: []Middleware{func(next Handler) Handler {
		return func(ctx context.Context, c *Call) error { return f(ctx, c, next) }
	}}}
}

// TestWrappedEndsWithItsNode: a call that its middleware holds back ends when
// its node does, and so does the middleware's context.
func TestWrappedEndsWithItsNode(t *testing.T) {
	for _, c := range []struct {
		name string
		stop func(n *Node)
	}{
		{"closed", func(n *Node) { n.Close() }},
		{"cut short", func(n *Node) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = n.Drain(ctx) // it says what it cut short
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, r *rig) {
				ended := make(chan struct{})
				n := r.node(onCall(func(ctx context.Context, _ *Call, _ Handler) error {
					<-ctx.Done()
					close(ended)
					return ctx.Err()
				}))
				f := Begin[string, string](n.under(), NewTarget[string, string]("held"), "")
				pause(time.Second)
				begun := time.Now()
				c.stop(n.Node)
				<-f.Done()
				<-ended
				within(t, "the end of the call", begun, 3*time.Second)
				_, err := f.Await(context.Background())
				var e *Error
				if !errors.As(err, &e) || e.Executed != ExecutedNo {
					t.Errorf("Await() = %v, want an error of a call that was not executed", err)
				}
				n.calls.mu.Lock()
				defer n.calls.mu.Unlock()
				if left := len(n.calls.wrapped); left != 0 {
					t.Errorf("calls left in the table = %d, want 0", left)
				}
			})
		})
	}
}

// TestWrappedCancelled: cancelling a call ends its middleware's context, and
// what the middleware has handed on may have run.
func TestWrappedCancelled(t *testing.T) {
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		tg := NewTarget[string, string]("stuck")
		r.node(Config{}, s.stuck(tg))
		n := r.node(onCall(func(ctx context.Context, c *Call, next Handler) error { return next(ctx, c) }))
		f := Begin[string, string](n.under(), tg, "")
		pause(time.Second)
		f.Cancel()
		_, err := f.Await(context.Background())
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, context.Canceled) || e.Executed != ExecutedUnknown {
			t.Errorf("Await() = %v, want a cancelled call that may have run", err)
		}
		pause(time.Second)
		if got := len(s.causes()); got != 1 {
			t.Errorf("handlers whose context ended = %d, want 1", got)
		}
	})
}

// TestWrappedID: the caller, its middleware and the handler see one ID, and a
// second call by the middleware has another.
func TestWrappedID(t *testing.T) {
	for _, nodes := range []int{1, 2} {
		virtual(t, func(t *testing.T, r *rig) {
			tg := NewTarget[string, string]("id")
			serve := Implement(tg, func(ctx context.Context, _ string) (string, error) {
				info, _ := InfoFrom(ctx)
				return info.ID, nil
			})
			var seen, first string
			n := r.node(onCall(func(ctx context.Context, c *Call, next Handler) error {
				seen = c.Info.ID
				if err := next(ctx, c); err != nil {
					return err
				}
				first = c.Out.(string)
				return next(ctx, c)
			}))
			server := n
			if nodes == 2 {
				server = r.node(Config{})
			}
			if err := server.Serve(serve); err != nil {
				t.Fatalf("Serve() = %v, want nil", err)
			}
			f := Begin[string, string](n.under(), tg, "")
			second, err := f.Await(context.Background())
			if err != nil || f.ID() != seen || first != seen || second == first || second == "" {
				t.Errorf("with %d nodes ID() = %q, the middleware saw %q, the handler %q, then %q, %v; want the first three alike",
					nodes, f.ID(), seen, first, second, err)
			}
		})
	}
}

// TestWrappedInput: what the caller does with the input after Begin has
// returned is not seen, neither by the middleware nor by the handler.
func TestWrappedInput(t *testing.T) {
	virtual(t, func(t *testing.T, r *rig) {
		tg := NewTarget[[]int, int]("first")
		changed := make(chan struct{})
		var seen int
		n := r.node(onCall(func(ctx context.Context, c *Call, next Handler) error {
			<-changed
			seen = c.In.([]int)[0]
			return next(ctx, c)
		}), Implement(tg, func(_ context.Context, in []int) (int, error) { return in[0], nil }))
		in := []int{1}
		f := Begin[[]int, int](n.under(), tg, in)
		in[0] = 2
		close(changed)
		if got, err := f.Await(context.Background()); got != 1 || seen != 1 || err != nil {
			t.Errorf("Await() = %d, %v and the middleware saw %d, want 1", got, err, seen)
		}
	})
}

// TestWrappedInputThatDoesNotEncode is refused before the middleware runs.
func TestWrappedInputThatDoesNotEncode(t *testing.T) {
	virtual(t, func(t *testing.T, r *rig) {
		n := r.node(onCall(func(ctx context.Context, c *Call, next Handler) error { return next(ctx, c) }))
		_, err := Ask[chan int, int](n.under(), NewTarget[chan int, int]("x"), make(chan int))
		if !errors.Is(err, ErrBadInput) {
			t.Errorf("Ask(a channel) = %v, want %v", err, ErrBadInput)
		}
	})
}

// TestRequestOwnsItsBytes: a request that its caller has given up does not
// look at the caller's bytes any more.
func TestRequestOwnsItsBytes(t *testing.T) {
	t.Run("held back by middleware", func(t *testing.T) {
		virtual(t, func(t *testing.T, r *rig) {
			given := make(chan struct{})
			seen := make(chan []byte, 1)
			n := r.node(onCall(func(_ context.Context, c *Call, _ Handler) error {
				<-given
				seen <- bytes.Clone(c.In.([]byte))
				return nil
			}))
			ctx, cancel := context.WithTimeout(n.under(), time.Second)
			defer cancel()
			body := []byte("right")
			if _, err := n.Request(ctx, "x", body); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Request() = %v, want %v", err, context.DeadlineExceeded)
			}
			copy(body, "wrong")
			close(given)
			if got := <-seen; string(got) != "right" {
				t.Errorf("the middleware saw %q, want %q", got, "right")
			}
		})
	})
	t.Run("held for a retry", func(t *testing.T) {
		virtual(t, func(t *testing.T, r *rig) {
			c := &call{borrowed: true, body: []byte("right"), state: callHeld, target: untyped("x")}
			c.n = r.node(Config{}).Node
			c.n.calls.number(c, &callOptions{})
			given := c.body
			c.n.calls.again(c)
			copy(given, "wrong")
			c.n.calls.mu.Lock()
			got := string(c.body)
			c.n.calls.mu.Unlock()
			if got != "right" {
				t.Errorf("the body after the caller changed its own = %q, want %q", got, "right")
			}
			c.n.calls.abandon(c, c.failure(wire.CodeCancelled, wire.ExecutedNo, "enough"))
		})
	})
}

// TestViaNoNode: a node that is nil by mistake is not replaced by another.
func TestViaNoNode(t *testing.T) {
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		tg := NewTarget[string, string]("echo")
		n := r.node(Config{}, s.echo(tg, 0))
		for _, ctx := range []context.Context{n.under(), context.Background()} {
			if _, err := Ask[string, string](ctx, tg, "", Via(nil)); !errors.Is(err, ErrBadOption) {
				t.Errorf("Ask(Via(nil)) = %v, want %v", err, ErrBadOption)
			}
		}
	})
}

// TestOnDoneStops: a watcher that was taken back is not told, and none is left
// behind.
func TestOnDoneStops(t *testing.T) {
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		tg := NewTarget[string, string]("echo")
		n := r.node(Config{}, s.echo(tg, time.Second))
		f := Begin[string, string](n.under(), tg, "")
		var told []string
		stop := f.OnDone(func() { told = append(told, "stopped") })
		late := f.OnDone(func() { told = append(told, "kept") })
		if first, second := stop(), stop(); !first || second {
			t.Errorf("stop() = %v, then %v, want true, then false", first, second)
		}
		if _, err := f.Await(context.Background()); err != nil {
			t.Errorf("Await() = %v, want nil", err)
		}
		synctest.Wait() // watchers are told after the result is there
		if late() || len(told) != 1 || told[0] != "kept" || f.call.watchers != nil {
			t.Errorf("told %v with watchers left: %v, want the one that was kept, and none", told, f.call.watchers != nil)
		}
	})
}
