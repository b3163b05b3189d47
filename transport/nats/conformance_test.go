package nats_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
	"github.com/atasks-io/atasks/transport/transporttest"
)

// runServer starts a server for one test.
func runServer(tb testing.TB, change func(*server.Options)) *server.Server {
	tb.Helper()
	opts := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true}
	if change != nil {
		change(opts)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		tb.Fatal(err)
	}
	s.Start()
	tb.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		tb.Fatal("the server does not get ready")
	}
	return s
}

// harness opens connections to one server.
type harness func(tb testing.TB) (transport.Conn, error)

func (h harness) Open(tb testing.TB) transport.Conn {
	tb.Helper()
	c, err := h(tb)
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	return c
}

func TestConformanceTCP(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		s := runServer(tb, nil)
		return harness(func(tb testing.TB) (transport.Conn, error) {
			tb.Helper()
			return atnats.Connect(tb.Context(), s.ClientURL())
		})
	})
}

func TestConformanceInProcess(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(tb testing.TB) transporttest.Harness {
		tb.Helper()
		s := runServer(tb, func(o *server.Options) { o.DontListen = true })
		return harness(func(tb testing.TB) (transport.Conn, error) {
			tb.Helper()
			return atnats.Connect(tb.Context(), "", atnats.InProcess(s))
		})
	})
}
