package actor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// strangerKey is a key that the runtime knows nothing of.
type strangerKey struct{}

// inHandler runs f as the handler of a call that is made under ctx.
func inHandler(ctx context.Context, t *testing.T, n *member, f func(ctx context.Context), opts ...CallOption) error {
	t.Helper()
	target := NewTarget[struct{}, struct{}]("handler")
	n.worker.mu.Lock()
	served := n.worker.services["handler"] != nil
	n.worker.mu.Unlock()
	if served {
		t.Fatal("inHandler: one handler a node")
	}
	if err := n.Serve(Implement(target, func(ctx context.Context, _ struct{}) (struct{}, error) {
		f(ctx)
		return struct{}{}, nil
	})); err != nil {
		t.Fatalf("Serve() = %v, want nil", err)
	}
	_, err := Ask[struct{}, struct{}](n.Context(ctx), target, struct{}{}, opts...)
	return err
}

func TestContextOfAHandlerWithoutDeadline(t *testing.T) {
	t.Parallel()
	for _, noLocal := range []bool{false, true} {
		r := newRig(t)
		n := r.node(Config{NoLocal: noLocal})
		var kept context.Context
		err := inHandler(context.Background(), t, n, func(ctx context.Context) {
			kept = ctx //nolint:fatcontext // what becomes of it is the question
			if d, ok := ctx.Deadline(); ok {
				t.Errorf("Deadline() = %v, want none", d)
			}
			if ctx.Err() != nil || context.Cause(ctx) != nil {
				t.Errorf("Err() = %v, Cause() = %v while the handler runs, want nil", ctx.Err(), context.Cause(ctx))
			}
			if got, ok := NodeFrom(ctx); !ok || got != n.Node {
				t.Errorf("NodeFrom() = %v, %v, want the node", got, ok)
			}
			info, ok := InfoFrom(ctx)
			want := Info{ID: info.ID, Task: "handler", Namespace: "default", Node: n.ID(), Caller: n.ID(), Attempt: 1}
			if diff := cmp.Diff(want, info); !ok || diff != "" || info.ID == "" {
				t.Errorf("InfoFrom() = %v (-want +got):\n%s", ok, diff)
			}
			if ctx.Value(strangerKey{}) != nil {
				t.Error("Value(a stranger's key) is not nil")
			}
			if s := fmt.Sprint(ctx); !strings.Contains(s, info.ID) {
				t.Errorf("printed, the context is %q, want the call's ID in it", s)
			}
		})
		if err != nil {
			t.Errorf("Ask() = %v, want nil", err)
		}
		<-kept.Done()
		if kept.Err() != context.Canceled || context.Cause(kept) != context.Canceled { //nolint:errorlint // the contract of Err
			t.Errorf("after the handler returned: Err() = %v, Cause() = %v, want Canceled", kept.Err(), context.Cause(kept))
		}
		if _, err := Ask[int, int](kept, NewTarget[int, int]("x"), 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Ask() under the context of a handler that returned = %v, want Canceled", err)
		}
	}
	if _, ok := InfoFrom(context.Background()); ok {
		t.Error("InfoFrom() outside of a handler = true")
	}
	if _, ok := NodeFrom(context.Background()); ok {
		t.Error("NodeFrom() of a bare context = true")
	}
}

func TestContextDeadline(t *testing.T) {
	t.Parallel()
	for _, noLocal := range []bool{false, true} {
		virtual(t, func(t *testing.T, r *rig) {
			n := r.node(Config{NoLocal: noLocal})
			ended := make(chan error, 2)
			begun := time.Now()
			err := inHandler(context.Background(), t, n, func(ctx context.Context) {
				d, ok := ctx.Deadline()
				if !ok || d.Before(begun.Add(time.Second)) || d.After(begun.Add(time.Second+5*time.Millisecond)) {
					t.Errorf("Deadline() = %v ahead, %v, want 1s", d.Sub(begun), ok)
				}
				derived, cancel := context.WithCancel(ctx)
				defer cancel()
				<-derived.Done()
				if late := time.Since(d); late < 0 || late > 10*time.Millisecond {
					t.Errorf("Done() %v after the deadline, want at it", late)
				}
				ended <- derived.Err()
				ended <- ctx.Err()
				pause(20 * time.Millisecond) // a result that comes at the last moment counts
			}, CallTimeout(time.Second))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Ask() = %v, want DeadlineExceeded", err)
			}
			for range 2 {
				if err := <-ended; err != context.DeadlineExceeded { //nolint:errorlint // the contract of Err
					t.Errorf("Err() = %v, want DeadlineExceeded", err)
				}
			}
		})
	}
}

