package actor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

func TestCallerKilled(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{25, 100, 1000, 30000} {
		at *= time.Millisecond
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("stuck")
			r.node(Config{}, s.stuck(task))
			caller := r.node(Config{})
			Begin[string, string](caller.under(), task, "a")
			pause(at)
			synctest.Wait()
			if n := len(s.causes()); n != 0 {
				t.Fatalf("the handler was cancelled while its caller pings: %v", s.causes())
			}
			killed := time.Now()
			caller.conn.kill()
			for len(s.causes()) == 0 && time.Since(killed) < time.Minute {
				pause(10 * time.Millisecond)
			}
			within(t, "noticing a caller killed after "+at.String(), killed, 7*time.Second)
			if c := s.causes(); len(c) != 1 || !errors.Is(c[0], ErrCallerLost) {
				t.Errorf("the handler's context ended with %v, want ErrCallerLost", c)
			}
		})
	}
}

// TestCallerKilledWithCallsWaiting checks that what waits for a slot never
// starts once its caller is gone.
func TestCallerKilledWithCallsWaiting(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("long")
		r.node(Config{Slots: 1}, s.echo(task, time.Minute))
		caller := r.node(Config{})
		for _, in := range []string{"a", "b", "c"} {
			Begin[string, string](caller.under(), task, in)
		}
		pause(time.Second)
		caller.conn.kill()
		pause(5 * time.Minute)
		if s.of("a") != 1 || s.of("b") != 0 || s.of("c") != 0 {
			t.Errorf("started a %d, b %d, c %d times, want 1, 0, 0", s.of("a"), s.of("b"), s.of("c"))
		}
	})
}

// TestCallerIsWatchedBesidesTells has calls come and go that nobody waits for.
func TestCallerIsWatchedBesidesTells(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s, told starts
		task := NewTarget[string, string]("stuck")
		note := NewTarget[string, string]("note")
		r.node(Config{}, s.stuck(task), told.echo(note, 0))
		caller := r.node(Config{})
		Begin[string, string](caller.under(), task, "a")
		pause(100 * time.Millisecond)
		for range 5 {
			if err := Tell(caller.under(), note, "n"); err != nil {
				t.Errorf("Tell() = %v, want nil", err)
			}
			pause(100 * time.Millisecond)
		}
		caller.conn.kill()
		pause(8 * time.Second)
		if c := s.causes(); len(c) != 1 || !errors.Is(c[0], ErrCallerLost) {
			t.Errorf("the handler's context ended with %v, want ErrCallerLost", c)
		}
		if told.of("n") != 5 {
			t.Errorf("told 5 times, %d started", told.of("n"))
		}
	})
}

// TestFrozenCallerBlamesItself freezes a caller: when it goes on, everybody
// has been silent for long, and nobody is to blame for that.
func TestFrozenCallerBlamesItself(t *testing.T) {
	t.Parallel()
	for i, frozen := range []time.Duration{600, 1000, 2500, 10_000, 60_000, 60_000} {
		frozen *= time.Millisecond
		for _, at := range []time.Duration{10, 50, 490, 500, 510, 1700} {
			at *= time.Millisecond
			virtual(t, func(t *testing.T, r *rig) {
				var s starts
				task := NewTarget[string, string]("long")
				worker := r.node(Config{CallerLostAfter: time.Hour}, s.echo(task, frozen+at+5*time.Second))
				caller := r.node(Config{})
				f := Begin[string, string](caller.under(), task, "a")
				pause(at)
				caller.freeze()
				pause(frozen)
				if i == 5 { // it answers later than our own ping returns
					worker.conn.delaying(func(*transport.Message) time.Duration { return 700 * time.Millisecond })
				}
				caller.thaw()
				if o := await(f, time.Now()); o.err != nil {
					t.Errorf("frozen after %v for %v: the call ended with %v", at, frozen, o.err)
				}
			})
		}
	}
}

