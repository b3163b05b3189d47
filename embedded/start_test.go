package embedded

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// holdDir names a directory: with it in its environment the test binary is a
// second process that keeps a server on that directory until its input ends.
const holdDir = "EMBEDDED_TEST_HOLD_DIR"

func TestMain(m *testing.M) {
	cfg := Config{Dir: os.Getenv(holdDir)}
	if member := os.Getenv(holdMember); member != "" {
		cfg = memberConfig(member)
	}
	if cfg.Dir == "" {
		m.Run()
		return
	}
	s, err := Start(cfg)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		return
	}
	_, _ = fmt.Fprintln(os.Stdout, "ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Shutdown(context.Background()); err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
	}
}

// within bounds whatever a test waits for.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// run starts a server that the end of the test stops.
func run(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s, err := Start(cfg)
	if err != nil {
		tb.Fatalf("Start(%+v) = %v, want a server", cfg, err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // whoever is still connected does not matter any more
		_ = s.Shutdown(ctx)
	})
	return s
}

// dial connects a client that knows nothing of this package.
func dial(t *testing.T, url string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.Timeout(20 * time.Second)}, opts...)...)
	if err != nil {
		t.Fatalf("Connect(%q) = %v, want a connection", url, err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// dialLocal connects such a client within the process, into a namespace or "".
func dialLocal(t *testing.T, s *Server, namespace string) *nats.Conn {
	t.Helper()
	l := s.own[namespace]
	return dial(t, "", nats.InProcessServer(local{s}), nats.UserInfo(l.user, l.password))
}

func streams(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatalf("jetstream.New() = %v, want nil", err)
	}
	return js
}

// pass checks that a message goes from one client to another.
func pass(t *testing.T, from, to *nats.Conn) {
	t.Helper()
	sub, err := to.SubscribeSync("pass.>")
	if err != nil {
		t.Fatalf("SubscribeSync() = %v, want nil", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := to.FlushWithContext(within(t)); err != nil {
		t.Fatalf("Flush() = %v, want nil", err)
	}
	// To another member of a cluster interest spreads in its own time.
	ctx := within(t)
	got := make(chan *nats.Msg, 1)
	go func() {
		if m, err := sub.NextMsgWithContext(ctx); err == nil {
			got <- m
		}
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := from.Publish("pass.on", []byte("hello")); err != nil {
			t.Fatalf("Publish() = %v, want nil", err)
		}
		select {
		case m := <-got:
			if string(m.Data) != "hello" {
				t.Fatalf("received %q, want %q", m.Data, "hello")
			}
			return
		case <-ctx.Done():
			t.Fatal("no message passed from one client to the other")
		case <-tick.C:
		}
	}
}

func TestZeroConfig(t *testing.T) {
	t.Parallel()
	s := run(t, Config{})
	if got := s.URL(); got != "" {
		t.Errorf("URL() = %q, want none", got)
	}
	if got := s.ClusterURL(); got != "" {
		t.Errorf("ClusterURL() = %q, want none", got)
	}
	if err := s.Ready(within(t)); err != nil {
		t.Errorf("Ready() = %v, want nil", err)
	}
	pass(t, dialLocal(t, s, ""), dialLocal(t, s, ""))

	js := streams(t, dialLocal(t, s, ""))
	memory := jetstream.StreamConfig{Name: "M", Subjects: []string{"m"}, Storage: jetstream.MemoryStorage}
	if _, err := js.CreateStream(within(t), memory); err != nil {
		t.Errorf("CreateStream(memory) = %v, want nil", err)
	}
	file := jetstream.StreamConfig{Name: "F", Subjects: []string{"f"}, Storage: jetstream.FileStorage}
	if _, err := js.CreateStream(within(t), file); err == nil {
		t.Error("CreateStream(file) = nil, want an error: nothing of it would be kept")
	}
	temp := s.store.dir
	if err := s.Shutdown(cancelled()); err == nil {
		t.Error("Shutdown(ended) = nil, want the clients that it cut off")
	}
	if _, err := os.Stat(temp); !os.IsNotExist(err) {
		t.Errorf("Stat(%q) after Shutdown = %v, want it gone", temp, err)
	}
}

func TestConnect(t *testing.T) {
	t.Parallel()
	s := run(t, Config{})
	c, err := s.Connect()
	if err != nil {
		t.Fatalf("Connect() = %v, want a connection", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if _, err := s.ConnectAs("a"); err == nil || !strings.Contains(err.Error(), "use Connect") {
		t.Errorf("ConnectAs(%q) = %v, want an error that names Connect", "a", err)
	}
	if err := s.Shutdown(within(t)); err != nil {
		t.Errorf("Shutdown() = %v, want nil", err)
	}
	if _, err := s.Connect(); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("Connect() after Shutdown = %v, want an error that says so", err)
	}
	if err := s.Ready(within(t)); err == nil {
		t.Error("Ready() after Shutdown = nil, want an error")
	}
}

func TestConnectWithNamespaces(t *testing.T) {
	t.Parallel()
	s := run(t, Config{Namespaces: []Namespace{{Name: "a"}, {Name: "b"}}})
	if _, err := s.Connect(); err == nil || !strings.Contains(err.Error(), "ConnectAs") || !strings.Contains(err.Error(), `"a", "b"`) {
		t.Errorf("Connect() = %v, want an error that names ConnectAs and the namespaces", err)
	}
	if _, err := s.ConnectAs("c"); err == nil || !strings.Contains(err.Error(), `"a", "b"`) {
		t.Errorf("ConnectAs(%q) = %v, want an error that names the namespaces", "c", err)
	}
	if _, err := s.ConnectAs(""); err == nil {
		t.Errorf("ConnectAs(%q) = nil, want an error", "")
	}
	c, err := s.ConnectAs("b")
	if err != nil {
		t.Fatalf("ConnectAs(%q) = %v, want a connection", "b", err)
	}
	c.Close()

	s = run(t, Config{Namespaces: []Namespace{{Name: "default"}, {Name: "b"}}})
	if c, err = s.Connect(); err != nil {
		t.Fatalf("Connect() with a namespace called default = %v, want a connection", err)
	}
	c.Close()
}

func TestListen(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "localhost:0"} {
		s := run(t, Config{Listen: listen})
		host, _, _ := net.SplitHostPort(listen)
		if !strings.HasPrefix(s.URL(), "nats://"+host+":") || strings.HasSuffix(s.URL(), ":0") {
			t.Errorf("Start(Listen: %q).URL() = %q, want the host and the port that was picked", listen, s.URL())
		}
		pass(t, dial(t, s.URL()), dialLocal(t, s, ""))
	}
	s := run(t, Config{Listen: ":0", AllowOpen: true})
	if !strings.HasPrefix(s.URL(), "nats://127.0.0.1:") {
		t.Errorf("URL() = %q, want one that can be dialled", s.URL())
	}
	pass(t, dial(t, s.URL()), dialLocal(t, s, ""))
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	dir := t.TempDir()
	for name, cfg := range map[string]Config{
		"Listen":         {Listen: taken, Dir: dir},
		"Cluster.Listen": {Name: "a", Listen: "127.0.0.1:0", Dir: dir, Cluster: Cluster{Listen: taken, Routes: []string{taken}}},
	} {
		s, err := Start(cfg)
		if err == nil {
			_ = s.Shutdown(cancelled())
			t.Fatalf("Start(%s: %q) = nil, want an error: the port is in use", name, taken)
		}
		for _, want := range []string{taken, "in use", "another port"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Start(%s: %q) = %q, want %q in it", name, taken, err, want)
			}
		}
	}
	// Nothing is left of them, so the directory can be used.
	run(t, Config{Dir: dir})
}

// cancelled returns a context that has ended.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
