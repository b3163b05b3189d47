package nats_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// A server that is frozen keeps its connections up, so only pings tell.
func TestFrozenServerIsNoticed(t *testing.T) {
	t.Parallel()
	p := startProxy(t, start(t, server.Options{}).Addr().String())
	c := dial(t, p.addr(), atnats.ClientOptions(nats.PingInterval(50*time.Millisecond)))
	events := attach(t, c)
	thaw := p.freeze()
	t.Cleanup(thaw)
	expectEvent(t, events, transport.Cut)
	if err := c.Publish(soon(t), &transport.Message{Subject: "a"}); !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("Publish() = %v, want ErrDisconnected", err)
	}
	thaw()
	expectEvent(t, events, transport.Restored)
	if err := c.Flush(soon(t)); err != nil {
		t.Errorf("Flush() = %v, want nil", err)
	}
}

// A server that reads no more holds up those who publish only for a while,
// and then counts as gone.
func TestServerThatDoesNotReadIsNoticed(t *testing.T) {
	t.Parallel()
	p := startProxy(t, start(t, server.Options{}).Addr().String())
	c := dial(t, p.addr(), atnats.ClientOptions(nats.FlusherTimeout(100*time.Millisecond)))
	events := attach(t, c)
	t.Cleanup(p.freeze())
	data := make([]byte, 1<<20)
	failed := make(chan error, 1)
	go func() {
		for {
			if err := c.Publish(context.Background(), &transport.Message{Subject: "a", Data: data}); err != nil {
				failed <- err
				return
			}
		}
	}()
	if err := await(t, failed, "Publish to fail"); !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("Publish() = %v, want ErrDisconnected", err)
	}
	expectEvent(t, events, transport.Cut)
}

// The client drains by asking ten times a second, and subscribes again after a
// cut to what it is draining. Neither must show.
func TestDrainAcrossCutLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	p := startProxy(t, start(t, server.Options{}).Addr().String())
	c, other := dial(t, p.addr()), dial(t, p.addr())
	events, others := attach(t, c), attach(t, other)
	entered, release := make(chan struct{}, 10), make(chan struct{})
	sub, err := c.Subscribe("work", "g", func(*transport.Message) {
		select {
		case entered <- struct{}{}:
		default: // of what comes until the interest is withdrawn nobody takes count
		}
		<-release
	})
	if err != nil {
		t.Fatalf("Subscribe() = %v, want nil", err)
	}
	replies := make(chan transport.Status, 10)
	if _, err := other.Subscribe("reply", "", func(m *transport.Message) { replies <- m.Status }); err != nil {
		t.Fatalf("Subscribe() = %v, want nil", err)
	}
	for _, f := range []*atnats.Conn{c, other} {
		if err := f.Flush(soon(t)); err != nil {
			t.Fatalf("Flush() = %v, want nil", err)
		}
	}
	if err := other.Publish(soon(t), &transport.Message{Subject: "work"}); err != nil {
		t.Fatalf("Publish() = %v, want nil", err)
	}
	await(t, entered, "the handler")
	drained := make(chan error, 1)
	go func() { drained <- sub.Drain(soon(t)) }()
	// ask says whether nobody takes a message: the server says so before it
	// delivers the mark.
	ask := func() (nobody bool) {
		t.Helper()
		for _, m := range []transport.Message{{Subject: "work", Reply: "reply"}, {Subject: "reply"}} {
			if err := other.Publish(soon(t), &m); err != nil {
				t.Fatalf("Publish() = %v, want nil", err)
			}
		}
		for await(t, replies, "the mark") == transport.NoResponders {
			nobody = true
		}
		return nobody
	}
	// The interest is withdrawn before the cut; of the messages sent until
	// then the handler has some.
	for !ask() {
	}
	p.Cut(t)
	expectEvent(t, events, transport.Cut)
	expectEvent(t, others, transport.Cut)
	p.Heal(t)
	expectEvent(t, events, transport.Restored)
	expectEvent(t, others, transport.Restored)
	if !ask() {
		t.Errorf("somebody takes messages after the cut, want NoResponders: the subscription is draining")
	}
	close(release)
	if err := await(t, drained, "Drain"); err != nil {
		t.Errorf("Drain() = %v, want nil", err)
	}
	if !ask() {
		t.Errorf("somebody takes messages after Drain, want NoResponders")
	}
}

// Draining what is idle takes a round trip and not the client's 100 ms.
func TestDrainIsPrompt(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, server.Options{}).Addr().String())
	attach(t, c)
	quickest := time.Hour
	for i := range 20 {
		sub, err := c.Subscribe(fmt.Sprintf("a.%d", i), "", func(*transport.Message) {})
		if err != nil {
			t.Fatalf("Subscribe() = %v, want nil", err)
		}
		began := time.Now()
		if err := sub.Drain(soon(t)); err != nil {
			t.Fatalf("Drain() = %v, want nil", err)
		}
		quickest = min(quickest, time.Since(began))
	}
	if quickest > 50*time.Millisecond {
		t.Errorf("Drain() takes %v at best, want a round trip", quickest)
	}
}

