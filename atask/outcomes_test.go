package atask_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// work is the task of tests that care for one call only.
var work = atask.Declare[string, string]("work")

// echo carries out work.
func echo(_ context.Context, in string) (string, error) { return in, nil }

// forever carries out work until nobody wants it any more.
func forever(ctx context.Context, _ string) (string, error) {
	<-ctx.Done()
	return "", context.Cause(ctx)
}

// endless is a task beside work.
var endless = atask.Declare[string, string]("endless")

// late carries out work without looking at its context, in 1.2 s.
func late(_ context.Context, in string) (string, error) {
	pass(1200 * time.Millisecond)
	return in, nil
}

// slack is how much later than its deadline a call may end.
const slack = 100 * time.Millisecond

// outcome is one way for a call to end.
type outcome struct {
	name     string
	call     func(ctx context.Context, t *testing.T, b *loopback.Broker) error // ctx carries no node yet
	code     string                                                            // "" for a result
	want     error                                                             // what errors.Is finds; nil for none
	executed actor.Executed
	within   time.Duration // of virtual time
	patient  bool          // with a deadline, it is tried again until then
}

// caller calls work through a new node.
func caller(ctx context.Context, t *testing.T, b *loopback.Broker) error {
	t.Helper()
	_, err := work.Await(start(t, b, actor.Config{}).Context(ctx), "in")
	return err
}

// served calls work where fn carries it out.
func served(fn func(context.Context, string) (string, error)) func(context.Context, *testing.T, *loopback.Broker) error {
	return func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
		t.Helper()
		start(t, b, actor.Config{}, work.With(fn))
		return caller(ctx, t, b)
	}
}

// answered calls work where a program without this library answers each call
// with one frame, or not at all.
func answered(frame string, header transport.Header, body string) func(context.Context, *testing.T, *loopback.Broker) error {
	return func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
		t.Helper()
		conn := connect(t, b)
		t.Cleanup(func() { conn.Close() })
		_, err := conn.Subscribe("at.default.task.work", "at", func(m *transport.Message) {
			if frame == "" {
				return
			}
			err := conn.Publish(context.Background(), &transport.Message{Subject: m.Reply + frame, Header: header, Data: []byte(body)})
			if err != nil {
				t.Errorf("Publish(%q) = %v", m.Reply+frame, err)
			}
		})
		if err != nil {
			t.Fatalf("Subscribe() = %v", err)
		}
		return caller(ctx, t, b)
	}
}

// errorFrame is the header of an error frame.
func errorFrame(code, executed string) transport.Header {
	return transport.Header{"At-Error": {code}, "At-Executed": {executed}}
}

// calling calls work through a node that is already there.
func calling(call func(ctx context.Context) error) func(context.Context, *testing.T, *loopback.Broker) error {
	return func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
		t.Helper()
		return call(start(t, b, actor.Config{}).Context(ctx))
	}
}

