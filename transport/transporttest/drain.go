package transporttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/atasks-io/atasks/transport"
)

func drainCases() []testCase {
	return []testCase{
		{"a subscription handles what it has received", drainSubscription},
		{"a subscription receives nothing more", drainReceivesNothing},
		{"a subscription drops the rest when the context ends", drainSubscriptionEnds},
		{"a connection handles what it has received", drainConnection},
		{"a connection sends what its handlers publish meanwhile", drainPublishes},
		{"a connection closes when the context ends", drainConnectionEnds},
		{"is idempotent and concurrent", drainIdempotent},
	}
}

// blocker is a subscription whose handler waits before each message.
type blocker struct {
	sub     transport.Subscription
	entered chan struct{}
	release *gate
	handled chan string
}

func (l *link) blocker(subject string) *blocker {
	l.f.Helper()
	b := &blocker{
		entered: make(chan struct{}, inboxSize),
		release: l.f.gate(),
		handled: make(chan string, inboxSize),
	}
	b.sub = l.handle(subject, "", func(m *transport.Message) {
		b.entered <- struct{}{}
		b.release.pass()
		b.handled <- string(m.Data)
	})
	l.flush()
	return b
}

// block fills the subscription with data and waits until its handler is stuck
// with the first.
func (b *blocker) block(l *link, subject string, data []string) {
	l.f.Helper()
	for _, s := range data {
		l.send(subject, s)
	}
	l.flush()
	wait(l.f, b.entered, "the handler of %q", subject)
}

// all returns what has been handled, without what untilWithdrawn has sent.
func (b *blocker) all() []string {
	var all []string
	for {
		select {
		case s := <-b.handled:
			if s != "" {
				all = append(all, s)
			}
		default:
			return all
		}
	}
}

func drainSubscription(f *fixture) {
	c := f.open()
	b := c.blocker(f.subject("a"))
	want := numbers(50)
	b.block(c, f.subject("a"), want)
	drained := make(chan error, 1)
	go func() { drained <- b.sub.Drain(f.ctx) }()
	c.untilWithdrawn(f.subject("a"))
	f.yield()
	select {
	case err := <-drained:
		f.Errorf("Drain() = %v while a handler runs and 49 messages wait", err)
	default:
	}
	b.release.open()
	if err := wait(f, drained, "Drain"); err != nil {
		f.Fatalf("Drain() = %v, want nil", err)
	}
	if got := b.all(); !slices.Equal(got, want) {
		f.Errorf("handled when Drain returned: %d messages %.40q…, want all %d in order", len(got), got, len(want))
	}
}

func drainReceivesNothing(f *fixture) {
	c := f.open()
	gone, stays := c.inbox(f.subject("a"), ""), c.inbox(f.subject("a"), "")
	gone.finish()
	c.flush()
	c.send(f.subject("a"), "late")
	stays.expect("late")
	c.flush()
	if n := len(gone.got); n > 0 {
		f.Errorf("a drained subscription received %d messages", n)
	}
}

func drainSubscriptionEnds(f *fixture) {
	c := f.open()
	b := c.blocker(f.subject("a"))
	b.block(c, f.subject("a"), numbers(50))
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(f.ctx)
	drained := make(chan error, 1)
	go func() { drained <- b.sub.Drain(ctx) }()
	c.untilWithdrawn(f.subject("a"))
	cancel(why)
	if err := wait(f, drained, "Drain with a context that has ended"); !errors.Is(err, why) {
		f.Errorf("Drain() = %v, want an error that wraps the cause %q", err, why)
	}
	b.release.open()
	f.within("Close after Drain", func() {
		if err := b.sub.Close(); err != nil {
			f.Errorf("Close() = %v, want nil", err)
		}
	})
	if got := b.all(); len(got) > 1 {
		f.Errorf("handled %d messages, want only the one in hand: the rest is dropped", len(got))
	}
	c.alive()
}

func drainConnection(f *fixture) {
	c, other := f.open(), f.open()
	first, second := c.blocker(f.subject("a")), c.blocker(f.subject("b"))
	want := numbers(50)
	first.block(c, f.subject("a"), want)
	second.block(c, f.subject("b"), want)
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(f.ctx) }()
	other.untilWithdrawn(f.subject("a"))
	other.untilWithdrawn(f.subject("b"))
	first.release.open()
	second.release.open()
	if err := wait(f, drained, "Drain"); err != nil {
		f.Fatalf("Drain() = %v, want nil", err)
	}
	for i, b := range []*blocker{first, second} {
		if got := b.all(); !slices.Equal(got, want) {
			f.Errorf("subscription %d had handled %d messages when Drain returned, want all %d in order", i, len(got), len(want))
		}
	}
	expectClosed(f, c)
	if e := c.event(transport.Closed); e.Err != nil {
		f.Errorf("event Closed with %v, want no reason: the owner asked for it", e.Err)
	}
}

func drainPublishes(f *fixture) {
	const n = 50
	c, other := f.open(), f.open()
	replies := other.inbox(f.subject("reply"), "")
	c.settle(other)
	entered, release := make(chan struct{}, inboxSize), f.gate()
	c.handle(f.subject("a"), "", func(m *transport.Message) {
		entered <- struct{}{}
		release.pass()
		if err := c.Publish(f.ctx, &transport.Message{Subject: m.Reply, Data: m.Data}); err != nil {
			f.Errorf("Publish() in a handler during Drain = %v, want nil", err)
		}
	})
	c.flush()
	for i := range n {
		c.ask(f.subject("a"), f.subject("reply"), fmt.Sprint(i))
	}
	c.flush()
	wait(f, entered, "the handler")
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(f.ctx) }()
	other.untilWithdrawn(f.subject("a"))
	release.open()
	if err := wait(f, drained, "Drain"); err != nil {
		f.Fatalf("Drain() = %v, want nil", err)
	}
	replies.expect(numbers(n)...)
}

func drainConnectionEnds(f *fixture) {
	c, other := f.open(), f.open()
	b := c.blocker(f.subject("a"))
	b.block(c, f.subject("a"), numbers(50))
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(f.ctx)
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(ctx) }()
	other.untilWithdrawn(f.subject("a"))
	cancel(why)
	if err := wait(f, drained, "Drain with a context that has ended"); !errors.Is(err, why) {
		f.Errorf("Drain() = %v, want an error that wraps the cause %q", err, why)
	}
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	select {
	case err := <-closed:
		f.Errorf("Close() = %v while a handler runs", err)
	default:
	}
	b.release.open()
	if err := wait(f, closed, "Close after Drain"); err != nil {
		f.Errorf("Close() = %v, want nil", err)
	}
	if got := b.all(); len(got) != 1 {
		f.Errorf("handled %d messages, want only the one in hand: the rest is dropped", len(got))
	}
	expectClosed(f, c)
}

func drainIdempotent(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := in.sub.Drain(f.ctx); err != nil {
				f.Errorf("Subscription.Drain() = %v, want nil", err)
			}
		})
	}
	f.within("8 calls of Subscription.Drain", wg.Wait)
	if err := in.sub.Close(); err != nil {
		f.Errorf("Subscription.Close() after Drain = %v, want nil", err)
	}
	for range 8 {
		wg.Go(func() {
			if err := c.Drain(f.ctx); err != nil {
				f.Errorf("Drain() = %v, want nil", err)
			}
		})
		wg.Go(func() {
			if err := in.sub.Drain(f.ctx); err != nil {
				f.Errorf("Subscription.Drain() during Drain = %v, want nil", err)
			}
		})
	}
	f.within("8 calls of Drain", wg.Wait)
	expectClosed(f, c)
}
