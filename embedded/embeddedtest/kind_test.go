package embeddedtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/embedded/embeddedtest"
)

// counter is an entity that counts, now and later.
type counter struct{ N int }

var (
	counters     = actor.DeclareKind[counter]("counter")
	counterAdd   = actor.Method[int, int](counters, "add")
	counterLater = actor.Method[time.Duration, int](counters, "later")
	counterGet   = actor.Method[struct{}, int](counters, "get", actor.ReadOnly())
)

func (c *counter) add(_ context.Context, n int) (int, error) {
	c.N += n
	return c.N, nil
}

// later adds 1 by a timer and 10 by a reminder.
func (c *counter) later(ctx context.Context, d time.Duration) (int, error) {
	if _, err := actor.After(ctx, d, counterAdd, 1); err != nil {
		return 0, err
	}
	return c.N, actor.Remind(ctx, "later", time.Now().Add(d), counterAdd, 10)
}

func (c *counter) get(context.Context, struct{}) (int, error) { return c.N, nil }

func servable() actor.Servable {
	return counters.With(
		counterAdd.With((*counter).add), counterLater.With((*counter).later), counterGet.With((*counter).get),
	)
}

// Kinds whose state is stored work on the real server.
func TestNewServesKinds(t *testing.T) {
	ctx, _ := embeddedtest.New(t, servable())
	for i := range 3 {
		if got, err := counterAdd.Ask(ctx, "k", 2); got != 2*(i+1) || err != nil {
			t.Fatalf("add = %d, %v, want %d, nil", got, err, 2*(i+1))
		}
	}
}

// In virtual time hours pass at once, for timers and reminders, too.
func TestVirtualServesKinds(t *testing.T) {
	begun := time.Now()
	embeddedtest.Virtual(t, func(t *testing.T, ctx context.Context, node *actor.Node) {
		if err := node.Serve(servable()); err != nil {
			t.Fatal(err)
		}
		if _, err := counterLater.Ask(ctx, "k", 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		<-time.After(2*time.Hour - time.Second)
		if got, err := counterGet.Ask(ctx, "k", struct{}{}); got != 0 || err != nil {
			t.Errorf("get before the time is over = %d, %v, want 0", got, err)
		}
		<-time.After(5 * time.Second)
		if got, err := counterGet.Ask(ctx, "k", struct{}{}); got != 11 || err != nil {
			t.Errorf("get after it = %d, %v, want 11", got, err)
		}
	})
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
