package actor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// gated is a task whose handlers go on when the gate opens.
func (s *starts) gated(t *Target, gate <-chan struct{}) Servable {
	return Implement(t, func(ctx context.Context, in string) (string, error) {
		s.add(ctx, in)
		<-gate
		return in, nil
	})
}

// TestThawAsksBeforeItStarts freezes a worker with calls in its mailbox, for a
// time that nobody takes for its death. Some of the calls are given up
// meanwhile, and the news of that is lost.
func TestThawAsksBeforeItStarts(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{0, 100 * time.Millisecond, time.Second} {
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("gated")
			gate := make(chan struct{})
			worker := r.node(Config{Slots: 1}, s.gated(task, gate))
			caller := r.node(Config{})
			first := Begin[string, string](caller.under(), task, "first")
			synctest.Wait()
			fs := map[string]*Future[string]{}
			for _, in := range []string{"keep1", "drop1", "keep2", "drop2", "keep3"} {
				fs[in] = Begin[string, string](caller.under(), task, in)
			}
			pause(100 * time.Millisecond)
			worker.freeze()
			fs["keep4"] = Begin[string, string](caller.under(), task, "keep4") // the broker keeps these for it
			fs["drop3"] = Begin[string, string](caller.under(), task, "drop3")
			pause(300 * time.Millisecond)
			caller.conn.dropping(onSubject(isVerb(wire.VerbCancel)))
			for _, in := range []string{"drop1", "drop2", "drop3"} {
				fs[in].Cancel()
			}
			pause(700 * time.Millisecond)
			// What ran goes on at the same moment: it makes room for the next.
			close(gate)
			worker.thaw()
			thawed := time.Now()
			if late > 0 {
				caller.conn.delaying(func(m *transport.Message) time.Duration { return late })
			}
			if o := await(first, thawed); o.err != nil {
				t.Errorf("what ran during the freeze ended with %v", o.err)
			}
			for _, in := range []string{"keep1", "keep2", "keep3", "keep4"} {
				if o := await(fs[in], thawed); o.err != nil || o.took > 2*time.Second+late {
					t.Errorf("answers after %v: %s ended with %v %v after the thaw, want its result soon", late, in, o.err, o.took)
				}
				if s.of(in) != 1 {
					t.Errorf("%s started %d times, want 1", in, s.of(in))
				}
			}
			pause(10 * time.Second)
			for _, in := range []string{"drop1", "drop2", "drop3"} {
				if s.of(in) != 0 {
					t.Errorf("answers after %v: %s was given up before the thaw and started %d times", late, in, s.of(in))
				}
			}
			caller.conn.delaying(nil)
			checkThawed(t, worker, caller)
		})
	}
}

// checkThawed complains unless a worker is as it was before a freeze.
func checkThawed(t *testing.T, worker, caller *member) {
	t.Helper()
	worker.worker.mu.Lock()
	suspects, waiting, inHand := worker.worker.suspects, worker.worker.waitingLocked(), worker.worker.inHand
	worker.worker.mu.Unlock()
	if suspects+waiting+inHand != 0 {
		t.Errorf("after a thaw %d calls are under suspicion, %d wait and %d are in hand, want none", suspects, waiting, inHand)
	}
	if _, probes, _, _ := worker.table(); probes > 1 {
		t.Errorf("after a thaw %d questions are open, want none", probes)
	}
	var s starts
	next := NewTarget[string, string]("next")
	if err := worker.Serve(s.echo(next, 0)); err != nil {
		t.Errorf("Serve() = %v, want nil", err)
	}
	for range 20 {
		if o := await(Begin[string, string](caller.under(), next, "a"), time.Now()); o.err != nil || o.took > 20*time.Millisecond {
			t.Errorf("a call after a thaw: %v after %v, want its result at once", o.err, o.took)
			return
		}
		pause(123 * time.Millisecond)
	}
}

// TestThawAfterDeath freezes a worker until its callers have given up all that
// it has.
func TestThawAfterDeath(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("gated")
		gate := make(chan struct{})
		worker := r.node(Config{Slots: 1}, s.gated(task, gate))
		caller := r.node(Config{})
		var fs []*Future[string]
		for i := range 10 {
			fs = append(fs, Begin[string, string](caller.under(), task, fmt.Sprint(i)))
			synctest.Wait()
		}
		pause(200 * time.Millisecond)
		worker.freeze()
		frozen := time.Now()
		for range 10 {
			fs = append(fs, Begin[string, string](caller.under(), task, "queued"))
		}
		for _, f := range fs {
			checkLost(t, "frozen", await(f, frozen), lostByFreeze)
		}
		pause(10 * time.Second)
		close(gate)
		worker.thaw()
		pause(10 * time.Second)
		if s.total() != 1 || s.of("0") != 1 {
			t.Errorf("%d calls started, want the first alone: the others were given up before they could", s.total())
		}
		checkThawed(t, worker, caller)
	})
}

