package actor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// script is a worker in another language: it answers the calls of a task with
// one failure after the other, and then with a result. An empty code is a
// result at once.
type script struct {
	mu    sync.Mutex
	calls []string // the return addresses
	at    []time.Time
}

func (r *rig) script(task string, failures ...wire.Failure) *script {
	r.t.Helper()
	s := &script{}
	c := r.conn()
	_, err := c.Subscribe(wire.TaskSubject("default", task), wire.QueueGroup, func(m *transport.Message) {
		s.mu.Lock()
		n := len(s.calls)
		s.calls = append(s.calls, m.Reply)
		s.at = append(s.at, time.Now())
		s.mu.Unlock()
		answer := &transport.Message{Subject: m.Reply + wire.SuffixResult, Data: m.Data}
		if n < len(failures) {
			header, body := failures[n].Encode()
			answer = &transport.Message{Subject: m.Reply + wire.SuffixError, Header: header, Data: body}
		}
		if err := c.Publish(context.Background(), answer); err != nil {
			r.t.Errorf("Publish() = %v, want nil", err)
		}
	})
	if err != nil {
		r.t.Fatalf("Subscribe() = %v, want nil", err)
	}
	r.t.Cleanup(func() { c.Close() })
	return s
}

// list returns the addresses of the calls so far.
func (s *script) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	no := func(code string) wire.Failure {
		return wire.Failure{Code: code, Executed: wire.ExecutedNo, Message: "not " + code}
	}
	yes := wire.Failure{Code: "a_later_one", Executed: wire.ExecutedYes}
	unknown := wire.Failure{Code: "a_later_one"}
	for _, tt := range []struct {
		name  string
		fails []wire.Failure
		opts  []TargetOption
		calls int
		want  error // nil for the result
		most  time.Duration
	}{
		{"busy", []wire.Failure{no("busy"), no("busy"), no("busy")}, nil, 4, nil, 50 * time.Millisecond},
		{"draining", []wire.Failure{no("draining")}, nil, 2, nil, 10 * time.Millisecond},
		{"draining five times", []wire.Failure{no("draining"), no("draining"), no("draining"), no("draining"), no("draining")}, nil, 6, nil, 50 * time.Millisecond},
		{"unknown code, not executed", []wire.Failure{no("a_later_one"), no("another")}, nil, 3, nil, 50 * time.Millisecond},
		{"unknown code, executed", []wire.Failure{yes}, []TargetOption{Idempotent()}, 1, errUnknownCode, 10 * time.Millisecond},
		{"unknown code, who knows", []wire.Failure{unknown}, []TargetOption{Idempotent()}, 1, errUnknownCode, 10 * time.Millisecond},
		{"bad input", []wire.Failure{no("bad_input")}, []TargetOption{Idempotent()}, 1, ErrBadInput, 10 * time.Millisecond},
		{"too deep", []wire.Failure{no("too_deep")}, nil, 1, ErrTooDeep, 10 * time.Millisecond},
		{"too large", []wire.Failure{no("too_large")}, nil, 1, ErrTooLarge, 10 * time.Millisecond},
		{"panicked", []wire.Failure{{Code: "panicked", Executed: wire.ExecutedYes}}, []TargetOption{Idempotent()}, 1, ErrPanicked, 10 * time.Millisecond},
		{"worker lost", []wire.Failure{{Code: "worker_lost"}}, nil, 1, ErrWorkerLost, 10 * time.Millisecond},
		{"worker lost, idempotent", []wire.Failure{{Code: "worker_lost"}, {Code: "worker_lost"}}, []TargetOption{Idempotent()}, 3, nil, 50 * time.Millisecond},
		{"worker lost, too often", []wire.Failure{{Code: "worker_lost"}, {Code: "worker_lost"}, {Code: "worker_lost"}}, []TargetOption{Idempotent()}, 3, ErrWorkerLost, 50 * time.Millisecond},
		{"failed", []wire.Failure{{Code: "failed", Executed: wire.ExecutedYes}}, []TargetOption{Idempotent()}, 1, errAny, 10 * time.Millisecond},
		{"failed, with a policy", []wire.Failure{{Code: "failed"}, {Code: "failed"}}, []TargetOption{Retry(RetryPolicy{})}, 3, nil, 400 * time.Millisecond},
		{"failed for good", []wire.Failure{{Code: "failed", Permanent: true}}, []TargetOption{Retry(RetryPolicy{})}, 1, errAny, 10 * time.Millisecond},
		{"failed, says not executed", []wire.Failure{no("failed")}, nil, 1, errAny, 10 * time.Millisecond},
		{"deadline", []wire.Failure{no("deadline")}, []TargetOption{Idempotent()}, 1, context.DeadlineExceeded, 10 * time.Millisecond},
		{"cancelled", []wire.Failure{no("cancelled")}, []TargetOption{Idempotent()}, 1, context.Canceled, 10 * time.Millisecond},
		{"a caller's own code", []wire.Failure{no("closed")}, nil, 1, ErrClosed, 10 * time.Millisecond},
	} {
		virtual(t, func(t *testing.T, r *rig) {
			s := r.script("echo", tt.fails...)
			caller := r.node(Config{})
			task := NewTarget[string, string]("echo", tt.opts...)
			o := await(Begin[string, string](caller.under(), task, "a"), time.Now())
			if (o.err == nil) != (tt.want == nil) || tt.want != nil && tt.want != errAny && !errors.Is(o.err, tt.want) { //nolint:errorlint // any error will do
				t.Errorf("%s: %v, want %v", tt.name, o.err, tt.want)
			}
			list := s.list()
			if len(list) != tt.calls {
				t.Errorf("%s: sent %d times, want %d", tt.name, len(list), tt.calls)
			}
			if o.took > tt.most {
				t.Errorf("%s: took %v, want at most %v", tt.name, o.took, tt.most)
			}
			slices.Sort(list)
			if len(slices.Compact(list)) != tt.calls {
				t.Errorf("%s: two sendings have one return address: %q", tt.name, s.list())
			}
			pause(10 * time.Second)
			checkTable(t, caller)
		})
	}
}

