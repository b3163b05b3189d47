package atask_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// mistake is something that goes wrong, and the error that a program gets.
type mistake struct {
	name string
	err  func(t *testing.T, b *loopback.Broker) error
}

// called is the error of a call of t on a node that serves the tasks.
func called[In, Out any](task *atask.Task[In, Out], in In, cfg actor.Config, servables ...atask.Servable) func(*testing.T, *loopback.Broker) error {
	return func(t *testing.T, b *loopback.Broker) error {
		t.Helper()
		start(t, b, cfg, servables...)
		_, err := task.Await(start(t, b, cfg).Context(t.Context()), in)
		return err
	}
}

// configured is the error of a start with cfg.
func configured(cfg actor.Config) func(*testing.T, *loopback.Broker) error {
	return func(t *testing.T, b *loopback.Broker) error {
		t.Helper()
		_, err := actor.Start(t.Context(), connect(t, b), cfg)
		return err
	}
}

// serves is the error of serving.
func serves(servables ...atask.Servable) func(*testing.T, *loopback.Broker) error {
	return func(t *testing.T, b *loopback.Broker) error {
		t.Helper()
		return start(t, b, actor.Config{}).Serve(servables...)
	}
}

// on is an error that a running node gives.
func on(err func(t *testing.T, n *actor.Node) error, servables ...atask.Servable) func(*testing.T, *loopback.Broker) error {
	return func(t *testing.T, b *loopback.Broker) error {
		t.Helper()
		return err(t, start(t, b, actor.Config{}, servables...))
	}
}

// declared is the error of a call of a task with options.
func declared(opts ...atask.TaskOption) func(*testing.T, *loopback.Broker) error {
	return called(atask.Declare[string, string]("work", opts...), "in", actor.Config{})
}

// optioned is the error of a call with options.
func optioned(opts ...atask.CallOption) func(*testing.T, *loopback.Broker) error {
	return on(func(t *testing.T, n *actor.Node) error {
		t.Helper()
		_, err := work.Await(n.Context(t.Context()), "in", opts...)
		return err
	})
}

// timed is the error of a call that may take a second.
func timed(servables ...atask.Servable) func(*testing.T, *loopback.Broker) error {
	return called(atask.Declare[string, string]("work", atask.Timeout(time.Second)), "in", actor.Config{}, servables...)
}

func named(name string) *atask.Task[string, string] { return atask.Declare[string, string](name) }

// ours is a codec of a program's own.
type ours struct{ codec.Codec }

func (ours) ContentType() string { return "application/x-ours" }