// TestContextErrWithoutDone asks for Err only, which needs no timer.
func TestContextErrWithoutDone(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		n := r.node(Config{})
		over := make(chan error, 1)
		_ = inHandler(context.Background(), t, n, func(ctx context.Context) {
			if ctx.Err() != nil {
				t.Errorf("Err() = %v before the deadline, want nil", ctx.Err())
			}
			pause(2 * time.Second)
			over <- ctx.Err()
		}, CallTimeout(time.Second))
		if err := <-over; err != context.DeadlineExceeded { //nolint:errorlint // the contract of Err
			t.Errorf("Err() = %v after the deadline, want DeadlineExceeded", err)
		}
	})
}

func TestContextCauses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	why := errors.New("the user went away")
	n := r.node(Config{})
	ctx, cancel := context.WithCancelCause(context.Background())
	var got []error
	done := make(chan struct{})
	err := inHandler(ctx, t, n, func(ctx context.Context) {
		defer close(done)
		derived, stop := context.WithTimeout(context.WithValue(ctx, strangerKey{}, 2), time.Hour)
		defer stop()
		late := context.AfterFunc(derived, func() {})
		defer late()
		cancel(why)
		<-derived.Done()
		got = []error{ctx.Err(), derived.Err()}
		for _, c := range []context.Context{ctx, derived} {
			if cause := context.Cause(c); cause == nil || !strings.Contains(cause.Error(), why.Error()) {
				t.Errorf("Cause() = %v, want one that says %q", cause, why)
			}
		}
	})
	<-done
	if diff := cmp.Diff([]string{"context canceled", "context canceled"}, texts(got)); diff != "" {
		t.Errorf("Err() of the context and one derived (-want +got):\n%s", diff)
	}
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
		t.Errorf("Ask() = %v, want Canceled with the cause", err)
	}
}

func texts(errs []error) (s []string) {
	for _, err := range errs {
		s = append(s, fmt.Sprint(err))
	}
	return s
}

// TestContextMakesNoGoroutines derives contexts as libraries do. It is not
// parallel: it counts the goroutines of the process.
func TestContextMakesNoGoroutines(t *testing.T) { //nolint:paralleltest // see above
	r := newRig(t)
	n := r.node(Config{})
	for i, opts := range [][]CallOption{nil, {CallTimeout(time.Hour)}} {
		m := n
		if i > 0 {
			m = r.node(Config{})
		}
		err := inHandler(context.Background(), t, m, func(ctx context.Context) {
			before := runtime.NumGoroutine()
			var stops []context.CancelFunc
			for range 50 {
				a, stop := context.WithTimeout(ctx, time.Minute)
				b, stop2 := context.WithCancel(context.WithValue(a, strangerKey{}, 2))
				c, stop3 := context.WithDeadlineCause(context.WithValue(ctx, strangerKey{}, 2), time.Now().Add(time.Minute), errGone)
				stops = append(stops, stop, stop2, stop3)
				_, _ = b.Done(), c.Done()
			}
			if after := runtime.NumGoroutine(); after > before+1 { // a sweeper's or a test's own may come and go
				t.Errorf("150 derived contexts took %d goroutines, want none", after-before)
			}
			for _, stop := range stops {
				stop()
			}
		}, opts...)
		if err != nil {
			t.Errorf("Ask() = %v, want nil", err)
		}
	}
}

