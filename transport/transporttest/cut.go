package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/atasks-io/atasks/transport"
)

func cutCases() []testCase {
	return []testCase{
		{"is reported, and its end when all is in place", cutReported},
		{"again and again", cutRepeated},
		{"Publish meanwhile", cutPublish},
		{"Flush meanwhile", cutFlush},
		{"Subscribe meanwhile", cutSubscribe},
		{"what is closed or drained meanwhile stays so", cutEndSubscriptions},
		{"Attach meanwhile", cutAttach},
		{"Close meanwhile", cutClose},
		{"Drain meanwhile", cutDrain},
	}
}

// cut breaks the link and waits until all have heard of it.
func (f *fixture) cut(all ...*link) {
	f.Helper()
	f.h.(Breaker).Cut(f.T)
	for _, c := range all {
		c.event(transport.Cut)
	}
}

// heal mends the link and waits until all have heard of it.
func (f *fixture) heal(all ...*link) {
	f.Helper()
	f.h.(Breaker).Heal(f.T)
	for _, c := range all {
		c.event(transport.Restored)
	}
}

func cutReported(f *fixture) {
	c, other := f.open(), f.open()
	in := c.inbox(f.subject("a.*"), "")
	group := []*inbox{c.inbox(f.subject("g"), "g"), other.inbox(f.subject("g"), "g")}
	replies := other.inbox(f.subject("reply"), "")
	f.cut(c, other)
	f.heal(c, other)
	// Restored says that subscriptions are in place, so nothing settles here
	// but what has to spread between servers.
	c.settle(c)
	other.settle(c)
	c.settle(other)
	other.send(f.subject("a.b"), "x")
	in.expect("x")
	want := numbers(100)
	for _, s := range want {
		c.send(f.subject("g"), s)
	}
	awaitAll(f, group, len(want))
	expectShared(f, group, want)
	other.ask(f.subject("nobody"), f.subject("reply"), "x")
	replies.expectNoResponders(f.subject("reply"))
}

func cutRepeated(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	for i := range 4 {
		f.cut(c)
		f.heal(c)
		c.send(f.subject("a"), fmt.Sprint(i))
		in.expect(fmt.Sprint(i))
	}
	c.alive()
}

func cutPublish(f *fixture) {
	const n = 200
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	f.cut(c)
	accepted := map[string]bool{}
	for i := range n {
		var err error
		f.within("Publish during a cut", func() {
			err = c.Publish(f.ctx, &transport.Message{Subject: f.subject("a"), Data: fmt.Appendf(nil, "cut %d", i)})
		})
		switch {
		case err == nil:
			accepted[fmt.Sprintf("cut %d", i)] = true
		case !errors.Is(err, transport.ErrDisconnected):
			f.Fatalf("Publish() during a cut = %v, want nil or ErrDisconnected", err)
		}
	}
	f.heal(c)
	c.send(f.subject("a"), "mark")
	for {
		got := string(in.next().Data)
		if got == "mark" {
			break
		}
		if !accepted[got] {
			f.Fatalf("received %q, which was refused or has come before", got)
		}
		delete(accepted, got)
	}
	if len(accepted) > 0 {
		f.Errorf("%d messages that were accepted during the cut are lost after it", len(accepted))
	}
}

func cutFlush(f *fixture) {
	c := f.open()
	c.flush()
	f.cut(c)
	ctx, cancel := context.WithCancelCause(f.ctx)
	why := errors.New("why")
	flushed := make(chan error, 1)
	go func() { flushed <- c.Flush(ctx) }()
	cancel(why)
	if err := wait(f, flushed, "Flush during a cut, with a context that has ended"); !errors.Is(err, why) && !errors.Is(err, transport.ErrDisconnected) {
		f.Errorf("Flush() during a cut = %v, want the cause %q or ErrDisconnected", err, why)
	}
	f.heal(c)
	c.flush()
}

func cutSubscribe(f *fixture) {
	c := f.open()
	f.cut(c)
	var in *inbox
	f.within("Subscribe during a cut", func() {
		s, err := c.Subscribe(f.subject("never"), "", func(*transport.Message) {})
		if err != nil {
			f.Errorf("Subscribe() during a cut = %v, want nil", err)
			return
		}
		if err := s.Close(); err != nil {
			f.Errorf("Close() during a cut = %v, want nil", err)
		}
	})
	in = c.inboxLater(f.subject("a"), "")
	f.heal(c)
	c.send(f.subject("a"), "x")
	in.expect("x")
}

func cutEndSubscriptions(f *fixture) {
	c := f.open()
	replies := c.inbox(f.subject("reply.*"), "")
	closes, drains := c.inbox(f.subject("closes"), "g"), c.inbox(f.subject("drains"), "g")
	blocked := c.blocker(f.subject("blocked"))
	blocked.block(c, f.subject("blocked"), numbers(5))
	// The client has them all before the link is gone.
	c.alive()
	f.cut(c)
	f.within("Close of a subscription during a cut", func() {
		if err := closes.sub.Close(); err != nil {
			f.Errorf("Close() = %v, want nil", err)
		}
	})
	f.within("Drain of an idle subscription during a cut", func() {
		if err := drains.sub.Drain(f.ctx); err != nil {
			f.Errorf("Drain() = %v, want nil", err)
		}
	})
	drained := make(chan error, 1)
	go func() { drained <- blocked.sub.Drain(f.ctx) }()
	blocked.release.open()
	if err := wait(f, drained, "Drain of a busy subscription during a cut"); err != nil {
		f.Errorf("Drain() = %v, want nil", err)
	}
	if got := strings.Join(blocked.all(), " "); got != "0 1 2 3 4" {
		f.Errorf("handled when Drain returned: %q, want what had been received", got)
	}
	f.heal(c)
	for _, s := range []string{"closes", "drains", "blocked"} {
		c.ask(f.subject(s), f.subject("reply."+s), "x")
		replies.expectNoResponders(f.subject("reply." + s))
	}
}

func cutAttach(f *fixture) {
	c := f.open()
	late := f.h.Open(f.T)
	f.cut(c)
	l := f.attach(late)
	l.event(transport.Cut)
	f.heal(c, l)
}

func cutClose(f *fixture) {
	c := f.open()
	f.expectNoLeak(func(ctx context.Context) {
		d := f.h.Open(f.T)
		busy(ctx, f, d)
		f.cut(c)
		f.within("Close during a cut", func() {
			if err := d.Close(); err != nil {
				f.Errorf("Close() = %v, want nil", err)
			}
		})
	})
	f.heal(c)
	if err := c.Close(); err != nil {
		f.Errorf("Close() = %v, want nil", err)
	}
	c.event(transport.Closed)
}

func cutDrain(f *fixture) {
	c, other := f.open(), f.open()
	b := c.blocker(f.subject("a"))
	b.block(c, f.subject("a"), numbers(5))
	c.alive()
	f.cut(c, other)
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(f.ctx) }()
	b.release.open()
	// Whether what was published is counted as lost is the transport's to say.
	if err := wait(f, drained, "Drain during a cut"); err != nil && !errors.Is(err, transport.ErrDisconnected) {
		f.Errorf("Drain() during a cut = %v, want nil or ErrDisconnected", err)
	}
	if got := strings.Join(b.all(), " "); got != "0 1 2 3 4" {
		f.Errorf("handled when Drain returned: %q, want what had been received", got)
	}
	expectClosed(f, c)
	f.heal(other)
}
