package atask_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

var double = atask.Declare[int, int]("double")

func doubled(_ context.Context, n int) (int, error) { return 2 * n, nil }

// upTo returns 0 to n-1.
func upTo(n int) []int {
	ins := make([]int, n)
	for i := range ins {
		ins[i] = i
	}
	return ins
}

func TestMapKeepsTheOrder(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		n := start(t, actor.Config{}, double.With(func(ctx context.Context, n int) (int, error) {
			pass(time.Duration(50-n) * time.Millisecond) // the first input is done last
			return doubled(ctx, n)
		}))
		got, err := double.Map(n.Context(t.Context()), upTo(50))
		want := upTo(50)
		for i := range want {
			want[i] *= 2
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Map(0 to 49) = %v, %v, want %v", got, err, want)
		}
	})
}

func TestMapOfNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		got, err := double.Map(pair(t), nil)
		if err != nil || len(got) != 0 {
			t.Errorf("Map(nil) = %v, %v, want no results", got, err)
		}
	})
}

func TestMapInFlight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts []atask.CallOption
		want int32
	}{
		{"default", nil, 256},
		{"one", []atask.CallOption{atask.InFlight(1)}, 1},
		{"seven", []atask.CallOption{atask.InFlight(7)}, 7},
		{"more than there are", []atask.CallOption{atask.InFlight(1000)}, 300},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, start starter) {
				var now, most atomic.Int32
				n := start(t, actor.Config{Slots: 1000}, double.With(func(ctx context.Context, n int) (int, error) {
					defer now.Add(-1)
					most.Store(max(most.Load(), now.Add(1))) // all begin before the clock moves
					pass(10 * time.Millisecond)
					return doubled(ctx, n)
				}))
				if _, err := double.Map(n.Context(t.Context()), upTo(300), c.opts...); err != nil {
					t.Fatalf("Map() = %v", err)
				}
				if most.Load() > c.want || most.Load() < c.want-2 { // two goroutines may store at once
					t.Errorf("the most calls under way = %d, want %d", most.Load(), c.want)
				}
			})
		})
	}
}

// TestMapFails: the first error ends the rest, starts no more, and says which
// input it was.
func TestMapFails(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		var began, cancelled atomic.Int32
		n := start(t, actor.Config{}, double.With(func(ctx context.Context, n int) (int, error) {
			began.Add(1)
			if n == 3 {
				pass(100 * time.Millisecond)
				return 0, errors.New("three is no good")
			}
			<-ctx.Done()
			cancelled.Add(1)
			return 0, ctx.Err()
		}))
		got, err := double.Map(n.Context(t.Context()), upTo(1000), atask.InFlight(10))
		if got != nil || err == nil || !strings.Contains(err.Error(), "input 3") || !strings.Contains(err.Error(), "three is no good") {
			t.Errorf("Map() = %v, %v, want the error of input 3", got, err)
		}
		is(t, "Map()", err, err)
		pass(time.Second)
		equal(t, "calls begun", began.Load(), 10)
		equal(t, "calls cancelled", cancelled.Load(), 9)
	})
}

func TestMapEndsWithItsContext(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		n := start(t, actor.Config{}, double.With(func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}))
		ctx, cancel := context.WithTimeout(n.Context(t.Context()), time.Second)
		defer cancel()
		var err error
		within(t, "Map", time.Second+slack, func() { _, err = double.Map(ctx, upTo(100)) })
		is(t, "Map()", err, context.DeadlineExceeded)
	})
}

func TestMapRefusesBadOptions(t *testing.T) {
	virtual(t, func(t *testing.T) {
		ctx := pair(t, double.With(doubled))
		for _, n := range []int{0, -1} {
			if got, err := double.Map(ctx, upTo(3), atask.InFlight(n)); err == nil {
				t.Errorf("Map(InFlight(%d)) = %v, nil, want an error", n, got)
			}
		}
	})
}

// TestMapLarge: more inputs than are in flight at once.
func TestMapLarge(t *testing.T) {
	t.Parallel()
	ctx := pair(t, double.With(doubled))
	got, err := double.Map(ctx, upTo(2000))
	if err != nil {
		t.Fatalf("Map() = %v", err)
	}
	for i, v := range got {
		equal(t, fmt.Sprintf("result %d", i), v, 2*i)
	}
}
