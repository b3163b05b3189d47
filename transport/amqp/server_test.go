package amqp_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/internal/rabbittest"
	"github.com/atasks-io/atasks/transport"
	atamqp "github.com/atasks-io/atasks/transport/amqp"
	"github.com/atasks-io/atasks/transport/transporttest"
)

// broker is what the tests of this package share. Those that stop theirs, or
// make it short of something, start another one.
var broker rabbittest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	broker.Stop()
	os.Exit(code)
}

// soon returns a context that ends after the time that a step of a test has.
func soon(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// await waits for ch, within a bound.
func await[T any](tb testing.TB, ch <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		tb.Fatalf("waiting for %s: nothing within 10s", what)
		var zero T
		return zero
	}
}

// attach takes c over and returns its events.
func attach(tb testing.TB, c transport.Conn) <-chan transport.Event {
	tb.Helper()
	events := make(chan transport.Event, 1024)
	if err := c.Attach(func(e transport.Event) { events <- e }); err != nil {
		tb.Fatalf("Attach() = %v, want nil", err)
	}
	return events
}

func expectEvent(tb testing.TB, events <-chan transport.Event, kind transport.EventKind) {
	tb.Helper()
	e := await(tb, events, "the event "+kind.String())
	if e.Kind != kind {
		tb.Fatalf("event = %v %q %v, want %v", e.Kind, e.Subject, e.Err, kind)
	}
}

// breaker is what the links of a harness go through.
type breaker struct {
	mu    sync.Mutex // guards what follows
	cut   bool
	conns []net.Conn
}

func (b *breaker) Cut(testing.TB) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = true
	for _, c := range b.conns {
		c.Close()
	}
	b.conns = nil
}

func (b *breaker) Heal(testing.TB) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = false
}

var errCut = errors.New("the link is cut")

// add takes in new connections, unless there can be none.
func (b *breaker) add(conns ...net.Conn) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut {
		for _, c := range conns {
			c.Close()
		}
		return errCut
	}
	b.conns = append(b.conns, conns...)
	return nil
}

func (b *breaker) copyTo(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// proxy is a breaker between clients and a server that listens.
type proxy struct {
	breaker
	listener net.Listener
}

func startProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	return startProxyWith(tb, target, func(l net.Listener) net.Listener { return l })
}

func startProxyWith(tb testing.TB, target string, wrap func(net.Listener) net.Listener) *proxy {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	l = wrap(l)
	p := &proxy{listener: l}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			up, err := new(net.Dialer).DialContext(context.Background(), "tcp", target)
			if err != nil {
				down.Close()
				continue
			}
			if p.add(down, up) == nil {
				wg.Go(func() { p.copyTo(up, down) })
				wg.Go(func() { p.copyTo(down, up) })
			}
		}
	})
	tb.Cleanup(func() {
		l.Close()
		p.Cut(tb)
		wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// behindProxy is the shared broker behind a proxy.
type behindProxy struct {
	*proxy
	vhost string
}

func openProxied(tb testing.TB) transporttest.Harness {
	tb.Helper()
	u, err := url.Parse(broker.URL(tb))
	if err != nil {
		tb.Fatalf("the broker's URL cannot be read")
	}
	h := behindProxy{startProxy(tb, u.Host), u.EscapedPath()}
	if broker.Node(tb) != nil {
		return guarded{h}
	}
	return h
}

// Limit implements transporttest.Patience: a queue takes RabbitMQ some
// milliseconds.
func (h behindProxy) Limit() time.Duration { return 30 * time.Second }

func (h behindProxy) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	u, err := url.Parse(broker.URL(tb))
	if err != nil {
		tb.Fatalf("the broker's URL cannot be read")
	}
	return h.connect(tb, u.User)
}

func (h behindProxy) connect(tb testing.TB, user *url.Userinfo) transport.Conn {
	tb.Helper()
	u := url.URL{Scheme: "amqp", User: user, Host: h.addr()}
	c, err := atamqp.Connect(soon(tb), u.String()+h.vhost)
	if err != nil {
		tb.Fatalf("Connect() = %v, want nil", err)
	}
	return c
}

// guarded is a broker that knows a user who may not do all.
type guarded struct{ behindProxy }

func (h guarded) OpenGuarded(tb testing.TB) (transport.Conn, string) {
	tb.Helper()
	return h.connect(tb, url.UserPassword(rabbittest.GuardedUser, rabbittest.GuardedSecret)), rabbittest.Denied
}
