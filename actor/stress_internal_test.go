package actor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport/loopback"
)

// The tests of this file run in real time and with the race detector in mind.
// They are not parallel, so that the goroutines they count are their own.

// ours returns the stacks of the goroutines that run code of this module,
// beside those of tests.
func ours() []string {
	b := make([]byte, 8<<20)
	var found []string
	for stack := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if strings.Contains(stack, "atasks/actor.(*") && !strings.Contains(stack, "testing.tRunner") ||
			strings.Contains(stack, "atasks/transport/loopback.(*") {
			found = append(found, stack)
		}
	}
	return found
}

// checkLeak complains of goroutines that are left a while after everything was
// closed.
func checkLeak(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		left := ours()
		if len(left) <= before {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%d goroutines are left after Close, %d before the test; one of them:\n%s", len(left), before, left[0])
			return
		}
		pause(10 * time.Millisecond)
	}
}

// storm is a set of tasks that do everything a handler may.
type storm struct {
	leaf, tree, odd *Target
	started         atomic.Int64
}

func newStorm() *storm {
	return &storm{
		leaf: NewTarget[int, int]("leaf"),
		tree: NewTarget[int, int]("tree", Idempotent()),
		odd:  NewTarget[int, int]("odd", Retry(RetryPolicy{MaxAttempts: 2, Initial: time.Millisecond})),
	}
}

func (s *storm) servables() []Servable {
	return []Servable{
		Implement(s.leaf, func(ctx context.Context, n int) (int, error) {
			s.started.Add(1)
			if n%7 == 0 {
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(n%40) * time.Millisecond):
				}
			}
			ReportProgress(ctx, int64(n), int64(n), "leaf")
			return n, ctx.Err()
		}),
		Implement(s.tree, func(ctx context.Context, n int) (int, error) {
			s.started.Add(1)
			if n <= 0 {
				return 1, nil
			}
			a := Begin[int, int](ctx, s.tree, n-1)
			b := Begin[int, int](ctx, s.tree, n-2)
			if n%3 == 0 {
				return Ask[int, int](ctx, s.leaf, n) // a and b are not awaited
			}
			x, err := a.Await(ctx)
			if err != nil {
				return 0, err
			}
			y, err := b.Await(ctx)
			return x + y, err
		}, Limit(50)),
		Implement(s.odd, func(ctx context.Context, n int) (int, error) {
			s.started.Add(1)
			f := Begin[int, int](ctx, s.tree, 3)
			switch n % 5 {
			case 0:
				panic("storm")
			case 1:
				goexit()
			case 2:
				return 0, fmt.Errorf("odd: %w", context.Canceled)
			case 3:
				go func() { _, _ = f.Await(context.Background()) }() // outlives the handler
			}
			return n, nil
		}),
	}
}

// call makes one call in one of many ways and waits for its end.
func (s *storm) call(n *Node, random *rand.Rand) error {
	ctx := n.Context(context.Background())
	cancel := func() {}
	switch random.IntN(4) {
	case 0:
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(20))*time.Millisecond)
	case 1:
		ctx, cancel = context.WithCancel(ctx)
		time.AfterFunc(time.Duration(random.IntN(10))*time.Millisecond, cancel)
	}
	defer cancel()
	target := []*Target{s.leaf, s.tree, s.odd}[random.IntN(3)]
	in := random.IntN(9)
	switch random.IntN(6) {
	case 0:
		_, err := Ask[int, int](ctx, target, in)
		return err
	case 1:
		return Tell(ctx, target, in)
	case 2:
		_, err := n.Request(ctx, target.Name(), []byte{byte(in)})
		return err
	case 3:
		f := Begin[int, int](ctx, target, in, OnProgress(func(Progress) {}))
		go f.Cancel()
		<-f.Done()
		_, err := f.Await(context.Background())
		return err
	case 4:
		f := Begin[int, int](ctx, target, in, CallTimeout(time.Duration(1+random.IntN(30))*time.Millisecond))
		rung := make(chan struct{})
		f.OnDone(func() { close(rung) })
		<-rung
		return f.call.err
	default:
		f := Begin[int, int](ctx, target, in)
		_, _ = f.Await(ctx)
		if random.IntN(2) == 0 {
			f.Cancel()
		}
		<-f.Done()
		return f.call.err
	}
}

// known complains of an error that a call of the storm cannot have.
func known(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("a call ended with %v, which is no Error", err)
	}
	if errors.Is(err, ErrBadInput) || errors.Is(err, ErrBadResult) || errors.Is(err, errUnknownCode) {
		t.Errorf("a call ended with %v", err)
	}
}

