package loopback_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// connect returns an attached connection whose events can be read after Close.
func connect(t *testing.T, b *loopback.Broker) (transport.Conn, *[]transport.Event) {
	t.Helper()
	c, err := b.Connect()
	if err != nil {
		t.Fatalf("Connect() = %v, want nil", err)
	}
	t.Cleanup(func() { c.Close() })
	events := new([]transport.Event)
	if err := c.Attach(func(e transport.Event) { *events = append(*events, e) }); err != nil {
		t.Fatalf("Attach() = %v, want nil", err)
	}
	return c, events
}

// await waits for ch, within a bound.
func await[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10s")
		var zero T
		return zero
	}
}

func TestBrokerCloseEndsConnections(t *testing.T) {
	t.Parallel()
	b := loopback.New()
	c, events := connect(t, b)
	if _, err := c.Subscribe("a", "", func(*transport.Message) {}); err != nil {
		t.Fatalf("Subscribe() = %v, want nil", err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Errorf("Broker.Close() = %v, want nil", err)
		}
	}
	if len(*events) != 1 || (*events)[0].Kind != transport.Closed || (*events)[0].Err == nil {
		t.Errorf("events = %v, want Closed with a reason", *events)
	}
	if err := c.Publish(t.Context(), &transport.Message{Subject: "a"}); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Publish() = %v, want ErrClosed", err)
	}
	if c, err := b.Connect(); !errors.Is(err, transport.ErrClosed) || c != nil {
		t.Errorf("Connect() after Close = %v, %v, want nil, ErrClosed", c, err)
	}
}

func TestMaxPayload(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ option, want int }{{100, 100}, {0, 0}, {-1, 0}} {
		b := loopback.New(loopback.MaxPayload(tt.option))
		c, _ := connect(t, b)
		if got := c.Features().MaxPayload; got != tt.want {
			t.Errorf("MaxPayload(%d): Features().MaxPayload = %d, want %d", tt.option, got, tt.want)
		}
		err := c.Publish(t.Context(), &transport.Message{Subject: "a", Data: make([]byte, 2<<20)})
		if tt.want > 0 != errors.Is(err, transport.ErrTooLarge) {
			t.Errorf("MaxPayload(%d): Publish(2 MiB) = %v", tt.option, err)
		}
	}
	if c, _ := connect(t, loopback.New()); c.Features().MaxPayload != 1<<20 {
		t.Errorf("Features().MaxPayload = %d by default, want 1 MiB", c.Features().MaxPayload)
	}
}

func TestSubscribeWithoutHandlerIsRefused(t *testing.T) {
	t.Parallel()
	b := loopback.New()
	c, _ := connect(t, b)
	if s, err := c.Subscribe("a", "", nil); err == nil || s != nil {
		t.Errorf("Subscribe(nil handler) = %v, %v, want nil and an error", s, err)
	}
}

// A subscription that is stuck holds at most its bound, says so once, and
// receives again when it is free.
func TestSlowSubscriptionDrops(t *testing.T) {
	t.Parallel()
	const size, n = 1 << 20, 100
	b := loopback.New()
	c, events := connect(t, b)
	release, entered := make(chan struct{}), make(chan struct{}, 2*n)
	received := 0
	sub, err := c.Subscribe("slow.*", "", func(*transport.Message) {
		entered <- struct{}{}
		<-release
		received++
	})
	if err != nil {
		t.Fatalf("Subscribe() = %v, want nil", err)
	}
	publish := func(data []byte) {
		t.Helper()
		if err := c.Publish(t.Context(), &transport.Message{Subject: "slow.x", Data: data}); err != nil {
			t.Fatalf("Publish() = %v, want nil", err)
		}
	}
	publish(nil)
	await(t, entered)
	data := make([]byte, size)
	for range n {
		publish(data)
	}
	close(release)
	for range 63 { // as many of 1 MiB as fit, each counted with 128 bytes more
		await(t, entered)
	}
	publish(nil)
	if err := sub.Drain(t.Context()); err != nil {
		t.Fatalf("Drain() = %v, want nil", err)
	}
	if want := 1 + 63 + 1; received != want {
		t.Errorf("received %d messages, want %d: an empty one, 63 of 1 MiB, an empty one", received, want)
	}
	c.Close()
	want := []transport.Event{{Kind: transport.Dropped, Subject: "slow.*"}, {Kind: transport.Closed}}
	if diff := cmp.Diff(want, *events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Nothing in the package waits for anything outside a bubble, so tests above
// it may use virtual time.
func TestInsideBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := loopback.New()
		defer b.Close()
		caller, err := b.Connect()
		if err != nil {
			t.Fatal(err)
		}
		worker, err := b.Connect()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := worker.Subscribe("task", "at", func(m *transport.Message) {
			<-time.After(time.Hour)
			if err := worker.Publish(t.Context(), &transport.Message{Subject: m.Reply, Data: m.Data}); err != nil {
				t.Errorf("Publish() = %v, want nil", err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		answers := make(chan string)
		if _, err := caller.Subscribe("reply.>", "", func(m *transport.Message) { answers <- string(m.Data) }); err != nil {
			t.Fatal(err)
		}
		for i := range 24 {
			m := transport.Message{Subject: "task", Reply: "reply.1", Data: fmt.Append(nil, i)}
			if err := caller.Publish(t.Context(), &m); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 24 {
			if got, want := <-answers, fmt.Sprint(i); got != want {
				t.Errorf("answer = %q, want %q", got, want)
			}
		}
		if got := time.Since(start); got != 24*time.Hour {
			t.Errorf("24 calls of an hour took %v, want 24h", got)
		}
		if err := worker.Drain(t.Context()); err != nil {
			t.Errorf("Drain() = %v, want nil", err)
		}
	})
}