// TestThawOfADeadCaller freezes a worker and kills the caller.
func TestThawOfADeadCaller(t *testing.T) {
	t.Parallel()
	for _, unnoticed := range []bool{false, true} {
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("gated")
			gate := make(chan struct{})
			if unnoticed {
				r.observe(">", func(*transport.Message) {})
			}
			worker := r.node(Config{Slots: 1}, s.gated(task, gate))
			caller := r.node(Config{})
			for _, in := range []string{"a", "b", "c"} {
				Begin[string, string](caller.under(), task, in)
				synctest.Wait()
			}
			pause(100 * time.Millisecond)
			worker.freeze()
			caller.conn.kill()
			pause(time.Second)
			close(gate)
			worker.thaw()
			pause(10 * time.Second)
			if s.of("b")+s.of("c") != 0 {
				t.Errorf("calls of a caller that died started %d times", s.of("b")+s.of("c"))
			}
			checkThawed(t, worker, r.node(Config{}))
		})
	}
}

// TestThawWithLimit freezes a worker with calls that wait for their task's
// limit: they wait outside of the mailbox, and are asked about like the others.
func TestThawWithLimit(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("gated")
		gate := make(chan struct{})
		worker := r.node(Config{}, Implement(task, func(ctx context.Context, in string) (string, error) {
			s.add(ctx, in)
			<-gate
			return in, nil
		}, Limit(1)))
		caller := r.node(Config{})
		fs := map[string]*Future[string]{}
		for _, in := range []string{"first", "keep", "drop"} {
			fs[in] = Begin[string, string](caller.under(), task, in)
			synctest.Wait()
		}
		pause(100 * time.Millisecond)
		worker.freeze()
		caller.conn.dropping(onSubject(isVerb(wire.VerbCancel)))
		fs["drop"].Cancel()
		pause(1200 * time.Millisecond)
		close(gate)
		worker.thaw()
		for _, in := range []string{"first", "keep"} {
			if o := await(fs[in], time.Now()); o.err != nil {
				t.Errorf("%s ended with %v", in, o.err)
			}
		}
		pause(5 * time.Second)
		if s.of("drop") != 0 {
			t.Errorf("a call that was given up before the thaw started %d times", s.of("drop"))
		}
		checkThawed(t, worker, caller)
	})
}

// TestThawTrustsWhomItCannotAsk covers calls without a caller who would answer.
func TestThawTrustsWhomItCannotAsk(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("gated")
		gate := make(chan struct{})
		worker := r.node(Config{Slots: 1, NoLocal: true}, s.gated(task, gate))
		caller := r.node(Config{})
		f := Begin[string, string](caller.under(), task, "a")
		synctest.Wait()
		if err := Tell(caller.under(), task, "told"); err != nil {
			t.Errorf("Tell() = %v, want nil", err)
		}
		foreign := r.conn()
		t.Cleanup(func() { foreign.Close() })
		if err := foreign.Publish(t.Context(), &transport.Message{Subject: wire.TaskSubject("default", "gated"), Reply: "_INBOX.x.1", Data: []byte(`"foreign"`)}); err != nil {
			t.Errorf("Publish() = %v, want nil", err)
		}
		own := Begin[string, string](worker.under(), task, "own")
		pause(100 * time.Millisecond)
		worker.freeze()
		pause(1500 * time.Millisecond)
		close(gate)
		worker.thaw()
		for _, f := range []*Future[string]{f, own} {
			if o := await(f, time.Now()); o.err != nil {
				t.Errorf("Await() = %v, want nil", o.err)
			}
		}
		pause(time.Second)
		for _, in := range []string{"a", "told", "foreign", "own"} {
			if s.of(in) != 1 {
				t.Errorf("%s started %d times, want 1", in, s.of(in))
			}
		}
		checkThawed(t, worker, caller)
	})
}

// TestThawOftenLeavesNothing freezes a worker again and again under load.
func TestThawOften(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("quick", Timeout(time.Minute))
		worker := r.node(Config{Slots: 2}, s.echo(task, 30*time.Millisecond))
		caller := r.node(Config{})
		done := make(chan *failures)
		go func() { done <- stream(caller, task, 25*time.Millisecond, 20*time.Second) }()
		for range 5 {
			pause(2 * time.Second)
			worker.freeze()
			pause(time.Second)
			worker.thaw()
		}
		f := <-done
		for _, err := range f.errs {
			if !errors.Is(err, ErrWorkerLost) {
				t.Errorf("a call ended with %v", err)
			}
		}
		if n := s.total(); n > f.calls {
			t.Errorf("%d calls started %d times", f.calls, n)
		}
		pause(10 * time.Second)
		checkThawed(t, worker, caller)
	})
}
