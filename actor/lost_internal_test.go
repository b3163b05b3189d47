package actor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// The promised bounds, from the fault to the error.
const (
	lostAfterAccept  = 750 * time.Millisecond
	lostBeforeAccept = 1500 * time.Millisecond
	lostByFreeze     = 3 * time.Second
)

// outcome waits for a call and says when it ended.
type outcome[T any] struct {
	value T
	err   error
	took  time.Duration
}

func await[T any](f *Future[T], since time.Time) outcome[T] {
	v, err := f.Await(context.Background())
	return outcome[T]{v, err, time.Since(since)}
}

// checkLost complains unless a call ended with ErrWorkerLost in time.
func checkLost(t *testing.T, what string, o outcome[string], limit time.Duration) {
	t.Helper()
	var e *Error
	if !errors.Is(o.err, ErrWorkerLost) || !errors.As(o.err, &e) || e.Executed != ExecutedUnknown {
		t.Errorf("%s: the call ended with %v, want ErrWorkerLost", what, o.err)
	}
	if o.took > limit {
		t.Errorf("%s: the loss was noticed after %v, want at most %v", what, o.took, limit)
	}
}

func TestWorkerKilledAfterAccept(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{30, 31, 100, 333, 499, 505, 520, 800, 1234, 5000, 60001} {
		at *= time.Millisecond
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("stuck")
			worker := r.node(Config{}, s.stuck(task))
			caller := r.node(Config{})
			f := Begin[string, string](caller.under(), task, "a")
			pause(at)
			other := r.node(Config{}, s.stuck(task)) // could run it, but must not
			killed := time.Now()
			worker.conn.kill()
			o := await(f, killed)
			checkLost(t, "killed after "+at.String(), o, lostAfterAccept)
			var e *Error
			if errors.As(o.err, &e) && e.Node != worker.ID() {
				t.Errorf("the error names node %q, want %q", e.Node, worker.ID())
			}
			pause(10 * time.Second)
			if n := s.total(); n != 1 {
				t.Errorf("killed after %v: a call that may not run twice started %d times", at, n)
			}
			checkTable(t, caller)
			_ = other
		})
	}
}

// checkTable complains of what a node's table holds on to without need.
func checkTable(t *testing.T, m *member) {
	t.Helper()
	if pending, probes, peers, _ := m.table(); pending != 0 || peers != 0 || probes > 2 { // its own ping, a detour's question
		t.Errorf("the table holds %d calls, %d questions and %d peers, want none", pending, probes, peers)
	}
}

func TestWorkerKilledBeforeAccept(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{0, 1, 5, 10, 15, 19, 20, 21, 25, 35, 50} {
		at *= time.Millisecond
		for _, silent := range []bool{false, true} {
			virtual(t, func(t *testing.T, r *rig) {
				var s starts
				task := NewTarget[string, string]("stuck")
				worker := r.node(Config{}, s.stuck(task))
				caller := r.node(Config{})
				if silent {
					// The accepted frame does not get out any more.
					worker.conn.dropping(onSubject(isFrame(wire.SuffixAccepted)))
				}
				begun := time.Now()
				f := Begin[string, string](caller.under(), task, "a")
				if at > 0 {
					pause(at)
				}
				worker.conn.kill()
				checkLost(t, "killed after "+at.String(), await(f, begun), lostBeforeAccept)
				pause(20 * time.Second)
				checkTable(t, caller)
			})
		}
	}
}

// TestWorkerKilledUnderAnIdleCaller begins with a caller whose own pings have
// been going for a while, so that nothing excuses the silence.
func TestWorkerKilledUnderABusyCaller(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("stuck")
		quick := NewTarget[string, string]("quick")
		worker := r.node(Config{}, s.stuck(task))
		r.node(Config{}, s.echo(quick, 700*time.Millisecond))
		caller := r.node(Config{})
		for i := range 40 {
			f := Begin[string, string](caller.under(), quick, "a")
			if i == 30 {
				lost := Begin[string, string](caller.under(), task, "b")
				begun := time.Now()
				pause(10 * time.Millisecond)
				worker.conn.kill()
				checkLost(t, "killed while others run", await(lost, begun), lostBeforeAccept)
			}
			if o := await(f, time.Now()); o.err != nil {
				t.Fatalf("a call on a worker that lives ended with %v", o.err)
			}
		}
	})
}

func TestWorkerFrozen(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{1, 10, 30, 200, 499, 777, 2000, 10013} {
		at *= time.Millisecond
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("stuck")
			worker := r.node(Config{}, s.stuck(task))
			caller := r.node(Config{})
			f := Begin[string, string](caller.under(), task, "a")
			pause(at)
			worker.freeze()
			checkLost(t, "frozen after "+at.String(), await(f, time.Now()), lostByFreeze)
			if n := s.total(); n != 1 {
				t.Errorf("frozen after %v: a call that may not run twice started %d times", at, n)
			}
		})
	}
}

