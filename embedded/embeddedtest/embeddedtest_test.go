package embeddedtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/embedded/embeddedtest"
)

var (
	sleep  = atask.Declare[time.Duration, time.Duration]("sleep")
	double = atask.Define("double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
)

// nap sleeps and says for how long it did.
func nap(ctx context.Context, d time.Duration) (time.Duration, error) {
	begun := time.Now()
	select {
	case <-time.After(d):
		return time.Since(begun), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// None of these tests is parallel: see the last sentence about Virtual.

func TestNew(t *testing.T) {
	ctx, _ := embeddedtest.New(t, double)
	if got, err := double.Await(ctx, 21); got != 42 || err != nil {
		t.Errorf("double(21) = %d, %v, want 42, nil", got, err)
	}
}

// A servable given later stands in for an earlier one.
func TestStandIn(t *testing.T) {
	ctx, _ := embeddedtest.New(t, double, double.With(func(context.Context, int) (int, error) { return -1, nil }))
	if got, err := double.Await(ctx, 21); got != -1 || err != nil {
		t.Errorf("double(21) = %d, %v, want the stand-in's -1, nil", got, err)
	}
}

// Timers that the client made in a bubble must not be left for those outside.
func TestAfterVirtual(t *testing.T) {
	for range 3 {
		embeddedtest.Virtual(t, func(t *testing.T, ctx context.Context, node *actor.Node) {
			if err := node.Serve(double); err != nil {
				t.Fatal(err)
			}
			if got, err := double.Await(ctx, 1); got != 2 || err != nil {
				t.Errorf("double(1) = %d, %v, want 2, nil", got, err)
			}
		})
		t.Run("outside", func(t *testing.T) {
			ctx, node := embeddedtest.New(t, double)
			if got, err := double.Await(ctx, 1); got != 2 || err != nil {
				t.Errorf("double(1) = %d, %v, want 2, nil", got, err)
			}
			if err := node.Close(); err != nil { // drains, which takes timers from the pool
				t.Errorf("Close() = %v, want nil", err)
			}
		})
	}
}

// The canary: if a later server keeps goroutines that virtual time cannot see
// through, this hangs or takes a day.
func TestVirtualDay(t *testing.T) {
	begun := time.Now()
	embeddedtest.Virtual(t, func(t *testing.T, ctx context.Context, node *actor.Node) {
		if err := node.Serve(sleep.With(nap)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		got, err := sleep.Await(ctx, 24*time.Hour)
		if err != nil || got != 24*time.Hour {
			t.Errorf("sleep(24h) = %v, %v, want 24h, nil", got, err)
		}
		if elapsed := time.Since(start); elapsed != 24*time.Hour {
			t.Errorf("a day took %v of virtual time", elapsed)
		}
		_, err = sleep.Await(ctx, 24*time.Hour, atask.CallTimeout(time.Hour))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("sleep(24h) within an hour = %v, want %v", err, context.DeadlineExceeded)
		}
	})
	if real := time.Since(begun); real > time.Hour {
		t.Errorf("two days of virtual time took %v", real)
	}
}
