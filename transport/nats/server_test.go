package nats_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
	"github.com/atasks-io/atasks/transport/transporttest"
)

// start runs a server until the test is over.
func start(tb testing.TB, o server.Options) *server.Server {
	tb.Helper()
	o.NoSigs, o.NoLog = true, true
	if !o.DontListen {
		o.Host, o.Port = "127.0.0.1", -1
	}
	s, err := server.NewServer(&o)
	if err != nil {
		tb.Fatalf("NewServer() = %v, want nil", err)
	}
	s.Start()
	tb.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		tb.Fatal("the server is not ready after 10s")
	}
	return s
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

func expectEvent(tb testing.TB, events <-chan transport.Event, kind transport.EventKind) transport.Event {
	tb.Helper()
	e := await(tb, events, "the event "+kind.String())
	if e.Kind != kind {
		tb.Fatalf("event = %v %q %v, want %v", e.Kind, e.Subject, e.Err, kind)
	}
	return e
}

// dial connects to url and closes with the test.
func dial(tb testing.TB, url string, opts ...atnats.Option) *atnats.Conn {
	tb.Helper()
	c, err := atnats.Connect(soon(tb), url, opts...)
	if err != nil {
		tb.Fatalf("Connect() = %v, want nil", err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// breaker is what the links of a harness go through.
type breaker struct {
	mu    sync.Mutex // guards what follows
	cut   bool
	stuck chan struct{} // not nil while nothing passes
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

// freeze lets nothing pass any more, with all connections up, until thaw.
func (b *breaker) freeze() (thaw func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	stuck := make(chan struct{})
	b.stuck = stuck
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stuck = nil
		close(stuck)
	})
}

// Read waits while the breaker is frozen: see copyTo.
func (b *breaker) wait() {
	b.mu.Lock()
	stuck := b.stuck
	b.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
}

func (b *breaker) copyTo(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		b.wait()
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
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
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

// guardedOptions are those of a server with one user who may not do all.
func guardedOptions() server.Options {
	all := &server.Permissions{
		Publish:   &server.SubjectPermission{Deny: []string{"secret.>"}},
		Subscribe: &server.SubjectPermission{Deny: []string{"secret.>"}},
	}
	return server.Options{Users: []*server.User{
		{Username: "joe", Password: "all"},
		{Username: "guarded", Password: "some", Permissions: all},
	}}
}

// overTCP is a server behind a proxy.
type overTCP struct {
	*proxy
}

func openTCP(tb testing.TB) transporttest.Harness {
	tb.Helper()
	return overTCP{startProxy(tb, start(tb, guardedOptions()).Addr().String())}
}

// storing are guardedOptions with JetStream.
func storing(tb testing.TB) server.Options {
	tb.Helper()
	o := guardedOptions()
	o.JetStream, o.StoreDir = true, tb.TempDir()
	return o
}

// openStores is openTCP with JetStream.
func openStores(tb testing.TB) transporttest.Harness {
	tb.Helper()
	return overTCP{startProxy(tb, start(tb, storing(tb)).Addr().String())}
}

func (h overTCP) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	return h.connect(tb, "joe:all")
}

func (h overTCP) OpenGuarded(tb testing.TB) (transport.Conn, string) {
	tb.Helper()
	return h.connect(tb, "guarded:some"), "secret"
}

func (h overTCP) connect(tb testing.TB, user string) transport.Conn {
	tb.Helper()
	c, err := atnats.Connect(soon(tb), "nats://"+user+"@"+h.addr())
	if err != nil {
		tb.Fatalf("Connect() = %v, want nil", err)
	}
	return c
}

// direct is a server without a proxy in front of it.
type direct struct{ url string }

func openDirect(tb testing.TB) transporttest.Harness {
	tb.Helper()
	return direct{start(tb, server.Options{}).ClientURL()}
}

func (h direct) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	c, err := atnats.Connect(soon(tb), h.url)
	if err != nil {
		tb.Fatalf("Connect() = %v, want nil", err)
	}
	return c
}

// inProcess is a server without a listener.
type inProcess struct {
	breaker
	server *server.Server
}

func openInProcess(tb testing.TB) transporttest.Harness {
	tb.Helper()
	o := guardedOptions()
	o.DontListen = true
	return &inProcess{server: start(tb, o)}
}

// InProcessConn implements nats.InProcessConnProvider.
func (h *inProcess) InProcessConn() (net.Conn, error) {
	c, err := h.server.InProcessConn()
	if err == nil {
		err = h.add(c)
	}
	return c, err
}

func (h *inProcess) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	return h.connect(tb, "joe", "all")
}

func (h *inProcess) OpenGuarded(tb testing.TB) (transport.Conn, string) {
	tb.Helper()
	return h.connect(tb, "guarded", "some"), "secret"
}

func (h *inProcess) connect(tb testing.TB, user, password string) transport.Conn {
	tb.Helper()
	c, err := atnats.Connect(soon(tb), "", atnats.InProcess(h), atnats.UserPassword(user, password))
	if err != nil {
		tb.Fatalf("Connect() = %v, want nil", err)
	}
	return c
}

// borrowed puts connections on top of the client's own. It has no OpenGuarded:
// without the client's callback only the last of several refusals is seen.
type borrowed struct {
	*breaker
	harness overTCP
}

func openBorrowed(tb testing.TB) transporttest.Harness {
	tb.Helper()
	h := openTCP(tb).(overTCP)
	return borrowed{&h.breaker, h}
}

func (h borrowed) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	c, err := atnats.Use(program(tb, "nats://joe:all@"+h.harness.addr()))
	if err != nil {
		tb.Fatalf("Use() = %v, want nil", err)
	}
	return lent{c}
}

// lent closes what it was put on as well, so that nothing is left.
type lent struct{ *atnats.Conn }

func (l lent) Close() error {
	err := l.Conn.Close()
	l.NATS().Close()
	return err
}

func (l lent) Drain(ctx context.Context) error {
	err := l.Conn.Drain(ctx)
	l.NATS().Close()
	return err
}

// program connects as a program does that knows nothing of this package. What
// it makes is closed with the test.
func program(tb testing.TB, url string, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	opts = append([]nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(10 * time.Millisecond),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, opts...)
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		tb.Fatalf("nats.Connect() = %v, want nil", err)
	}
	tb.Cleanup(nc.Close)
	return nc
}
