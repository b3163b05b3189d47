package atask_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestErrorsTravel: after two hops errors.Is and errors.As find what the first
// handler returned, and the text is whole.
func TestErrorsTravel(t *testing.T) {
	t.Parallel()
	for _, c := range []codec.Codec{codec.Msgpack, codec.JSON} {
		t.Run(c.ContentType(), func(t *testing.T) {
			eachWay(t, func(t *testing.T, start starter) {
				inner := atask.Define("inner", func(_ context.Context, kind string) (int, error) {
					if kind == "typed" {
						return 0, fmt.Errorf("charge card: %w", &overdrawn{Account: "savings", By: "3 €\n"})
					}
					return 0, fmt.Errorf("find user 7: %w", sql.ErrNoRows)
				})
				outer := atask.Define("outer", func(ctx context.Context, kind string) (int, error) {
					n, err := inner.Await(ctx, kind)
					if err != nil {
						return 0, fmt.Errorf("place order: %w", err)
					}
					return n, nil
				})
				n := start(t, actor.Config{Codec: c, Errors: errorTypes}, inner, outer)
				ctx := n.Context(t.Context())

				_, err := outer.Await(ctx, "sentinel")
				is(t, "Await(sentinel)", err, sql.ErrNoRows)
				equal(t, "its text", err.Error(), `task "outer": place order: task "inner": find user 7: sql: no rows in result set`)

				_, err = outer.Await(ctx, "typed")
				o, ok := errors.AsType[*overdrawn](err)
				if !ok || *o != (overdrawn{Account: "savings", By: "3 €\n"}) {
					t.Errorf("Await(typed) = %v, want an error with %+v, got %+v", err, overdrawn{"savings", "3 €\n"}, o)
				}
				equal(t, "its text", err.Error(), "task \"outer\": place order: task \"inner\": charge card: savings is overdrawn by 3 €\n")
				if errors.Is(err, sql.ErrNoRows) {
					t.Error("errors.Is(overdrawn, sql.ErrNoRows) = true")
				}
			})
		})
	}
}

// TestErrorsOfTheRuntimeTravel: a handler that passes on an error of the
// runtime fails; the condition is found, and acted on by nobody.
func TestErrorsOfTheRuntimeTravel(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		nobody := atask.Declare[int, int]("nobody")
		calls := make(chan int, 10)
		outer := atask.Define("outer", func(ctx context.Context, in int) (int, error) {
			calls <- in
			return nobody.Await(ctx, in)
		})
		n := start(t, actor.Config{}, outer)
		_, err := outer.Await(n.Context(t.Context()), 1)
		is(t, "Await()", err, atask.ErrNoWorker)
		e, _ := errors.AsType[*atask.Error](err)
		equal(t, "its code", e.Code, "failed")
		equal(t, "whether the handler ran", e.Executed, actor.ExecutedYes)
		equal(t, "runs of the handler", len(calls), 1)
		if !strings.Contains(err.Error(), `task "outer": task "nobody": no worker`) {
			t.Errorf("Await() = %q, want both tasks named", err)
		}
	})
}

// TestErrorsOfOneSide: an error that only one side has registered is its text.
func TestErrorsOfOneSide(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, who := range []string{"worker", "caller", "neither"} {
			b := loopback.New()
			config := func(side string) actor.Config {
				if who == side {
					return actor.Config{Errors: errorTypes}
				}
				return actor.Config{}
			}
			start(t, b, config("worker"), double.With(fails(fmt.Errorf("pay: %w", &overdrawn{"savings", "3 €"}))))
			_, err := double.Await(start(t, b, config("caller")).Context(t.Context()), 1)
			equal(t, "the text with errors registered by the "+who, err.Error(), `task "double": pay: savings is overdrawn by 3 €`)
			if _, ok := errors.AsType[*overdrawn](err); ok {
				t.Errorf("errors.As finds the type that only the %s has", who)
			}
		}
	})
}

// TestErrorOfAnotherShape: what does not decode into the registered type is
// left out; the text stays.
func TestErrorOfAnotherShape(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		start(t, b, actor.Config{Errors: []atask.ErrorType{actor.TypedError[*overdrawn]("same")}},
			double.With(fails(&overdrawn{"savings", "3 €"})))
		n := start(t, b, actor.Config{Errors: []atask.ErrorType{actor.TypedError[counted]("same")}})
		_, err := double.Await(n.Context(t.Context()), 1)
		is(t, "Await()", err, err)
		equal(t, "its text", err.Error(), `task "double": savings is overdrawn by 3 €`)
	})
}

// counted is an error that is a number.
type counted int

func (c counted) Error() string { return fmt.Sprint(int(c)) }

// TestErrorsTravelFar: a condition is found however many handlers pass it on.
func TestErrorsTravelFar(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		bottoms := map[int]error{
			1: atask.ErrNoWorker,
			2: atask.ErrPanicked,
			3: context.DeadlineExceeded,
			4: sql.ErrNoRows,
		}
		hop := atask.Declare[[2]int, int]("hop")
		n := start(t, actor.Config{Errors: errorTypes}, double.With(exploding("boom")), work.With(forever),
			hop.With(func(ctx context.Context, in [2]int) (int, error) {
				if in[0] > 0 {
					out, err := hop.Await(ctx, [2]int{in[0] - 1, in[1]})
					if err != nil {
						err = fmt.Errorf("hop %d: %w", in[0], err)
					}
					return out, err
				}
				switch in[1] {
				case 1:
					return atask.Declare[int, int]("nobody").Await(ctx, 1)
				case 2:
					return double.Await(ctx, 1)
				case 3:
					_, err := work.Await(ctx, "", atask.CallTimeout(1))
					return 0, err
				default:
					return 0, sql.ErrNoRows
				}
			}))
		for bottom, want := range bottoms {
			for hops := range 5 {
				_, err := hop.Await(n.Context(t.Context()), [2]int{hops, bottom})
				is(t, fmt.Sprintf("Await() after %d hops", hops), err, want)
			}
		}
	})
}
