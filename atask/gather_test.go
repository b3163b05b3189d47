package atask_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// after is done after as many milliseconds as its input says, 13 fails.
var after = atask.Declare[int, int]("after")

// ending is how a handler's context was when it returned.
type ending struct{ err error }

// afters carries out after and tells ended how its calls end.
func afters(ended chan<- ending) atask.Servable {
	return after.With(func(ctx context.Context, ms int) (int, error) {
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
		case <-ctx.Done():
		}
		ended <- ending{ctx.Err()}
		if ms == 13 {
			return 0, errors.New("unlucky")
		}
		return ms, ctx.Err()
	})
}

// starting returns a function that starts calls of after.
func starting(ctx context.Context) func(ms ...int) []*atask.Future[int] {
	return func(ms ...int) []*atask.Future[int] {
		futures := make([]*atask.Future[int], len(ms))
		for i, m := range ms {
			futures[i] = after.Start(ctx, m)
		}
		return futures
	}
}

// gathering runs a test of what waits for several calls. ended receives how
// each handler ended.
func gathering(t *testing.T, test func(t *testing.T, ctx context.Context, begin func(ms ...int) []*atask.Future[int], ended <-chan ending)) {
	t.Helper()
	eachWay(t, func(t *testing.T, start starter) {
		ended := make(chan ending, 100)
		n := start(t, actor.Config{}, afters(ended))
		ctx := n.Context(t.Context())
		test(t, ctx, starting(ctx), ended)
	})
}

// cancelled fails the test unless the next handlers that end were cancelled.
func cancelled(t *testing.T, ended <-chan ending, calls int) {
	t.Helper()
	for range calls {
		if end := <-ended; !errors.Is(end.err, context.Canceled) {
			t.Errorf("a handler's context when it returned = %v, want context.Canceled", end.err)
		}
	}
}

func TestAll(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], _ <-chan ending) {
		got, err := atask.All(ctx, begin(30, 10, 20)...)
		if err != nil || !slices.Equal(got, []int{30, 10, 20}) {
			t.Errorf("All(30, 10, 20) = %v, %v, want these in order", got, err)
		}
		same := begin(1)[0]
		got, err = atask.All(ctx, same, same)
		if err != nil || !slices.Equal(got, []int{1, 1}) {
			t.Errorf("All(f, f) = %v, %v, want the result twice", got, err)
		}
		got, err = atask.All[int](ctx)
		if err != nil || got == nil || len(got) != 0 {
			t.Errorf("All() = %#v, %v, want an empty slice", got, err)
		}
	})
}

func TestAllFails(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], ended <-chan ending) {
		var got []int
		var err error
		fs := begin(60_000, 13, 60_000)
		within(t, "All", slack, func() { got, err = atask.All(ctx, fs...) })
		if got != nil || err == nil || !strings.Contains(err.Error(), "unlucky") {
			t.Errorf("All() = %v, %v, want the first error", got, err)
		}
		<-ended // the one that failed
		cancelled(t, ended, 2)
	})
}

func TestAllEndsWithItsContext(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], ended <-chan ending) {
		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := atask.All(brief, begin(1, 60_000, 60_000)...)
		is(t, "All(brief)", err, context.DeadlineExceeded)
		<-ended // the one that was done
		cancelled(t, ended, 2)
	})
}

func TestSettle(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], ended <-chan ending) {
		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		fs := begin(20, 13, 2000, 10)
		got := atask.Settle(brief, append(fs, nil)...)
		if len(got) != 5 || got[0].Value != 20 || got[0].Err != nil || got[3].Value != 10 || got[3].Err != nil {
			t.Fatalf("Settle() = %v, want 20 first and 10 fourth", got)
		}
		if got[1].Err == nil || !strings.Contains(got[1].Err.Error(), "unlucky") {
			t.Errorf("Settle()[1] = %v, want its error", got[1])
		}
		is(t, "Settle()[2]", got[2].Err, context.DeadlineExceeded)
		if got[4].Err == nil {
			t.Errorf("Settle()[4] = %v, want an error for a nil future", got[4])
		}
		late, err := fs[2].Await(ctx) // not cancelled
		succeeds(t, "Await() after Settle", late, err, 2000)
		if got := atask.Settle[int](ctx); len(got) != 0 {
			t.Errorf("Settle() = %v, want nothing", got)
		}
		for range 4 {
			equal(t, "the handler's context", <-ended, ending{})
		}
	})
}

func TestFirst(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], ended <-chan ending) {
		var got int
		var err error
		fs := begin(60_000, 13, 20, 60_000)
		within(t, "First", slack, func() { got, err = atask.First(ctx, fs...) })
		succeeds(t, "First()", got, err, 20)
		<-ended // 13
		<-ended // 20
		cancelled(t, ended, 2)
	})
}

func TestFirstFails(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], ended <-chan ending) {
		_, err := atask.First(ctx, begin(13, 13, 13)...)
		if err == nil || strings.Count(err.Error(), "unlucky") != 3 {
			t.Errorf("First() of three that fail = %v, want all their errors", err)
		}
		is(t, "First()", err, err)
		for range 3 {
			<-ended
		}
		if _, err := atask.First[int](ctx); err == nil {
			t.Error("First() of nothing = nil, want an error")
		}
		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err = atask.First(brief, begin(60_000, 60_000)...)
		is(t, "First(brief)", err, context.DeadlineExceeded)
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("First(brief) = %q, want the end of the context once", err)
		}
		cancelled(t, ended, 2) // and there is room for another
		_, err = atask.First(brief, begin(60_000)[0], after.Start(brief, 60_000))
		is(t, "First(brief)", err, context.DeadlineExceeded)
		cancelled(t, ended, 1)
	})
}