// TestWorkerLostWithoutNoResponders has a listener on everything, as a
// debugging tool is one: the broker then never says that nobody listens.
func TestWorkerLostWithoutNoResponders(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{0, 10, 30, 600, 5000} {
		at *= time.Millisecond
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			r.observe(">", func(*transport.Message) {})
			task := NewTarget[string, string]("stuck")
			worker := r.node(Config{}, s.stuck(task))
			caller := r.node(Config{})
			f := Begin[string, string](caller.under(), task, "a")
			if at > 0 {
				pause(at)
			}
			worker.conn.kill()
			limit := lostByFreeze
			if at < acceptAfter {
				limit = lostBeforeAccept
			}
			checkLost(t, "killed unnoticed after "+at.String(), await(f, time.Now()), limit)
		})
	}
	virtual(t, func(t *testing.T, r *rig) {
		r.observe(">", func(*transport.Message) {})
		caller := r.node(Config{})
		begun := time.Now()
		f := Begin[string, string](caller.under(), NewTarget[string, string]("nobody"), "a")
		checkLost(t, "no worker, unnoticed", await(f, begun), lostBeforeAccept)
	})
}

func TestIdempotentCallRunsElsewhere(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"kill", "freeze", "early kill"} {
		virtual(t, func(t *testing.T, r *rig) {
			task := NewTarget[string, string]("where", Idempotent())
			var s starts
			first := true
			var mu sync.Mutex
			started := make(chan string, 10)
			where := Implement(task, func(ctx context.Context, in string) (string, error) {
				s.add(ctx, in)
				info, _ := InfoFrom(ctx)
				mu.Lock()
				hang := first
				first = false
				mu.Unlock()
				started <- info.Node
				if hang {
					<-ctx.Done()
					return "", ctx.Err()
				}
				if info.Attempt != 2 {
					t.Errorf("%s: Attempt = %d in the second run, want 2", fault, info.Attempt)
				}
				return info.Node, nil
			})
			nodes := map[string]*member{}
			for range 3 {
				m := r.node(Config{}, where)
				nodes[m.ID()] = m
			}
			caller := r.node(Config{})
			begun := time.Now()
			f := Begin[string, string](caller.under(), task, "a")
			victim := <-started
			switch fault {
			case "kill":
				pause(100 * time.Millisecond)
				nodes[victim].conn.kill()
			case "freeze":
				pause(100 * time.Millisecond)
				nodes[victim].freeze()
			default:
				nodes[victim].conn.kill()
			}
			o := await(f, begun)
			if o.err != nil || o.value == victim || o.took > 4*time.Second {
				t.Errorf("%s: the call ended on node %q with %v after %v, want another than %q within 4s", fault, o.value, o.err, o.took, victim)
			}
			if n := s.of("a"); n != 2 {
				t.Errorf("%s: the call started %d times, want 2", fault, n)
			}
		})
	}
}

// TestIdempotentCallGivesUp loses every worker.
func TestIdempotentCallGivesUp(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("stuck", Idempotent())
		worker := r.node(Config{}, s.stuck(task))
		worker.conn.dropping(onSubject(func(string) bool { return true }))
		caller := r.node(Config{})
		o := await(Begin[string, string](caller.under(), task, "a"), time.Now())
		checkLost(t, "nothing comes back", o, 3*lostBeforeAccept)
		if n := s.of("a"); n != 3 {
			t.Errorf("the call started %d times, want 3", n)
		}
	})
}

// TestResultLost drops the result of a call: the worker does not know the call
// any more, twice, or never had it.
func TestResultLost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		runs, limit time.Duration
	}{
		{0, lostBeforeAccept},
		{10 * time.Millisecond, lostBeforeAccept},
		{50 * time.Millisecond, 2600 * time.Millisecond},
		{900 * time.Millisecond, 2600 * time.Millisecond},
		{5 * time.Second, 5*time.Second + 1600*time.Millisecond},
	} {
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("quick")
			worker := r.node(Config{}, s.echo(task, tt.runs))
			worker.conn.dropping(func(m *transport.Message) bool {
				return isFrame(wire.SuffixResult)(m.Subject) && string(m.Data) == "\xa1a"
			})
			caller := r.node(Config{})
			f := Begin[string, string](caller.under(), task, "a")
			checkLost(t, "result lost of a call of "+tt.runs.String(), await(f, time.Now()), tt.limit)
			if n := s.of("a"); n != 1 {
				t.Errorf("the call started %d times, want 1", n)
			}
		})
	}
}