// errAny stands for any error in a table.
var errAny = errors.New("any")

func TestBusyUntil(t *testing.T) {
	t.Parallel()
	busy := slices.Repeat([]wire.Failure{{Code: wire.CodeBusy, Executed: wire.ExecutedNo}}, 500)
	for _, tt := range []struct {
		opts []CallOption
		want error
		at   time.Duration
	}{
		{nil, ErrBusy, 4 * time.Second}, // Config.Patience
		{[]CallOption{CallTimeout(time.Second)}, context.DeadlineExceeded, time.Second},
		{[]CallOption{CallTimeout(30 * time.Second)}, context.DeadlineExceeded, 30 * time.Second},
	} {
		virtual(t, func(t *testing.T, r *rig) {
			s := r.script("echo", busy...)
			caller := r.node(Config{Patience: 4 * time.Second})
			o := await(Begin[string, string](caller.under(), NewTarget[string, string]("echo"), "a", tt.opts...), time.Now())
			if !errors.Is(o.err, tt.want) || o.took < tt.at-longestPause || o.took > tt.at+100*time.Millisecond {
				t.Errorf("busy for ever: %v after %v, want %v after %v", o.err, o.took, tt.want, tt.at)
			}
			if n := len(s.list()); n < 8 || n > 100 {
				t.Errorf("tried %d times in %v, want some dozen", n, o.took)
			}
		})
	}
}

func TestNoWorkerGrace(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{0, time.Millisecond, maxGrace} {
		virtual(t, func(t *testing.T, r *rig) {
			caller := r.node(Config{Grace: grace})
			want := cmp.Or(grace, 300*time.Millisecond)
			for _, opts := range [][]CallOption{nil, {CallTimeout(time.Minute)}} {
				o := await(Begin[string, string](caller.under(), NewTarget[string, string]("nobody"), "a", opts...), time.Now())
				var e *Error
				if !errors.Is(o.err, ErrNoWorker) || !errors.As(o.err, &e) || e.Executed != ExecutedNo {
					t.Errorf("no worker: %v, want ErrNoWorker, not executed", o.err)
				}
				if o.took < want-10*time.Millisecond || o.took > want+50*time.Millisecond {
					t.Errorf("no worker: ErrNoWorker after %v, want the grace of %v", o.took, want)
				}
			}
		})
	}
	// Whoever comes within the grace gets the call.
	virtual(t, func(t *testing.T, r *rig) {
		caller := r.node(Config{})
		var s starts
		task := NewTarget[string, string]("echo")
		f := Begin[string, string](caller.under(), task, "a")
		pause(200 * time.Millisecond)
		r.node(Config{}, s.echo(task, 0))
		if o := await(f, time.Now()); o.err != nil {
			t.Errorf("a worker came within the grace: %v, want its result", o.err)
		}
	})
}

