package actor_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// openConn lets a fuzz test hand its node messages that no broker carries, and
// watches where the node publishes to.
type openConn struct {
	transport.Conn
	t testing.TB

	mu       sync.Mutex // guards handlers
	handlers map[string]func(*transport.Message)
}

func newOpenConn(tb testing.TB, b *loopback.Broker) *openConn {
	tb.Helper()
	conn, err := b.Connect()
	if err != nil {
		tb.Fatalf("Connect() = %v", err)
	}
	return &openConn{Conn: conn, t: tb, handlers: make(map[string]func(*transport.Message))}
}

// Subscribe keeps the handler, and sees to it that it runs once at a time as it
// may expect.
func (c *openConn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	var one sync.Mutex
	serial := func(m *transport.Message) {
		one.Lock()
		defer one.Unlock()
		handler(m)
	}
	c.mu.Lock()
	c.handlers[subject] = serial
	c.mu.Unlock()
	return c.Conn.Subscribe(subject, group, serial)
}

// forge hands a message to the subscription on pattern.
func (c *openConn) forge(pattern string, m *transport.Message) {
	c.mu.Lock()
	handler := c.handlers[pattern]
	c.mu.Unlock()
	handler(m)
}

// Publish complains of every subject that is none of a node's business.
func (c *openConn) Publish(ctx context.Context, m *transport.Message) error {
	err := c.Conn.Publish(ctx, m)
	switch {
	case strings.HasPrefix(m.Subject, "_INBOX."), strings.HasPrefix(m.Subject, "at.default.node."), strings.HasPrefix(m.Subject, "at.default.task."):
	case strings.HasPrefix(m.Subject, "at.default.reply."):
		inbox, _, _ := cutLast(m.Subject)
		if strings.Count(inbox, ".") != 4 || wire.CheckToken("call", m.Reply) != nil {
			c.t.Errorf("the node publishes to %q with reply %q, which is no frame for a call", m.Subject, m.Reply)
		}
	default:
		c.t.Errorf("the node publishes to %q", m.Subject)
	}
	if errors.Is(err, transport.ErrSubject) || errors.Is(err, transport.ErrHeader) {
		c.t.Errorf("the node publishes what no broker carries: %v", err)
	}
	return err
}

// cutLast splits off the last token.
func cutLast(subject string) (before, token string, found bool) {
	i := strings.LastIndexByte(subject, '.')
	if i < 0 {
		return "", "", false
	}
	return subject[:i], subject[i+1:], true
}

// fuzzNode starts a node on a connection that is open to forgery.
func fuzzNode(f *testing.F, b *loopback.Broker, servables ...actor.Servable) (*actor.Node, *openConn) {
	f.Helper()
	conn := newOpenConn(f, b)
	n, err := actor.Start(context.Background(), conn, actor.Config{Errors: []actor.ErrorType{actor.TypedError[*tired]("tired")}})
	if err != nil {
		f.Fatalf("Start() = %v", err)
	}
	f.Cleanup(func() { n.Close() })
	if err := n.Serve(servables...); err != nil {
		f.Fatalf("Serve() = %v", err)
	}
	return n, conn
}

// FuzzNode hands a node any message on any of its subscriptions. It publishes
// to nobody but callers, and answers a good call afterwards.
func FuzzNode(f *testing.F) {
	const native, client = "at.default.reply.any.n1.c1.-.0", "_INBOX.x.1"
	for _, seed := range []struct {
		where                  uint8
		tail, reply, key, text string
		body                   string
	}{
		{0, "", native, "", "", "\xa1x"},
		{0, "", client, "", "", `"x"`},
		{0, "", "at.default.reply.any.n1.c1.rs.3.later", "At-Tell", "yes", "x"},
		{0, "", native, "At-Progress", "yes", "x"},
		{0, "", client, "Content-Type", "application/msgpack; a=b", "\xc0"},
		{0, "", native, "At-Meta-tenant", "acme", ""},
		{0, "", "$JS.API.STREAM.DELETE.X", "At-Attempt", "2", ""},
		{1, "", native, "", "", "\x82\xa4name\xa3nap\xa5times\x01"},
		{1, "", client, "", "", `{"name":"gopher","times":2}`},
		{2, "ping", native, "", "", "c1 c2-2 n1.c3"},
		{2, "cancel", client, "", "", "n1.c1 n1.c2\nenough"},
		{2, "awaits", native, "", "", "00000000a 00000000b-2"},
		{2, "info", client, "", "", ""},
		{2, "ps", client, "", "", `{"limit":1,"after":"x"}`},
		{2, "stack", native, "", "", ""},
		{2, "task.echo", native, "", "", "x"},
		{2, "task.nobody", client, "", "", "x"},
		{2, "later", "", "", "", ""},
		{3, "ping", native, "", "", "c1"},
		{3, "drain", client, "", "", ""},
		{3, "task.echo", client, "", "", ""},
		{4, "00000000a.-.0.ok", "", "", "", "x"},
		{4, "00000000a.-.0.err", "", "At-Error", "busy", "x"},
		{4, "c1.-.0.acc", "", "", "", "n2"},
		{4, "c1.-.0", "", "", "", ""},
	} {
		f.Add(seed.where, seed.tail, seed.reply, seed.key, seed.text, []byte(seed.body))
	}
	b := loopback.New()
	node, conn := fuzzNode(f, b, actor.Handle("echo", echo), actor.Implement(greet, greeter))
	caller, _ := fuzzNode(f, b)
	prefixes := [...]struct{ pattern, subject string }{
		{"at.default.task.echo", "at.default.task.echo"},
		{"at.default.task.greet", "at.default.task.greet"},
		{"at.default.node." + node.ID() + ".>", "at.default.node." + node.ID() + "."},
		{"at.default.node.all.>", "at.default.node.all."},
		{"at.default.reply.any." + node.ID() + ".>", "at.default.reply.any." + node.ID() + "."},
		{"$SRV.INFO", "$SRV.INFO"},
	}
	f.Fuzz(func(t *testing.T, where uint8, tail, reply, key, text string, body []byte) {
		to := prefixes[int(where)%len(prefixes)]
		if !strings.HasSuffix(to.subject, ".") {
			tail = ""
		}
		if tail == "drain" && strings.Contains(to.subject, node.ID()) {
			return // it does what it is told
		}
		m := transport.Message{Subject: to.subject + tail, Reply: reply, Data: body}
		if key != "" {
			m.Header = transport.Header{key: {text}}
		}
		conn.forge(to.pattern, &m)
		goodCall(t, caller, "x")
	})
}

