package amqp_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/internal/rabbittest"
	"github.com/atasks-io/atasks/transport"
	atamqp "github.com/atasks-io/atasks/transport/amqp"
)

// collect subscribes and returns what comes.
func collect(tb testing.TB, c transport.Conn, subject, group string) <-chan transport.Message {
	tb.Helper()
	got := make(chan transport.Message, 4096)
	if _, err := c.Subscribe(subject, group, func(m *transport.Message) { got <- *m }); err != nil {
		tb.Fatalf("Subscribe(%q) = %v, want nil", subject, err)
	}
	if err := c.Flush(soon(tb)); err != nil {
		tb.Fatalf("Flush() = %v, want nil", err)
	}
	return got
}

func publish(tb testing.TB, c transport.Conn, m *transport.Message) {
	tb.Helper()
	if err := c.Publish(soon(tb), m); err != nil {
		tb.Fatalf("Publish(%q) = %v, want nil", m.Subject, err)
	}
}

// client is one of RabbitMQ's own that knows nothing of us.
func client(tb testing.TB, url string) *amqp.Channel {
	tb.Helper()
	c, err := amqp.Dial(url)
	if err != nil {
		tb.Fatalf("amqp.Dial() = %v, want nil", err)
	}
	tb.Cleanup(func() { c.Close() })
	ch, err := c.Channel()
	if err != nil {
		tb.Fatal(err)
	}
	return ch
}

// A broker that was killed comes back, and so do all subscriptions, also those
// made meanwhile.
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	n := rabbittest.Start(t)
	c := dial(t, n.URL())
	events := attach(t, c)
	plain, member := collect(t, c, "plain.>", ""), collect(t, c, "member", "g")
	n.Kill()
	expectEvent(t, events, transport.Cut)
	for name, err := range map[string]error{
		"Publish": c.Publish(soon(t), &transport.Message{Subject: "plain.x"}),
		"Flush":   c.Flush(soon(t)),
	} {
		if !errors.Is(err, transport.ErrDisconnected) {
			t.Errorf("%s() while the broker is down = %v, want ErrDisconnected", name, err)
		}
	}
	late := make(chan transport.Message, 1)
	if _, err := c.Subscribe("late", "", func(m *transport.Message) { late <- *m }); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	up := time.Now()
	expectEvent(t, events, transport.Restored)
	if took := time.Since(up); took > 10*time.Second {
		t.Errorf("restored %v after the broker was up, want at most 10s", took)
	}
	for subject, got := range map[string]<-chan transport.Message{"plain.x": plain, "member": member, "late": late} {
		publish(t, c, &transport.Message{Subject: subject, Data: []byte("x")})
		await(t, got, "a message on "+subject)
	}
}

// A broker that answers nothing any more is noticed.
func TestFrozenBroker(t *testing.T) {
	t.Parallel()
	n := rabbittest.Start(t)
	c := dial(t, n.URL())
	events := make(chan transport.Event, 16)
	if err := c.Attach(func(e transport.Event) { events <- e }); err != nil {
		t.Fatal(err)
	}
	if err := n.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	select {
	case e := <-events:
		if took := time.Since(began); e.Kind != transport.Cut || took > 15*time.Second {
			t.Errorf("event %v after %v, want cut within 15s", e.Kind, took)
		}
	case <-time.After(20 * time.Second):
		t.Error("no event within 20s")
	}
	if err := n.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, events, transport.Restored)
	roundTrip(t, c)
}

// A broker that is short of memory makes those who publish wait, and for a
// second only.
func TestBlockedBroker(t *testing.T) {
	t.Parallel()
	n := rabbittest.Start(t)
	c := dial(t, n.URL())
	events := attach(t, c)
	if err := n.Control(t.Context(), "set_vm_memory_high_watermark", "absolute", "1MB"); err != nil {
		t.Fatal(err)
	}
	m := &transport.Message{Subject: "nobody", Data: []byte("x")}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		began := time.Now()
		err := c.Publish(ctx, m)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("Publish() took %v, want at most a second or so", took)
		}
		if errors.Is(err, transport.ErrDisconnected) {
			break
		}
		if err != nil {
			t.Fatalf("Publish() to a broker short of memory = %v, want nil, then ErrDisconnected", err)
		}
	}
	expectEvent(t, events, transport.Cut)
	if err := n.Control(t.Context(), "set_vm_memory_high_watermark", "absolute", "1GB"); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, events, transport.Restored)
	roundTrip(t, c)
}

// Messages for a group of which nobody is there come back, unless they may have
// been handled.
func TestSweep(t *testing.T) {
	t.Parallel()
	c := dial(t, broker.URL(t))
	replies := collect(t, c, "sweep.reply.>", "")
	ch := client(t, broker.URL(t))
	const queue = "atasks.group.at.sweep.task"
	if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ch.QueueDelete(queue, false, false, false) })
	if err := ch.QueueBind(queue, "sweep.task", "atasks", false, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		publish(t, c, &transport.Message{Subject: "sweep.task", Reply: fmt.Sprint("sweep.reply.", i), Data: []byte("x")})
	}
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	// The first has been in somebody's hands.
	d, ok, err := ch.Get(queue, false)
	if err != nil || !ok {
		t.Fatalf("Get() = %v, %v, want a message", ok, err)
	}
	if err := d.Nack(false, true); err != nil {
		t.Fatal(err)
	}
	c.Sweep("sweep.task", "at")
	for i := 1; i < 3; i++ {
		m := await(t, replies, "NoResponders")
		if m.Status != transport.NoResponders || m.Subject != fmt.Sprint("sweep.reply.", i) {
			t.Errorf("answer = %+v, want NoResponders for message %d", m, i)
		}
	}
	c.Sweep("sweep.nobody", "at") // there is no such queue
	roundTrip(t, c)
}

