package atask_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/codec"
)

// scenario is something that a program can observe. It serves tasks, calls
// them and tells what it saw.
type scenario struct {
	name   string
	serve  []atask.Servable
	cfg    actor.Config
	behave func(ctx context.Context) string
}

// seen describes the outcome of a call: the value, its type, or all that an
// error says.
func seen[T any](v T, err error) string {
	var e *atask.Error
	switch {
	case err == nil:
		if s, ok := any(v).(string); ok && len(s) > 1000 {
			return fmt.Sprintf("%q… in %d bytes", s[:10], len(s))
		}
		return fmt.Sprintf("%#v", v)
	case errors.As(err, &e):
		return fmt.Sprintf("%v {code %s, task %s, executed %v}", err, e.Code, e.Name, e.Executed)
	default:
		return fmt.Sprintf("%v (%T)", err, err)
	}
}

// returns is a scenario of a task that returns what describe makes of its
// input.
func returns[In, Out any](name string, fn func(context.Context, In) (Out, error), ins ...In) scenario {
	task := atask.Define("t", fn)
	return scenario{
		name:  name,
		serve: []atask.Servable{task},
		behave: func(ctx context.Context) string {
			var all []string
			for _, in := range ins {
				all = append(all, seen(task.Await(ctx, in)))
			}
			return strings.Join(all, "\n")
		},
	}
}

// describe answers with the Go form of its input.
func describe[In any](_ context.Context, in In) (string, error) { return fmt.Sprintf("%#v", in), nil }

// same answers with its input.
func same[T any](_ context.Context, in T) (T, error) { return in, nil }

type point struct{ X, Y int }

type tagged struct {
	A int    `json:"a,omitempty" msgpack:"a,omitempty"`
	B string `json:"-" msgpack:"-"`
	C *int
	d int
}

type shout string

func (s shout) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(s))), nil }

// overdrawn is an error with something to tell.
type overdrawn struct{ Account, By string }

func (e *overdrawn) Error() string { return e.Account + " is overdrawn by " + e.By }

var errorTypes = []atask.ErrorType{
	actor.SentinelError("no_rows", sql.ErrNoRows),
	actor.TypedError[*overdrawn]("overdrawn"),
}

// fails answers with an error.
func fails(err error) func(context.Context, int) (int, error) {
	return func(context.Context, int) (int, error) { return 0, err }
}

// causes tells what errors.Is and errors.As find.
func causes(err error) string {
	o, found := errors.AsType[*overdrawn](err)
	return fmt.Sprintf("%s; no rows: %v; overdrawn: %v %+v; deadline: %v; canceled: %v; panicked: %v",
		seen(0, err), errors.Is(err, sql.ErrNoRows), found, o,
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, atask.ErrPanicked))
}

func scenarios() []scenario {
	big := strings.Repeat("x", 1<<20)
	all := []scenario{
		returns("int", describe[int], 0, 1, -1, math.MaxInt64, math.MinInt64),
		returns("uint8", same[uint8], 0, 255),
		returns("float", same[float64], 0.1, 1e300, math.Inf(1), math.NaN()),
		returns("string", same[string], "", "ä", "\xff", "a\x00b"),
		returns("long string", func(_ context.Context, s string) (int, error) { return len(s), nil }, big[1:], big, big+big),
		returns("long result", func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil }, 1<<20-100, 1<<20),
		returns("long result of a struct", func(_ context.Context, n int) (struct{ S string }, error) {
			return struct{ S string }{strings.Repeat("x", n)}, nil
		}, 1<<20, 2<<20),
		returns("result that is not UTF-8", func(context.Context, int) (string, error) { return "\xff", nil }, 1),
		returns("bytes", describe[[]byte], nil, []byte{}, []byte{0, 255}),
		returns("slice", describe[[]int], nil, []int{}, []int{1, 2}),
		returns("map", describe[map[string]int], nil, map[string]int{}, map[string]int{"a": 1}),
		returns("array of bytes", same[[3]byte], [3]byte{1, 2, 3}),
		returns("struct", same[point], point{1, 2}),
		returns("array of structs", same[[2]point], [2]point{{1, 2}, {3, 4}}),
		returns("anonymous struct", same[struct{ A, B string }], struct{ A, B string }{"a", "\xff"}),
		returns("None", same[atask.None], atask.None{}),
		returns("tags", describe[tagged], tagged{A: 1, B: "lost", d: 2}),
		returns[any, string]("any", describe[any], nil, 1, "a", []int{1}, point{1, 2}, 1.5, int8(3)),
		returns[any, any]("any back", same[any], nil, 1, "a", point{1, 2}, int8(3)),
		returns("text marshaller", same[shout], "quiet"),
		returns("time", func(_ context.Context, at time.Time) (string, error) { return at.UTC().String(), nil }, time.Unix(1, 2)),
		returns("duration", same[time.Duration], time.Second),
		returns("channel", same[chan int], nil),
		returns("function", func(context.Context, int) (func(), error) { return nil, nil }, 1),
		returns("handler's error", fails(errors.New("boom")), 1),
		returns("handler's error without words", fails(errors.New("")), 1),
		returns("handler's error of many lines", fails(errors.New(strings.Join([]string{"a", "b\r", ""}, "\n"))), 1),
		returns("handler's error that is not UTF-8", fails(errors.New("a\xffb")), 1),
		returns("handler's error that is endless", fails(errors.New(strings.Repeat("ä", 20_000))), 1),
		returns("panic", exploding("boom\xff"), 1),
		returns("panic that is endless", exploding(strings.Repeat("ä", 20_000)), 1),
		returns("permanent", fails(atask.Permanent(errors.New("never"))), 1),
	}
	for name, err := range map[string]error{
		"sentinel":                 sql.ErrNoRows,
		"wrapped sentinel":         fmt.Errorf("find user 7: %w", sql.ErrNoRows),
		"typed error":              &overdrawn{"savings", "3 €"},
		"wrapped typed error":      fmt.Errorf("pay: %w", &overdrawn{"savings", "3 €\n"}),
		"large typed error":        &overdrawn{"savings", strings.Repeat("€", 1<<20)},
		"joined":                   errors.Join(sql.ErrNoRows, &overdrawn{"savings", "3 €"}),
		"context.Canceled":         context.Canceled,
		"wrapped DeadlineExceeded": fmt.Errorf("read: %w", context.DeadlineExceeded),
		"unregistered":             sql.ErrTxDone,
	} {
		task := atask.Define("t", fails(err))
		above := atask.Define("above", func(ctx context.Context, in int) (int, error) {
			if _, err := task.Await(ctx, in); err != nil {
				return 0, fmt.Errorf("above: %w", err)
			}
			return 0, nil
		})
		all = append(all, scenario{
			name: name, serve: []atask.Servable{task, above}, cfg: actor.Config{Errors: errorTypes},
			behave: func(ctx context.Context) string {
				_, one := task.Await(ctx, 1)
				_, two := above.Await(ctx, 1)
				return causes(one) + "\n" + causes(two)
			},
		})
	}
	return append(all, conversations()...)
}

