package transporttest

import (
	"fmt"
	"slices"

	"github.com/atasks-io/atasks/transport"
)

// inbox keeps what a subscription receives. It keeps the messages themselves
// and not copies: a transport that uses a string, header or buffer again
// betrays itself.
type inbox struct {
	f    *fixture
	sub  transport.Subscription
	name string
	got  chan transport.Message
}

// inboxSize is more than a case puts into one inbox without reading it.
const inboxSize = 2048

// inbox subscribes and flushes.
func (l *link) inbox(subject, group string) *inbox {
	l.f.Helper()
	in := l.inboxLater(subject, group)
	l.flush()
	return in
}

// inboxLater subscribes only.
func (l *link) inboxLater(subject, group string) *inbox {
	l.f.Helper()
	in := &inbox{f: l.f, name: subject, got: make(chan transport.Message, inboxSize)}
	in.sub = l.handle(subject, group, func(m *transport.Message) { in.got <- *m })
	return in
}

// next waits for a message.
func (in *inbox) next() transport.Message {
	in.f.Helper()
	return wait(in.f, in.got, "a message on %q", in.name)
}

// expect waits for messages with these data, in this order.
func (in *inbox) expect(data ...string) {
	in.f.Helper()
	for i, want := range data {
		m := in.next()
		if string(m.Data) != want || m.Status != transport.Ordinary {
			in.f.Fatalf("message %d on %q = %.80q with status %d, want %.80q", i, in.name, m.Data, m.Status, want)
		}
	}
}

// expectNoResponders waits for the fabric's own answer.
func (in *inbox) expectNoResponders(reply string) {
	in.f.Helper()
	got := in.next()
	want := transport.Message{Subject: reply, Status: transport.NoResponders}
	if show(got) != show(want) {
		in.f.Fatalf("answer = %s, want %s", show(got), show(want))
	}
}

// finish ends the subscription and returns everything that has come and was
// not read yet. Since it drains, nothing can come later.
func (in *inbox) finish() []transport.Message {
	in.f.Helper()
	if err := in.sub.Drain(in.f.ctx); err != nil {
		in.f.Fatalf("Drain() of the subscription to %q = %v, want nil", in.name, err)
	}
	var all []transport.Message
	for {
		select {
		case m := <-in.got:
			all = append(all, m)
		default:
			return all
		}
	}
}

// show writes a message out so that equal messages, and only those, look equal.
func show(m transport.Message) string {
	header := []string{}
	for k, vs := range m.Header {
		header = append(header, fmt.Sprintf("%s=%q", k, vs))
	}
	slices.Sort(header)
	return fmt.Sprintf("{subject %q reply %q header %v data %d bytes %.200q status %d}",
		m.Subject, m.Reply, header, len(m.Data), m.Data, m.Status)
}

// dataOf returns the data of messages as text.
func dataOf(ms []transport.Message) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = string(m.Data)
	}
	return out
}