func TestAsCompleted(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], _ <-chan ending) {
		var order []int
		for i, r := range atask.AsCompleted(ctx, append(begin(30, 13, 10, 20), nil)...) {
			order = append(order, i)
			switch i {
			case 1, 4:
				if r.Err == nil {
					t.Errorf("AsCompleted() yields %d, %v, want an error", i, r)
				}
			default:
				succeeds(t, fmt.Sprintf("AsCompleted() at %d", i), r.Value, r.Err, []int{30, 0, 10, 20}[i])
			}
		}
		if want := []int{4, 2, 1, 3, 0}; !slices.Equal(order, want) {
			t.Errorf("AsCompleted() yields in the order %v, want %v", order, want)
		}
		for range atask.AsCompleted[int](ctx) {
			t.Error("AsCompleted() of nothing yields")
		}
	})
}

func TestAsCompletedLeft(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], ended <-chan ending) {
		fs := begin(10, 500)
		for range atask.AsCompleted(ctx, fs...) {
			break
		}
		got, err := fs[1].Await(ctx)
		succeeds(t, "Await() after the loop was left", got, err, 500)
		equal(t, "the handler's context", <-ended, ending{})
		equal(t, "the handler's context", <-ended, ending{})
	})
}

func TestAsCompletedEndsWithItsContext(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], ended <-chan ending) {
		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		fs := begin(10, 60_000, 20, 60_000)
		got := maps.Collect(atask.AsCompleted(brief, fs...))
		for i := range 4 {
			if i%2 == 0 {
				succeeds(t, fmt.Sprintf("AsCompleted(brief) at %d", i), got[i].Value, got[i].Err, []int{10, 0, 20}[i])
			} else {
				is(t, fmt.Sprintf("AsCompleted(brief) at %d", i), got[i].Err, context.DeadlineExceeded)
			}
		}
		<-ended
		<-ended
		for _, f := range fs { // it cancels nothing by itself
			f.Cancel()
		}
		cancelled(t, ended, 2)
	})
}

func TestJoin2(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		ended := make(chan ending, 10)
		n := start(t, actor.Config{}, afters(ended), work.With(echo), endless.With(func(ctx context.Context, in string) (string, error) {
			<-ctx.Done()
			ended <- ending{ctx.Err()}
			return in, ctx.Err()
		}))
		ctx := n.Context(t.Context())

		a, b, err := atask.Join2(ctx, after.Start(ctx, 10), work.Start(ctx, "in"))
		if a != 10 || b != "in" || err != nil {
			t.Errorf("Join2() = %v, %q, %v, want 10, \"in\"", a, b, err)
		}
		<-ended

		_, _, err = atask.Join2(ctx, after.Start(ctx, 13), endless.Start(ctx, "in"))
		if err == nil || !strings.Contains(err.Error(), "unlucky") {
			t.Errorf("Join2(fails, endless) = %v, want the error", err)
		}
		<-ended
		cancelled(t, ended, 1)

		_, _, err = atask.Join2(ctx, endless.Start(ctx, "in"), after.Start(ctx, 13))
		if err == nil || !strings.Contains(err.Error(), "unlucky") {
			t.Errorf("Join2(endless, fails) = %v, want the error", err)
		}
		<-ended
		cancelled(t, ended, 1)

		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, _, err = atask.Join2(brief, endless.Start(ctx, "in"), after.Start(ctx, 60_000))
		is(t, "Join2(brief)", err, context.DeadlineExceeded)
		cancelled(t, ended, 2)

		_, _, err = atask.Join2[string, int](ctx, endless.Start(ctx, "in"), nil)
		if err == nil {
			t.Error("Join2(endless, nil) = nil, want an error")
		}
		cancelled(t, ended, 1)
	})
}

// TestGatherNil: a nil future is an error, and no panic.
func TestGatherNil(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], ended <-chan ending) {
		_, err := atask.All(ctx, append(begin(60_000), nil)...)
		if err == nil {
			t.Error("All(f, nil) = nil, want an error")
		}
		cancelled(t, ended, 1)
		got, err := atask.First(ctx, append(begin(10), nil)...)
		succeeds(t, "First(f, nil)", got, err, 10)
	})
}

// TestFutureOfManyAwaiters: Await is for any number of goroutines.
func TestFutureOfManyAwaiters(t *testing.T) {
	gathering(t, func(t *testing.T, ctx context.Context, begin func(...int) []*atask.Future[int], _ <-chan ending) {
		f := begin(50)[0]
		done := make(chan struct{})
		for range 20 {
			go func() {
				got, err := f.Await(ctx)
				succeeds(t, "Await()", got, err, 50)
				done <- struct{}{}
			}()
		}
		for range 20 {
			<-done
		}
		if f.ID() == "" {
			t.Error("ID() = \"\", want the call's")
		}
	})
}