// goodCall makes an honest call of echo.
func goodCall(t *testing.T, caller *actor.Node, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := caller.Request(ctx, "echo", []byte(body))
	answers(t, "a good call", got, err, body)
}

// FuzzCaller answers a call with any frame, and then well. The call ends with a
// result or an error that has a code, and the next one is answered.
func FuzzCaller(f *testing.F) {
	for _, seed := range []struct{ suffix, key, text, key2, text2, body string }{
		{".ok", "", "", "", "", "\xa1x"},
		{".ok", "", "", "", "", "\xdd\xff\xff\xff\xff"},
		{".err", "At-Error", "failed", "At-Error-Cause", "tired", "\x81\xa5Hours\x08"},
		{".err", "At-Error", "failed", "At-Error-Message", "%zz", "x"},
		{".err", "At-Error", "busy", "At-Executed", "no", "x"},
		{".err", "At-Error", "draining", "At-Executed", "no", "x"},
		{".err", "At-Error", "worker_lost", "", "", "x"},
		{".err", "", "", "", "", ""},
		{".acc", "", "", "", "", "n2"},
		{".acc", "", "", "", "", "all"},
		{".pro", "", "", "", "", "1 2 note"},
		{".later", "", "", "", "", ""},
		{"", "", "", "", "", ""},
	} {
		f.Add(seed.suffix, seed.key, seed.text, seed.key2, seed.text2, []byte(seed.body))
	}
	b := loopback.New()
	caller, conn := fuzzNode(f, b)
	fuzzNode(f, b, actor.Handle("echo", echo))
	worker, err := b.Connect()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { worker.Close() })
	frames := make(chan func(reply string), 1)
	if _, err := worker.Subscribe("at.default.task.evil", "at", func(m *transport.Message) {
		select {
		case first := <-frames:
			first(m.Reply)
		default: // a later sending
		}
		_ = worker.Publish(context.Background(), &transport.Message{Subject: m.Reply + ".ok", Data: []byte("\xa4good")})
	}); err != nil {
		f.Fatal(err)
	}
	evil := actor.NewTarget[string, string]("evil")
	f.Fuzz(func(t *testing.T, suffix, key, text, key2, text2 string, body []byte) {
		header := transport.Header{}
		for k, v := range map[string]string{key: text, key2: text2} {
			if k != "" {
				header[k] = []string{v}
			}
		}
		frames <- func(reply string) {
			conn.forge("at.default.reply.any."+caller.ID()+".>", &transport.Message{Subject: reply + suffix, Header: header, Data: body})
		}
		ctx, cancel := context.WithTimeout(caller.Context(t.Context()), 20*time.Second)
		defer cancel()
		got, err := actor.Ask[string, string](ctx, evil, "x", actor.OnProgress(func(actor.Progress) {}))
		if _, coded := errors.AsType[*actor.Error](err); err != nil && !coded {
			t.Errorf("the call ends with %v (%T), want an *actor.Error", err, err)
		}
		if ctx.Err() != nil {
			t.Errorf("the call ends with %q, %v at its deadline, want earlier", got, err)
		}
		select {
		case <-frames: // a call that never left
		default:
		}
		goodCall(t, caller, "x")
	})
}
