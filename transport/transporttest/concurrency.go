package transporttest

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/atasks-io/atasks/transport"
)

func concurrencyCases() []testCase {
	return []testCase{
		{"a handler runs for one message at a time", concurrencyOneAtATime},
		{"a blocked handler delays no other subscription", concurrencyBlocked},
		{"handlers of different subscriptions run at the same time", concurrencyParallel},
		{"a handler may end another subscription", concurrencyEndAnother},
		{"everything may be called at once", concurrencyEverything},
		{"10,000 subscriptions", concurrencyManySubscriptions},
	}
}

func concurrencyOneAtATime(f *fixture) {
	const publishers, n = 4, 500
	c := f.open()
	var running, left, most atomic.Int32
	left.Store(publishers * n)
	done := make(chan struct{})
	c.handle(f.subject("a"), "", func(*transport.Message) {
		if k := running.Add(1); k > 1 {
			most.Store(k) // reported once, by the test: it may be over when the last of these runs
		}
		runtime.Gosched() // invites another one
		running.Add(-1)
		if left.Add(-1) == 0 {
			close(done)
		}
	})
	c.flush()
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range n {
				if err := c.Publish(f.ctx, &transport.Message{Subject: f.subject("a")}); err != nil {
					f.Errorf("Publish() = %v, want nil", err)
					return
				}
			}
		})
	}
	wg.Wait()
	f.Cleanup(func() {
		if k := most.Load(); k > 1 {
			f.Errorf("%d calls of one handler at the same time", k)
		}
	})
	wait(f, done, "%d messages", publishers*n)
}

func concurrencyBlocked(f *fixture) {
	c := f.open()
	entered, release := make(chan struct{}, inboxSize), f.gate()
	for _, s := range []string{"a", "*", "blocked"} {
		c.handle(f.subject(s), "", func(*transport.Message) {
			entered <- struct{}{}
			release.pass()
		})
	}
	in := c.inbox(f.subject("a"), "")
	grouped := c.inbox(f.subject("a"), "g")
	c.send(f.subject("blocked"), "x")
	wait(f, entered, "a handler to block")
	want := numbers(500)
	for _, s := range want {
		c.send(f.subject("a"), s)
	}
	in.expect(want...)
	grouped.expect(want...)
	c.flush()
}

func concurrencyParallel(f *fixture) {
	const n = 8
	c := f.open()
	var all sync.WaitGroup
	all.Add(n)
	for i := range n {
		// Each waits for the others: one after the other they would never end.
		c.handle(f.subject(fmt.Sprint(i)), "", func(*transport.Message) {
			all.Done()
			all.Wait()
		})
	}
	c.flush()
	for i := range n {
		c.send(f.subject(fmt.Sprint(i)), "x")
	}
	f.within(fmt.Sprintf("%d handlers that wait for each other", n), all.Wait)
}

func concurrencyEndAnother(f *fixture) {
	c := f.open()
	first, second := c.inbox(f.subject("first"), ""), c.inbox(f.subject("second"), "")
	done := make(chan struct{})
	c.handle(f.subject("end"), "", func(*transport.Message) {
		defer close(done)
		if err := first.sub.Close(); err != nil {
			f.Errorf("Close() in the handler of another subscription = %v, want nil", err)
		}
		if err := second.sub.Drain(f.ctx); err != nil {
			f.Errorf("Drain() in the handler of another subscription = %v, want nil", err)
		}
	})
	c.flush()
	c.send(f.subject("end"), "x")
	wait(f, done, "the handler that ends two subscriptions")
}

func concurrencyEverything(f *fixture) {
	const goroutines, n = 8, 50
	c := f.open()
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range n {
				if err := useOnce(f, c, f.subject(fmt.Sprint(g%3)), i); err != nil {
					f.Error(err)
					return
				}
			}
		})
	}
	f.within("8 goroutines that subscribe, publish, flush and close", wg.Wait)
	c.alive()
}

// useOnce calls every method of c, and returns what went wrong.
func useOnce(f *fixture, c *link, subject string, i int) error {
	got := make(chan struct{}, inboxSize)
	s, err := c.Subscribe(subject, []string{"", "g"}[i%2], func(*transport.Message) { got <- struct{}{} })
	if err != nil {
		return fmt.Errorf("Subscribe() = %w, want nil", err)
	}
	if err := c.Publish(f.ctx, &transport.Message{Subject: subject, Reply: subject}); err != nil {
		return fmt.Errorf("Publish() = %w, want nil", err)
	}
	if err := c.Flush(f.ctx); err != nil {
		return fmt.Errorf("Flush() = %w, want nil", err)
	}
	c.Features()
	if i%3 == 0 {
		if err := s.Drain(f.ctx); err != nil {
			return fmt.Errorf("Subscription.Drain() = %w, want nil", err)
		}
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("Subscription.Close() = %w, want nil", err)
	}
	return nil
}

func concurrencyManySubscriptions(f *fixture) {
	const n = 10_000
	f = f.patient(3)
	c := f.open()
	var left atomic.Int32
	left.Store(n)
	done := make(chan struct{})
	seen := make([]atomic.Int32, n)
	for i := range n {
		c.handle(f.subject(fmt.Sprintf("s.%d", i)), "", func(*transport.Message) {
			seen[i].Add(1)
			if left.Add(-1) == 0 {
				close(done)
			}
		})
	}
	c.flush()
	for i := range n {
		c.send(f.subject(fmt.Sprintf("s.%d", i)), "x")
	}
	wait(f, done, "a message on each of %d subscriptions", n)
	f.within("Close with 10,000 subscriptions", func() {
		if err := c.Close(); err != nil {
			f.Errorf("Close() = %v, want nil", err)
		}
	})
	for i := range seen {
		if k := seen[i].Load(); k != 1 {
			f.Errorf("subscription %d received %d messages, want 1", i, k)
		}
	}
}
