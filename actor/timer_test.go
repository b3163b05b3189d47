package actor_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport/loopback"
)

// alarms is state that sets timers.
type alarms struct{ Rung []string }

// alarm is what a timer is to do.
type alarm struct {
	Name string
	In   time.Duration
	Fail bool
}

var (
	clocks    = actor.DeclareKind[alarms]("clock", actor.IdleAfter(time.Minute))
	clockSet  = actor.Method[alarm, struct{}](clocks, "set")
	clockRing = actor.Method[string, struct{}](clocks, "ring")
	clockRung = actor.Method[struct{}, []string](clocks, "rung", actor.ReadOnly())
)

// TestAfter: a timer rings once, when it is due, if the method that set it
// succeeded, also when the entity would have left memory by then.
func TestAfter(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var last atomic.Pointer[actor.Timer]
		node := start(t, loopback.New(), actor.Config{})
		err := node.Serve(clocks.With(
			clockSet.With(func(_ *alarms, ctx context.Context, in alarm) (struct{}, error) {
				timer, err := actor.After(ctx, in.In, clockRing, in.Name)
				last.Store(timer)
				if in.Fail {
					return struct{}{}, errPoor
				}
				return struct{}{}, err
			}),
			clockRing.With(func(a *alarms, _ context.Context, name string) (struct{}, error) {
				a.Rung = append(a.Rung, name)
				return struct{}{}, nil
			}),
			clockRung.With(func(a *alarms, ctx context.Context, _ struct{}) ([]string, error) {
				if _, err := actor.After(ctx, time.Second, clockRing, "never"); !errors.Is(err, actor.ErrBadOption) {
					t.Errorf("After() in a method that only reads = %v, want ErrBadOption", err)
				}
				return a.Rung, nil
			}),
		))
		if err != nil {
			t.Fatal(err)
		}
		ctx := node.Context(t.Context())
		set := func(key string, a alarm) {
			t.Helper()
			if _, err := clockSet.Ask(ctx, key, a); err != nil && !a.Fail {
				t.Fatalf("set %+v: %v", a, err)
			}
		}
		rung := func(key string, want ...string) {
			t.Helper()
			if got, err := clockRung.Ask(ctx, key, struct{}{}); !slices.Equal(got, want) || err != nil {
				t.Errorf("%s: rung %q, %v, want %q", key, got, err, want)
			}
		}
		set("a", alarm{Name: "late", In: 3 * time.Minute})
		set("a", alarm{Name: "soon", In: 2 * time.Second})
		set("a", alarm{Name: "failed", In: time.Second, Fail: true})
		set("a", alarm{Name: "stopped", In: time.Second})
		if !last.Load().Stop() || last.Load().Stop() {
			t.Error("Stop() is not true once")
		}
		set("a", alarm{Name: "now", In: -1})
		set("b", alarm{Name: "deleted", In: time.Second})
		if err := clocks.Delete(ctx, "b"); err != nil {
			t.Fatal(err)
		}
		pass(1900 * time.Millisecond)
		rung("a", "now")
		rung("b")
		pass(200 * time.Millisecond)
		rung("a", "now", "soon")
		if last.Load().Stop() {
			t.Error("Stop() of a timer of a deleted entity = true")
		}
		pass(3 * time.Minute)
		rung("a", "now", "soon", "late")
		for name, ctx := range map[string]context.Context{"no method": ctx, "nothing": t.Context()} {
			if _, err := actor.After(ctx, time.Second, clockRing, "x"); !errors.Is(err, actor.ErrBadOption) {
				t.Errorf("After() under the context of %s = %v, want ErrBadOption", name, err)
			}
		}
	})
}