func TestWithoutCancelIsARoot(t *testing.T) {
	t.Parallel()
	for _, noLocal := range []bool{false, true} {
		virtual(t, func(t *testing.T, r *rig) {
			depth := NewTarget[string, int]("depth")
			n := r.node(Config{NoLocal: noLocal}, Implement(depth, func(ctx context.Context, _ string) (int, error) {
				info, _ := InfoFrom(ctx)
				select {
				case <-time.After(time.Second):
					return info.Depth, nil
				case <-ctx.Done():
					return 0, context.Cause(ctx)
				}
			}))
			var child, detached, bounded *Future[int]
			err := inHandler(context.Background(), t, n, func(ctx context.Context) {
				child = Begin[string, int](ctx, depth, "child")
				detached = Begin[string, int](context.WithoutCancel(ctx), depth, "detached")
				limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
				t.Cleanup(cancel)
				bounded = Begin[string, int](limit, depth, "bounded")
			})
			if err != nil {
				t.Fatalf("Ask() = %v, want nil", err)
			}
			if _, err := child.Await(context.Background()); !errors.Is(err, context.Canceled) {
				t.Errorf("a future that was not awaited ends with %v, want Canceled", err)
			}
			if got, err := detached.Await(context.Background()); got != 0 || err != nil {
				t.Errorf("under WithoutCancel: %d, %v, want depth 0", got, err)
			}
			if _, err := bounded.Await(context.Background()); err != nil {
				t.Errorf("under WithTimeout of WithoutCancel: %v, want that it outlives the handler", err)
			}
			synctest.Wait()
			if pending, _, _, _ := n.table(); pending > 1 { // a ghost may wait for a late accept
				t.Errorf("%d calls left in the table, want none", pending)
			}
		})
	}
}

func TestMetadataTravels(t *testing.T) {
	t.Parallel()
	for _, noLocal := range []bool{false, true} {
		r := newRig(t)
		deep := NewTarget[int, string]("deep")
		n := r.node(Config{NoLocal: noLocal}, Implement(deep, func(ctx context.Context, left int) (string, error) {
			if left > 0 {
				return Ask[int, string](WithMetadata(ctx, "hop", fmt.Sprint(left)), deep, left-1)
			}
			return strings.Join([]string{Metadata(ctx, "user"), Metadata(ctx, "hop"), Metadata(ctx, "traceparent"), Metadata(ctx, "once"), Metadata(ctx, "nothing")}, "|"), nil
		}))
		ctx := WithMetadata(WithMetadata(n.under(), "user", "ünï"), "traceparent", "00-1-1-00")
		got, err := Ask[int, string](ctx, deep, 3, Meta("once", "1"))
		if want := "ünï|1|00-1-1-00|1|"; got != want || err != nil {
			t.Errorf("NoLocal = %v: metadata three calls down = %q, %v, want %q", noLocal, got, err, want)
		}
		if Metadata(ctx, "once") != "" {
			t.Error("Meta() changed the context")
		}
		for _, bad := range [][2]string{{"", "v"}, {"a b", "v"}, {"a:b", "v"}, {"k", "line\nbreak"}, {"k", " v"}, {"k", "\xff"}, {strings.Repeat("k", 129), "v"}, {"k", strings.Repeat("v", 8<<10+1)}} {
			if _, err := Ask[int, string](n.under(), deep, 0, Meta(bad[0], bad[1])); !errors.Is(err, ErrBadInput) {
				t.Errorf("Ask(Meta(%.20q, %.20q)) = %v, want ErrBadInput", bad[0], bad[1], err)
			}
		}
	}
}

func TestMetadataIsNotShared(t *testing.T) {
	t.Parallel()
	a := WithMetadata(context.Background(), "k", "1")
	b := WithMetadata(a, "k", "2")
	c := WithMetadata(a, "l", "3")
	if Metadata(a, "k") != "1" || Metadata(b, "k") != "2" || Metadata(c, "k") != "1" || Metadata(a, "l") != "" {
		t.Errorf("k = %q, %q, %q, want 1, 2, 1", Metadata(a, "k"), Metadata(b, "k"), Metadata(c, "k"))
	}
	if Metadata(context.Background(), "k") != "" {
		t.Error("Metadata() of a bare context is not empty")
	}
}
