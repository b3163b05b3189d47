package atask_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/transport/loopback"
)

// attempts collects what a handler sees of each attempt at a call.
type attempts struct {
	mu   sync.Mutex // guards all
	seen []atask.Info
	ins  []int
	at   []time.Time
}

// note adds the attempt that runs under ctx and returns its number.
func (a *attempts) note(ctx context.Context, in int) int {
	info, _ := actor.InfoFrom(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen, a.ins, a.at = append(a.seen, info), append(a.ins, in), append(a.at, time.Now())
	return info.Attempt
}

func (a *attempts) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

// TestRetry: a failed call runs again by the policy, with the same input.
func TestRetry(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var a attempts
		task := atask.Define("retried", func(ctx context.Context, in int) (int, error) {
			if a.note(ctx, in) < 3 {
				return 0, errors.New("not yet")
			}
			return 2 * in, nil
		}, atask.Retry(atask.RetryPolicy{Initial: time.Second, Multiplier: 3, Jitter: 0.1}))
		n := start(t, actor.Config{}, task)
		got, err := task.Await(n.Context(t.Context()), 21)
		succeeds(t, "Await(21)", got, err, 42)
		if want := []int{21, 21, 21}; !slices.Equal(a.ins, want) {
			t.Fatalf("the attempts' inputs = %v, want %v", a.ins, want)
		}
		for i, info := range a.seen {
			equal(t, "the number of an attempt", info.Attempt, i+1)
		}
		for i, want := range []time.Duration{time.Second, 3 * time.Second} {
			if wait := a.at[i+1].Sub(a.at[i]); wait < want*9/10 || wait > want+slack {
				t.Errorf("the wait before attempt %d = %v, want %v less a tenth at most", i+2, wait, want)
			}
		}
	})
}

// TestRetryGivesUp: after the last attempt its error is reported.
func TestRetryGivesUp(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var a attempts
		task := atask.Define("retried", func(ctx context.Context, in int) (int, error) {
			return 0, fmt.Errorf("attempt %d failed", a.note(ctx, in))
		}, atask.Retry(atask.RetryPolicy{MaxAttempts: 4, Initial: time.Millisecond}))
		n := start(t, actor.Config{}, task)
		_, err := task.Await(n.Context(t.Context()), 1)
		if err == nil || !strings.Contains(err.Error(), "attempt 4 failed") {
			t.Errorf("Await() = %v, want the error of attempt 4", err)
		}
		equal(t, "attempts", a.count(), 4)
	})
}

// TestPermanent: an error that is marked is not tried again, one level up
// neither.
func TestPermanent(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		again := atask.Retry(atask.RetryPolicy{Initial: time.Millisecond})
		var inner, outer attempts
		task := atask.Define("inner", func(ctx context.Context, in int) (int, error) {
			inner.note(ctx, in)
			return 0, fmt.Errorf("order %d: %w", in, atask.Permanent(errors.New("no such customer")))
		}, again)
		above := atask.Define("outer", func(ctx context.Context, in int) (int, error) {
			outer.note(ctx, in)
			out, err := task.Await(ctx, in)
			if err != nil {
				return 0, fmt.Errorf("outer: %w", err)
			}
			return out, nil
		}, again)
		n := start(t, actor.Config{}, task, above)
		_, err := above.Await(n.Context(t.Context()), 7)
		if err == nil || !strings.Contains(err.Error(), "order 7: no such customer") {
			t.Errorf("Await() = %v, want the text as it is", err)
		}
		equal(t, "attempts of the inner call", inner.count(), 1)
		equal(t, "attempts of the outer call", outer.count(), 1)
	})
}

func TestPermanentNil(t *testing.T) {
	t.Parallel()
	if err := atask.Permanent(nil); err != nil {
		t.Errorf("Permanent(nil) = %v, want nil", err)
	}
}

// TestRetryWithinTimeout: Timeout bounds all attempts together.
func TestRetryWithinTimeout(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var a attempts
		task := atask.Define("retried", func(ctx context.Context, in int) (int, error) {
			a.note(ctx, in)
			return 0, errors.New("not yet")
		}, atask.Timeout(10*time.Second), atask.Retry(atask.RetryPolicy{MaxAttempts: 100, Initial: 4 * time.Second, Max: 4 * time.Second, Jitter: 0.01}))
		n := start(t, actor.Config{}, task)
		var err error
		within(t, "the call", 10*time.Second+slack, func() { _, err = task.Await(n.Context(t.Context()), 1) })
		is(t, "Await()", err, context.DeadlineExceeded)
		if !strings.Contains(err.Error(), "not yet") {
			t.Errorf("Await() = %q, want what the last attempt said in it", err)
		}
		equal(t, "attempts in 10 s, 4 s apart", a.count(), 3)
	})
}

// TestRetryCancelled: a call that waits for its next attempt can be cancelled.
func TestRetryCancelled(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var a attempts
		task := atask.Define("retried", func(ctx context.Context, in int) (int, error) {
			a.note(ctx, in)
			return 0, errors.New("not yet")
		}, atask.Retry(atask.RetryPolicy{Initial: time.Minute}))
		n := start(t, actor.Config{}, task)
		f := task.Start(n.Context(t.Context()), 1)
		pass(time.Second)
		f.Cancel()
		_, err := f.Await(t.Context())
		is(t, "Await()", err, context.Canceled)
		pass(2 * time.Minute)
		equal(t, "attempts", a.count(), 1)
	})
}

// TestWorkerLost: only a task that says so runs again when its worker died.
func TestWorkerLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts []atask.TaskOption
		want int
	}{
		{name: "plain", want: 1},
		{name: "Idempotent", opts: []atask.TaskOption{atask.Idempotent()}, want: 3},
		{name: "Retry", opts: []atask.TaskOption{atask.Retry(atask.RetryPolicy{MaxAttempts: 2})}, want: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				b := loopback.New()
				var a attempts
				task := atask.Declare[int, int]("fatal", c.opts...)
				for range 4 {
					conn := connect(t, b)
					startOn(t, conn, actor.Config{}, task.With(func(ctx context.Context, in int) (int, error) {
						a.note(ctx, in)
						pass(100 * time.Millisecond)
						go conn.Close() // this process is gone
						<-ctx.Done()
						return in, nil
					}))
				}
				_, err := task.Await(start(t, b, actor.Config{}).Context(t.Context()), 1)
				is(t, "Await()", err, atask.ErrWorkerLost)
				equal(t, "starts", a.count(), c.want)
			})
		})
	}
}

// TestIdempotentFindsAnotherWorker: the awaiter of an idempotent task does not
// notice that a worker died.
func TestIdempotentFindsAnotherWorker(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		task := atask.Declare[int, int]("fatal", atask.Idempotent())
		var deaths atomic.Int32
		for range 2 {
			conn := connect(t, b)
			startOn(t, conn, actor.Config{}, task.With(func(ctx context.Context, in int) (int, error) {
				if info, _ := actor.InfoFrom(ctx); info.Attempt == 1 {
					deaths.Add(1)
					pass(100 * time.Millisecond)
					go conn.Close()
					<-ctx.Done()
				}
				return 2 * in, nil
			}))
		}
		got, err := task.Await(start(t, b, actor.Config{}).Context(t.Context()), 21)
		succeeds(t, "Await(21)", got, err, 42)
		equal(t, "workers that died", deaths.Load(), 1)
	})
}
