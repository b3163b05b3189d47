package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestShutdownWaitsForClients(t *testing.T) {
	t.Parallel()
	s := run(t, Config{Listen: "127.0.0.1:0", PingInterval: time.Hour}) // no ping cuts anybody off here
	told := make(chan struct{}, 2)
	tell := nats.LameDuckModeHandler(func(*nats.Conn) { told <- struct{}{} })
	remote := dial(t, s.URL(), tell)
	inside := dial(t, "", nats.InProcessServer(local{s}), tell)
	js := streams(t, inside)
	if _, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Storage: jetstream.MemoryStorage}); err != nil {
		t.Fatalf("CreateStream() = %v, want nil", err)
	}

	done := make(chan error, 1)
	go func() { done <- s.Shutdown(within(t)) }()
	for range 2 {
		select {
		case <-told:
		case <-within(t).Done():
			t.Fatal("not all clients are told that the server is going")
		}
	}
	// Until they leave they are served in full, and nobody else comes in.
	if _, err := js.Publish(within(t), "s", []byte("saved while draining")); err != nil {
		t.Errorf("Publish() during Shutdown = %v, want nil", err)
	}
	pass(t, remote, inside)
	if _, err := s.Connect(); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("Connect() during Shutdown = %v, want an error that says so", err)
	}
	if late, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL(), "nats://")); err == nil {
		_ = late.SetReadDeadline(time.Now().Add(10 * time.Second))
		r := bufio.NewReader(late)
		for err == nil {
			_, err = r.ReadByte()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a client that comes during Shutdown may stay, want it sent away")
		}
		late.Close()
	}
	select {
	case err := <-done:
		t.Fatalf("Shutdown() = %v while clients are connected, want it to wait", err)
	default:
	}
	remote.Close()
	inside.Close()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Shutdown() = %v, want nil: all clients left", err)
		}
	case <-within(t).Done():
		t.Fatal("Shutdown() has not returned after all clients left")
	}
}

func TestShutdownEndsWithContext(t *testing.T) {
	t.Parallel()
	s := run(t, Config{})
	nc := dialLocal(t, s, "")
	why := errors.New("no more time")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, why)
	defer cancel()
	err := s.Shutdown(ctx)
	if !errors.Is(err, why) || !strings.Contains(err.Error(), "connected (1)") {
		t.Errorf("Shutdown() = %v, want %q and how many clients were cut off", err, why)
	}
	if s.ns.Running() {
		t.Error("the server runs after Shutdown")
	}
	if err := poll(within(t), func() bool { return !nc.IsConnected() }); err != nil {
		t.Error("the client is still connected after Shutdown")
	}
}

func TestShutdownIsIdempotentAndConcurrent(t *testing.T) {
	t.Parallel()
	s := run(t, Config{})
	dialLocal(t, s, "")
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			// One of them has no patience; it decides for all.
			ctx := within(t)
			if i == 5 {
				ctx = cancelled()
			}
			errs[i] = s.Shutdown(ctx)
		})
	}
	all.Wait()
	for i, err := range append(errs, s.Shutdown(within(t)), s.Shutdown(cancelled())) {
		if err == nil || fmt.Sprint(err) != fmt.Sprint(errs[0]) {
			t.Errorf("Shutdown() number %d = %v, want %v as for the first", i, err, errs[0])
		}
	}
	idle := run(t, Config{})
	if err := idle.Shutdown(cancelled()); err != nil {
		t.Errorf("Shutdown(ended) without clients = %v, want nil", err)
	}
}

// A client that does not answer pings is cut off, though it says nothing and
// its connection is open.
func TestFrozenClientIsCutOff(t *testing.T) {
	t.Parallel()
	s := run(t, Config{Listen: "127.0.0.1:0", PingInterval: 20 * time.Millisecond})
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("CONNECT {\"verbose\":false}\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	var said strings.Builder
	for r := bufio.NewReader(c); err == nil; {
		var b byte
		if b, err = r.ReadByte(); err == nil {
			said.WriteByte(b)
		}
	}
	if !strings.Contains(said.String(), "Stale Connection") {
		t.Errorf("the server said %q and then %v, want that the connection is stale", said.String(), err)
	}
}