// TestStarvedCallerBlamesItself delays the caller's ping to itself. For as long
// as that lasts it may not call anybody dead.
func TestStarvedCallerBlamesItself(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("stuck")
		worker := r.node(Config{CallerLostAfter: time.Hour}, s.stuck(task))
		caller := r.node(Config{})
		self := wire.NodeSubject("default", caller.ID(), wire.VerbPing)
		caller.conn.delaying(func(m *transport.Message) time.Duration {
			if m.Subject == self {
				return 450 * time.Millisecond
			}
			return 0
		})
		f := Begin[string, string](caller.under(), task, "a")
		pause(time.Second)
		worker.conn.dropping(onSubject(func(string) bool { return true }))
		pause(time.Minute)
		select {
		case <-f.Done():
			_, err := f.Await(context.Background())
			t.Fatalf("a starved caller ended the call with %v", err)
		default:
		}
		caller.conn.delaying(nil)
		checkLost(t, "no longer starved", await(f, time.Now()), lostByFreeze+time.Second)
	})
}

// TestFrozenWorkerBlamesItself freezes a worker for longer than a caller may be
// silent.
func TestFrozenWorkerBlamesItself(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("long")
		worker := r.node(Config{}, s.echo(task, 30*time.Second))
		caller := r.node(Config{LostAfter: time.Hour})
		f := Begin[string, string](caller.under(), task, "a")
		pause(777 * time.Millisecond)
		worker.freeze()
		pause(20 * time.Second)
		worker.thaw()
		if o := await(f, time.Now()); o.err != nil {
			t.Errorf("the call ended with %v after its worker was frozen, want its result", o.err)
		}
	})
}

// TestCancelReaches checks how fast a cancel gets through, before and after the
// worker has said that it has the call.
func TestCancelReaches(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{0, 5, 19, 30, 2000} {
		at *= time.Millisecond
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("stuck")
			r.node(Config{}, s.stuck(task))
			caller := r.node(Config{})
			f := Begin[string, string](caller.under(), task, "a")
			synctest.Wait()
			pause(at)
			begun := time.Now()
			f.Cancel()
			if o := await(f, begun); !errors.Is(o.err, context.Canceled) || o.took > 0 {
				t.Errorf("cancelled after %v: %v after %v, want Canceled at once", at, o.err, o.took)
			}
			for len(s.causes()) == 0 && time.Since(begun) < time.Second {
				pause(time.Millisecond)
			}
			within(t, "cancelling a handler after "+at.String(), begun, 100*time.Millisecond)
			if c := s.causes(); len(c) != 1 || !errors.Is(c[0], context.Canceled) {
				t.Errorf("the handler's context ended with %v, want Canceled", c)
			}
			pause(15 * time.Second)
			checkTable(t, caller)
		})
	}
}

// TestCancelThroughNesting cancels the root of a chain of calls on different
// nodes.
func TestCancelThroughNesting(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		deep := NewTarget[int, string]("deep")
		impl := Implement(deep, func(ctx context.Context, left int) (string, error) {
			s.add(ctx, "x")
			defer s.ended(ctx)
			if left > 0 {
				return Ask[int, string](ctx, deep, left-1)
			}
			<-ctx.Done()
			return "", ctx.Err()
		})
		for range 3 {
			r.node(Config{NoLocal: true}, impl)
		}
		caller := r.node(Config{})
		ctx, cancel := context.WithCancel(caller.under())
		f := Begin[int, string](ctx, deep, 3)
		pause(time.Second)
		begun := time.Now()
		cancel()
		for len(s.causes()) < 4 && time.Since(begun) < time.Second {
			pause(time.Millisecond)
		}
		within(t, "cancelling through three levels", begun, 100*time.Millisecond)
		for _, c := range s.causes() {
			if !errors.Is(c, context.Canceled) {
				t.Errorf("a handler's context ended with %v, want Canceled", c)
			}
		}
		if _, err := f.Await(context.Background()); !errors.Is(err, context.Canceled) {
			t.Errorf("Await() = %v, want Canceled", err)
		}
	})
}

// TestCancelWaiting cancels a call that waits in a mailbox: it never starts.
func TestCancelWaiting(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{5, 100} {
		at *= time.Millisecond
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("long")
			r.node(Config{Slots: 1}, s.echo(task, time.Second))
			caller := r.node(Config{})
			first := Begin[string, string](caller.under(), task, "a")
			second := Begin[string, string](caller.under(), task, "b")
			pause(at)
			second.Cancel()
			if o := await(first, time.Now()); o.err != nil {
				t.Errorf("Await() = %v, want nil", o.err)
			}
			pause(3 * time.Second)
			if n := s.of("b"); n != 0 {
				t.Errorf("a call that was cancelled while it waited started %d times", n)
			}
		})
	}
}
