package actor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// TestServe: what Serve has returned for is live, for every node.
func TestServe(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		caller, worker := start(t, b, actor.Config{}), start(t, b, actor.Config{})
		for i := range 50 {
			name := fmt.Sprintf("echo.%d", i)
			if err := worker.Serve(actor.Handle(name, echo)); err != nil {
				t.Fatalf("Serve(%q) = %v", name, err)
			}
			began := time.Now()
			got, err := caller.Request(t.Context(), name, []byte("in"))
			answers(t, "Request()", got, err, "in")
			equal(t, "the time it waited", time.Since(began), 0)
		}
		if err := worker.Serve(); err != nil {
			t.Errorf("Serve() of nothing = %v", err)
		}
	})
}

// TestServeAllOrNothing: when one of them cannot be served, none is.
func TestServeAllOrNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		caller, worker := start(t, b, actor.Config{}), start(t, b, actor.Config{}, actor.Handle("taken", echo))
		var nobody *struct{ actor.Servable }
		for name, c := range map[string]struct {
			bad  actor.Servable
			want error
		}{
			"nil":                      {bad: nil},
			"a nil pointer":            {bad: nobody},
			"an empty struct":          {bad: struct{ actor.Servable }{}},
			"no function":              {bad: actor.Handle("none", nil)},
			"a bad name":               {bad: actor.Handle("a b", echo), want: actor.ErrBadName},
			"an empty name":            {bad: actor.Handle("", echo), want: actor.ErrBadName},
			"a wildcard":               {bad: actor.Handle("a.>", echo), want: actor.ErrBadName},
			"a long name":              {bad: actor.Handle(strings.Repeat("n", 201), echo), want: actor.ErrBadName},
			"too many parts":           {bad: actor.Handle("a.b.c.d.e.f.g.h.i", echo), want: actor.ErrBadName},
			"a limit of none":          {bad: actor.Handle("none", echo, actor.Limit(0))},
			"a bad name and option":    {bad: actor.Handle("a b", echo, actor.Limit(-1)), want: actor.ErrBadName},
			"what is served already":   {bad: actor.Handle("taken", echo), want: actor.ErrDuplicate},
			"the same one twice":       {bad: actor.Handle("first", echo), want: actor.ErrDuplicate},
			"a target without a name":  {bad: actor.Implement(actor.NewTarget[int, int](""), func(context.Context, int) (int, error) { return 0, nil }), want: actor.ErrBadName},
			"a target of bad options":  {bad: actor.Implement(actor.NewTarget[int, int]("x", actor.Timeout(-1)), func(context.Context, int) (int, error) { return 0, nil })},
			"a target that is nil":     {bad: actor.Implement(nil, func(context.Context, int) (int, error) { return 0, nil })},
			"a target and no function": {bad: actor.Implement[int, int](actor.NewTarget[int, int]("x"), nil)},
		} {
			err := worker.Serve(actor.Handle("first", echo), c.bad, actor.Handle("last", echo))
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("Serve() with %s = %v, want an error, errors.Is %v", name, err, c.want)
			}
			for _, task := range []string{"first", "last"} {
				_, err := caller.Request(t.Context(), task, nil)
				is(t, "Request() of "+task+" after Serve with "+name, err, actor.ErrNoWorker)
			}
		}
		got, err := caller.Request(t.Context(), "taken", []byte("in"))
		answers(t, "Request() of what was served before", got, err, "in")
		if err := worker.Serve(actor.Handle("first", echo), actor.Handle("last", echo)); err != nil {
			t.Errorf("Serve() after all that = %v", err)
		}
	})
}

// brittleConn refuses to subscribe to one subject.
type brittleConn struct {
	transport.Conn
	refused string
}

var errRefused = errors.New("refused")

func (c brittleConn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	if subject == c.refused {
		return nil, errRefused
	}
	return c.Conn.Subscribe(subject, group, handler)
}

// TestServeUndoes: when the broker refuses one subscription, the others are
// taken back.
func TestServeUndoes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		caller := start(t, b, actor.Config{})
		worker, err := actor.Start(t.Context(), brittleConn{connect(t, b), "at.default.task.bad"}, actor.Config{})
		if err != nil {
			t.Fatalf("Start() = %v", err)
		}
		defer worker.Close()
		err = worker.Serve(actor.Handle("good", echo), actor.Handle("bad", echo))
		if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), `"bad"`) {
			t.Errorf("Serve() = %v, want the broker's refusal of \"bad\"", err)
		}
		_, err = caller.Request(t.Context(), "good", nil)
		is(t, "Request()", err, actor.ErrNoWorker)
		if err := worker.Serve(actor.Handle("good", echo)); err != nil {
			t.Errorf("Serve() of the good one = %v", err)
		}
	})
}

// TestServeConcurrently: of several that serve the same, one succeeds.
func TestServeConcurrently(t *testing.T) {
	virtual(t, func(t *testing.T) {
		n := start(t, loopback.New(), actor.Config{})
		var group sync.WaitGroup
		errs := make([]error, 10)
		for i := range errs {
			group.Go(func() { errs[i] = n.Serve(actor.Handle(fmt.Sprint("own", i), echo), actor.Handle("same", echo)) })
		}
		group.Wait()
		succeeded := 0
		for i, err := range errs {
			switch {
			case err == nil:
				succeeded++
			case !errors.Is(err, actor.ErrDuplicate):
				t.Errorf("Serve() number %d = %v, want ErrDuplicate", i, err)
			}
		}
		equal(t, "how many succeeded", succeeded, 1)
	})
}

// TestServeTooLate: a node that stops serves nothing new.
func TestServeTooLate(t *testing.T) {
	virtual(t, func(t *testing.T) {
		n := start(t, loopback.New(), actor.Config{}, actor.Handle("slow", taking(time.Second)))
		done := requesting(t.Context(), n, "slow", "in")
		pass(time.Millisecond)
		draining(n)
		pass(time.Millisecond)
		if err := n.Serve(actor.Handle("late", echo)); !errors.Is(err, actor.ErrDraining) {
			t.Errorf("Serve() while draining = %v, want ErrDraining", err)
		}
		<-done
		<-n.Done()
		if err := n.Serve(actor.Handle("late", echo)); !errors.Is(err, actor.ErrClosed) {
			t.Errorf("Serve() after Close = %v, want ErrClosed", err)
		}
	})
}