// What a member that is lost had in hand goes to another one, marked.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	p := openProxied(t)
	lost := p.Open(t)
	t.Cleanup(func() { lost.Close() })
	entered, release := make(chan struct{}, 16), make(chan struct{})
	t.Cleanup(func() { close(release) })
	if _, err := lost.Subscribe("redelivery", "g", func(*transport.Message) {
		entered <- struct{}{}
		<-release
	}); err != nil {
		t.Fatal(err)
	}
	if err := lost.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	other := dial(t, broker.URL(t))
	publish(t, other, &transport.Message{Subject: "redelivery", Data: []byte("x")})
	await(t, entered, "the handler")
	got := collect(t, other, "redelivery", "g")
	p.(interface{ Cut(tb testing.TB) }).Cut(t)
	if m := await(t, got, "the message once more"); !m.Redelivered || string(m.Data) != "x" {
		t.Errorf("message = %+v, want it to be marked as redelivered", m)
	}
}

// A message that has expired is not delivered.
func TestExpiry(t *testing.T) {
	t.Parallel()
	c := dial(t, broker.URL(t), atamqp.Prefetch(1))
	entered, release := make(chan string, 16), make(chan struct{})
	if _, err := c.Subscribe("expiry", "g", func(m *transport.Message) {
		entered <- string(m.Data)
		<-release
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	publish(t, c, &transport.Message{Subject: "expiry", Data: []byte("first")})
	await(t, entered, "the first message")
	publish(t, c, &transport.Message{Subject: "expiry", Data: []byte("expires"), Expires: time.Millisecond})
	publish(t, c, &transport.Message{Subject: "expiry", Data: []byte("last")})
	// The broker drops what is at the head of the queue when its time is over.
	ch := client(t, broker.URL(t))
	ctx := soon(t)
	for tick := time.Tick(5 * time.Millisecond); ; {
		q, err := ch.QueueDeclarePassive("atasks.group.g.expiry", true, true, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if q.Messages == 1 {
			break
		}
		select {
		case <-tick:
		case <-ctx.Done():
			t.Fatalf("%d messages wait, want 1", q.Messages)
		}
	}
	close(release)
	if s := await(t, entered, "the next message"); s != "last" {
		t.Errorf("the next message is %q, want %q", s, "last")
	}
}

// Clients that know nothing of us are answered at a direct reply-to and at a
// queue that the server has named, with their correlation ID.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	c := dial(t, broker.URL(t))
	requests := collect(t, c, "foreign", "g")
	ch := client(t, broker.URL(t))
	named, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, replyTo := range []string{"amq.rabbitmq.reply-to", named.Name} {
		answers, err := ch.Consume(replyTo, "", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"", "7", "a b\x00>"} {
			if err := ch.Publish("atasks", "foreign", true, false, amqp.Publishing{ReplyTo: replyTo, CorrelationId: id, ContentType: "application/json", Body: []byte("1")}); err != nil {
				t.Fatal(err)
			}
			m := await(t, requests, "a request")
			if m.Header.Get("Content-Type") != "application/json" {
				t.Errorf("request = %+v, want its content type", m)
			}
			foreign := false
			for _, p := range c.Features().ReplyPrefixes {
				foreign = foreign || len(m.Reply) > len(p) && m.Reply[:len(p)] == p
			}
			if !foreign {
				t.Errorf("Reply = %q, want it to begin with one of %q", m.Reply, c.Features().ReplyPrefixes)
			}
			publish(t, c, &transport.Message{Subject: m.Reply, Header: transport.Header{"Content-Type": {"application/json"}, "At-Error": {"x"}}, Data: []byte("2")})
			d := await(t, answers, "an answer at "+replyTo)
			if string(d.Body) != "2" || d.CorrelationId != id || d.ContentType != "application/json" || d.Headers["At-Error"] != "x" {
				t.Errorf("answer at %s = %q, correlation ID %q, content type %q, headers %v", replyTo, d.Body, d.CorrelationId, d.ContentType, d.Headers)
			}
		}
	}
}

// Header fields by which RabbitMQ would route go nowhere but where the subject
// says.
func TestRoutingFields(t *testing.T) {
	t.Parallel()
	c := dial(t, broker.URL(t))
	got, elsewhere := collect(t, c, "fields", ""), collect(t, c, "elsewhere", "")
	h := transport.Header{"CC": {"elsewhere", "x"}, "BCC": {"elsewhere"}, "x-match": {"any"}, "~CC": {"elsewhere"}}
	publish(t, c, &transport.Message{Subject: "fields", Header: h})
	if m := await(t, got, "the message"); len(m.Header) != len(h) || len(m.Header["CC"]) != 2 {
		t.Errorf("header = %v, want %v", m.Header, h)
	}
	publish(t, c, &transport.Message{Subject: "elsewhere", Data: []byte("mark")})
	if m := await(t, elsewhere, "the mark"); string(m.Data) != "mark" {
		t.Errorf("a message reached %q by its header", m.Subject)
	}
}
