package actor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// TestDrainFinishesWhatARetryTells: a call that waits to be tried again when
// the drain begins may take a task in hand later, when nothing else is.
func TestDrainFinishesWhatARetryTells(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		told := NewTarget[string, string]("told")
		fails := NewTarget[string, string]("fails", Retry(RetryPolicy{Initial: 500 * time.Millisecond, Jitter: 0.01}))
		var attempts atomic.Int32
		var finished atomic.Bool
		n := r.node(Config{},
			Implement(told, func(ctx context.Context, _ string) (string, error) {
				select {
				case <-ctx.Done():
				case <-time.After(2 * time.Second):
					finished.Store(true)
				}
				return "", ctx.Err()
			}),
			Implement(fails, func(ctx context.Context, _ string) (string, error) {
				if attempts.Add(1) == 1 {
					return "", errors.New("once")
				}
				return "", Tell(ctx, told, "")
			}))
		f := Begin[string, string](n.under(), fails, "")
		pause(100 * time.Millisecond)
		err := n.Drain(t.Context())
		if _, callErr := f.Await(t.Context()); callErr != nil {
			t.Errorf("Await() = %v, want nil", callErr)
		}
		if err != nil || !finished.Load() {
			t.Errorf("Drain() = %v, what the retry told has finished = %v, want nil, true", err, finished.Load())
		}
	})
}

// TestDrainIgnoresHandlersOfLinkedNodes: those may go on calling for ever.
func TestDrainIgnoresHandlersOfLinkedNodes(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		leaf, loop := NewTarget[int, int]("leaf", InNamespace("b")), NewTarget[int, int]("loop")
		r.node(Config{Namespace: "b"}, Implement(NewTarget[int, int]("leaf"), func(context.Context, int) (int, error) {
			pause(30 * time.Millisecond)
			return 0, nil
		}))
		b := r.node(Config{Namespace: "b"})
		a := r.node(Config{Namespace: "a"}, Implement(loop, func(ctx context.Context, _ int) (int, error) {
			before := Begin[int, int](ctx, leaf, 1)
			pause(15 * time.Millisecond)
			for { // there is always one under way
				next := Begin[int, int](ctx, leaf, 1)
				if _, err := before.Await(ctx); err != nil {
					return 0, err
				}
				before = next
			}
		}))
		mustLink(t, a, b)
		f := Begin[int, int](a.under(), loop, 1)
		pause(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		if err := b.Drain(ctx); err != nil {
			t.Errorf("Drain() = %v, want nil", err)
		}
		within(t, "Drain", begun, time.Second)
		if _, err := f.Await(t.Context()); !errors.Is(err, ErrDraining) && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrNoLink) {
			t.Errorf("Await() of a call whose handler calls through the node that drains = %v, want a word of its end", err)
		}
	})
}

// TestDrainNamesWhatItAwaited: a call that was awaited from others and is given
// up is named, once also when middleware makes it.
func TestDrainNamesWhatItAwaited(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"plain":      {},
		"middleware": {OnCall: []Middleware{func(next Handler) Handler { return next }}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				var s starts
				task := NewTarget[string, string]("x")
				r.node(Config{}, s.stuck(task))
				n := r.node(cfg)
				f := Begin[string, string](n.under(), task, "")
				pause(time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := n.Drain(ctx)
				if err == nil || !strings.Contains(err.Error(), `1 × "x"`) {
					t.Errorf("Drain() = %v, want the task named whose call was given up", err)
				}
				if _, err := f.Await(t.Context()); !errors.Is(err, context.Canceled) {
					t.Errorf("Await() = %v, want context.Canceled", err)
				}
			})
		})
	}
}

// slowConn is a connection whose broker answers no flush once it is slow, and
// takes a while to end a subscription.
type slowConn struct {
	*faultConn
	slow  atomic.Bool
	drain time.Duration
}

func (c *slowConn) Flush(ctx context.Context) error {
	if c.slow.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return c.faultConn.Flush(ctx)
}

func (c *slowConn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	s, err := c.faultConn.Subscribe(subject, group, handler)
	return slowSub{s, c.drain}, err
}

type slowSub struct {
	transport.Subscription
	drain time.Duration
}

func (s slowSub) Drain(ctx context.Context) error {
	pause(s.drain)
	return s.Subscription.Drain(ctx)
}

// slow starts a node on a connection that can be slow.
func (r *rig) slow(drain time.Duration) (*Node, *slowConn) {
	r.t.Helper()
	c := &slowConn{faultConn: r.conn(), drain: drain}
	n, err := Start(r.t.Context(), c, Config{})
	if err != nil {
		r.t.Fatalf("Start() = %v, want nil", err)
	}
	r.t.Cleanup(func() { n.Close() })
	return n, c
}

// TestDrainEndsAServe: it does not wait for one that a broker keeps waiting,
// and what such a one subscribed to is served by nobody, also not from within.
func TestDrainEndsAServe(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		n, c := r.slow(0)
		c.slow.Store(true)
		var serving sync.WaitGroup
		serving.Go(func() {
			if err := n.Serve(Handle("x", nopHandler)); !errors.Is(err, ErrDraining) {
				t.Errorf("Serve() on a node that drains meanwhile = %v, want ErrDraining", err)
			}
		})
		synctest.Wait()
		n.worker.mu.Lock()
		found := len(n.worker.services)
		n.worker.mu.Unlock()
		if found != 0 {
			t.Errorf("services found before Serve has returned = %d, want 0", found)
		}
		begun := time.Now()
		if err := n.Drain(t.Context()); err != nil && !errors.Is(err, context.DeadlineExceeded) { // the last flush is answered neither
			t.Errorf("Drain() = %v", err)
		}
		within(t, "Drain", begun, time.Second)
		serving.Wait()
	})
}

// TestDrainLeavesAllAtOnce: a hundred tasks take no longer than one.
func TestDrainLeavesAllAtOnce(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		n, _ := r.slow(100 * time.Millisecond)
		for i := range 100 {
			if err := n.Serve(Handle("x"+string(rune('0'+i/10))+string(rune('0'+i%10)), nopHandler)); err != nil {
				t.Fatalf("Serve() = %v, want nil", err)
			}
		}
		begun := time.Now()
		if err := n.Drain(t.Context()); err != nil {
			t.Errorf("Drain() = %v, want nil", err)
		}
		within(t, "Drain", begun, 200*time.Millisecond)
	})
}
