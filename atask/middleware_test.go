package atask_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// journal is what middleware writes down.
type journal struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (j *journal) write(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// notes is middleware that writes before and after.
func (j *journal) notes(name string) atask.Middleware {
	return func(next atask.Handler) atask.Handler {
		return func(ctx context.Context, c *atask.Call) error {
			j.write("%s before %s(%v)", name, c.Info.Task, c.In)
			err := next(ctx, c)
			j.write("%s after %v, %v", name, c.Out, err)
			return err
		}
	}
}

// around is middleware of one function.
func around(f func(ctx context.Context, c *atask.Call, next atask.Handler) error) []atask.Middleware {
	return []atask.Middleware{func(next atask.Handler) atask.Handler {
		return func(ctx context.Context, c *atask.Call) error { return f(ctx, c, next) }
	}}
}

func TestMiddlewareOrder(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var j journal
		n := start(t, actor.Config{
			OnCall:  []atask.Middleware{j.notes("call 1"), j.notes("call 2")},
			OnServe: []atask.Middleware{j.notes("serve 1"), j.notes("serve 2")},
		}, double.With(doubled))
		got, err := double.Await(n.Context(t.Context()), 21)
		succeeds(t, "Await(21)", got, err, 42)
		want := []string{
			"call 1 before double(21)", "call 2 before double(21)", "serve 1 before double(21)", "serve 2 before double(21)",
			"serve 2 after 42, <nil>", "serve 1 after 42, <nil>", "call 2 after 42, <nil>", "call 1 after 42, <nil>",
		}
		if !slices.Equal(j.lines, want) {
			t.Errorf("middleware ran as\n%s\nwant\n%s", strings.Join(j.lines, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestMiddlewareRefuses: whoever does not call next refuses the call, by
// metadata, say; the awaiter gets its error as if from the handler.
func TestMiddlewareRefuses(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var ran bool
		n := start(t, actor.Config{Errors: errorTypes, OnServe: around(func(ctx context.Context, c *atask.Call, next atask.Handler) error {
			if c.Header["token"] != "secret" {
				return fmt.Errorf("who are you: %w", &overdrawn{"patience", c.Header["user"]})
			}
			return next(ctx, c)
		})}, double.With(func(ctx context.Context, n int) (int, error) {
			ran = true
			return doubled(ctx, n)
		}))
		ctx := actor.WithMetadata(n.Context(t.Context()), "user", "eve")
		_, err := double.Await(ctx, 21)
		if o, ok := errors.AsType[*overdrawn](err); !ok || o.By != "eve" || ran {
			t.Errorf("Await() without a token = %v, handler ran: %v, want it refused", err, ran)
		}
		equal(t, "the text", err.Error(), `task "double": who are you: patience is overdrawn by eve`)
		got, err := double.Await(ctx, 21, atask.Meta("token", "secret"))
		succeeds(t, "Await() with a token", got, err, 42)
	})
}

// TestMiddlewareOfTheCallerRefuses: the same on the other side. The call was
// not sent.
func TestMiddlewareOfTheCallerRefuses(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		errBudget := errors.New("the budget is spent")
		n := start(t, actor.Config{OnCall: around(func(context.Context, *atask.Call, atask.Handler) error { return errBudget })}, double.With(doubled))
		_, err := double.Await(n.Context(t.Context()), 21)
		is(t, "Await()", err, errBudget)
		e, _ := errors.AsType[*atask.Error](err)
		equal(t, "its code", e.Code, "failed")
		equal(t, "whether it was executed", e.Executed, actor.ExecutedNo)
		equal(t, "its text", err.Error(), `task "double": the budget is spent`)
		is(t, "Tell()", double.Tell(n.Context(t.Context()), 21), errBudget)
	})
}

// TestMiddlewareChanges: input, result and metadata may be replaced on both
// sides.
func TestMiddlewareChanges(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		add := func(where string) []atask.Middleware {
			return around(func(ctx context.Context, c *atask.Call, next atask.Handler) error {
				c.In = c.In.(string) + " " + where + "-in"
				c.Header[where] = "was here"
				err := next(ctx, c)
				c.Out = c.Out.(string) + " " + where + "-out"
				return err
			})
		}
		n := start(t, actor.Config{OnCall: add("call"), OnServe: add("serve")}, work.With(func(ctx context.Context, in string) (string, error) {
			return fmt.Sprintf("[%s; %s %s]", in, actor.Metadata(ctx, "call"), actor.Metadata(ctx, "serve")), nil
		}))
		got, err := work.Await(n.Context(t.Context()), "in")
		succeeds(t, "Await()", got, err, "[in call-in serve-in; was here was here] serve-out call-out")
	})
}