// TestBusyThenGone loses the one worker there was while its callers are
// patient.
func TestBusyThenGone(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		caller := r.node(Config{})
		var s starts
		task := NewTarget[string, string]("stuck")
		worker := r.node(Config{Slots: 1, Mailbox: 1}, s.stuck(task))
		other := r.node(Config{})
		for range 2 {
			Begin[string, string](other.under(), task, "x")
		}
		synctest.Wait()
		f := Begin[string, string](caller.under(), task, "a")
		pause(3 * time.Second)
		worker.conn.kill()
		o := await(f, time.Now())
		if !errors.Is(o.err, ErrNoWorker) || o.took > longestPause+maxGrace || o.took < 290*time.Millisecond {
			t.Errorf("busy, then gone: %v after %v, want ErrNoWorker within the grace", o.err, o.took)
		}
	})
}

// TestBusyBackoffSucceeds overloads one small worker: everybody gets a turn.
func TestBusyBackoffSucceeds(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("quick")
		worker := r.node(Config{Slots: 1, Mailbox: 2}, s.echo(task, 20*time.Millisecond))
		caller := r.node(Config{})
		var fs []*Future[string]
		const calls = 60
		for i := range calls {
			fs = append(fs, Begin[string, string](caller.under(), task, fmt.Sprint(i)))
		}
		for i, f := range fs {
			if o := await(f, time.Now()); o.err != nil {
				t.Errorf("call %d = %v, want its result in the end", i, o.err)
			}
			if n := s.of(fmt.Sprint(i)); n != 1 {
				t.Errorf("call %d started %d times, want 1", i, n)
			}
		}
		if n := worker.conn.count(isFrame(wire.SuffixError)); n == 0 {
			t.Error("no call was refused: the test does not test anything")
		}
	})
}

// TestDrainingWorker drains a worker under load: nothing fails, and nothing
// starts there after it said so.
func TestDrainingWorker(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("quick")
		leaving := r.node(Config{Slots: 4}, s.echo(task, 50*time.Millisecond))
		r.node(Config{}, s.echo(task, 50*time.Millisecond))
		caller := r.node(Config{})
		done := make(chan *failures)
		go func() { done <- stream(caller, task, 5*time.Millisecond, 3*time.Second) }()
		pause(time.Second)
		if err := leaving.Drain(t.Context()); err != nil {
			t.Errorf("Drain() = %v, want nil", err)
		}
		if f := <-done; len(f.errs) > 0 {
			t.Errorf("%d of %d calls failed while a worker drained: %v", len(f.errs), f.calls, f.errs[0])
		}
	})
}

// TestDrainRunsRetries drains the only worker of a task whose running handler
// calls another that fails at first: the tries that follow stay in the process.
func TestDrainRunsRetries(t *testing.T) {
	t.Parallel()
	for _, slots := range []int{1, 8} {
		virtual(t, func(t *testing.T, r *rig) {
			child := NewTarget[string, string]("child", Retry(RetryPolicy{MaxAttempts: 5}))
			parent := NewTarget[string, string]("parent")
			var mu sync.Mutex
			var inputs []string
			worker := r.node(Config{Slots: slots},
				Implement(child, func(_ context.Context, in string) (string, error) {
					mu.Lock()
					defer mu.Unlock()
					if inputs = append(inputs, in); len(inputs) < 4 {
						return "", errGone
					}
					return in, nil
				}),
				Implement(parent, func(ctx context.Context, in string) (string, error) {
					pause(time.Second)
					return Ask[string, string](ctx, child, in)
				}))
			caller := r.node(Config{})
			f := Begin[string, string](caller.under(), parent, "input")
			pause(100 * time.Millisecond)
			if err := worker.Drain(t.Context()); err != nil {
				t.Errorf("Drain() = %v, want nil", err)
			}
			if o := await(f, time.Now()); o.err != nil || o.value != "input" {
				t.Errorf("%d slots: a call that ran when its worker drained = %q, %v, want its result", slots, o.value, o.err)
			}
			if !slices.Equal(inputs, []string{"input", "input", "input", "input"}) {
				t.Errorf("%d slots: the tries had the inputs %q, want the same each time", slots, inputs)
			}
		})
	}
}

