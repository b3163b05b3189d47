package actor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestDrainUnderLoad is promise F10: one worker after the other is replaced
// while calls come in, and not one of them fails.
func TestDrainUnderLoad(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, time.Millisecond, 30 * time.Millisecond} {
		t.Run(d.String(), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				b := loopback.New()
				worker := func() *actor.Node {
					return start(t, b, actor.Config{Slots: 4}, actor.Handle("leaf", taking(d)), actor.Handle("tree", func(ctx context.Context, body []byte) ([]byte, error) {
						n, _ := actor.NodeFrom(ctx)
						return n.Request(ctx, "leaf", body)
					}))
				}
				workers := []*actor.Node{worker(), worker()}
				caller := start(t, b, actor.Config{})
				var over atomic.Bool
				var calls atomic.Int32
				var group sync.WaitGroup
				for range 8 {
					group.Go(func() {
						for !over.Load() {
							got, err := caller.Request(context.Background(), "tree", []byte("in"))
							answers(t, "Request()", got, err, "in")
							calls.Add(1)
							pass(time.Millisecond)
						}
					})
				}
				for range 10 {
					pass(50 * time.Millisecond)
					workers = append(workers, worker())
					if err := workers[0].Drain(context.Background()); err != nil {
						t.Errorf("Drain() = %v", err)
					}
					workers = workers[1:]
				}
				over.Store(true)
				group.Wait()
				if calls.Load() < 100 {
					t.Errorf("%d calls in all, want at least 100: the test proves little", calls.Load())
				}
			})
		})
	}
}

// TestDrainFinishesWhatRuns: a handler that runs and the calls that it makes
// end as if nothing had happened, also those that only this node serves.
func TestDrainFinishesWhatRuns(t *testing.T) {
	t.Parallel()
	for _, slots := range []int{1, 10} {
		for _, noLocal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d slots, NoLocal %v", slots, noLocal), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					b := loopback.New()
					began := make(chan struct{})
					worker := start(t, b, actor.Config{Slots: slots, NoLocal: noLocal},
						actor.Handle("tree", func(ctx context.Context, body []byte) ([]byte, error) {
							n, _ := actor.NodeFrom(ctx)
							close(began)
							pass(time.Second)
							a := requesting(ctx, n, "branch", "a")
							c := requesting(ctx, n, "branch", "c")
							x, y := <-a, <-c
							return append(x.body, y.body...), errors.Join(x.err, y.err)
						}),
						actor.Handle("branch", func(ctx context.Context, body []byte) ([]byte, error) {
							n, _ := actor.NodeFrom(ctx)
							pass(time.Second)
							return n.Request(ctx, "leaf", body)
						}),
						actor.Handle("leaf", taking(time.Second)))
					caller := start(t, b, actor.Config{})
					done := requesting(t.Context(), caller, "tree", "in")
					<-began
					if err := worker.Drain(t.Context()); err != nil {
						t.Errorf("Drain() = %v, want nil", err)
					}
					r := <-done
					answers(t, "Request()", r.body, r.err, "ac")
					_, err := caller.Request(t.Context(), "tree", nil)
					is(t, "Request() after the drain", err, actor.ErrNoWorker)
				})
			})
		}
	}
}

// TestDrainFinishesWhatWaits: what the node has taken into its mailbox it
// finishes.
func TestDrainFinishesWhatWaits(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		worker := start(t, b, actor.Config{Slots: 1}, actor.Handle("slow", taking(100*time.Millisecond)))
		caller := start(t, b, actor.Config{})
		var calls []<-chan request
		for i := range 10 {
			calls = append(calls, requesting(t.Context(), caller, "slow", fmt.Sprint(i)))
		}
		pass(50 * time.Millisecond)
		if err := worker.Drain(t.Context()); err != nil {
			t.Errorf("Drain() = %v", err)
		}
		for i, done := range calls {
			r := <-done
			answers(t, "Request()", r.body, r.err, fmt.Sprint(i))
		}
	})
}

// TestDrainWaitsForCallsOfItsOwn: what the program awaits from others is
// awaited, too; new calls are refused.
func TestDrainWaitsForCallsOfItsOwn(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		start(t, b, actor.Config{}, actor.Handle("slow", taking(time.Second)))
		caller := start(t, b, actor.Config{})
		done := requesting(t.Context(), caller, "slow", "in")
		pass(100 * time.Millisecond)
		go func() {
			pass(100 * time.Millisecond)
			_, err := caller.Request(t.Context(), "slow", nil)
			is(t, "Request() while draining", err, actor.ErrDraining)
		}()
		if err := caller.Drain(t.Context()); err != nil {
			t.Errorf("Drain() = %v", err)
		}
		r := <-done
		answers(t, "Request() from before", r.body, r.err, "in")
		_, err := caller.Request(t.Context(), "slow", nil)
		is(t, "Request() after the drain", err, actor.ErrClosed)
	})
}

