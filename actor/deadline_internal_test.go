package actor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// deadlineSlack is how late a call may end.
const deadlineSlack = 100 * time.Millisecond

// TestDeadlineHolds breaks everything that could tell a call how it ended.
func TestDeadlineHolds(t *testing.T) {
	t.Parallel()
	everything := func(*transport.Message) bool { return true }
	for name, fault := range map[string]func(worker, caller *member){
		"nothing":               func(_, _ *member) {},
		"the worker is mute":    func(w, _ *member) { w.conn.dropping(everything) },
		"the caller is mute":    func(_, c *member) { c.conn.dropping(everything) },
		"both are mute":         func(w, c *member) { w.conn.dropping(everything); c.conn.dropping(everything) },
		"the worker is frozen":  func(w, _ *member) { w.freeze() },
		"the worker is dead":    func(w, _ *member) { w.conn.kill() },
		"the caller is dead":    func(_, c *member) { c.conn.kill() },
		"the connection is cut": func(_, c *member) { c.conn.cut(true) },
		"it is cut in silence":  func(_, c *member) { c.conn.cut(false) },
		"the broker is frozen":  func(_, c *member) { c.conn.stop() },
	} {
		for _, at := range []time.Duration{0, 10, 400} {
			at *= time.Millisecond
			virtual(t, func(t *testing.T, r *rig) {
				task := NewTarget[string, string]("deaf")
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				worker := r.node(Config{}, Implement(task, func(context.Context, string) (string, error) {
					<-release // whatever its context says
					return "", nil
				}))
				caller := r.node(Config{})
				ctx, cancel := context.WithTimeout(caller.under(), 700*time.Millisecond)
				defer cancel()
				stuck := make(chan *Future[string])
				begun := time.Now()
				futures := []*Future[string]{
					Begin[string, string](caller.under(), task, "a", CallTimeout(700*time.Millisecond)),
					Begin[string, string](ctx, task, "b"),
				}
				if at > 0 {
					pause(at)
				}
				fault(worker, caller)
				if at == 10*time.Millisecond { // one that the fabric may not even take
					futures = append(futures, nil)
					go func() {
						stuck <- Begin[string, string](caller.under(), task, "c", CallTimeout(700*time.Millisecond-at))
					}()
				}
				for _, f := range futures {
					if f == nil {
						f = <-stuck
					}
					o := await(f, begun)
					if !errors.Is(o.err, context.DeadlineExceeded) && !errors.Is(o.err, ErrWorkerLost) && !errors.Is(o.err, ErrNoWorker) {
						t.Errorf("%s after %v: %v, want DeadlineExceeded", name, at, o.err)
					}
					if o.took > 700*time.Millisecond+deadlineSlack {
						t.Errorf("%s after %v: ended after %v, want 700ms", name, at, o.took)
					}
				}
			})
		}
	}
}

// TestDeadlineOfALocalCall has a handler in the same process that ignores its
// context, and middleware that does.
func TestDeadlineOfALocalCall(t *testing.T) {
	t.Parallel()
	for _, middleware := range []bool{false, true} {
		virtual(t, func(t *testing.T, r *rig) {
			task := NewTarget[string, string]("deaf", Timeout(time.Second))
			release := make(chan struct{})
			var cfg Config
			if middleware {
				cfg.OnCall = []Middleware{func(next Handler) Handler {
					return func(ctx context.Context, c *Call) error {
						err := next(context.WithoutCancel(ctx), c)
						<-release
						return err
					}
				}}
			}
			n := r.node(cfg, Implement(task, func(context.Context, string) (string, error) {
				<-release
				return "", nil
			}))
			o := await(Begin[string, string](n.under(), task, "a"), time.Now())
			if !errors.Is(o.err, context.DeadlineExceeded) || o.took > time.Second+deadlineSlack {
				t.Errorf("middleware = %v: %v after %v, want DeadlineExceeded after 1s", middleware, o.err, o.took)
			}
			begun := time.Now()
			ctx, cancel := context.WithTimeout(n.under(), time.Second/2)
			defer cancel()
			if _, err := Ask[string, string](ctx, task, "b"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Ask() = %v, want DeadlineExceeded", err)
			}
			within(t, "Ask() with a deadline of 500ms", begun, time.Second/2+deadlineSlack)
			close(release)
		})
	}
}

// TestDeadlineInTheMailbox starts no handler whose budget has run out.
func TestDeadlineInTheMailbox(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("long")
		worker := r.node(Config{Slots: 1}, s.echo(task, 2*time.Second))
		caller := r.node(Config{})
		first := Begin[string, string](caller.under(), task, "a")
		synctest.Wait()
		second := await(Begin[string, string](caller.under(), task, "b", CallTimeout(time.Second)), time.Now())
		if !errors.Is(second.err, context.DeadlineExceeded) || second.took > time.Second+deadlineSlack {
			t.Errorf("in the mailbox: %v after %v, want DeadlineExceeded after 1s", second.err, second.took)
		}
		if o := await(first, time.Now()); o.err != nil {
			t.Errorf("Await() = %v, want nil", o.err)
		}
		pause(time.Second)
		if s.of("b") != 0 {
			t.Error("a call started after its deadline")
		}
		checkIdle(t, worker)
	})
}

