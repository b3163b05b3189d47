package transporttest

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/atasks-io/atasks/transport"
)

// Bench measures the transport behind open: messages from Publish to handler,
// and round trips shaped like the runtime's, a request on one subscription and
// the answer on a wildcard of another, one at a time and 64 at a time. Each
// with and without headers, at three sizes that the fabric takes.
func Bench(b *testing.B, open Open) {
	b.Helper()
	h := open(b)
	limit := featuresOf(b, h).MaxPayload
	for _, size := range []int{100, 4 << 10, 256 << 10} {
		if limit > 0 && size+1024 > limit {
			b.Logf("%d bytes are more than the fabric takes", size)
			continue
		}
		for _, name := range []string{"plain", "headers"} {
			m := transport.Message{Data: make([]byte, size)}
			if name == "headers" {
				m.Header = transport.Header{
					"At-Error": {"busy"}, "At-Executed": {"no"},
					"traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
				}
			}
			b.Run(fmt.Sprintf("publish/%d/%s", size, name), func(b *testing.B) { benchPublish(b, h, m) })
			b.Run(fmt.Sprintf("request/%d/%s/1", size, name), func(b *testing.B) { benchRequest(b, h, m, 1) })
			b.Run(fmt.Sprintf("request/%d/%s/64", size, name), func(b *testing.B) { benchRequest(b, h, m, 64) })
		}
	}
}

// benchConn returns an attached connection that is closed with the benchmark.
func benchConn(b *testing.B, h Harness) transport.Conn {
	b.Helper()
	c := h.Open(b)
	b.Cleanup(func() { c.Close() })
	events := func(e transport.Event) {
		if e.Kind != transport.Closed {
			b.Errorf("event %v %q %v", e.Kind, e.Subject, e.Err)
		}
	}
	if err := c.Attach(events); err != nil {
		b.Fatalf("Attach() = %v, want nil", err)
	}
	return c
}

// listen subscribes on c and returns when that is known.
func listen(b *testing.B, c transport.Conn, subject, group string, handler func(*transport.Message)) {
	b.Helper()
	if _, err := c.Subscribe(subject, group, handler); err != nil {
		b.Fatalf("Subscribe(%q) = %v, want nil", subject, err)
	}
	if err := c.Flush(b.Context()); err != nil {
		b.Fatalf("Flush() = %v, want nil", err)
	}
}

func benchPublish(b *testing.B, h Harness, m transport.Message) {
	b.Helper()
	from, to := benchConn(b, h), benchConn(b, h)
	m.Subject = "bench." + rand.Text()
	// Credit keeps the queue of the subscription far below any bound.
	credit := make(chan struct{}, max(16, min(1024, 4<<20/len(m.Data))))
	listen(b, to, m.Subject, "", func(*transport.Message) { <-credit })
	b.SetBytes(int64(len(m.Data)))
	b.ReportAllocs()
	for b.Loop() {
		credit <- struct{}{}
		if err := from.Publish(b.Context(), &m); err != nil {
			b.Fatalf("Publish() = %v, want nil", err)
		}
	}
	for range cap(credit) { // until the last one has been handled
		credit <- struct{}{}
	}
}

func benchRequest(b *testing.B, h Harness, m transport.Message, inFlight int) {
	b.Helper()
	caller, worker := benchConn(b, h), benchConn(b, h)
	name := "bench." + rand.Text()
	m.Subject = name + ".task"
	m.Reply = name + ".reply.any.node.call.5000.0"
	listen(b, worker, m.Subject, "at", func(m *transport.Message) {
		answer := transport.Message{Subject: m.Reply + ".ok", Header: m.Header, Data: m.Data}
		if err := worker.Publish(b.Context(), &answer); err != nil {
			b.Errorf("Publish() = %v, want nil", err)
		}
	})
	credit := make(chan struct{}, inFlight)
	listen(b, caller, name+".reply.any.node.>", "", func(*transport.Message) { <-credit })
	b.ReportAllocs()
	for b.Loop() {
		credit <- struct{}{}
		if err := caller.Publish(b.Context(), &m); err != nil {
			b.Fatalf("Publish() = %v, want nil", err)
		}
	}
	for range inFlight {
		credit <- struct{}{}
	}
}
