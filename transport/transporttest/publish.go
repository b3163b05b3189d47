package transporttest

import (
	"fmt"
	"slices"

	"github.com/atasks-io/atasks/transport"
)

func publishCases() []testCase {
	return []testCase{
		{"reaches a subscriber on the same connection", func(f *fixture) {
			c := f.open()
			publishReaches(f, c, c)
		}},
		{"reaches a subscriber on another connection", func(f *fixture) {
			publishReaches(f, f.open(), f.open())
		}},
		{"reaches every subscriber", publishReachesEvery},
		{"reaches nobody else", publishReachesNobodyElse},
		{"without subscribers is accepted", func(f *fixture) {
			c := f.open()
			c.send(f.subject("nobody"), "x")
			c.flush()
		}},
		{"keeps nothing of the message", publishKeepsNothing},
		{"changes nothing of the message", publishChangesNothing},
		{"ignores the status", publishIgnoresStatus},
		{"gives each subscription what it may keep and change", publishGivesAway},
		{"works from within a handler", publishFromHandler},
		{"takes empty data", publishEmpty},
	}
}

func publishReaches(f *fixture, from, to *link) {
	in := to.inbox(f.subject("a.b"), "")
	from.settle(to)
	m := transport.Message{Subject: f.subject("a.b"), Reply: f.subject("r.1"), Data: []byte("hello")}
	from.publish(&m)
	if got := in.next(); show(got) != show(m) {
		f.Errorf("received %s, want %s", show(got), show(m))
	}
}

func publishReachesEvery(f *fixture) {
	from, other := f.open(), f.open()
	var ins []*inbox
	for range 3 {
		ins = append(ins, from.inbox(f.subject("a"), ""), other.inbox(f.subject("a"), ""))
	}
	from.settle(other)
	from.send(f.subject("a"), "1")
	from.send(f.subject("a"), "2")
	for i, in := range ins {
		if got, want := dataOf(append([]transport.Message{in.next(), in.next()}, in.finish()...)), []string{"1", "2"}; !slices.Equal(got, want) {
			f.Errorf("subscription %d received %q, want %q", i, got, want)
		}
	}
}

func publishReachesNobodyElse(f *fixture) {
	from, other := f.open(), f.open()
	in := other.inbox(f.subject("a"), "")
	from.settle(other)
	for _, s := range []string{"b", "a.b", "A", "aa"} {
		from.send(f.subject(s), s)
	}
	from.send(f.subject("a"), "mine")
	in.expect("mine")
}

func publishKeepsNothing(f *fixture) {
	const n = 200
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	m := transport.Message{Subject: f.subject("a"), Data: make([]byte, 64), Header: transport.Header{"K": {""}}}
	for i := range n {
		copy(m.Data, fmt.Sprintf("%064d", i))
		m.Header["K"][0] = fmt.Sprint(i)
		c.publish(&m)
		clear(m.Data)
		m.Header["K"][0] = "changed after Publish"
	}
	for i := range n {
		got := in.next()
		if want := fmt.Sprintf("%064d", i); string(got.Data) != want {
			f.Fatalf("data of message %d = %q, want %q: what the publisher did to its buffer later", i, got.Data, want)
		}
		if want := fmt.Sprint(i); got.Header.Get("K") != want {
			f.Fatalf("header of message %d = %q, want %q: what the publisher did to its header later", i, got.Header.Get("K"), want)
		}
	}
}

func publishChangesNothing(f *fixture) {
	c := f.open()
	m := transport.Message{
		Subject: f.subject("a"), Reply: f.subject("r"), Data: []byte("data"),
		Header: transport.Header{"a": {"1", "2"}, "B": {"3"}},
	}
	before := show(m)
	c.publish(&m)
	c.flush()
	if after := show(m); after != before {
		f.Errorf("Publish made %s of %s", after, before)
	}
}

func publishIgnoresStatus(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	c.publish(&transport.Message{Subject: f.subject("a"), Data: []byte("x"), Status: transport.NoResponders})
	in.expect("x")
}

func publishGivesAway(f *fixture) {
	const n = 300
	c := f.open()
	keeper := c.inbox(f.subject("a"), "")
	c.handle(f.subject("a"), "", func(m *transport.Message) {
		for i := range m.Data {
			m.Data[i] = '!'
		}
		m.Header["K"][0] = "spoilt"
		delete(m.Header, "L")
		m.Subject, m.Reply, m.Status = "spoilt", "spoilt", 9
	})
	c.flush()
	want := func(i int) transport.Message {
		return transport.Message{
			Subject: f.subject("a"), Reply: f.subject(fmt.Sprintf("r.%d", i)), Data: fmt.Appendf(nil, "data %d", i),
			Header: transport.Header{"K": {fmt.Sprint(i)}, "L": {"l"}},
		}
	}
	for i := range n {
		m := want(i)
		c.publish(&m)
	}
	var kept []transport.Message
	for range n {
		kept = append(kept, keeper.next())
	}
	// Only now, after all buffers have had a chance to be used again.
	for i, got := range kept {
		if w := want(i); show(got) != show(w) {
			f.Fatalf("message %d is by now %s, want %s", i, show(got), show(w))
		}
	}
}

func publishFromHandler(f *fixture) {
	c := f.open()
	replies := c.inbox(f.subject("reply.>"), "")
	c.handle(f.subject("echo"), "", func(m *transport.Message) {
		// A second message to itself, and a subscription, on the way.
		if string(m.Data) == "first" {
			if err := c.Publish(f.ctx, &transport.Message{Subject: m.Subject, Reply: m.Reply, Data: []byte("second")}); err != nil {
				f.Errorf("Publish() in a handler = %v, want nil", err)
			}
			if _, err := c.Subscribe(f.subject("other"), "", func(*transport.Message) {}); err != nil {
				f.Errorf("Subscribe() in a handler = %v, want nil", err)
			}
		}
		if err := c.Publish(f.ctx, &transport.Message{Subject: m.Reply, Data: m.Data}); err != nil {
			f.Errorf("Publish() in a handler = %v, want nil", err)
		}
	})
	c.flush()
	c.ask(f.subject("echo"), f.subject("reply.1"), "first")
	replies.expect("first", "second")
}

func publishEmpty(f *fixture) {
	c := f.open()
	in := c.inbox(f.subject("a"), "")
	c.publish(&transport.Message{Subject: f.subject("a")})
	c.publish(&transport.Message{Subject: f.subject("a"), Data: []byte{}, Reply: f.subject("r"), Header: transport.Header{}})
	in.expect("", "")
}