// checkIdle complains of what a worker still counts as in hand.
func checkIdle(t *testing.T, m *member) {
	t.Helper()
	m.worker.mu.Lock()
	defer m.worker.mu.Unlock()
	w := m.worker
	if w.inHand != 0 || w.slots.taken != 0 || w.waitingLocked() != 0 || w.aside != 0 || w.box.bytes != 0 || len(w.byKey) != 0 || len(w.callers) != 0 {
		t.Errorf("idle, the worker has %d calls in hand, %d slots taken, %d waiting, %d bytes aside, %d in the mailbox, %d keys and %d callers, want none",
			w.inHand, w.slots.taken, w.waitingLocked(), w.aside, w.box.bytes, len(w.byKey), len(w.callers))
	}
	for _, s := range w.services {
		if s.running != 0 || s.blocked.count != 0 {
			t.Errorf("idle, task %q has %d running", s.name, s.running)
		}
	}
}

// TestBudgetTravels gives the remaining time to a child on another node.
func TestBudgetTravels(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		leaf := NewTarget[string, time.Duration]("leaf")
		root := NewTarget[string, time.Duration]("root")
		left := func(ctx context.Context, _ string) (time.Duration, error) {
			d, _ := ctx.Deadline()
			return time.Until(d), nil
		}
		r.node(Config{}, Implement(leaf, left))
		r.node(Config{}, Implement(root, func(ctx context.Context, _ string) (time.Duration, error) {
			pause(time.Second)
			return Ask[string, time.Duration](ctx, leaf, "")
		}))
		caller := r.node(Config{})
		o := await(Begin[string, time.Duration](caller.under(), root, "", CallTimeout(3*time.Second)), time.Now())
		if d := o.value - 2*time.Second; o.err != nil || d < 0 || d > 5*time.Millisecond {
			t.Errorf("the leaf has %v left, %v, want 2s", o.value, o.err)
		}
	})
}

// TestLongAwait waits hours for a result, which must cost little.
func TestLongAwait(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		const long = 2 * time.Hour
		var s starts
		task := NewTarget[string, string]("long")
		worker := r.node(Config{}, s.echo(task, long))
		caller := r.node(Config{})
		o := await(Begin[string, string](caller.under(), task, "a"), time.Now())
		if o.err != nil || o.took != long {
			t.Errorf("a call of %v: %v after %v, want its result", long, o.err, o.took)
		}
		if n := caller.conn.count(isVerb(wire.VerbPing)); n > 4*int(long.Seconds()) {
			t.Errorf("%d pings in %v, want two a second to the worker and to itself", n, long)
		}
		checkTableLater(t, caller)
		checkIdle(t, worker)
	})
}

// TestDayLongAwait waits a day, on a worker in another language that is asked
// seldom.
func TestDayLongAwait(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		const day = 24 * time.Hour
		worker := r.conn()
		t.Cleanup(func() { worker.Close() })
		var late sync.WaitGroup
		t.Cleanup(late.Wait)
		say := func(subject, body string) {
			if err := worker.Publish(context.Background(), &transport.Message{Subject: subject, Data: []byte(body)}); err != nil {
				t.Errorf("Publish() = %v, want nil", err)
			}
		}
		for subject, handler := range map[string]func(m *transport.Message){
			wire.TaskSubject("default", "long"): func(m *transport.Message) {
				reply := m.Reply
				say(reply+wire.SuffixAccepted, "other")
				late.Go(func() {
					pause(day)
					say(reply+wire.SuffixResult, "\xa1b")
				})
			},
			wire.NodeSubject("default", "other", wire.VerbPing): func(m *transport.Message) { say(m.Reply+wire.SuffixResult, "") },
		} {
			if _, err := worker.Subscribe(subject, "", handler); err != nil {
				t.Fatalf("Subscribe() = %v, want nil", err)
			}
		}
		caller := r.node(Config{PingInterval: 10 * time.Second, LostAfter: time.Minute})
		task := NewTarget[string, string]("long")
		o := await(Begin[string, string](caller.under(), task, "a"), time.Now())
		if o.err != nil || o.value != "b" || o.took != day {
			t.Errorf("a call of a day: %q, %v after %v, want its result", o.value, o.err, o.took)
		}
		if n := caller.conn.count(isVerb(wire.VerbPing)); n > 16_000 {
			t.Errorf("%d pings in a day, want one in 10s to the worker and one in 15s to itself", n)
		}
		checkTableLater(t, caller)
	})
}

// TestCloseWhenTheFabricTakesNothing closes nodes whose broker is frozen: every
// call ends, and Close returns.
func TestCloseWhenTheFabricTakesNothing(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("stuck")
		worker := r.node(Config{}, s.stuck(task))
		caller := r.node(Config{})
		f := Begin[string, string](caller.under(), task, "a")
		local := Begin[string, string](worker.under(), task, "b")
		pause(time.Second)
		worker.conn.stop()
		caller.conn.stop()
		late := make(chan *Future[string])
		go func() { late <- Begin[string, string](caller.under(), task, "c") }()
		synctest.Wait()
		for _, m := range []*member{caller, worker} {
			begun := time.Now()
			m.Close()
			within(t, "Close() with a frozen broker", begun, 3*time.Second)
		}
		for _, f := range []*Future[string]{f, local, <-late} {
			if o := await(f, time.Now()); o.err == nil || o.took > 0 {
				t.Errorf("after Close: %v after %v, want an error at once", o.err, o.took)
			}
		}
	})
}