// TestSlowWorkerIsNotLost starves a worker so that it answers every ping later
// than the next one is sent.
func TestSlowWorkerIsNotLost(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{700, 1200} {
		late *= time.Millisecond
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("quick")
			worker := r.node(Config{}, s.echo(task, time.Minute))
			worker.conn.delaying(func(*transport.Message) time.Duration { return late })
			caller := r.node(Config{})
			if o := await(Begin[string, string](caller.under(), task, "a"), time.Now()); o.err != nil {
				t.Errorf("a worker whose frames take %v lost a call after %v: %v", late, o.took, o.err)
			}
		})
	}
}

// TestSlowNetworkLosesNothing delays every message of every node within what
// the bounds are made for.
func TestSlowNetworkLosesNothing(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("quick")
		lag := func(*transport.Message) time.Duration { return 75 * time.Millisecond }
		worker := r.node(Config{}, s.echo(task, 5*time.Second))
		caller := r.node(Config{})
		worker.conn.delaying(lag)
		caller.conn.delaying(lag)
		for range 5 {
			if o := await(Begin[string, string](caller.under(), task, "a"), time.Now()); o.err != nil {
				t.Errorf("a call on a slow network ended with %v after %v", o.err, o.took)
			}
		}
	})
}

func TestAcceptedOnlyWhenItTakesLong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		runs time.Duration
		want int
	}{
		{0, 0},
		{10 * time.Millisecond, 0},
		{19 * time.Millisecond, 0},
		{40 * time.Millisecond, 1},
		{time.Second, 1},
	} {
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("quick")
			worker := r.node(Config{}, s.echo(task, tt.runs))
			caller := r.node(Config{})
			if o := await(Begin[string, string](caller.under(), task, "a"), time.Now()); o.err != nil {
				t.Errorf("Await() = %v, want nil", o.err)
			}
			if n := worker.conn.count(isFrame(wire.SuffixAccepted)); n != tt.want {
				t.Errorf("a call of %v has %d accepted frames, want %d", tt.runs, n, tt.want)
			}
		})
	}
	// The wait in the mailbox counts.
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("quick")
		worker := r.node(Config{Slots: 1}, s.echo(task, 15*time.Millisecond))
		caller := r.node(Config{})
		var fs []*Future[string]
		for range 3 {
			fs = append(fs, Begin[string, string](caller.under(), task, "a"))
		}
		for _, f := range fs {
			if o := await(f, time.Now()); o.err != nil {
				t.Errorf("Await() = %v, want nil", o.err)
			}
		}
		if n := worker.conn.count(isFrame(wire.SuffixAccepted)); n != 2 {
			t.Errorf("three calls of 15ms with one slot have %d accepted frames, want 2", n)
		}
	})
}

// TestPingsNameOldCallsInChunks looks at what goes to a worker that has many
// calls.
func TestPingsNameOldCallsInChunks(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("stuck")
		const calls = 3000
		worker := r.node(Config{Slots: 2 * calls}, s.stuck(task))
		caller := r.node(Config{})
		type ping struct {
			at    time.Duration
			names int
		}
		begun := time.Now()
		var mu sync.Mutex
		var pings []ping
		named := map[string]int{}
		r.observe(wire.NodeSubject("default", worker.ID(), wire.VerbPing), func(m *transport.Message) {
			if !strings.Contains(m.Reply, caller.ID()) {
				return // the worker's own
			}
			mu.Lock()
			defer mu.Unlock()
			n := 0
			wire.ParseCalls(string(m.Data), func(token string) { n++; named[token]++ })
			pings = append(pings, ping{time.Since(begun), n})
		})
		ctx, cancel := context.WithCancel(caller.under())
		for range calls {
			Begin[string, string](ctx, task, "a")
		}
		pause(4900 * time.Millisecond)
		mu.Lock()
		list := pings
		each := map[int]int{}
		for _, n := range named {
			each[n]++
		}
		seen := len(named)
		mu.Unlock()
		if len(list) < 8 || len(list) > 10 {
			t.Errorf("%d pings in 4.9s for %d calls on one worker, want two a second", len(list), calls)
		}
		var counts []int
		for _, p := range list {
			if p.at < namedAfter && p.names > 0 {
				t.Errorf("a ping at %v names %d calls, want none younger than %v", p.at, p.names, namedAfter)
			}
			if p.at >= namedAfter {
				counts = append(counts, p.names)
			}
		}
		for i := range counts {
			if counts[i] > pingNames || i >= 1 && counts[i]+counts[i-1] != calls {
				t.Errorf("calls named by ping: %d, want at most %d in one and all %d in two", counts, pingNames, calls)
				break
			}
		}
		if seen != calls {
			t.Errorf("%d different calls were named, want %d", seen, calls)
		}
		cancel()
		pause(time.Second)
	})
}
