package transporttest

import (
	"fmt"

	"github.com/atasks-io/atasks/transport"
)

func noRespondersCases() []testCase {
	return []testCase{
		{"nobody listens", func(f *fixture) {
			c := f.open()
			in := c.inbox(f.subject("reply"), "")
			c.publish(&transport.Message{
				Subject: f.subject("nobody"), Reply: f.subject("reply"),
				Data: []byte("x"), Header: transport.Header{"K": {"v"}},
			})
			in.expectNoResponders(f.subject("reply"))
		}},
		{"the reply subject is matched by a wildcard", func(f *fixture) {
			c := f.open()
			in := c.inbox(f.subject("reply.>"), "")
			c.ask(f.subject("nobody"), f.subject("reply.call.7"), "x")
			in.expectNoResponders(f.subject("reply.call.7"))
		}},
		{"somebody listens", noRespondersNotWhenSomebody},
		{"nobody waits for an answer", noRespondersNobodyWaits},
		{"each message is answered", noRespondersEach},
		{"the last member of a group has closed", func(f *fixture) {
			noRespondersAfterLeaving(f, func(in *inbox) {
				if err := in.sub.Close(); err != nil {
					f.Fatalf("Close() = %v, want nil", err)
				}
			})
		}},
		{"the last member of a group has drained", func(f *fixture) {
			noRespondersAfterLeaving(f, func(in *inbox) { in.finish() })
		}},
		{"a subscriber's connection has closed", noRespondersAfterClose},
		{"what a draining member has in hand does not come back", noRespondersWhileDraining},
	}
}

func noRespondersNotWhenSomebody(f *fixture) {
	c, other := f.open(), f.open()
	replies := c.inbox(f.subject("reply"), "")
	ins := map[string]*inbox{
		"plain":   c.inbox(f.subject("plain"), ""),
		"group":   c.inbox(f.subject("group"), "g"),
		"wild.w":  c.inbox(f.subject("wild.*"), ""),
		"tail.t":  c.inbox(f.subject("tail.>"), "g"),
		"other.o": other.inbox(f.subject("other.o"), "g"),
	}
	c.settle(other)
	for s, in := range ins {
		for range 20 {
			c.ask(f.subject(s), f.subject("reply"), s)
			in.expect(s)
		}
	}
	c.ask(f.subject("nobody"), f.subject("reply"), "x")
	c.flush()
	replies.expectNoResponders(f.subject("reply"))
	if more := replies.finish(); len(more) > 0 {
		f.Errorf("%d more answers, first %s, want only the one that nobody took", len(more), show(more[0]))
	}
}

func noRespondersNobodyWaits(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject(">"), "")
	// Without a reply, and with one that nobody has subscribed to.
	c.send("not-"+f.subject("nobody"), "x")
	c.ask("not-"+f.subject("nobody"), "not-"+f.subject("reply"), "x")
	c.send(f.subject("mark"), "mark")
	in.expect("mark")
}

func noRespondersEach(f *fixture) {
	const n = 500
	c := f.open()
	in := c.inbox(f.subject("reply.*"), "")
	for i := range n {
		c.ask(f.subject("nobody"), f.subject(fmt.Sprintf("reply.%d", i)), "x")
	}
	for i := range n {
		in.expectNoResponders(f.subject(fmt.Sprintf("reply.%d", i)))
	}
}

func noRespondersAfterLeaving(f *fixture, leave func(*inbox)) {
	c := f.open()
	replies := c.inbox(f.subject("reply"), "")
	first, last := c.inbox(f.subject("a"), "g"), c.inbox(f.subject("a"), "g")
	leave(first)
	c.flush()
	c.ask(f.subject("a"), f.subject("reply"), "still there")
	last.expect("still there")
	leave(last)
	c.flush()
	c.ask(f.subject("a"), f.subject("reply"), "gone")
	replies.expectNoResponders(f.subject("reply"))
}

func noRespondersAfterClose(f *fixture) {
	c, other := f.open(), f.open()
	in := other.inbox(f.subject("a"), "g")
	c.settle(other)
	c.ask(f.subject("a"), f.subject("reply"), "there")
	in.expect("there")
	if err := other.Close(); err != nil {
		f.Fatalf("Close() = %v, want nil", err)
	}
	// The news of the closed connection may take a moment to spread.
	c.untilWithdrawn(f.subject("a"))
}

func noRespondersWhileDraining(f *fixture) {
	const n = 20
	c := f.open()
	replies := c.inbox(f.subject("reply"), "")
	entered, release := make(chan struct{}, inboxSize), f.gate()
	handled := make(chan string, inboxSize)
	sub := c.handle(f.subject("a"), "g", func(m *transport.Message) {
		entered <- struct{}{}
		release.pass()
		handled <- string(m.Data)
	})
	c.flush()
	for i := range n {
		c.ask(f.subject("a"), f.subject("reply"), fmt.Sprint(i))
	}
	c.flush()
	wait(f, entered, "the first message")
	drained := make(chan error, 1)
	go func() { drained <- sub.Drain(f.ctx) }()
	// New ones come back while those in hand still wait to be handled.
	c.untilWithdrawn(f.subject("a"))
	if len(handled) > 0 || len(replies.got) > 0 {
		f.Errorf("%d messages handled and %d come back while the handler is stuck, want none", len(handled), len(replies.got))
	}
	release.open()
	if err := wait(f, drained, "Drain"); err != nil {
		f.Fatalf("Drain() = %v, want nil", err)
	}
	if n := len(replies.got); n > 0 {
		f.Errorf("%d messages have come back, want none: they had been received", n)
	}
	for i := range n {
		if got := wait(f, handled, "message %d", i); got != fmt.Sprint(i) {
			f.Fatalf("message %d handled = %q, want %q", i, got, fmt.Sprint(i))
		}
	}
}
