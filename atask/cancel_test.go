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
)

// nest is a task that calls itself for as many levels as its input says.
var nest = atask.Declare[int, string]("nest")

var errStop = errors.New("the user pressed stop")

// ended is what the handler at the bottom saw of its end.
type ended struct {
	err, cause error
	at         time.Time
}

// nested carries out nest; the last level reports to bottom how it ends.
func nested(reached chan<- struct{}, bottom chan<- ended) atask.Servable {
	return nest.With(func(ctx context.Context, levels int) (string, error) {
		if levels > 1 {
			return nest.Await(ctx, levels-1)
		}
		close(reached)
		<-ctx.Done()
		bottom <- ended{ctx.Err(), context.Cause(ctx), time.Now()}
		return "", ctx.Err()
	})
}

// TestCancel is promise F7: a cancel reaches the handler three levels down,
// and says why.
func TestCancel(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cancel func(stop context.CancelCauseFunc, f *atask.Future[string])
		why    string
	}{
		"the context": {
			cancel: func(stop context.CancelCauseFunc, _ *atask.Future[string]) { stop(errStop) },
			why:    errStop.Error(),
		},
		"the future": {
			cancel: func(_ context.CancelCauseFunc, f *atask.Future[string]) { f.Cancel() },
			why:    "cancelled by its awaiter",
		},
	} {
		for _, early := range []bool{false, true} { // before or after the workers have said that they have the calls
			when := map[bool]string{false: " late", true: " early"}[early]
			t.Run(name+when, func(t *testing.T) {
				eachWay(t, func(t *testing.T, start starter) {
					reached, bottom := make(chan struct{}), make(chan ended, 1)
					n := start(t, actor.Config{}, nested(reached, bottom))
					ctx, stop := context.WithCancelCause(n.Context(t.Context()))
					defer stop(nil)
					f := nest.Start(ctx, 3)
					<-reached
					if !early {
						pass(time.Second)
					}
					at := time.Now()
					c.cancel(stop, f)
					_, err := f.Await(t.Context())
					is(t, "Await()", err, context.Canceled)
					if !strings.Contains(err.Error(), c.why) {
						t.Errorf("Await() = %q, want a text with %q", err, c.why)
					}
					saw := <-bottom
					if took := saw.at.Sub(at); took > 100*time.Millisecond {
						t.Errorf("the cancel took %v to reach the handler, want at most 100ms", took)
					}
					if !errors.Is(saw.err, context.Canceled) || !strings.Contains(saw.cause.Error(), c.why) {
						t.Errorf("the handler's context ended with %v, cause %q, want context.Canceled, a cause with %q", saw.err, saw.cause, c.why)
					}
				})
			})
		}
	}
}

// TestCancelCauseKeepsItsSize: the reason that travels does not grow with the
// depth.
func TestCancelCauseKeepsItsSize(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		reached, bottom := make(chan struct{}), make(chan ended, 1)
		n := start(t, actor.Config{}, nested(reached, bottom))
		ctx, stop := context.WithCancelCause(n.Context(t.Context()))
		f := nest.Start(ctx, 50)
		<-reached
		pass(time.Second)
		stop(errStop)
		<-f.Done()
		if saw := <-bottom; !strings.Contains(saw.cause.Error(), errStop.Error()) || len(saw.cause.Error()) > 500 {
			t.Errorf("the cause 50 levels down = %q, want a short one with %q", saw.cause, errStop)
		}
	})
}

// TestCancelOfAwait: whoever awaits a task and stops, stops the task.
func TestCancelOfAwait(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		reached, bottom := make(chan struct{}), make(chan ended, 1)
		n := start(t, actor.Config{}, nested(reached, bottom))
		ctx, stop := context.WithCancelCause(n.Context(t.Context()))
		go func() {
			<-reached
			stop(errStop)
		}()
		_, err := nest.Await(ctx, 1)
		is(t, "Await()", err, context.Canceled)
		is(t, "Await()", err, errStop)
		<-bottom
	})
}

// TestAwaitOfFutureBoundsTheWaitOnly: a future's Await may be given up and
// begun again.
func TestAwaitOfFutureBoundsTheWaitOnly(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		release := make(chan struct{})
		n := start(t, actor.Config{}, work.With(func(_ context.Context, in string) (string, error) {
			<-release
			return in, nil
		}))
		f := work.Start(n.Context(t.Context()), "in")
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := f.Await(brief)
		is(t, "Await(brief)", err, context.DeadlineExceeded)
		close(release)
		for range 2 {
			got, err := f.Await(t.Context())
			succeeds(t, "Await()", got, err, "in")
		}
		f.Cancel()
		got, err := f.Await(t.Context())
		succeeds(t, "Await() after a late Cancel", got, err, "in")
	})
}

// TestHandlerReturnsWithoutAwaiting: what a handler leaves behind is cancelled.
func TestHandlerReturnsWithoutAwaiting(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		reached, bottom := make(chan struct{}), make(chan ended, 1)
		var left *atask.Future[string]
		n := start(t, actor.Config{}, nested(reached, bottom), work.With(func(ctx context.Context, in string) (string, error) {
			left = nest.Start(ctx, 1)
			<-reached
			return in, nil
		}))
		got, err := work.Await(n.Context(t.Context()), "in")
		succeeds(t, "Await()", got, err, "in")
		saw := <-bottom
		if !strings.Contains(saw.cause.Error(), "returned without awaiting") {
			t.Errorf("the context of a call left behind ended with %q, want a cause that says why", saw.cause)
		}
		_, err = left.Await(t.Context())
		is(t, "Await() of a call left behind", err, context.Canceled)
	})
}

// TestContextsAfterReturn: the context of a handler that has returned makes no
// calls, whatever was derived from it.
func TestContextsAfterReturn(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		contexts := make(chan context.Context, 1)
		n := start(t, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
			contexts <- ctx
			return in, nil
		}))
		if _, err := work.Await(n.Context(t.Context()), "in"); err != nil {
			t.Fatal(err)
		}
		ctx := <-contexts
		synctest.Wait()
		equal(t, "the context's error after the handler returned", ctx.Err(), context.Canceled)
		_, err := work.Await(ctx, "in")
		is(t, "Await(ctx)", err, context.Canceled)
		is(t, "Tell(ctx)", work.Tell(ctx, "in"), context.Canceled)
		derived, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		_, err = work.Await(derived, "in")
		is(t, "Await(derived)", err, context.Canceled)
	})
}

// TestWithoutCancel: context.WithoutCancel begins a new root that outlives the
// handler.
func TestWithoutCancel(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		infos := make(chan atask.Info, 2)
		release := make(chan struct{})
		background := atask.Declare[string, string]("background")
		var f *atask.Future[string]
		n := start(t, actor.Config{}, background.With(func(ctx context.Context, in string) (string, error) {
			info, _ := actor.InfoFrom(ctx)
			infos <- info
			<-release
			return in, ctx.Err()
		}), work.With(func(ctx context.Context, in string) (string, error) {
			f = background.Start(context.WithoutCancel(ctx), in)
			return in, nil
		}))
		if _, err := work.Await(n.Context(t.Context()), "in"); err != nil {
			t.Fatal(err)
		}
		close(release)
		got, err := f.Await(t.Context())
		succeeds(t, "Await() after the handler returned", got, err, "in")
		equal(t, "the depth of the new root", (<-infos).Depth, 0)
	})
}
