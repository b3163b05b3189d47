package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/transport"
)

func TestCallsWaitForTheConnection(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		virtual(t, func(t *testing.T, r *rig) {
			task := NewTarget[int, int]("inc")
			var mu sync.Mutex
			var order []int
			r.node(Config{Slots: 1}, Implement(task, func(_ context.Context, v int) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, v)
				return v + 1, nil
			}))
			caller := r.node(Config{})
			caller.conn.cut(told)
			const calls = 20
			var fs []*Future[int]
			for i := range calls {
				fs = append(fs, Begin[int, int](caller.under(), task, i))
				pause(10 * time.Millisecond)
			}
			if !told { // the transport says so only now
				caller.conn.cut(true)
			}
			pause(3 * time.Second)
			if n := caller.conn.count(taskSubject("inc")); n != 0 {
				t.Errorf("%d calls were sent while the connection was cut, want 0", n)
			}
			caller.conn.restore(t)
			for i, f := range fs {
				if o := await(f, time.Now()); o.err != nil || o.value != i+1 || o.took > 100*time.Millisecond {
					t.Errorf("call %d = %d, %v after %v, want %d at once", i, o.value, o.err, o.took, i+1)
				}
			}
			if n := caller.conn.count(taskSubject("inc")); n != calls {
				t.Errorf("%d calls were sent %d times, want each once", calls, n)
			}
			if !slices.IsSorted(order) || len(order) != calls {
				t.Errorf("the calls arrived as %v, want in the order they were made", order)
			}
		})
	}
}

func TestCallsGiveUpOnTheConnection(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("echo")
			r.node(Config{}, s.echo(task, 0))
			caller := r.node(Config{Patience: 4 * time.Second})
			caller.conn.cut(told)
			begun := time.Now()
			f := Begin[string, string](caller.under(), task, "a")
			timed := Begin[string, string](caller.under(), task, "b", CallTimeout(time.Second))
			cancelled := Begin[string, string](caller.under(), task, "c")
			pause(time.Second / 2)
			cancelled.Cancel()
			for _, tt := range []struct {
				name string
				f    *Future[string]
				want error
				at   time.Duration
			}{
				{"cancelled", cancelled, context.Canceled, time.Second / 2},
				{"with a deadline", timed, context.DeadlineExceeded, time.Second},
				{"patient", f, ErrDisconnected, 4 * time.Second},
			} {
				o := await(tt.f, begun)
				var e *Error
				if !errors.Is(o.err, tt.want) || !errors.As(o.err, &e) || e.Executed != ExecutedNo {
					t.Errorf("told = %v, %s: %v, want %v, not executed", told, tt.name, o.err, tt.want)
				}
				if o.took < tt.at || o.took > tt.at+100*time.Millisecond {
					t.Errorf("told = %v, %s: ended after %v, want %v", told, tt.name, o.took, tt.at)
				}
			}
			caller.conn.restore(t)
			pause(10 * time.Second)
			if s.total() != 0 {
				t.Errorf("told = %v: %d calls that had ended were sent after all", told, s.total())
			}
			checkTable(t, caller)
		})
	}
}

// TestReconnectGrace cuts a caller off for long: what was silent meanwhile is
// alive.
func TestReconnectGrace(t *testing.T) {
	t.Parallel()
	for _, gone := range []time.Duration{100, 1000, 2600, 20_000} {
		gone *= time.Millisecond
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("long")
			r.node(Config{CallerLostAfter: time.Hour}, s.echo(task, gone+10*time.Second))
			caller := r.node(Config{})
			f := Begin[string, string](caller.under(), task, "a")
			pause(1234 * time.Millisecond)
			caller.conn.cut(true)
			pause(gone)
			caller.conn.restore(t)
			if o := await(f, time.Now()); o.err != nil {
				t.Errorf("cut off for %v: the call ended with %v, want its result", gone, o.err)
			}
			if n := caller.conn.count(taskSubject("long")); n != 1 {
				t.Errorf("cut off for %v: the call was sent %d times, want once", gone, n)
			}
		})
	}
}