var mistakes = []mistake{
	{"call a task that nobody serves", called(work, "in", actor.Config{})},
	{"call without a node in the context", func(t *testing.T, _ *loopback.Broker) error {
		_, err := work.Await(t.Context(), "in")
		return err
	}},
	{"call a task with an empty name", called(named(""), "in", actor.Config{})},
	{"call a task with a space in its name", called(named("my work"), "in", actor.Config{})},
	{"call a task with a wildcard in its name", called(named("work.>"), "in", actor.Config{})},
	{"call a task whose name ends in a dot", called(named("work."), "in", actor.Config{})},
	{"call a task with a long name", called(named(strings.Repeat("work", 51)), "in", actor.Config{})},
	{"call a task with a name of many parts", called(named("a.b.c.d.e.f.g.h.i"), "in", actor.Config{})},
	{"call the zero value of a task", called(new(atask.Task[string, string]), "in", actor.Config{})},
	{"call with an input of another type", called(atask.Declare[int, string]("work"), 1, actor.Config{}, work.With(echo))},
	{"call with an input that lacks nothing but is no struct", called(atask.Declare[string, string]("point"), "in", actor.Config{}, atask.Define("point", same[point]))},
	{"call with an input that no codec carries", called(atask.Declare[withChannel, string]("work"), withChannel{}, actor.Config{})},
	{"call with an input that is not UTF-8", called(work, "\xff", actor.Config{})},
	{"call with an input that is too large", called(work, strings.Repeat("x", 2<<20), actor.Config{})},
	{"request with a body that is not msgpack", on(func(t *testing.T, n *actor.Node) error {
		_, err := n.Request(t.Context(), "work", []byte("\xc1"))
		return err
	}, work.With(echo))},
	{"request with a body that is not JSON", func(t *testing.T, b *loopback.Broker) error {
		n := start(t, b, actor.Config{Codec: codec.JSON}, work.With(echo))
		_, err := n.Request(t.Context(), "work", []byte("hello"))
		return err
	}},
	{"call in a codec that the worker does not know", func(t *testing.T, b *loopback.Broker) error {
		start(t, b, actor.Config{}, work.With(echo))
		_, err := work.Await(start(t, b, actor.Config{Codec: ours{codec.JSON}}).Context(t.Context()), "in")
		return err
	}},
	{"call too deep", called(nest, 1, actor.Config{MaxDepth: 2}, nest.With(func(ctx context.Context, n int) (string, error) { return nest.Await(ctx, n) }))},
	{"call a namespace that is not linked", declared(atask.InNamespace("pricing"))},
	{"call a namespace that is not linked while others are", on(func(t *testing.T, n *actor.Node) error {
		if err := n.Link(start(t, loopback.New(), actor.Config{Namespace: "shipping"})); err != nil {
			return err
		}
		_, err := atask.Declare[string, string]("work", atask.InNamespace("pricing")).Await(n.Context(t.Context()), "in")
		return err
	})},
	{"call a task declared with a bad role", declared(atask.InNamespace("no role"))},
	{"call a task declared with a Timeout of nothing", declared(atask.Timeout(0))},
	{"call a task declared with less than one attempt", declared(atask.Retry(atask.RetryPolicy{MaxAttempts: -1}))},
	{"call a task declared with waits that are negative", declared(atask.Retry(atask.RetryPolicy{Initial: -time.Second}))},
	{"call a task declared with waits that shrink", declared(atask.Retry(atask.RetryPolicy{Multiplier: 0.5}))},
	{"call a task declared with too much jitter", declared(atask.Retry(atask.RetryPolicy{Jitter: 2}))},
	{"call a task declared with two mistakes", declared(atask.Timeout(-1), atask.Retry(atask.RetryPolicy{Jitter: 2}))},
	{"call with a CallTimeout of nothing", optioned(atask.CallTimeout(0))},
	{"call via no node", optioned(atask.Via(nil))},
	{"call with an empty metadata key", optioned(atask.Meta("", "v"))},
	{"call with a metadata key that does not fit", optioned(atask.Meta("a b", "v"))},
	{"call with a metadata value of two lines", optioned(atask.Meta("k", "a\nb"))},
	{"call with a metadata value that is long", optioned(atask.Meta("k", strings.Repeat("v", 9000)))},
	{"map with no call in flight", on(func(t *testing.T, n *actor.Node) error {
		_, err := double.Map(n.Context(t.Context()), upTo(3), atask.InFlight(0))
		return err
	})},
	{"map an input that fails", on(func(t *testing.T, n *actor.Node) error {
		_, err := double.Map(n.Context(t.Context()), upTo(3), atask.InFlight(1))
		return err
	}, double.With(func(_ context.Context, n int) (int, error) {
		return n, map[bool]error{true: errors.New("out of twos")}[n == 2]
	}))},
	{"wait for a nil future", on(func(t *testing.T, n *actor.Node) error {
		_, err := atask.All[int](t.Context(), nil)
		return err
	})},
	{"wait for the first of none", on(func(t *testing.T, n *actor.Node) error {
		_, err := atask.First[int](t.Context())
		return err
	})},
	{"give up waiting for a future", on(func(t *testing.T, n *actor.Node) error {
		f := work.Start(n.Context(t.Context()), "in")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := f.Await(ctx)
		f.Cancel()
		return err
	}, work.With(forever))},

	{"result: the handler fails", called(work, "in", actor.Config{}, work.With(func(context.Context, string) (string, error) { return "", errors.New("boom") }))},
	{"result: a handler below it fails", called(work, "in", actor.Config{}, atask.Define("below", fails(errors.New("boom"))), work.With(func(ctx context.Context, _ string) (string, error) {
		if _, err := atask.Declare[int, int]("below").Await(ctx, 1); err != nil {
			return "", fmt.Errorf("ask below: %w", err)
		}
		return "", nil
	}))},
	{"result: the handler panics", called(double, 1, actor.Config{}, double.With(exploding("boom")))},
	{"result: the handler exits", called(double, 1, actor.Config{}, double.With(func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil }))},
	{"result: it does not encode", called(atask.Declare[string, withChannel]("work"), "in", actor.Config{}, atask.Define("work", func(context.Context, string) (withChannel, error) { return withChannel{}, nil }))},
	{"result: it does not decode", called(atask.Declare[string, int]("work"), "in", actor.Config{}, work.With(echo))},
	{"result: it is too large", called(work, "in", actor.Config{}, work.With(func(context.Context, string) (string, error) { return strings.Repeat("x", 2<<20), nil }))},
	{"result: middleware refuses", called(work, "in", actor.Config{OnServe: around(func(context.Context, *atask.Call, atask.Handler) error { return errors.New("who are you") })}, work.With(echo))},
	{"result: middleware changes the input's type", called(work, "in", actor.Config{OnServe: around(func(ctx context.Context, c *atask.Call, next atask.Handler) error {
		c.In = 7
		return next(ctx, c)
	})}, work.With(echo))},

	{"end: the deadline", timed(work.With(late))},
	{"end: the deadline, with every worker full", func(t *testing.T, b *loopback.Broker) error {
		start(t, b, actor.Config{Slots: 1, InHand: 1}, work.With(forever))
		ctx := start(t, b, actor.Config{}).Context(t.Context())
		f := work.Start(ctx, "all there is room for")
		defer f.Cancel()
		synctest.Wait()
		_, err := work.Await(ctx, "in", atask.CallTimeout(time.Second))
		return err
	}},
	{"end: the deadline, after attempts that failed", called(
		atask.Declare[int, int]("work", atask.Timeout(time.Second), atask.Retry(atask.RetryPolicy{MaxAttempts: 100})), 1, actor.Config{},
		atask.Define("work", fails(errors.New("not yet"))))},
	{"end: the deadline of the context", on(func(t *testing.T, n *actor.Node) error {
		// Not a multiple of the runtime's own tick, so it is the context that ends the call.
		ctx, cancel := context.WithTimeoutCause(n.Context(t.Context()), 1001*time.Millisecond, errors.New("the request took too long"))
		defer cancel()
		_, err := work.Await(ctx, "in")
		return err
	}, work.With(late))},
	{"end: cancelled by its context", on(func(t *testing.T, n *actor.Node) error {
		ctx, cancel := context.WithCancelCause(n.Context(t.Context()))
		time.AfterFunc(time.Second, func() { cancel(errStop) })
		_, err := work.Await(ctx, "in")
		return err
	}, work.With(forever))},
	{"end: cancelled before it was sent", on(func(t *testing.T, n *actor.Node) error {
		ctx, cancel := context.WithCancel(n.Context(t.Context()))
		cancel()
		_, err := work.Await(ctx, "in")
		return err
	})},
	{"end: cancelled by its future", on(func(t *testing.T, n *actor.Node) error {
		f := work.Start(n.Context(t.Context()), "in")
		f.Cancel()
		_, err := f.Await(t.Context())
		return err
	}, work.With(forever))},
	{"end: left behind by its handler", on(func(t *testing.T, n *actor.Node) error {
		var left *atask.Future[string]
		if err := n.Serve(double.With(func(ctx context.Context, in int) (int, error) {
			left = work.Start(ctx, "in")
			return in, nil
		})); err != nil {
			return err
		}
		if _, err := double.Await(n.Context(t.Context()), 1); err != nil {
			return err
		}
		_, err := left.Await(t.Context())
		return err
	}, work.With(forever))},
	{"end: the worker is full", func(t *testing.T, b *loopback.Broker) error {
		start(t, b, actor.Config{Slots: 1, InHand: 1}, work.With(forever))
		f := work.Start(start(t, b, actor.Config{}).Context(t.Context()), "all there is room for")
		defer f.Cancel()
		synctest.Wait()
		return called(work, "in", actor.Config{Patience: time.Second})(t, b)
	}},
	{"end: the worker's mailbox is full", func(t *testing.T, b *loopback.Broker) error {
		start(t, b, actor.Config{Slots: 1, Mailbox: 1}, work.With(forever))
		ctx := start(t, b, actor.Config{}).Context(t.Context())
		for range 2 {
			f := work.Start(ctx, "all there is room for")
			defer f.Cancel()
		}
		synctest.Wait()
		return called(work, "in", actor.Config{Patience: time.Second})(t, b)
	}},
	{"end: the worker dies", func(t *testing.T, b *loopback.Broker) error {
		conn := connect(t, b)
		startOn(t, conn, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
			time.AfterFunc(time.Second, func() { conn.Close() })
			return forever(ctx, in)
		}))
		return called(work, "in", actor.Config{})(t, b)
	}},
	{"end: the worker freezes", func(t *testing.T, b *loopback.Broker) error {
		conn := newFaultyConn(t, b)
		startOn(t, conn, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
			time.AfterFunc(time.Second, func() { conn.freeze(t) })
			return forever(ctx, in)
		}))
		return called(work, "in", actor.Config{})(t, b)
	}},
	{"end: nobody answers", answeredByNobody},
	{"end: the worker stops before its handler returns", func(t *testing.T, b *loopback.Broker) error {
		n := start(t, b, actor.Config{CloseTimeout: 100 * time.Millisecond}, work.With(late))
		time.AfterFunc(100*time.Millisecond, func() { n.Close() })
		defer pass(2 * time.Second) // until the handler is back
		return called(work, "in", actor.Config{})(t, b)
	}},
	{"end: every worker drains", func(t *testing.T, b *loopback.Broker) error {
		return answered(".err", errorFrame("draining", "no"), "node N is stopping")(t.Context(), t, b)
	}},
	{"end: the connection is cut", func(t *testing.T, b *loopback.Broker) error {
		conn := newFaultyConn(t, b)
		n := startOn(t, conn, actor.Config{})
		conn.tell(transport.Cut)
		_, err := work.Await(n.Context(t.Context()), "in")
		return err
	}},
	{"end: the broker goes away", func(t *testing.T, b *loopback.Broker) error {
		n := start(t, b, actor.Config{NoLocal: true}, work.With(forever))
		time.AfterFunc(time.Second, func() { b.Close() })
		_, err := work.Await(n.Context(t.Context()), "in")
		return err
	}},
	{"end: the broker denies the call", func(t *testing.T, b *loopback.Broker) error {
		conn := newFaultyConn(t, b)
		n := startOn(t, conn, actor.Config{})
		conn.deny("at.default.task.work")
		_, err := work.Await(n.Context(t.Context()), "in")
		return err
	}},
	{"end: an error of a later version", func(t *testing.T, b *loopback.Broker) error {
		return answered(".err", errorFrame("frobbed", "yes"), "what a pity")(t.Context(), t, b)
	}},

	{"serve nothing", serves(nil)},
	{"serve a task that was only declared", serves(&atask.Defined[int, int]{})},
	{"serve a task without a function", serves(work.With(nil))},
	{"serve a handler without a function", serves(actor.Handle("work", nil))},
	{"serve a task with a name that does not fit", serves(named("my work").With(echo))},
	{"serve a handler with a name that does not fit", serves(actor.Handle("my work", func(context.Context, []byte) ([]byte, error) { return nil, nil }))},
	{"serve the zero value of a task", serves(new(atask.Task[string, string]).With(echo))},
	{"serve with a Limit of nothing", serves(work.With(echo, atask.Limit(0)))},
	{"serve a task declared with a mistake", serves(atask.Declare[string, string]("work", atask.Timeout(-1)).With(echo))},
	{"serve a task twice", serves(work.With(echo), work.With(late))},
	{"serve a task again", on(func(_ *testing.T, n *actor.Node) error { return n.Serve(work.With(echo)) }, work.With(echo))},
	{"serve on a node that drains", on(func(t *testing.T, n *actor.Node) error {
		f := work.Start(n.Context(context.Background()), "in")
		defer f.Cancel()
		draining(n)
		synctest.Wait()
		return n.Serve(double.With(doubled))
	}, work.With(forever))},
	{"serve on a node that is closed", on(func(_ *testing.T, n *actor.Node) error { return errors.Join(n.Close(), n.Serve(double.With(doubled))) })},
	{"call on a node that drains", on(func(t *testing.T, n *actor.Node) error {
		f := work.Start(n.Context(context.Background()), "in")
		defer f.Cancel()
		draining(n)
		synctest.Wait()
		_, err := work.Await(n.Context(t.Context()), "in")
		return err
	}, work.With(forever))},
	{"call on a node that is closed", on(func(t *testing.T, n *actor.Node) error {
		_, err := work.Await(n.Context(t.Context()), "in")
		return errors.Join(n.Close(), func() error { _, err = work.Await(n.Context(t.Context()), "in"); return err }())
	}, work.With(echo))},
	{"drain in too little time", on(func(t *testing.T, n *actor.Node) error {
		for range 2 {
			f := work.Start(n.Context(context.Background()), "in")
			defer f.Cancel()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the machine is going down"))
		defer cancel()
		return n.Drain(ctx)
	}, work.With(forever))},
	{"close with a handler that runs", on(func(t *testing.T, n *actor.Node) error {
		f := work.Start(n.Context(context.Background()), "in")
		defer f.Cancel()
		synctest.Wait()
		return n.Close()
	}, work.With(forever))},
	{"run until the broker goes away", func(t *testing.T, b *loopback.Broker) error {
		n := start(t, b, actor.Config{})
		time.AfterFunc(time.Second, func() { b.Close() })
		return n.Run(t.Context())
	}},

	{"start without a connection", func(t *testing.T, _ *loopback.Broker) error {
		_, err := actor.Start(t.Context(), nil, actor.Config{})
		return err
	}},
	{"start on a taken connection", func(t *testing.T, b *loopback.Broker) error {
		conn := connect(t, b)
		startOn(t, conn, actor.Config{})
		_, err := actor.Start(t.Context(), conn, actor.Config{})
		return err
	}},
	{"start on a closed connection", func(t *testing.T, b *loopback.Broker) error {
		conn := connect(t, b)
		conn.Close()
		_, err := actor.Start(t.Context(), conn, actor.Config{})
		return err
	}},
	{"start in too little time", func(t *testing.T, b *loopback.Broker) error {
		conn := newFaultyConn(t, b)
		conn.freeze(t)
		time.AfterFunc(2*time.Second, conn.thaw)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := actor.Start(ctx, conn, actor.Config{})
		return err
	}},
	{"start with a bad Namespace", configured(actor.Config{Namespace: "my.shop"})},
	{"start with a bad Group", configured(actor.Config{Group: "all of us"})},
	{"start with negative Slots", configured(actor.Config{Slots: -1})},
	{"start with a negative Patience", configured(actor.Config{Patience: -time.Second})},
	{"start with a long Grace", configured(actor.Config{Grace: time.Minute})},
	{"start with a large MaxDepth", configured(actor.Config{MaxDepth: 1 << 20})},
	{"start with nil in OnCall", configured(actor.Config{OnCall: []atask.Middleware{nil}})},
	{"start with an empty error type", configured(actor.Config{Errors: []atask.ErrorType{{}}})},
	{"start with an error type whose code does not fit", configured(actor.Config{Errors: []atask.ErrorType{actor.SentinelError("no rows", sql.ErrNoRows)}})},
	{"start with a sentinel that is nil", configured(actor.Config{Errors: []atask.ErrorType{actor.SentinelError("no_rows", nil)}})},
	{"start with a typed error that is an interface", configured(actor.Config{Errors: []atask.ErrorType{actor.TypedError[error]("any")}})},
	{"start with a code of the protocol's", configured(actor.Config{Errors: []atask.ErrorType{actor.SentinelError("busy", sql.ErrNoRows)}})},
	{"start with a code twice", configured(actor.Config{Errors: []atask.ErrorType{actor.SentinelError("rows", sql.ErrNoRows), actor.SentinelError("rows", sql.ErrTxDone)}})},

	{"link nil", on(func(_ *testing.T, n *actor.Node) error { return n.Link(nil) })},
	{"link a node to itself", on(func(_ *testing.T, n *actor.Node) error { return n.Link(n) })},
	{"link by a role that does not fit", on(func(t *testing.T, n *actor.Node) error {
		return n.Link(start(t, loopback.New(), actor.Config{Namespace: "shop"}), actor.As("the shop"))
	})},
	{"link two nodes of one namespace", on(func(t *testing.T, n *actor.Node) error { return n.Link(start(t, loopback.New(), actor.Config{})) })},
	{"link nodes whose links disagree", on(func(t *testing.T, n *actor.Node) error {
		node := func(ns string) *actor.Node { return start(t, loopback.New(), actor.Config{Namespace: ns}) }
		a := node("a")
		return errors.Join(n.Link(node("shop")), a.Link(node("shop")), n.Link(a))
	})},
}

