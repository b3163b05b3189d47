package nats_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// use puts a connection on top of nc.
func use(t *testing.T, nc *nats.Conn) *atnats.Conn {
	t.Helper()
	c, err := atnats.Use(nc)
	if err != nil {
		t.Fatalf("Use() = %v, want nil", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// handlers returns where the handlers of nc are.
func handlers(nc *nats.Conn) []uintptr {
	var all []uintptr
	for _, h := range []any{
		nc.ErrorHandler(), nc.ClosedHandler(), nc.DisconnectErrHandler(), nc.ReconnectHandler(),
		nc.DiscoveredServersHandler(), nc.Opts.LameDuckModeHandler, nc.Opts.ReconnectErrCB,
	} {
		all = append(all, reflect.ValueOf(h).Pointer())
	}
	return all
}

func TestUseLeavesTheConnectionAlone(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *atnats.Conn) error{
		"Close": func(c *atnats.Conn) error { return c.Close() },
		"Drain": func(c *atnats.Conn) error { return c.Drain(soon(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := program(t, start(t, server.Options{}).ClientURL(),
				nats.ClosedHandler(func(*nats.Conn) {}),
				nats.ReconnectHandler(func(*nats.Conn) {}),
			)
			before := handlers(nc)
			own, err := nc.SubscribeSync("own")
			if err != nil {
				t.Fatal(err)
			}
			c := use(t, nc)
			if c.NATS() != nc {
				t.Errorf("NATS() = %p, want the connection given to Use", c.NATS())
			}
			events := attach(t, c)
			for _, s := range []string{"a", "b"} {
				if _, err := c.Subscribe(s, "", func(*transport.Message) {}); err != nil {
					t.Fatalf("Subscribe() = %v, want nil", err)
				}
			}
			if err := c.Flush(soon(t)); err != nil {
				t.Fatalf("Flush() = %v, want nil", err)
			}
			if err := end(c); err != nil {
				t.Fatalf("%s() = %v, want nil", name, err)
			}
			if e := expectEvent(t, events, transport.Closed); e.Err != nil {
				t.Errorf("Closed with %v, want no reason", e.Err)
			}
			if nc.IsClosed() || nc.IsDraining() {
				t.Errorf("%s has closed the borrowed connection", name)
			}
			if n := nc.NumSubscriptions(); n != 1 {
				t.Errorf("%d subscriptions left on the borrowed connection, want the program's own", n)
			}
			if after := handlers(nc); !reflect.DeepEqual(before, after) {
				t.Errorf("handlers are %v, want them as they were: %v", after, before)
			}
			if err := nc.Publish("own", []byte("x")); err != nil {
				t.Fatal(err)
			}
			if m, err := own.NextMsgWithContext(soon(t)); err != nil || string(m.Data) != "x" {
				t.Errorf("the program's own subscription: %v, %v", m, err)
			}
			if err := c.Publish(soon(t), &transport.Message{Subject: "a"}); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("Publish() after %s = %v, want ErrClosed", name, err)
			}
		})
	}
}

func TestUseHearsWhenTheProgramCloses(t *testing.T) {
	t.Parallel()
	nc := program(t, start(t, server.Options{}).ClientURL())
	c := use(t, nc)
	events := attach(t, c)
	running, release := make(chan struct{}), make(chan struct{})
	if _, err := c.Subscribe("a", "", func(*transport.Message) {
		close(running)
		<-release
	}); err != nil {
		t.Fatalf("Subscribe() = %v, want nil", err)
	}
	if err := c.Publish(soon(t), &transport.Message{Subject: "a"}); err != nil {
		t.Fatalf("Publish() = %v, want nil", err)
	}
	await(t, running, "the handler")
	nc.Close()
	if e := expectEvent(t, events, transport.Closed); e.Err == nil || !strings.Contains(e.Err.Error(), "program") {
		t.Errorf("Closed with %v, want a reason that names the program", e.Err)
	}
	if err := c.Flush(soon(t)); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Flush() = %v, want ErrClosed", err)
	}
	close(release)
	if err := c.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if n := len(events); n > 0 {
		t.Errorf("%d more events, want Closed to be the last", n)
	}
}

func TestUseHearsOfRefusalsAtFlush(t *testing.T) {
	t.Parallel()
	nc := program(t, start(t, guardedOptions()).ClientURL(), nats.UserInfo("guarded", "some"))
	if err := nc.Publish("secret.old", nil); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	c := use(t, nc)
	events := attach(t, c)
	// What was refused before is not this connection's.
	if err := c.Flush(soon(t)); err != nil {
		t.Errorf("Flush() = %v, want nil", err)
	}
	for _, subject := range []string{"secret.a", "secret.b"} {
		if err := c.Publish(soon(t), &transport.Message{Subject: subject}); err != nil {
			t.Fatalf("Publish() = %v, want nil", err)
		}
		if err := c.Flush(soon(t)); !errors.Is(err, transport.ErrDenied) || !strings.Contains(err.Error(), subject) {
			t.Errorf("Flush() = %v, want ErrDenied and %q", err, subject)
		}
		if e := expectEvent(t, events, transport.Denied); e.Subject != subject {
			t.Errorf("Denied on %q, want %q", e.Subject, subject)
		}
		if err := c.Flush(soon(t)); err != nil {
			t.Errorf("second Flush() = %v, want nil", err)
		}
	}
}

func TestUseRefuses(t *testing.T) {
	t.Parallel()
	url := start(t, server.Options{}).ClientURL()
	gone := program(t, url)
	gone.Close()
	old := start(t, server.Options{NoHeaderSupport: true}).ClientURL()
	for name, tt := range map[string]struct {
		nc   *nats.Conn
		want string
	}{
		"nil":        {nil, "no connection given"},
		"closed":     {gone, "closed"},
		"no echo":    {program(t, url, nats.NoEcho()), "NoEcho"},
		"no headers": {program(t, old), "headers"},
	} {
		if c, err := atnats.Use(tt.nc); err == nil || c != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Use(%s) = %v, %v, want nil and an error with %q", name, c, err, tt.want)
		}
	}
	if c, err := atnats.Connect(soon(t), old); err == nil || c != nil || !strings.Contains(err.Error(), "headers") {
		t.Errorf("Connect(server without headers) = %v, %v, want nil and an error that says so", c, err)
	}
}

func TestUseKnowsTheInboxPrefix(t *testing.T) {
	t.Parallel()
	c := use(t, program(t, start(t, server.Options{}).ClientURL(), nats.CustomInboxPrefix("_MINE")))
	if got := strings.Join(c.Features().ReplyPrefixes, " "); got != "_INBOX. _R_. _MINE." {
		t.Errorf("Features().ReplyPrefixes = %q, want the connection's own as well", got)
	}
}
