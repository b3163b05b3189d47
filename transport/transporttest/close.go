package transporttest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

func closeCases() []testCase {
	return []testCase{
		{"a subscription drops the rest and waits for its handler", closeSubscription},
		{"a connection drops the rest and waits for its handlers", closeConnection},
		{"afterwards everything fails with ErrClosed", func(f *fixture) {
			c := f.open()
			in := c.inbox(f.subject("a"), "")
			if err := c.Close(); err != nil {
				f.Fatalf("Close() = %v, want nil", err)
			}
			expectClosed(f, c)
			if err := errors.Join(in.sub.Close(), in.sub.Drain(f.ctx)); err != nil {
				f.Errorf("Close() and Drain() of its subscription = %v, want nil", err)
			}
		}},
		{"is idempotent and concurrent", closeIdempotent},
		{"leaves other connections alone", closeLeavesOthers},
		{"leaves no goroutine", closeLeavesNoGoroutine},
		{"while everything is in use", closeInUse},
	}
}

// expectClosed checks what a closed connection answers.
func expectClosed(f *fixture, c *link) {
	f.Helper()
	if err := c.Publish(f.ctx, &transport.Message{Subject: f.subject("a")}); !errors.Is(err, transport.ErrClosed) {
		f.Errorf("Publish() when closed = %v, want ErrClosed", err)
	}
	if s, err := c.Subscribe(f.subject("a"), "", func(*transport.Message) {}); !errors.Is(err, transport.ErrClosed) || s != nil {
		f.Errorf("Subscribe() when closed = %v, %v, want nil, ErrClosed", s, err)
	}
	if err := c.Flush(f.ctx); !errors.Is(err, transport.ErrClosed) {
		f.Errorf("Flush() when closed = %v, want ErrClosed", err)
	}
	if err := c.Attach(func(transport.Event) {}); !errors.Is(err, transport.ErrClosed) {
		f.Errorf("Attach() when closed = %v, want ErrClosed", err)
	}
	if err := c.Close(); err != nil {
		f.Errorf("Close() when closed = %v, want nil", err)
	}
	if err := c.Drain(f.ctx); err != nil {
		f.Errorf("Drain() when closed = %v, want nil", err)
	}
	c.Features()
}

func closeSubscription(f *fixture) {
	c := f.open()
	b := c.blocker(f.subject("a"))
	b.block(c, f.subject("a"), numbers(50))
	closeWaits(f, b, b.sub.Close)
	c.send(f.subject("a"), "late")
	c.alive()
	if n := len(b.handled); n > 0 {
		f.Errorf("a closed subscription handled %d messages", n)
	}
}

func closeConnection(f *fixture) {
	c := f.open()
	b := c.blocker(f.subject("a"))
	b.block(c, f.subject("a"), numbers(50))
	closeWaits(f, b, c.Close)
	expectClosed(f, c)
}

// closeWaits checks that end, called while the handler of b is stuck, returns
// only when it has come free, and that the rest is dropped.
func closeWaits(f *fixture, b *blocker, end func() error) {
	f.Helper()
	closed := make(chan error, 1)
	began := make(chan string, 1)
	go func() {
		began <- goroutineName()
		closed <- end()
	}()
	name := wait(f, began, "a goroutine")
	f.eventually("Close to wait for the handler, or to end", func() bool {
		return len(closed) > 0 || isParked(name)
	})
	select {
	case err := <-closed:
		f.Errorf("Close() = %v while a handler runs", err)
	default:
	}
	b.release.open()
	if err := wait(f, closed, "Close"); err != nil {
		f.Errorf("Close() = %v, want nil", err)
	}
	if got := b.all(); len(got) != 1 {
		f.Errorf("handled %d messages, want only the one in hand: the rest is dropped", len(got))
	}
}

func closeIdempotent(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := errors.Join(in.sub.Close(), c.Close(), in.sub.Close()); err != nil {
				f.Errorf("Close() = %v, want nil", err)
			}
			// It has returned, so the connection is closed, whoever did it.
			if err := c.Flush(f.ctx); !errors.Is(err, transport.ErrClosed) {
				f.Errorf("Flush() after Close = %v, want ErrClosed", err)
			}
		})
	}
	f.within("8 calls of Close", wg.Wait)
	expectClosed(f, c)
}

func closeLeavesOthers(f *fixture) {
	c, other := f.open(), f.open()
	in := other.inbox(f.subject("a"), "")
	c.inbox(f.subject("a"), "")
	if err := c.Close(); err != nil {
		f.Fatalf("Close() = %v, want nil", err)
	}
	other.send(f.subject("a"), "x")
	in.expect("x")
	other.alive()
}

func closeLeavesNoGoroutine(f *fixture) {
	f.expectNoLeak(func(ctx context.Context) {
		for i, end := range []func(c transport.Conn) error{
			func(c transport.Conn) error { return c.Close() },
			func(c transport.Conn) error { return c.Drain(ctx) },
		} {
			c := f.h.Open(f.T)
			busy(ctx, f, c)
			f.within(fmt.Sprintf("end %d", i), func() {
				if err := end(c); err != nil {
					f.Errorf("end %d = %v, want nil", i, err)
				}
			})
		}
		c := f.h.Open(f.T) // neither attached nor used
		if err := c.Close(); err != nil {
			f.Errorf("Close() of an unused connection = %v, want nil", err)
		}
	})
}

// busy uses c as a node does: attached, some subscriptions open, some ended.
func busy(ctx context.Context, f *fixture, c transport.Conn) {
	f.Helper()
	if err := c.Attach(func(transport.Event) {}); err != nil {
		f.Fatalf("Attach() = %v, want nil", err)
	}
	got := make(chan struct{}, 100)
	for i := range 10 {
		s, err := c.Subscribe(f.subject(fmt.Sprint(i)), "", func(*transport.Message) { got <- struct{}{} })
		if err != nil {
			f.Fatalf("Subscribe() = %v, want nil", err)
		}
		if i%3 == 0 {
			if err := s.Close(); err != nil {
				f.Fatalf("Close() = %v, want nil", err)
			}
		}
	}
	if err := c.Flush(ctx); err != nil {
		f.Fatalf("Flush() = %v, want nil", err)
	}
	if err := c.Publish(ctx, &transport.Message{Subject: f.subject("1")}); err != nil {
		f.Fatalf("Publish() = %v, want nil", err)
	}
	wait(f, got, "a message")
	if err := c.Flush(ctx); err != nil {
		f.Fatalf("Flush() = %v, want nil", err)
	}
}

func closeInUse(f *fixture) {
	c := f.open()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				err := useOnce(f, c, f.subject(fmt.Sprint(g%3)), i)
				if errors.Is(err, transport.ErrClosed) {
					return
				}
				if err != nil {
					f.Errorf("%v, or ErrClosed", err)
					return
				}
			}
		})
	}
	in := c.inbox(f.subject("go"), "")
	c.send(f.subject("go"), "x")
	in.expect("x")
	f.within("Close while everything is in use", func() {
		if err := c.Close(); err != nil {
			f.Errorf("Close() = %v, want nil", err)
		}
	})
	f.within("users of a closed connection", wg.Wait)
}