// TestBrokerRestart cuts everybody; the caller is back first. Until the worker
// is, nobody listens on its subjects.
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("long")
		worker := r.node(Config{}, s.echo(task, 10*time.Second))
		caller := r.node(Config{})
		running := Begin[string, string](caller.under(), task, "a")
		pause(1300 * time.Millisecond)
		worker.conn.cut(true)
		caller.conn.cut(true)
		pause(500 * time.Millisecond)
		held := Begin[string, string](caller.under(), task, "b")
		caller.conn.restore(t)
		pause(2500 * time.Millisecond)
		worker.conn.restore(t)
		for i, f := range []*Future[string]{running, held} {
			if o := await(f, time.Now()); o.err != nil {
				t.Errorf("call %d ended with %v after a restart of the broker, want its result", i, o.err)
			}
		}
		if s.of("a") != 1 || s.of("b") != 1 {
			t.Errorf("a started %d times, b %d, want 1 each", s.of("a"), s.of("b"))
		}
	})
}

// TestWorkerDiesDuringACut checks that the grace ends.
func TestWorkerDiesDuringACut(t *testing.T) {
	t.Parallel()
	for _, heard := range []bool{true, false} {
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			if !heard {
				r.observe(">", func(*transport.Message) {})
			}
			task := NewTarget[string, string]("stuck")
			worker := r.node(Config{}, s.stuck(task))
			caller := r.node(Config{})
			accepted := Begin[string, string](caller.under(), task, "a")
			pause(time.Second)
			caller.conn.cut(true)
			worker.conn.kill()
			pause(5 * time.Second)
			caller.conn.restore(t)
			checkLost(t, fmt.Sprintf("died during a cut, NoResponders = %v", heard), await(accepted, time.Now()), reconnectRest+lostByFreeze)
			checkTableLater(t, caller)
		})
	}
}

// checkTableLater gives ghosts and idle peers time to go.
func checkTableLater(t *testing.T, m *member) {
	t.Helper()
	pause(time.Minute)
	m.calls.mu.Lock()
	detours := len(m.calls.detours)
	m.calls.mu.Unlock()
	if detours == 0 {
		checkTable(t, m)
	}
}

// TestCutsInQuickSuccession checks that the last event wins.
func TestCutsInQuickSuccession(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		task := NewTarget[string, string]("echo")
		var s starts
		r.node(Config{}, s.echo(task, 0))
		caller := r.node(Config{})
		for range 20 {
			caller.conn.cut(true)
			caller.conn.restore(t)
			caller.conn.cut(true)
			f := Begin[string, string](caller.under(), task, "a")
			pause(time.Second)
			caller.calls.mu.Lock()
			cut := caller.calls.cut
			caller.calls.mu.Unlock()
			if !cut {
				t.Fatal("the node takes its connection for restored, which is cut")
			}
			caller.conn.restore(t)
			if o := await(f, time.Now()); o.err != nil {
				t.Fatalf("Await() = %v, want nil", o.err)
			}
		}
		if n := s.of("a"); n != 20 {
			t.Errorf("20 calls started %d times", n)
		}
	})
}

// TestRestoreKeepsBackoff checks that a call which waits for another reason
// than the connection goes on waiting when that is back.
func TestRestoreKeepsBackoff(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		task := NewTarget[string, string]("fails", Retry(RetryPolicy{MaxAttempts: 2, Initial: 20 * time.Second, Max: time.Minute, Jitter: 1e-9}))
		var mu sync.Mutex
		var at []time.Duration
		begun := time.Now()
		r.node(Config{}, Implement(task, func(context.Context, string) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(begun).Round(time.Second))
			return "", errGone
		}))
		caller := r.node(Config{})
		f := Begin[string, string](caller.under(), task, "a")
		pause(time.Second)
		for range 3 {
			caller.conn.cut(true)
			pause(time.Second)
			caller.conn.restore(t)
			pause(time.Second)
		}
		await(f, time.Now())
		if diff := cmp.Diff([]time.Duration{0, 20 * time.Second}, at); diff != "" {
			t.Errorf("the attempts started at (-want +got):\n%s", diff)
		}
	})
}
