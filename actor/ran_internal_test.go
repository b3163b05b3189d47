package actor

import (
	"context"
	"errors"
	"testing"
	"time"
)

// What an error says of whether the handler ran is about the whole call, not
// about its last attempt.
func TestExecutedIsAboutAllAttempts(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(worker, caller *member){
		"worker gone": func(worker, _ *member) { _ = worker.Close() },
		"link cut": func(_, caller *member) {
			pause(10 * time.Millisecond)
			caller.calls.cutOff()
		},
	} {
		virtual(t, func(t *testing.T, r *rig) {
			task := NewTarget[string, string]("fails", Retry(RetryPolicy{}))
			ran := make(chan struct{})
			worker := r.node(Config{}, Implement(task, func(context.Context, string) (string, error) {
				close(ran)
				return "", errors.New("the first time")
			}))
			caller := r.node(Config{})
			go func() {
				<-ran
				after(worker, caller)
			}()
			_, err := Ask[string, string](caller.under(), task, "")
			if e, ok := errors.AsType[*Error](err); !ok || e.Executed == ExecutedNo {
				t.Errorf("%s: Ask() = %v, Executed no, want unknown: it ran once", name, err)
			}
		})
	}
}

// lateContext ends with DeadlineExceeded but announces no deadline.
type lateContext struct {
	context.Context
	done chan struct{}
}

func (c lateContext) Done() <-chan struct{} { return c.done }

func (c lateContext) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// The handler cannot know of such a deadline, so it is cancelled.
func TestDeadlineThatWasNotAnnounced(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("stuck")
		worker := r.node(Config{}, s.stuck(task))
		caller := r.node(Config{})
		ctx := lateContext{caller.under(), make(chan struct{})}
		go func() {
			pause(100 * time.Millisecond)
			close(ctx.done)
		}()
		if _, err := Ask[string, string](ctx, task, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ask() = %v, want %v", err, context.DeadlineExceeded)
		}
		pause(3 * time.Second)
		checkIdle(t, worker)
	})
}

// A handler that awaits a task pays for no context of the standard library.
func TestAwaitMakesNoContext(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		leaf, tree := NewTarget[int, int]("leaf"), NewTarget[int, int]("tree")
		lazy := false
		n := r.node(Config{},
			Implement(leaf, func(_ context.Context, n int) (int, error) { return n, nil }),
			Implement(tree, func(ctx context.Context, n int) (int, error) {
				v, err := Ask[int, int](ctx, leaf, n)
				ex := ctx.(*execution)
				ex.mu.Lock()
				lazy = ex.standard == nil
				ex.mu.Unlock()
				return v, err
			}))
		if _, err := Ask[int, int](n.under(), tree, 1, CallTimeout(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if !lazy {
			t.Error("an await in a handler made a standard context, with its timer")
		}
	})
}

// A handler may use its bytes again; what is kept of them is a copy.
func TestBacklogCopies(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		buf := []byte("right")
		worker := r.node(Config{}, Handle("bytes", func(context.Context, []byte) ([]byte, error) {
			pause(100 * time.Millisecond)
			return buf, nil
		}))
		caller := r.node(Config{})
		go func() {
			pause(50 * time.Millisecond)
			worker.conn.cut(true)
			pause(200 * time.Millisecond)
			copy(buf, "WRONG")
			worker.conn.restore(t)
		}()
		if got, err := caller.Request(caller.under(), "bytes", nil); string(got) != "right" {
			t.Errorf("Request() = %q, %v, want right, nil", got, err)
		}
	})
}