// TestPublishRefused covers what a transport says at once.
func TestPublishRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err, want error
	}{
		{transport.ErrTooLarge, ErrTooLarge},
		{transport.ErrDenied, ErrDenied},
		{transport.ErrSubject, ErrBadName},
		{transport.ErrHeader, ErrBadInput},
		{transport.ErrClosed, ErrClosed},
		{transport.ErrDisconnected, ErrDisconnected},
		{errors.New("something else"), ErrDisconnected},
	} {
		virtual(t, func(t *testing.T, r *rig) {
			var s starts
			task := NewTarget[string, string]("echo", Idempotent())
			r.node(Config{}, s.echo(task, 0))
			caller := r.node(Config{})
			caller.conn.refusing(func(m *transport.Message) error {
				if taskSubject("echo")(m.Subject) {
					return fmt.Errorf("publish: %w", tt.err)
				}
				return nil
			})
			o := await(Begin[string, string](caller.under(), task, "a"), time.Now())
			var e *Error
			if !errors.Is(o.err, tt.want) || !errors.As(o.err, &e) || e.Executed != ExecutedNo {
				t.Errorf("the transport says %v: %v, want %v, not executed", tt.err, o.err, tt.want)
			}
			if limit := 11 * time.Second; o.took > limit || tt.err != transport.ErrDisconnected && o.took > 0 { //nolint:errorlint // as in the table
				t.Errorf("the transport says %v: reported after %v", tt.err, o.took)
			}
		})
	}
}

// TestDeniedLater covers what a broker says later.
func TestDeniedLater(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		caller := r.node(Config{})
		caller.conn.dropping(onSubject(taskSubject("echo")))
		f := Begin[string, string](caller.under(), NewTarget[string, string]("echo"), "a")
		pause(10 * time.Millisecond)
		caller.conn.owner.Notify(transport.Event{Kind: transport.Denied, Subject: wire.TaskSubject("default", "echo")})
		if o := await(f, time.Now()); !errors.Is(o.err, ErrDenied) || o.took > 0 {
			t.Errorf("denied: %v after %v, want ErrDenied at once", o.err, o.took)
		}
	})
}

// TestAcceptedAfterRefusal has the frames of a worker overtake each other.
func TestAcceptedAfterRefusal(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		s := r.script("echo", wire.Failure{Code: wire.CodeBusy, Executed: wire.ExecutedNo})
		caller := r.node(Config{})
		f := Begin[string, string](caller.under(), NewTarget[string, string]("echo"), "a")
		synctest.Wait()
		late := r.conn()
		t.Cleanup(func() { late.Close() })
		if err := late.Publish(context.Background(), &transport.Message{Subject: s.list()[0] + wire.SuffixAccepted, Data: []byte("elsewhere")}); err != nil {
			t.Fatalf("Publish() = %v, want nil", err)
		}
		if o := await(f, time.Now()); o.err != nil || o.took > 50*time.Millisecond {
			t.Errorf("refused, then accepted: %v after %v, want that it is tried again", o.err, o.took)
		}
	})
}

// TestCloseTellsWhatWasNotSent closes a node with calls that it holds, and some
// that it has sent.
func TestCloseTellsWhatWasNotSent(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		var s starts
		task := NewTarget[string, string]("stuck")
		r.node(Config{}, s.stuck(task))
		caller := r.node(Config{})
		sent := Begin[string, string](caller.under(), task, "a")
		pause(time.Second)
		caller.conn.cut(true)
		synctest.Wait()
		held := Begin[string, string](caller.under(), task, "b")
		caller.Close()
		for _, tt := range []struct {
			f    *Future[string]
			want Executed
		}{{sent, ExecutedUnknown}, {held, ExecutedNo}} {
			o := await(tt.f, time.Now())
			var e *Error
			if !errors.As(o.err, &e) || e.Executed != tt.want {
				t.Errorf("after Close: %v, want executed = %v", o.err, tt.want)
			}
		}
	})
}
