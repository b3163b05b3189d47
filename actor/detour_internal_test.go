package actor

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// failures records when calls of a stream failed.
type failures struct {
	mu    sync.Mutex
	calls int
	at    []time.Duration
	errs  []error
}

func (f *failures) add(at time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if err != nil {
		f.at = append(f.at, at)
		f.errs = append(f.errs, err)
	}
}

// stream makes a call every few milliseconds for a while and waits for all.
func stream(caller *member, task *Target, every, during time.Duration) *failures {
	var f failures
	var wg sync.WaitGroup
	begun := time.Now()
	for time.Since(begun) < during {
		wg.Go(func() {
			at := time.Since(begun)
			_, err := Ask[string, string](caller.under(), task, "a")
			f.add(at, err)
		})
		pause(every)
	}
	wg.Wait()
	return &f
}

// TestDetourAroundAFrozenWorker freezes one of four workers, which the broker
// goes on feeding. Calls take no time, or long enough to be accepted.
func TestDetourAroundAFrozenWorker(t *testing.T) {
	t.Parallel()
	for _, runs := range []time.Duration{0, 60 * time.Millisecond} {
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("quick")
			workers := make([]*member, 4)
			for i := range workers {
				workers[i] = r.node(Config{}, s.echo(task, runs))
			}
			caller := r.node(Config{})
			if f := stream(caller, task, 10*time.Millisecond, time.Second); len(f.errs) > 0 {
				t.Fatalf("%d of %d calls failed before the fault: %v", len(f.errs), f.calls, f.errs[0])
			}
			workers[2].freeze()
			f := stream(caller, task, 10*time.Millisecond, 12*time.Second)
			late := 0
			for _, at := range f.at {
				if at > 5*time.Second {
					late++
				}
			}
			if late > 0 || len(f.errs) == 0 {
				t.Errorf("calls of %v: %d of %d failed, %d of them made later than 5s after the freeze, want some and 0", runs, len(f.errs), f.calls, late)
			}
			workers[2].thaw()
			if f := stream(caller, task, 10*time.Millisecond, 3*time.Second); len(f.errs) > 0 {
				t.Errorf("%d of %d calls failed after the thaw: %v", len(f.errs), f.calls, f.errs[0])
			}
		})
	}
}

// TestDetourEnds checks that a worker which answers again gets calls by the
// queue group again, and that nothing of the detour is left.
func TestDetourEnds(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"thaw", "kill"} {
		virtual(t, func(t *testing.T, r *rig) {
			var s, slow starts
			task := NewTarget[string, string]("quick")
			long := NewTarget[string, string]("long")
			frozen := r.node(Config{}, slow.stuck(long), s.echo(task, 0))
			r.node(Config{}, s.echo(task, 0))
			caller := r.node(Config{})
			f := Begin[string, string](caller.under(), long, "x")
			pause(time.Second)
			frozen.freeze()
			checkLost(t, "frozen", await(f, time.Now()), lostByFreeze)
			if _, _, _, detours := caller.table(); detours != 1 {
				t.Errorf("%d detours around a frozen worker, want 1", detours)
			}
			stream(caller, task, time.Millisecond, 10*time.Millisecond) // some go to the frozen worker: no way around is known yet
			if f := stream(caller, task, 20*time.Millisecond, 5*time.Second); len(f.errs) > 0 {
				t.Errorf("%d of %d calls failed after the freeze was noticed: %v", len(f.errs), f.calls, f.errs[0])
			}
			if n := caller.conn.count(taskSubject("quick")); n > 10 {
				t.Errorf("%d calls went by the queue group, that is to the frozen worker too, want few", n)
			}
			if how == "thaw" {
				frozen.thaw()
			} else {
				frozen.conn.kill()
			}
			pause(3 * time.Second)
			before := caller.conn.count(taskSubject("quick"))
			if f := stream(caller, task, 20*time.Millisecond, time.Second); len(f.errs) > 0 {
				t.Errorf("%s: %d of %d calls failed after the detour: %v", how, len(f.errs), f.calls, f.errs[0])
			}
			if n := caller.conn.count(taskSubject("quick")) - before; n < 40 {
				t.Errorf("%s: %d calls went by the queue group after the detour, want all", how, n)
			}
			pause(10 * time.Second)
			if pending, probes, peers, detours := caller.table(); pending+peers+detours+probes > 0 {
				t.Errorf("%s: the table holds %d calls, %d questions, %d peers and %d detours, want none", how, pending, probes, peers, detours)
			}
		})
	}
}