// answeredByNobody is the error of a call that somebody takes and forgets.
func answeredByNobody(t *testing.T, b *loopback.Broker) error {
	t.Helper()
	return answered("", nil, "")(t.Context(), t, b)
}

// TestErrorTexts pins what programs, and with them people, are told. A text
// says what was attempted, on which name, and what to do where we know it; in
// lower case, without a full stop.
func TestErrorTexts(t *testing.T) {
	texts := make([]string, len(mistakes))
	t.Run("mistakes", func(t *testing.T) {
		for i, m := range mistakes {
			t.Run(m.name, func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					err := m.err(t, loopback.New())
					if err == nil {
						t.Fatal("no error")
					}
					texts[i] = normal(err.Error())
					checkStyle(t, texts[i])
				})
			})
		}
	})
	var got bytes.Buffer
	for i, m := range mistakes {
		fmt.Fprintf(&got, "%s\n\t%s\n\n", m.name, strings.ReplaceAll(texts[i], "\n", "\n\t"))
	}
	golden := filepath.Join("testdata", "errors.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v: write it with -update", err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the texts differ from %s (-want, +got): if they are better now, write it with -update\n%s", golden, diff)
	}
}

// normal replaces what is random in a text.
func normal(text string) string {
	text = regexp.MustCompile(`\b[A-Z2-7]{26}\b`).ReplaceAllString(text, "NODE")
	return strings.ReplaceAll(text, strings.Repeat("work", 50), "work…×50")
}

// checkStyle fails the test when a text breaks the rules for all.
func checkStyle(t *testing.T, text string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		first := []rune(line + " ")[0]
		if unicode.IsUpper(first) || strings.HasSuffix(line, ".") || strings.TrimSpace(line) != line || line == "" {
			t.Errorf("the text %q begins in upper case, ends in a full stop or has space around it", line)
		}
		if !strings.Contains(text, `"`) && !strings.Contains(text, "Config.") && !strings.Contains(text, "connection") && !strings.Contains(text, "future") && !strings.Contains(text, "nil") && !strings.Contains(text, "NODE") {
			t.Errorf("the text %q names nothing", text)
		}
	}
}