// finish waits for the goroutines of a test, and shows all stacks when that
// takes too long.
func finish(t *testing.T, wg *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		b := make([]byte, 1<<20)
		t.Fatalf("calls did not end:\n%s", b[:runtime.Stack(b, true)])
	}
}

func TestStressCalls(t *testing.T) { //nolint:paralleltest // see the top of the file
	before := len(ours())
	broker := loopback.New()
	s := newStorm()
	var nodes []*Node
	for i := range 3 {
		conn, err := broker.Connect()
		if err != nil {
			t.Fatal(err)
		}
		n, err := Start(t.Context(), conn, Config{Slots: 4, Mailbox: 50, NoLocal: i == 0, Patience: time.Second})
		if err != nil {
			t.Fatalf("Start() = %v, want nil", err)
		}
		if i < 2 {
			if err := n.Serve(s.servables()...); err != nil {
				t.Fatalf("Serve() = %v, want nil", err)
			}
		}
		nodes = append(nodes, n)
	}
	var wg sync.WaitGroup
	var calls atomic.Int64
	stop := time.Now().Add(1200 * time.Millisecond)
	for g := range 24 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 7))
			for time.Now().Before(stop) {
				known(t, s.call(nodes[g%3], random))
				calls.Add(1)
			}
		})
	}
	wg.Go(func() { // somebody looks on
		for time.Now().Before(stop) {
			if _, err := nodes[2].Calls(t.Context(), 5*time.Millisecond); err != nil {
				t.Errorf("Calls() = %v, want nil", err)
			}
		}
	})
	finish(t, &wg)
	if calls.Load() < 100 || s.started.Load() < 100 {
		t.Errorf("%d calls made, %d handlers started: too few to find anything", calls.Load(), s.started.Load())
	}
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
		n.worker.mu.Lock()
		if n.worker.inHand != 0 || n.worker.slots.taken != 0 {
			t.Errorf("after Close the worker has %d calls in hand and %d slots taken, want none", n.worker.inHand, n.worker.slots.taken)
		}
		n.worker.mu.Unlock()
		opened := n.opened.Load()
		if pending, _, _, _ := n.table(); pending != 0 || opened != 0 {
			t.Errorf("after Close the table holds %d calls, %d are open, want none", pending, opened)
		}
	}
	broker.Close()
	checkLeak(t, before)
}

// TestStressClose closes and drains nodes while everything is going on.
func TestStressClose(t *testing.T) { //nolint:paralleltest // see the top of the file
	before := len(ours())
	for round, end := 0, time.Now().Add(1200*time.Millisecond); time.Now().Before(end); round++ {
		broker := loopback.New()
		s := newStorm()
		var nodes []*Node
		for range 3 {
			conn, err := broker.Connect()
			if err != nil {
				t.Fatal(err)
			}
			n, err := Start(t.Context(), conn, Config{Slots: 2, CloseTimeout: 20 * time.Millisecond, Patience: 50 * time.Millisecond})
			if err != nil {
				t.Fatalf("Start() = %v, want nil", err)
			}
			nodes = append(nodes, n)
		}
		var wg sync.WaitGroup
		for g := range 12 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(round), uint64(g)))
				for range 20 {
					known(t, s.call(nodes[g%3], random))
				}
			})
		}
		for i, n := range nodes {
			wg.Go(func() { // Serve may come too late
				for _, servable := range s.servables() {
					_ = n.Serve(servable)
				}
			})
			wg.Go(func() {
				pause(time.Duration(rand.IntN(30)) * time.Millisecond)
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(20))*time.Millisecond)
				defer cancel()
				if i == 0 {
					_ = n.Drain(ctx) // may cut calls short
				}
				_ = n.Close()
				<-n.Done()
			})
			wg.Go(func() { _ = n.Close() })
		}
		if round%3 == 0 {
			wg.Go(func() { broker.Close() })
		}
		finish(t, &wg)
		for _, n := range nodes {
			if _, err := Ask[int, int](n.Context(context.Background()), s.leaf, 1); !errors.Is(err, ErrClosed) && !errors.Is(err, ErrDraining) {
				t.Errorf("Ask() after Close = %v, want ErrClosed", err)
			}
			if err := n.Serve(s.servables()[0]); err == nil {
				t.Error("Serve() after Close = nil, want an error")
			}
		}
		broker.Close()
	}
	checkLeak(t, before)
}
