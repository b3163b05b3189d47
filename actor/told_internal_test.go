package actor

import (
	"context"
	"testing"
	"time"
)

// A call that was told has been promised a worker, so a deeper call that finds
// the mailbox full waits its turn instead of taking that one's place.
func TestToldCallsAreNotEvicted(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		block, tell := NewTarget[int, int]("block"), NewTarget[int, int]("tell")
		deep := NewTarget[int, int]("deep")
		told := make(chan int, 1)
		release := make(chan struct{})
		r.node(Config{Slots: 1, Mailbox: 1},
			Implement(block, func(context.Context, int) (int, error) { <-release; return 0, nil }),
			Implement(tell, func(_ context.Context, n int) (int, error) { told <- n; return n, nil }),
			Implement(deep, func(_ context.Context, n int) (int, error) { return n, nil }))
		root := NewTarget[int, int]("root")
		parent := r.node(Config{}, Implement(root, func(ctx context.Context, n int) (int, error) {
			return Ask[int, int](ctx, deep, n)
		}))
		caller := r.node(Config{})

		// As deep as the call that comes later, so that this does not pass it.
		hold := r.node(Config{}, Implement(NewTarget[int, int]("hold"), func(ctx context.Context, n int) (int, error) {
			return Ask[int, int](ctx, block, n)
		}))
		held := Begin[int, int](hold.under(), NewTarget[int, int]("hold"), 0)
		pause(50 * time.Millisecond)
		if err := Tell(caller.under(), tell, 7); err != nil {
			t.Fatalf("Tell() = %v, want nil", err)
		}
		late := Begin[int, int](parent.under(), root, 3)
		pause(100 * time.Millisecond)
		close(release)
		select {
		case got := <-told:
			if got != 7 {
				t.Errorf("told %d, want 7", got)
			}
		case <-time.After(10 * time.Second):
			t.Error("the call that was told never ran")
		}
		if got, err := late.Await(context.Background()); got != 3 || err != nil {
			t.Errorf("the deeper call = %d, %v, want 3, nil", got, err)
		}
		if _, err := held.Await(context.Background()); err != nil {
			t.Errorf("the call before = %v, want nil", err)
		}
	})
}