var outcomes = []outcome{
	{name: "result", call: served(echo)},
	{
		name: "the handler's error",
		call: served(func(context.Context, string) (string, error) { return "", errors.New("boom") }),
		code: "failed", executed: actor.ExecutedYes,
	},
	{
		name: "no worker",
		call: caller,
		code: "no_worker", want: atask.ErrNoWorker, within: 550 * time.Millisecond,
		executed: actor.ExecutedNo,
	},
	{
		name: "busy for longer than the caller is patient",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			start(t, b, actor.Config{Slots: 1, InHand: 1}, work.With(forever))
			f := work.Start(start(t, b, actor.Config{}).Context(t.Context()), "all there is room for")
			defer f.Cancel()
			synctest.Wait()
			_, err := work.Await(start(t, b, actor.Config{Patience: time.Second}).Context(ctx), "in")
			return err
		},
		code: "busy", want: atask.ErrBusy, within: time.Second + slack,
		executed: actor.ExecutedNo, patient: true,
	},
	{
		name: "every worker drains",
		call: answered(".err", errorFrame("draining", "no"), "stopping"),
		code: "draining", want: atask.ErrDraining, within: 10*time.Second + slack,
		executed: actor.ExecutedNo, patient: true,
	},
	{
		name: "the caller's node drains",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			n := start(t, b, actor.Config{}, work.With(forever))
			f := work.Start(n.Context(context.Background()), "keeps it from closing")
			defer f.Cancel()
			synctest.Wait()
			draining(n)
			synctest.Wait()
			_, err := work.Await(n.Context(ctx), "in")
			return err
		},
		code: "draining", want: atask.ErrDraining,
		executed: actor.ExecutedNo,
	},
	{
		name: "the connection is cut and stays so",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			conn := newFaultyConn(t, b)
			n := startOn(t, conn, actor.Config{Patience: time.Second})
			conn.tell(transport.Cut)
			_, err := work.Await(n.Context(ctx), "in")
			return err
		},
		code: "disconnected", want: atask.ErrDisconnected, within: time.Second + slack,
		executed: actor.ExecutedNo,
	},
	{
		name: "the broker goes away for good",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			start(t, b, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
				go b.Close()
				return forever(ctx, in)
			}))
			return caller(ctx, t, b)
		},
		code: "closed", want: atask.ErrClosed, within: 2 * time.Second,
		executed: actor.ExecutedUnknown,
	},
	{
		name: "the worker dies",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			conn := connect(t, b)
			startOn(t, conn, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
				go func() {
					pass(time.Second) // virtual: the call has been accepted by then
					conn.Close()
				}()
				return forever(ctx, in)
			}))
			return caller(ctx, t, b)
		},
		code: "worker_lost", want: atask.ErrWorkerLost, within: 1750 * time.Millisecond,
		executed: actor.ExecutedUnknown,
	},
	{
		name: "the worker freezes",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			conn := newFaultyConn(t, b)
			startOn(t, conn, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
				go func() {
					pass(time.Second)
					conn.freeze(t)
				}()
				return forever(ctx, in)
			}))
			return caller(ctx, t, b)
		},
		code: "worker_lost", want: atask.ErrWorkerLost, within: 4 * time.Second,
		executed: actor.ExecutedUnknown,
	},
	{
		name: "nobody ever answers",
		call: answered("", nil, ""),
		code: "worker_lost", want: atask.ErrWorkerLost, within: 1500 * time.Millisecond,
		executed: actor.ExecutedUnknown,
	},
	{
		name: "cancelled",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return served(forever)(ctx, t, b)
		},
		code: "cancelled", want: context.Canceled, within: time.Second + slack,
		executed: actor.ExecutedUnknown,
	},
	{
		name: "cancelled before",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return served(echo)(ctx, t, b)
		},
		code: "cancelled", want: context.Canceled,
		executed: actor.ExecutedNo,
	},
	{
		name: "the deadline of the call",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			start(t, b, actor.Config{}, work.With(late))
			_, err := work.Await(start(t, b, actor.Config{}).Context(ctx), "in", atask.CallTimeout(time.Second))
			return err
		},
		code: "deadline", want: context.DeadlineExceeded, within: time.Second + slack,
		executed: actor.ExecutedUnknown,
	},
	{
		name: "an input of another type",
		call: calling(func(ctx context.Context) error {
			n, _ := actor.NodeFrom(ctx)
			if err := n.Serve(work.With(echo)); err != nil {
				return err
			}
			_, err := atask.Declare[int, string]("work").Await(ctx, 1)
			return err
		}),
		code: "bad_input", want: atask.ErrBadInput,
		executed: actor.ExecutedNo,
	},
	{
		name: "an input that does not encode",
		call: calling(func(ctx context.Context) error {
			_, err := work.Await(ctx, "\xff")
			return err
		}),
		code: "bad_input", want: atask.ErrBadInput,
		executed: actor.ExecutedNo,
	},
	{
		name: "a result of another type",
		call: calling(func(ctx context.Context) error {
			n, _ := actor.NodeFrom(ctx)
			if err := n.Serve(work.With(echo)); err != nil {
				return err
			}
			_, err := atask.Declare[string, int]("work").Await(ctx, "in")
			return err
		}),
		code: "bad_result", want: atask.ErrBadResult,
		executed: actor.ExecutedYes,
	},
	{
		name: "a result that is no encoding",
		call: answered(".ok", nil, "\xc1"),
		code: "bad_result", want: atask.ErrBadResult,
		executed: actor.ExecutedYes,
	},
	{
		name: "too deep",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			var inner error
			n := start(t, b, actor.Config{MaxDepth: 2}, work.With(func(ctx context.Context, in string) (string, error) {
				out, err := work.Await(ctx, in)
				if inner == nil {
					inner = err
				}
				return out, err
			}))
			if _, err := work.Await(n.Context(ctx), "in"); err == nil {
				t.Error("Await() of an endless recursion = nil, want an error")
			}
			return inner
		},
		code: "too_deep", want: atask.ErrTooDeep,
		executed: actor.ExecutedNo,
	},
	{
		name: "an input that is too large",
		call: calling(func(ctx context.Context) error {
			n, _ := actor.NodeFrom(ctx)
			if err := n.Serve(work.With(echo)); err != nil {
				return err
			}
			_, err := work.Await(ctx, strings.Repeat("x", 2<<20))
			return err
		}),
		code: "too_large", want: atask.ErrTooLarge,
		executed: actor.ExecutedNo,
	},
	{
		name: "a result that is too large",
		call: served(func(context.Context, string) (string, error) { return strings.Repeat("x", 2<<20), nil }),
		code: "too_large", want: atask.ErrTooLarge,
		executed: actor.ExecutedYes,
	},
	{
		name: "panicked",
		call: served(func(context.Context, string) (string, error) {
			explode("boom")
			return "", nil
		}),
		code: "panicked", want: atask.ErrPanicked,
		executed: actor.ExecutedYes,
	},
	{
		name: "denied",
		call: func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			conn := newFaultyConn(t, b)
			n := startOn(t, conn, actor.Config{})
			conn.deny("at.default.task.work")
			_, err := work.Await(n.Context(ctx), "in")
			return err
		},
		code: "denied", want: atask.ErrDenied,
		executed: actor.ExecutedNo,
	},
	{
		name: "the node is closed",
		call: calling(func(ctx context.Context) error {
			n, _ := actor.NodeFrom(ctx)
			if err := n.Close(); err != nil {
				return err
			}
			_, err := work.Await(ctx, "in")
			return err
		}),
		code: "closed", want: atask.ErrClosed,
		executed: actor.ExecutedNo,
	},
	{
		name: "no node",
		call: func(ctx context.Context, _ *testing.T, _ *loopback.Broker) error {
			_, err := work.Await(ctx, "in")
			return err
		},
		code: "no_node", want: atask.ErrNoNode,
		executed: actor.ExecutedNo,
	},
	{
		name: "no link",
		call: calling(func(ctx context.Context) error {
			_, err := atask.Declare[string, string]("work", atask.InNamespace("pricing")).Await(ctx, "in")
			return err
		}),
		code: "no_link", want: atask.ErrNoLink,
		executed: actor.ExecutedNo,
	},
	{
		name: "a bad name",
		call: calling(func(ctx context.Context) error {
			_, err := atask.Declare[string, string]("no such name").Await(ctx, "in")
			return err
		}),
		code: "bad_name", want: atask.ErrBadName,
		executed: actor.ExecutedNo,
	},
	{
		name: "a code of a later version, not executed",
		call: answered(".err", errorFrame("frobbed", "no"), "what a pity"),
		code: "frobbed", within: 10*time.Second + slack,
		executed: actor.ExecutedNo, patient: true,
	},
	{
		name: "a code of a later version, executed",
		call: answered(".err", errorFrame("frobbed", "yes"), "what a pity"),
		code: "frobbed", executed: actor.ExecutedYes,
	},
	{
		name: "an error frame that says nothing",
		call: answered(".err", nil, "boom"),
		code: "failed", executed: actor.ExecutedUnknown,
	},
}