// TestDrainOutOfTime: what is left when the context ends is cancelled with its
// cause, and named.
func TestDrainOutOfTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		causes := make(chan error, 3)
		heeds := func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return nil, ctx.Err()
		}
		worker := start(t, b, actor.Config{},
			actor.Handle("heeds", heeds),
			actor.Handle("ignores", taking(5500*time.Millisecond)),
			actor.Handle("tree", func(ctx context.Context, body []byte) ([]byte, error) {
				n, _ := actor.NodeFrom(ctx)
				return n.Request(ctx, "heeds", body)
			}))
		caller := start(t, b, actor.Config{})
		heeding := requesting(t.Context(), caller, "heeds", "in")
		ignoring := requesting(t.Context(), caller, "ignores", "in")
		tree := requesting(t.Context(), caller, "tree", "in")
		pass(100 * time.Millisecond)

		errHurry := errors.New("the machine is going down")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errHurry)
		defer cancel()
		var err error
		within(t, "Drain", 6*time.Second, func() { err = worker.Drain(ctx) })
		if !errors.Is(err, errHurry) {
			t.Errorf("Drain() = %v, want the cause of its context in it", err)
		}
		for _, want := range []string{`2 × "heeds"`, `1 × "ignores"`, `1 × "tree"`, worker.ID()} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Drain() = %v, want %s in it", err, want)
			}
		}
		for range 2 { // one of them nested
			if cause := <-causes; !strings.Contains(cause.Error(), errHurry.Error()) {
				t.Errorf("the cause of a handler's context = %v, want %q in it", cause, errHurry)
			}
		}
		is(t, "Request() of a handler that heeds its context", (<-heeding).err, actor.ErrWorkerLost)
		is(t, "Request() of a handler that does not", (<-ignoring).err, actor.ErrWorkerLost)
		is(t, "Request() of a handler that awaited", (<-tree).err, actor.ErrWorkerLost)
		if again := worker.Close(); again == nil || again.Error() != err.Error() {
			t.Errorf("Close() after the drain = %v, want the same as Drain", again)
		}
		pass(2 * time.Second) // the handler that ignores its context returns
	})
}

// TestDrainTwice: whoever comes later waits, and hears the same.
func TestDrainTwice(t *testing.T) {
	virtual(t, func(t *testing.T) {
		n := start(t, loopback.New(), actor.Config{}, actor.Handle("slow", taking(time.Second)))
		done := requesting(t.Context(), n, "slow", "in")
		pass(time.Millisecond)
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				stop := n.Close
				if i%2 == 0 {
					stop = func() error { return n.Drain(context.Background()) }
				}
				if err := stop(); err != nil {
					t.Errorf("Drain() or Close() = %v", err)
				}
				select {
				case <-n.Done():
				default:
					t.Error("Drain() or Close() returned before Done was closed")
				}
			})
		}
		group.Wait()
		r := <-done
		answers(t, "Request()", r.body, r.err, "in")
	})
}

// TestDrainLeaves: a node that drains takes no new call, from the queue group
// neither nor by its name.
func TestDrainLeaves(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{}, actor.Handle("slow", taking(20*time.Second)))
		f := newForeigner(t, b)
		slow := requesting(t.Context(), n, "slow", "in")
		pass(time.Millisecond)
		draining(n)
		pass(100 * time.Millisecond)
		equal(t, "the status of a call to the queue group", f.ask("at.default.task.slow", "", nil).Status, transport.NoResponders)
		m := f.ask("at.default.node."+n.ID()+".task.slow", "", nil)
		equal(t, "the error of a call by name", m.Header.Get("At-Error"), "draining")
		equal(t, "the state of the node", decoded[actor.NodeInfo](t, f.ask("at.default.node."+n.ID()+".info", "", nil)).State, "draining")
		<-slow
	})
}

// TestDrainSendsElsewhere: a call that reaches a draining worker by name, or
// too late, is executed by another.
func TestDrainSendsElsewhere(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		var ran atomic.Int32
		count := func(_ context.Context, body []byte) ([]byte, error) {
			ran.Add(1)
			return body, nil
		}
		leaving := start(t, b, actor.Config{}, actor.Handle("count", count), actor.Handle("slow", taking(time.Second)))
		slow := requesting(t.Context(), leaving, "slow", "in")
		pass(time.Millisecond)
		draining(leaving)
		start(t, b, actor.Config{}, actor.Handle("count", count))
		caller := start(t, b, actor.Config{})
		pass(time.Millisecond)
		for range 100 {
			got, err := caller.Request(t.Context(), "count", []byte("in"))
			answers(t, "Request()", got, err, "in")
		}
		equal(t, "executions", ran.Load(), 100)
		<-slow
	})
}