// A handler that is stuck loses what is above the bound, and no more.
func TestSlowSubscriptionDrops(t *testing.T) {
	t.Parallel()
	url := start(t, server.Options{}).ClientURL()
	lending, err := atnats.Use(program(t, url))
	if err != nil {
		t.Fatalf("Use() = %v, want nil", err)
	}
	for name, c := range map[string]*atnats.Conn{"own": dial(t, url), "borrowed": lending} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := attach(t, c)
			entered, release := make(chan struct{}, 100), make(chan struct{})
			sub, err := c.Subscribe("slow."+name, "", func(*transport.Message) {
				entered <- struct{}{}
				<-release
			})
			if err != nil {
				t.Fatalf("Subscribe() = %v, want nil", err)
			}
			data := make([]byte, 1<<20)
			for range 80 {
				if err := c.Publish(soon(t), &transport.Message{Subject: "slow." + name, Data: data}); err != nil {
					t.Fatalf("Publish() = %v, want nil", err)
				}
			}
			if err := c.Flush(soon(t)); err != nil {
				t.Fatalf("Flush() = %v, want nil", err)
			}
			close(release)
			if e := expectEvent(t, events, transport.Dropped); e.Subject != "slow."+name {
				t.Errorf("Dropped on %q, want slow.%s", e.Subject, name)
			}
			if err := sub.Drain(soon(t)); err != nil {
				t.Fatalf("Drain() = %v, want nil", err)
			}
			if n := len(entered); n != 64 {
				t.Errorf("handled %d messages of 1 MiB, want 64", n)
			}
			if n := len(events); n > 0 {
				t.Errorf("%d more events, want Dropped once", n)
			}
			c.Close()
		})
	}
}

// When the client gives up, the owner hears why.
func TestClosedForGood(t *testing.T) {
	t.Parallel()
	s := start(t, server.Options{})
	c := dial(t, s.ClientURL(), atnats.ClientOptions(nats.NoReconnect()))
	events := attach(t, c)
	if _, err := c.Subscribe("a", "", func(*transport.Message) {}); err != nil {
		t.Fatalf("Subscribe() = %v, want nil", err)
	}
	s.Shutdown()
	e := await(t, events, "an event")
	if e.Kind == transport.Cut {
		e = await(t, events, "the event closed")
	}
	if e.Kind != transport.Closed || e.Err == nil {
		t.Errorf("event = %v %v, want closed, with a reason", e.Kind, e.Err)
	}
	if err := c.Publish(soon(t), &transport.Message{Subject: "a"}); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Publish() = %v, want ErrClosed", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if n := len(events); n > 0 {
		t.Errorf("%d more events, want Closed to be the last", n)
	}
}

// An account that may hold no more subscriptions refuses as a permission does.
func TestTooManySubscriptions(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, server.Options{MaxSubs: 5}).ClientURL())
	events := attach(t, c)
	for i := range 7 {
		if _, err := c.Subscribe(fmt.Sprintf("a.%d", i), "", func(*transport.Message) {}); err != nil {
			t.Fatalf("Subscribe() = %v, want nil", err)
		}
	}
	if err := c.Flush(soon(t)); !errors.Is(err, transport.ErrDenied) {
		t.Errorf("Flush() = %v, want ErrDenied", err)
	}
	expectEvent(t, events, transport.Denied)
}

// dialer counts what it dials.
type dialer struct {
	net.Dialer
	dialed atomic.Int32
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	d.dialed.Add(1)
	return d.Dialer.Dial(network, address)
}

// What a program gives in ClientOptions is used as well.
func TestClientOptionsKeepTheirHandlers(t *testing.T) {
	t.Parallel()
	p := startProxy(t, start(t, guardedOptions()).Addr().String())
	d := new(dialer)
	heard := make(chan string, 100)
	c := dial(t, "guarded:some@"+p.addr(), atnats.ClientOptions(
		nats.SetCustomDialer(d),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { heard <- "error" }),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { heard <- "cut" }),
		nats.ReconnectHandler(func(*nats.Conn) { heard <- "restored" }),
		nats.ReconnectErrHandler(func(*nats.Conn, error) { heard <- "failed" }),
	))
	events := attach(t, c)
	if err := c.Publish(soon(t), &transport.Message{Subject: "secret.a"}); err != nil {
		t.Fatalf("Publish() = %v, want nil", err)
	}
	expectEvent(t, events, transport.Denied)
	p.Cut(t)
	expectEvent(t, events, transport.Cut)
	p.Heal(t)
	expectEvent(t, events, transport.Restored)
	for _, want := range []string{"error", "cut", "restored"} {
		for {
			if got := await(t, heard, "the handler for "+want); got == want {
				break
			}
		}
	}
	if n := d.dialed.Load(); n < 2 {
		t.Errorf("the program's dialer was used %d times, want for the connect and the reconnect", n)
	}
}

// Wrong credentials at a reconnect are no reason to give up: they may come
// right. The log says so once.
func TestReconnectOutlivesRefusedCredentials(t *testing.T) {
	t.Parallel()
	o := server.Options{Username: "joe", Password: "canary-old"}
	s := start(t, o)
	var log lockedBuffer
	c := dial(t, "nats://joe:canary-old@"+s.Addr().String(), atnats.Logger(slog.New(slog.NewTextHandler(&log, nil))))
	events := attach(t, c)
	o = server.Options{Username: "joe", Password: "canary-new", Host: "127.0.0.1", Port: s.Addr().(*net.TCPAddr).Port, NoSigs: true, NoLog: true}
	if err := s.ReloadOptions(&o); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, events, transport.Cut)
	limit := soon(t)
	for !strings.Contains(log.String(), "authorization violation") {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-limit.Done():
			t.Fatalf("log = %q after 10s, want the refusal", log.String())
		}
	}
	back := o
	back.Password = "canary-old"
	if err := s.ReloadOptions(&back); err != nil {
		t.Fatal(err)
	}
	expectEvent(t, events, transport.Restored)
	c.Close()
	text := log.String()
	if n := strings.Count(text, "authorization violation"); n != 1 || strings.Contains(text, canary) {
		t.Errorf("log = %q, want the refusal once, and no secret", text)
	}
}
