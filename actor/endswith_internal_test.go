package actor

import (
	"context"
	"testing"
	"time"
)

// TestAwaitOfALongerCall: a handler awaits, under its own context, a call that
// it has begun under one that goes on.
func TestAwaitOfALongerCall(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		slow, outer := NewTarget[string, string]("slow"), NewTarget[string, string]("outer")
		took := make(chan time.Duration, 2)
		n := r.node(Config{}, (&starts{}).echo(slow, time.Hour),
			Implement(outer, func(ctx context.Context, in string) (string, error) {
				long, stop := context.WithCancel(context.WithoutCancel(ctx))
				defer stop()
				f := Begin[string, string](long, slow, "x")
				begun := time.Now()
				for range Completions(ctx, []*Future[string]{f}) {
					took <- time.Since(begun)
				}
				_, err := f.Await(ctx)
				took <- time.Since(begun)
				return in, err
			}))
		_, _ = Ask[string, string](n.under(), outer, "x", CallTimeout(time.Second))
		for range 2 {
			if d := <-took; d > 2*time.Second {
				t.Errorf("waited for %v, want until the end of the handler's context, 1s", d)
			}
		}
	})
}
