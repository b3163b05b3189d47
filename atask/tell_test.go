package atask_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestTell: it returns when the call was taken, and nobody hears of the rest.
func TestTell(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		began, release := make(chan string, 1), make(chan struct{})
		done := make(chan error, 1)
		n := start(t, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
			began <- in
			<-release
			done <- ctx.Err()
			return "", errors.New("nobody will know")
		}))
		ctx, cancel := context.WithCancel(n.Context(t.Context()))
		if err := work.Tell(ctx, "in"); err != nil {
			t.Fatalf("Tell() = %v", err)
		}
		equal(t, "the input", <-began, "in")
		cancel()
		synctest.Wait()
		close(release)
		equal(t, "the handler's context after the teller's has ended", <-done, nil)
	})
}

// TestTellOutlivesTheTellersDeadline: the deadline of the context is that of
// the handing over; a task's own Timeout is that of the work.
func TestTellOutlivesTheTellersDeadline(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		bounded := atask.Declare[string, string]("bounded", atask.Timeout(3*time.Second))
		type seen struct {
			left   time.Duration
			budget bool
		}
		saw := make(chan seen, 1)
		report := func(ctx context.Context, in string) (string, error) {
			at, ok := ctx.Deadline()
			saw <- seen{time.Until(at).Round(time.Second), ok}
			return in, nil
		}
		n := start(t, actor.Config{}, work.With(report), bounded.With(report))
		ctx, cancel := context.WithTimeout(n.Context(t.Context()), time.Second)
		defer cancel()
		if err := work.Tell(ctx, "in"); err != nil {
			t.Fatalf("Tell() = %v", err)
		}
		if got := <-saw; got.budget {
			t.Errorf("the handler has %v left, want no deadline", got.left)
		}
		if err := bounded.Tell(ctx, "in"); err != nil {
			t.Fatalf("Tell() = %v", err)
		}
		equal(t, "what the handler sees of its task's Timeout", <-saw, seen{3 * time.Second, true})
	})
}

// TestTellFails: what goes wrong before the call is taken is reported.
func TestTellFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tell func(t *testing.T, b *loopback.Broker, ctx context.Context) error
		want error
	}{
		"no worker": {
			func(_ *testing.T, _ *loopback.Broker, ctx context.Context) error { return work.Tell(ctx, "in") },
			atask.ErrNoWorker,
		},
		"an input that cannot travel": {
			func(_ *testing.T, _ *loopback.Broker, ctx context.Context) error { return work.Tell(ctx, "\xff") },
			atask.ErrBadInput,
		},
		"busy until the deadline": {
			func(t *testing.T, b *loopback.Broker, ctx context.Context) error {
				start(t, b, actor.Config{Slots: 1, InHand: 1}, work.With(forever))
				f := work.Start(ctx, "all there is room for")
				defer f.Cancel()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				return work.Tell(ctx, "in")
			},
			context.DeadlineExceeded,
		},
		"cancelled before": {
			func(_ *testing.T, _ *loopback.Broker, ctx context.Context) error {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return work.Tell(ctx, "in")
			},
			context.Canceled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				b := loopback.New()
				ctx := start(t, b, actor.Config{}).Context(t.Context())
				is(t, "Tell()", c.tell(t, b, ctx), c.want)
			})
		})
	}
}

// TestTellInAHandler: what a handler tells goes on after it has returned.
func TestTellInAHandler(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		release, done := make(chan struct{}), make(chan error, 1)
		n := start(t, actor.Config{}, endless.With(func(ctx context.Context, in string) (string, error) {
			<-release
			done <- ctx.Err()
			return in, nil
		}), work.With(func(ctx context.Context, in string) (string, error) {
			return in, endless.Tell(ctx, in)
		}))
		got, err := work.Await(n.Context(t.Context()), "in")
		succeeds(t, "Await()", got, err, "in")
		synctest.Wait()
		close(release)
		equal(t, "the told handler's context", <-done, nil)
	})
}

// TestTellWithProgress: nobody listens, and nothing goes astray.
func TestTellWithProgress(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		done := make(chan struct{})
		n := start(t, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
			defer close(done)
			for i := range int64(10) {
				atask.Progress(ctx, i, 10, "")
				pass(20 * time.Millisecond)
			}
			return in, nil
		}))
		err := work.Tell(n.Context(t.Context()), "in", atask.OnProgress(func(atask.ProgressReport) {}))
		if err != nil {
			t.Errorf("Tell() = %v", err)
		}
		<-done
	})
}