// TestOutcomes is promise F1: a call ends in exactly one way, with or without
// a deadline, and says truly whether its handler ran.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			t.Run("without a deadline", func(t *testing.T) {
				virtual(t, func(t *testing.T) { o.check(t.Context(), t) })
			})
			t.Run("with a deadline", func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					o := o
					if o.patient {
						o.code, o.want, o.within = "deadline", context.DeadlineExceeded, time.Minute+slack
					}
					o.check(ctx, t)
				})
			})
		})
	}
}

func (o outcome) check(ctx context.Context, t *testing.T) {
	t.Helper()
	var err error
	within(t, "the call", max(o.within, slack), func() { err = o.call(ctx, t, loopback.New()) })
	if o.code == "" {
		if err != nil {
			t.Errorf("Await() = %v, want a result", err)
		}
		return
	}
	e, ok := errors.AsType[*atask.Error](err)
	if !ok {
		t.Fatalf("Await() = %v (%T), want a *atask.Error", err, err)
	}
	if e.Code != o.code || e.Executed != o.executed || o.want != nil && !errors.Is(err, o.want) {
		t.Errorf("Await() = %v with code %q, executed %v, want code %q, executed %v, errors.Is %q",
			err, e.Code, e.Executed, o.code, o.executed, o.want)
	}
	if e.Name != "work" && o.code != "bad_name" {
		t.Errorf("Await() = error of task %q, want \"work\"", e.Name)
	}
}

