package atask_test

import (
	"context"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// budget answers with how many seconds it has, -1 for no deadline.
func budget(ctx context.Context, _ string) (int, error) {
	at, ok := ctx.Deadline()
	if !ok {
		return -1, nil
	}
	return int(time.Until(at).Round(time.Second).Seconds()), nil
}

// TestBudgets: a handler has what the context, the declaration and the call
// leave it.
func TestBudgets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		ctx, task time.Duration
		opts      []atask.CallOption
		want      int
	}{
		{name: "nothing said", want: -1},
		{name: "context", ctx: 5 * time.Second, want: 5},
		{name: "Timeout", task: 5 * time.Second, want: 5},
		{name: "CallTimeout", opts: []atask.CallOption{atask.CallTimeout(5 * time.Second)}, want: 5},
		{name: "CallTimeout in place of Timeout", task: 5 * time.Second, opts: []atask.CallOption{atask.CallTimeout(9 * time.Second)}, want: 9},
		{name: "context before Timeout", ctx: 3 * time.Second, task: 5 * time.Second, want: 3},
		{name: "Timeout before context", ctx: 9 * time.Second, task: 5 * time.Second, want: 5},
		{name: "context before CallTimeout", ctx: 3 * time.Second, opts: []atask.CallOption{atask.CallTimeout(5 * time.Second)}, want: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, start starter) {
				var opts []atask.TaskOption
				if c.task > 0 {
					opts = append(opts, atask.Timeout(c.task))
				}
				task := atask.Define("budget", budget, opts...)
				outer := atask.Declare[string, int]("outer")
				n := start(t, actor.Config{}, task, outer.With(func(ctx context.Context, in string) (int, error) {
					return task.Await(ctx, in, c.opts...)
				}))
				ctx := n.Context(t.Context())
				if c.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.ctx)
					defer cancel()
				}
				got, err := task.Await(ctx, "", c.opts...)
				succeeds(t, "the budget", got, err, c.want)
				got, err = outer.Await(ctx, "")
				succeeds(t, "the budget one level down", got, err, c.want)
			})
		})
	}
}

// TestBudgetShrinks: what a handler has used its calls no longer have.
func TestBudgetShrinks(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		task := atask.Define("budget", budget)
		outer := atask.Declare[string, int]("outer", atask.Timeout(10*time.Second))
		n := start(t, actor.Config{}, task, outer.With(func(ctx context.Context, in string) (int, error) {
			pass(4 * time.Second)
			return task.Await(ctx, in)
		}))
		got, err := outer.Await(n.Context(t.Context()), "")
		succeeds(t, "the budget after 4 of 10 seconds", got, err, 6)
	})
}

// TestTimeoutOfMiddlewareThatWaits: the declaration's Timeout bounds the
// middleware of the caller, too.
func TestTimeoutOfMiddlewareThatWaits(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		for name, wait := range map[string]func(context.Context){
			"heeds its context":   func(ctx context.Context) { <-ctx.Done() },
			"ignores its context": func(context.Context) { pass(1200 * time.Millisecond) },
		} {
			n := start(t, actor.Config{OnCall: []atask.Middleware{func(next atask.Handler) atask.Handler {
				return func(ctx context.Context, c *atask.Call) error {
					wait(ctx)
					return next(ctx, c)
				}
			}}}, work.With(echo))
			var err error
			within(t, "a call through middleware that "+name, time.Second+slack, func() {
				_, err = work.Await(n.Context(t.Context()), "in", atask.CallTimeout(time.Second))
			})
			is(t, "Await() through middleware that "+name, err, context.DeadlineExceeded)
		}
	})
}

// TestLateResult: what comes after the deadline is for nobody.
func TestLateResult(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		n := start(t, actor.Config{}, work.With(late))
		f := work.Start(n.Context(t.Context()), "in", atask.CallTimeout(time.Second))
		_, err := f.Await(t.Context())
		is(t, "Await()", err, context.DeadlineExceeded)
		pass(time.Second)
		_, again := f.Await(t.Context())
		equal(t, "Await() after the handler returned", again, err)
	})
}