// TestMiddlewareAnswers: middleware may answer in the handler's place.
func TestMiddlewareAnswers(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		for _, cfg := range []actor.Config{
			{OnServe: around(func(_ context.Context, c *atask.Call, _ atask.Handler) error { c.Out = 7; return nil })},
			{OnCall: around(func(_ context.Context, c *atask.Call, _ atask.Handler) error { c.Out = 7; return nil })},
		} {
			n := start(t, cfg, double.With(doubled))
			got, err := double.Await(n.Context(t.Context()), 21)
			succeeds(t, "Await() of a cached result", got, err, 7)
		}
	})
}

// TestMiddlewareForgetsMetadata: an entry that middleware takes away is gone,
// even the last.
func TestMiddlewareForgetsMetadata(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		forget := around(func(ctx context.Context, c *atask.Call, next atask.Handler) error {
			delete(c.Header, "secret")
			return next(ctx, c)
		})
		for name, cfg := range map[string]actor.Config{"OnCall": {OnCall: forget}, "OnServe": {OnServe: forget}} {
			n := start(t, cfg, readMeta, below.With(readBelow))
			ctx := actor.WithMetadata(n.Context(t.Context()), "secret", "42")
			got, err := readMeta.Await(ctx, "secret")
			succeeds(t, name+": the entry", got, err, "")
			got, err = below.Await(ctx, "secret")
			succeeds(t, name+": the entry one level down", got, err, "")
		}
	})
}

// TestMiddlewareSeesInfo: both sides know whose call it is.
func TestMiddlewareSeesInfo(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		infos := make(chan atask.Info, 4)
		see := around(func(ctx context.Context, c *atask.Call, next atask.Handler) error {
			infos <- c.Info
			return next(ctx, c)
		})
		n := start(t, actor.Config{OnCall: see, OnServe: see}, double.With(doubled))
		f := double.Start(n.Context(t.Context()), 21)
		if _, err := f.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		call, serve := <-infos, <-infos
		equal(t, "the caller's side", call, atask.Info{ID: f.ID(), Task: "double", Namespace: "default", Caller: n.ID(), Attempt: 1})
		equal(t, "the task on the worker's side", serve.Task, "double")
		equal(t, "the caller on the worker's side", serve.Caller, n.ID())
		if serve.Node == "" {
			t.Error("the worker's side does not know its node")
		}
	})
}

// TestMiddlewareTypes: what middleware leaves must be of the type declared.
func TestMiddlewareTypes(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		wrong := func(in, out any) []atask.Middleware {
			return around(func(ctx context.Context, c *atask.Call, next atask.Handler) error {
				if in != nil {
					c.In = in
				}
				err := next(ctx, c)
				if out != nil {
					c.Out = out
				}
				return err
			})
		}
		for name, c := range map[string]struct {
			cfg  actor.Config
			want error
			text string
		}{
			"input on the worker's side":  {actor.Config{OnServe: wrong("21", nil)}, atask.ErrBadInput, "string"},
			"input on the caller's side":  {actor.Config{OnCall: wrong("21", nil)}, atask.ErrBadInput, "string"},
			"result on the worker's side": {actor.Config{OnServe: wrong(nil, "42")}, nil, "string"},
			"result on the caller's side": {actor.Config{OnCall: wrong(nil, "42")}, nil, "string"},
		} {
			n := start(t, c.cfg, double.With(doubled))
			got, err := double.Await(n.Context(t.Context()), 21)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s of another type: Await() = %v, %v, want an error about a %s", name, got, err, c.text)
			}
		}
	})
}