// TestDetourAvoidsTheDead kills a node that calls are led to, while another is
// frozen.
func TestDetourAvoidsTheDead(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s, slow starts
		task := NewTarget[string, string]("quick")
		long := NewTarget[string, string]("long")
		frozen := r.node(Config{}, slow.stuck(long), s.echo(task, 0))
		dying := r.node(Config{}, s.echo(task, 0))
		r.node(Config{}, s.echo(task, 0))
		caller := r.node(Config{})
		f := Begin[string, string](caller.under(), long, "x")
		pause(time.Second)
		frozen.freeze()
		checkLost(t, "frozen", await(f, time.Now()), lostByFreeze)
		pause(detourSearch)
		stream(caller, task, 20*time.Millisecond, 3*time.Second)
		dying.conn.kill()
		if f := stream(caller, task, 5*time.Millisecond, 5*time.Second); len(f.errs) > 0 {
			t.Errorf("%d of %d calls failed around a dead node: %v", len(f.errs), f.calls, f.errs[0])
		}
	})
}

// TestDetourWithoutAnAlternative has one worker, which is frozen and comes back.
func TestDetourWithoutAnAlternative(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("quick")
		worker := r.node(Config{}, s.echo(task, 0))
		caller := r.node(Config{})
		worker.freeze()
		checkLost(t, "frozen", await(Begin[string, string](caller.under(), task, "a"), time.Now()), lostByFreeze)
		worker.thaw()
		pause(2 * time.Second)
		if o := await(Begin[string, string](caller.under(), task, "b"), time.Now()); o.err != nil || o.took > 100*time.Millisecond {
			t.Errorf("after the thaw: %v after %v, want a result at once", o.err, o.took)
		}
		if s.of("a") != 0 {
			t.Error("a call that its caller had given up was started after the thaw")
		}
	})
}

// TestDetourIsForgotten checks that a worker which never answers again is not
// asked for ever.
func TestDetourIsForgotten(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		r.observe(">", func(*transport.Message) {})
		task := NewTarget[string, string]("stuck")
		worker := r.node(Config{}, s.stuck(task))
		caller := r.node(Config{})
		f := Begin[string, string](caller.under(), task, "a")
		pause(time.Second)
		worker.conn.kill()
		checkLost(t, "killed unnoticed", await(f, time.Now()), lostByFreeze)
		pause(detourLongest + time.Minute)
		if pending, probes, peers, detours := caller.table(); pending+peers+detours > 0 || probes > 1 {
			t.Errorf("the table holds %d calls, %d questions, %d peers and %d detours, want none", pending, probes, peers, detours)
		}
		before := caller.conn.count(isVerb(wire.VerbPing))
		pause(time.Minute)
		if n := caller.conn.count(isVerb(wire.VerbPing)) - before; n > 0 {
			t.Errorf("%d pings a minute after everything ended, want 0", n)
		}
	})
}

// TestNoDetourAfterACut checks that calls which are lost with a connection make
// nobody look for a way around, and that a restored connection ends a detour.
func TestNoDetourAfterACut(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("quick")
		r.node(Config{}, s.echo(task, 0))
		caller := r.node(Config{})
		caller.conn.dropping(onSubject(taskSubject("quick")))
		lost := Begin[string, string](caller.under(), task, "a")
		pause(10 * time.Millisecond)
		caller.conn.cut(true)
		caller.conn.restore(t)
		if o := await(lost, time.Now()); !errors.Is(o.err, ErrWorkerLost) {
			t.Errorf("call that was lost with the connection = %v, want %v", o.err, ErrWorkerLost)
		}
		if _, _, _, detours := caller.table(); detours != 0 {
			t.Errorf("%d detours after the loss of a call that was sent before a cut, want 0", detours)
		}
		if _, err := Ask[string, string](caller.under(), task, "b"); !errors.Is(err, ErrWorkerLost) {
			t.Errorf("call that was lost later = %v, want %v", err, ErrWorkerLost)
		}
		if _, _, _, detours := caller.table(); detours != 1 {
			t.Errorf("%d detours after the loss of a call, want 1", detours)
		}
		caller.conn.dropping(nil)
		caller.conn.cut(true)
		caller.conn.restore(t)
		pause(time.Millisecond) // for the news of it
		if _, _, _, detours := caller.table(); detours != 0 {
			t.Errorf("%d detours after the connection was restored, want 0", detours)
		}
		if _, err := Ask[string, string](caller.under(), task, "c"); err != nil {
			t.Errorf("call after that = %v, want nil", err)
		}
	})
}