// TestDeadlines is the other half of F1: whatever happens or does not, a call
// is over soon after its deadline.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	frozen := func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
		conn := newFaultyConn(t, b)
		startOn(t, conn, actor.Config{}, work.With(echo))
		conn.freeze(t)
		return caller(ctx, t, b)
	}
	for name, call := range map[string]func(context.Context, *testing.T, *loopback.Broker) error{
		"a handler that ignores its context": served(late),
		"a handler that heeds its context":   served(forever),
		"a worker that never answers":        answered("", nil, ""),
		"a worker that is always busy":       answered(".err", errorFrame("busy", "no"), "full"),
		"a worker that always drains":        answered(".err", errorFrame("draining", "no"), "stopping"),
		"a worker that is frozen":            frozen,
		"a connection that is cut": func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			conn := newFaultyConn(t, b)
			n := startOn(t, conn, actor.Config{})
			conn.tell(transport.Cut)
			_, err := work.Await(n.Context(ctx), "in")
			return err
		},
		"middleware that waits": func(ctx context.Context, t *testing.T, b *loopback.Broker) error {
			start(t, b, actor.Config{}, work.With(echo))
			n := start(t, b, actor.Config{OnCall: []atask.Middleware{func(atask.Handler) atask.Handler {
				return func(ctx context.Context, _ *atask.Call) error {
					<-ctx.Done()
					return context.Cause(ctx)
				}
			}}})
			_, err := work.Await(n.Context(ctx), "in")
			return err
		},
	} {
		for _, after := range []time.Duration{10 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond} {
			t.Run(name+" "+after.String(), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), after)
					defer cancel()
					var err error
					took := within(t, "the call", after+slack, func() { err = call(ctx, t, loopback.New()) })
					is(t, "Await()", err, context.DeadlineExceeded)
					if took < after {
						t.Errorf("the call took %v, want its whole budget of %v", took, after)
					}
				})
			})
		}
	}
}

// TestGrace is promise F2: whoever calls a task before its worker is there
// waits a moment for it.
func TestGrace(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		ctx := start(t, b, actor.Config{}).Context(t.Context())
		f := work.Start(ctx, "early")
		pass(200 * time.Millisecond)
		start(t, b, actor.Config{}, work.With(echo))
		got, err := f.Await(t.Context())
		succeeds(t, "Await() of a call 200 ms before its worker", got, err, "early")
	})
}