// TestMiddlewareUntyped: untyped calls and handlers pass through middleware as
// bytes.
func TestMiddlewareUntyped(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		add := func(suffix string) []atask.Middleware {
			return around(func(ctx context.Context, c *atask.Call, next atask.Handler) error {
				c.In = append(c.In.([]byte), suffix...)
				err := next(ctx, c)
				c.Out = append(c.Out.([]byte), suffix...)
				return err
			})
		}
		n := start(t, actor.Config{OnCall: add(" call"), OnServe: add(" serve")}, actor.Handle("untyped", func(_ context.Context, body []byte) ([]byte, error) {
			return fmt.Appendf(nil, "[%s]", body), nil
		}))
		in := []byte("in")
		got, err := n.Request(t.Context(), "untyped", in)
		succeeds(t, "Request()", string(got), err, "[in call serve] serve call")
		equal(t, "the caller's bytes", string(in), "in")
	})
}

// TestMiddlewareFails: a panic or an exit of middleware is that of its call.
func TestMiddlewareFails(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		panics := around(func(context.Context, *atask.Call, atask.Handler) error { explode("middleware"); return nil })
		exits := around(func(context.Context, *atask.Call, atask.Handler) error { runtime.Goexit(); return nil })
		for name, c := range map[string]struct {
			cfg  actor.Config
			text string
		}{
			"panic of OnServe":  {actor.Config{OnServe: panics}, "middleware"},
			"panic of OnCall":   {actor.Config{OnCall: panics}, "middleware"},
			"Goexit of OnServe": {actor.Config{OnServe: exits}, "Goexit"},
			"Goexit of OnCall":  {actor.Config{OnCall: exits}, "Goexit"},
		} {
			n := start(t, c.cfg, double.With(doubled))
			var err error
			within(t, name, time.Second, func() { _, err = double.Await(n.Context(t.Context()), 21) })
			is(t, name+": Await()", err, atask.ErrPanicked)
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: Await() = %v, want a text with %q", name, err, c.text)
			}
		}
	})
}

// TestMiddlewareAndCancel: a cancel reaches the handler through both sides,
// with its cause.
func TestMiddlewareAndCancel(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		through := around(func(ctx context.Context, c *atask.Call, next atask.Handler) error { return next(ctx, c) })
		reached, bottom := make(chan struct{}), make(chan ended, 1)
		n := start(t, actor.Config{OnCall: through, OnServe: through}, nested(reached, bottom))
		ctx, stop := context.WithCancelCause(n.Context(t.Context()))
		f := nest.Start(ctx, 3)
		<-reached
		stop(errStop)
		_, err := f.Await(t.Context())
		is(t, "Await()", err, context.Canceled)
		if saw := <-bottom; !strings.Contains(saw.cause.Error(), errStop.Error()) {
			t.Errorf("the handler's context ended with %q, want a cause with %q", saw.cause, errStop)
		}
	})
}

// TestMiddlewareRetries: middleware of the caller sees one call, that of the
// worker each attempt.
func TestMiddlewareRetries(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var j journal
		note := func(side string) []atask.Middleware {
			return around(func(ctx context.Context, c *atask.Call, next atask.Handler) error {
				j.write("%s %d", side, c.Info.Attempt)
				return next(ctx, c)
			})
		}
		task := atask.Define("retried", func(ctx context.Context, _ int) (int, error) {
			if info, _ := actor.InfoFrom(ctx); info.Attempt < 3 {
				return 0, errors.New("not yet")
			}
			return 42, nil
		}, atask.Retry(atask.RetryPolicy{Initial: time.Millisecond}))
		n := start(t, actor.Config{OnCall: note("call"), OnServe: note("serve")}, task)
		got, err := task.Await(n.Context(t.Context()), 1)
		succeeds(t, "Await()", got, err, 42)
		if want := []string{"call 1", "serve 1", "serve 2", "serve 3"}; !slices.Equal(j.lines, want) {
			t.Errorf("middleware saw %v, want %v", j.lines, want)
		}
	})
}
