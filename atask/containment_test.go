package atask_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/codec"
)

// panickingError cannot say what it is.
type panickingError struct{}

func (panickingError) Error() string {
	explode("no words")
	return ""
}

// panickingValue cannot be encoded.
type panickingValue struct{ N int }

func (panickingValue) MarshalJSON() ([]byte, error) {
	explode("no bytes")
	return nil, nil
}

// panickingTarget cannot be decoded.
type panickingTarget struct{ N int }

func (*panickingTarget) UnmarshalJSON([]byte) error {
	explode("no value")
	return nil
}

// exploding carries out tasks by a panic with v.
func exploding(v any) func(context.Context, int) (int, error) {
	return func(context.Context, int) (int, error) {
		explode(v)
		return 0, nil
	}
}

// withChannel holds what no codec can carry.
type withChannel struct {
	N int
	C chan int
}

func noMap() map[string]int { return nil }

// bad returns a task whose handler misbehaves, and a call of it.
func bad[In, Out any](fn func(context.Context, In) (Out, error)) (atask.Servable, func(context.Context) error) {
	task := atask.Declare[In, Out]("bad")
	return task.With(fn), func(ctx context.Context) error {
		var in In
		_, err := task.Await(ctx, in)
		return err
	}
}

// TestContainment is promise F8: a call that goes wrong in whatever way ends
// as an error of its own, costs no slot and ends no other call.
func TestContainment(t *testing.T) {
	t.Parallel()
	type task struct {
		served atask.Servable
		call   func(context.Context) error
	}
	pack := func(s atask.Servable, call func(context.Context) error) task { return task{s, call} }
	for name, c := range map[string]struct {
		task task
		want error  // nil for the handler's own
		text string // part of the error's
	}{
		"panic": {
			task: pack(bad(exploding("boom"))),
			want: atask.ErrPanicked, text: "boom",
		},
		"panic with nil": {
			task: pack(bad(exploding(nil))),
			want: atask.ErrPanicked, text: "nil",
		},
		"panic with an error that panics": {
			task: pack(bad(exploding(panickingError{}))),
			want: atask.ErrPanicked, text: "no words",
		},
		"nil map": {
			task: pack(bad(func(context.Context, int) (int, error) {
				noMap()["a"] = 1
				return 0, nil
			})),
			want: atask.ErrPanicked, text: "nil map",
		},
		"Goexit": {
			task: pack(bad(func(context.Context, int) (int, error) {
				runtime.Goexit()
				return 0, nil
			})),
			want: atask.ErrPanicked, text: "runtime.Goexit",
		},
		"error that panics": {
			task: pack(bad(func(context.Context, int) (int, error) { return 0, panickingError{} })),
			want: atask.ErrPanicked, text: "no words",
		},
		"result that panics": {
			task: pack(bad(func(context.Context, int) (panickingValue, error) { return panickingValue{}, nil })),
			text: "no bytes",
		},
		"result that cannot travel": {
			task: pack(bad(func(context.Context, int) (withChannel, error) { return withChannel{}, nil })),
			text: "chan int",
		},
		"input that cannot travel": {
			task: pack(bad(func(context.Context, withChannel) (int, error) { return 0, nil })),
			want: atask.ErrBadInput, text: "chan int",
		},
		"input that panics": {
			task: pack(bad(func(context.Context, panickingValue) (int, error) { return 0, nil })),
			want: atask.ErrBadInput, text: "no bytes",
		},
		"input that does not decode": {
			task: pack(bad(func(context.Context, panickingTarget) (int, error) { return 0, nil })),
			want: atask.ErrBadInput, text: "no value",
		},
		"panic with a call under way": {
			task: pack(bad(func(ctx context.Context, _ int) (int, error) {
				endless.Start(ctx, "in")
				explode("boom")
				return 0, nil
			})),
			want: atask.ErrPanicked, text: "boom",
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, start starter) {
				n := start(t, actor.Config{Codec: codec.JSON, Slots: 2}, c.task.served, work.With(late), endless.With(forever))
				ctx := n.Context(t.Context())
				bystander := work.Start(ctx, "bystander")
				for range 5 {
					err := c.task.call(ctx)
					e, ok := errors.AsType[*atask.Error](err)
					if !ok || c.want != nil && !errors.Is(err, c.want) || c.want == nil && e.Code != "failed" {
						t.Errorf("Await() = %v, want the error of a call, errors.Is %v", err, c.want)
					}
					if err == nil || !strings.Contains(err.Error(), c.text) {
						t.Errorf("Await() = %v, want a text with %q", err, c.text)
					}
				}
				got, err := bystander.Await(ctx)
				succeeds(t, "Await() of the call beside", got, err, "bystander")
				within(t, "a call afterwards", 1300*time.Millisecond, func() { got, err = work.Await(ctx, "after") })
				succeeds(t, "Await() afterwards", got, err, "after")
			})
		})
	}
}

// TestPanicKeepsItsSecrets: what a panic says reaches the awaiter, its stack
// does not.
func TestPanicKeepsItsSecrets(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		n := start(t, actor.Config{}, double.With(exploding("boom")))
		_, err := double.Await(n.Context(t.Context()), 1)
		if err == nil || strings.Contains(err.Error(), "goroutine") || strings.Contains(err.Error(), ".go:") {
			t.Errorf("Await() = %v, want no stack in it", err)
		}
	})
}
