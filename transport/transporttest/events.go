package transporttest

import (
	"errors"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

func eventCases() []testCase {
	return []testCase{
		{"a connection has one owner", eventsOneOwner},
		{"Closed is the last one", eventsClosed},
		{"an owner may take its time", eventsSlowOwner},
	}
}

func eventsOneOwner(f *fixture) {
	c := f.open()
	if err := c.Attach(func(transport.Event) { f.Errorf("the second owner heard of something") }); !errors.Is(err, transport.ErrTaken) {
		f.Errorf("second Attach() = %v, want ErrTaken", err)
	}
	if err := c.Close(); err != nil {
		f.Fatalf("Close() = %v, want nil", err)
	}
	c.event(transport.Closed)

	// Of many who want it at the same time, one gets it.
	free := f.h.Open(f.T)
	var wg sync.WaitGroup
	won := make(chan struct{}, 8)
	for range 8 {
		wg.Go(func() {
			switch err := free.Attach(func(transport.Event) {}); {
			case err == nil:
				won <- struct{}{}
			case !errors.Is(err, transport.ErrTaken):
				f.Errorf("Attach() = %v, want nil or ErrTaken", err)
			}
		})
	}
	wg.Wait()
	if n := len(won); n != 1 {
		f.Errorf("%d of 8 calls of Attach succeeded, want 1", n)
	}
	if err := free.Close(); err != nil {
		f.Errorf("Close() = %v, want nil", err)
	}
}

func eventsClosed(f *fixture) {
	c := f.open()
	c.inbox(f.subject("a"), "")
	for range 2 {
		if err := c.Close(); err != nil {
			f.Fatalf("Close() = %v, want nil", err)
		}
	}
	// Close waits for the owner to have heard it, so it is there already.
	if n := len(c.events); n != 1 {
		f.Fatalf("%d events when Close returned, want only Closed", n)
	}
	if e := c.event(transport.Closed); e.Err != nil {
		f.Errorf("event Closed with %v, want no reason: the owner asked for it", e.Err)
	}
}

func eventsSlowOwner(f *fixture) {
	c := f.h.Open(f.T)
	entered, release := make(chan struct{}, 1), f.gate()
	if err := c.Attach(func(transport.Event) {
		entered <- struct{}{}
		release.pass()
	}); err != nil {
		f.Fatalf("Attach() = %v, want nil", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	wait(f, entered, "the event Closed")
	// Nothing that others may ask waits for the owner.
	if err := c.Publish(f.ctx, &transport.Message{Subject: f.subject("a")}); !errors.Is(err, transport.ErrClosed) {
		f.Errorf("Publish() when closed = %v, want ErrClosed", err)
	}
	c.Features()
	f.yield()
	select {
	case err := <-closed:
		f.Errorf("Close() = %v while the owner is being told", err)
	default:
	}
	release.open()
	if err := wait(f, closed, "Close"); err != nil {
		f.Errorf("Close() = %v, want nil", err)
	}
}