// conversations are the scenarios in which something happens on both sides.
func conversations() []scenario {
	mutate := atask.Define("mutate", func(_ context.Context, in map[string][]int) (map[string][]int, error) {
		in["a"][0] = 99
		in["b"] = nil
		return in, nil
	})
	kept := make(chan []int, 1)
	keeps := atask.Define("keeps", func(context.Context, int) ([]int, error) {
		out := []int{1, 2, 3}
		kept <- out
		return out, nil
	})
	other := atask.Declare[point, point]("same")
	ends := make(chan string, 1)
	reports := atask.Define("reports", func(ctx context.Context, _ int) (int, error) {
		<-ctx.Done()
		ends <- fmt.Sprint(ctx.Err(), "; ", context.Cause(ctx), "; mine: ", errors.Is(context.Cause(ctx), errStop))
		return 0, ctx.Err()
	})
	return []scenario{
		{
			name: "the input is the handler's own", serve: []atask.Servable{mutate},
			behave: func(ctx context.Context) string {
				in := map[string][]int{"a": {1}, "b": {2}}
				out, err := mutate.Await(ctx, in)
				return fmt.Sprint(in, out, err)
			},
		},
		{
			name: "the result is the awaiter's own", serve: []atask.Servable{keeps},
			behave: func(ctx context.Context) string {
				out, err := keeps.Await(ctx, 1)
				if err == nil {
					out[0] = 99
				}
				return fmt.Sprint(out, <-kept, err)
			},
		},
		{
			name:  "types that differ",
			serve: []atask.Servable{atask.Define("same", same[struct{ X, Z int }])},
			behave: func(ctx context.Context) string {
				return seen(other.Await(ctx, point{1, 2}))
			},
		},
		{
			name:  "a handler that takes anything",
			serve: []atask.Servable{atask.Define("same", describe[any])},
			behave: func(ctx context.Context) string {
				return seen(atask.Declare[point, string]("same").Await(ctx, point{1, 2})) +
					seen(atask.Declare[int, string]("same").Await(ctx, 7))
			},
		},
		{
			name:  "a caller who takes anything",
			serve: []atask.Servable{atask.Define("same", same[int])},
			behave: func(ctx context.Context) string {
				return seen(atask.Declare[int, any]("same").Await(ctx, 7))
			},
		},
		{
			name:  "a result of another type",
			serve: []atask.Servable{atask.Define("same", same[int])},
			behave: func(ctx context.Context) string {
				return seen(atask.Declare[int, string]("same").Await(ctx, 7))
			},
		},
		{
			name:  "an input of another type",
			serve: []atask.Servable{atask.Define("same", same[int])},
			behave: func(ctx context.Context) string {
				return seen(atask.Declare[string, int]("same").Await(ctx, "seven"))
			},
		},
		{
			name:  "an untyped handler",
			serve: []atask.Servable{actor.Handle("same", func(_ context.Context, body []byte) ([]byte, error) { return body, nil })},
			behave: func(ctx context.Context) string {
				return seen(atask.Declare[point, point]("same").Await(ctx, point{1, 2}))
			},
		},
		{
			name:  "an untyped handler that keeps its input",
			serve: []atask.Servable{actor.Handle("same", func(_ context.Context, body []byte) ([]byte, error) { body[0] = 'j'; return body, nil })},
			behave: func(ctx context.Context) string {
				n, _ := actor.NodeFrom(ctx)
				in := []byte("hello")
				out, err := n.Request(ctx, "same", in)
				return fmt.Sprintf("%q %q %v", in, out, err)
			},
		},
		{
			name: "an untyped handler that keeps its result",
			serve: func() []atask.Servable {
				kept := []byte("hello")
				return []atask.Servable{actor.Handle("same", func(_ context.Context, body []byte) ([]byte, error) {
					copy(kept, body)
					return kept, nil
				})}
			}(),
			behave: func(ctx context.Context) string {
				n, _ := actor.NodeFrom(ctx)
				one, err := n.Request(ctx, "same", []byte("first"))
				two, err2 := n.Request(ctx, "same", []byte("later"))
				return fmt.Sprintf("%q %q %v %v", one, two, err, err2)
			},
		},
		{
			name:  "an untyped caller",
			serve: []atask.Servable{atask.Define("same", describe[any])},
			behave: func(ctx context.Context) string {
				n, _ := actor.NodeFrom(ctx)
				var all string
				for _, body := range []string{"", "\x01", "\xa1a", "\xc1", "\xdd\xff\xff\xff\xff", "1"} {
					out, err := n.Request(ctx, "same", []byte(body))
					all += seen(string(out), err) + "\n"
				}
				return all
			},
		},
		{
			name: "how a cancelled handler ends", serve: []atask.Servable{reports},
			behave: func(ctx context.Context) string {
				ctx, stop := context.WithCancelCause(ctx)
				f := reports.Start(ctx, 1)
				pass(time.Second)
				stop(errStop)
				_, err := f.Await(context.WithoutCancel(ctx))
				return causes(err) + <-ends
			},
		},
		{
			name: "how an overdue handler ends", serve: []atask.Servable{reports},
			behave: func(ctx context.Context) string {
				f := reports.Start(ctx, 1, atask.CallTimeout(time.Second))
				<-f.Done()
				return <-ends
			},
		},
		{
			name: "metadata", serve: []atask.Servable{readMeta, below.With(readBelow)},
			behave: func(ctx context.Context) string {
				return seen(below.Await(actor.WithMetadata(ctx, "k", "v"), "k")) + seen(readMeta.Await(ctx, "k"))
			},
		},
		{
			name: "depth", serve: []atask.Servable{nest.With(func(ctx context.Context, n int) (string, error) {
				if n > 0 {
					return nest.Await(ctx, n-1)
				}
				info, _ := actor.InfoFrom(ctx)
				return fmt.Sprint(info.Depth, info.Attempt, info.Task), nil
			})},
			behave: func(ctx context.Context) string { return seen(nest.Await(ctx, 5)) },
		},
		{
			name: "too deep", cfg: actor.Config{MaxDepth: 3},
			serve: []atask.Servable{nest.With(func(ctx context.Context, n int) (string, error) { return nest.Await(ctx, n) })},
			behave: func(ctx context.Context) string {
				_, err := nest.Await(ctx, 1)
				return fmt.Sprint(err, errors.Is(err, atask.ErrTooDeep))
			},
		},
		{
			name: "a tell", serve: []atask.Servable{reports},
			behave: func(ctx context.Context) string {
				return seen(0, reports.Tell(ctx, 1, atask.CallTimeout(time.Second))) + <-ends
			},
		},
		{
			name: "a tell that fails", serve: []atask.Servable{double.With(doubled)},
			behave: func(ctx context.Context) string {
				return seen(0, atask.Declare[string, int]("double").Tell(ctx, "no number"))
			},
		},
	}
}

// TestWaysAreTheSame: a call that stays in the process can be told from one
// through the broker by nothing but its speed.
func TestWaysAreTheSame(t *testing.T) {
	t.Parallel()
	nodeID := regexp.MustCompile(`\b[A-Z2-7]{26}\b`)
	for _, c := range []codec.Codec{codec.Msgpack, codec.JSON} {
		for i, s := range scenarios() {
			t.Run(c.ContentType()+" "+s.name, func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := scenarios()[i] // its channels have to be of this bubble
					var want string
					for i, way := range ways {
						cfg := s.cfg
						cfg.Codec = c
						got := s.behave(way.start(t, cfg, s.serve...).Context(t.Context()))
						got = nodeID.ReplaceAllString(got, "NODE")
						if i == 0 {
							want = got
						} else if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("what a program sees %s differs from %s (-%s, +%s):\n%s", way.name, ways[0].name, ways[0].name, way.name, diff)
						}
					}
				})
			})
		}
	}
}
