package actor_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/transport"
	"github.com/atasks-io/atasks/transport/loopback"
)

// foreigner is a program that knows its broker's request and reply, and
// nothing of this library.
type foreigner struct {
	t     *testing.T
	conn  transport.Conn
	inbox chan transport.Message
}

func newForeigner(t *testing.T, b *loopback.Broker) *foreigner {
	t.Helper()
	f := &foreigner{t: t, conn: connect(t, b), inbox: make(chan transport.Message, 100)}
	t.Cleanup(func() { f.conn.Close() })
	if _, err := f.conn.Subscribe("_INBOX.me.>", "", func(m *transport.Message) { f.inbox <- *m }); err != nil {
		t.Fatalf("Subscribe() = %v", err)
	}
	return f
}

// publish sends a message with a reply subject of the foreigner's choice.
func (f *foreigner) publish(subject, reply, body string, header transport.Header) {
	f.t.Helper()
	err := f.conn.Publish(f.t.Context(), &transport.Message{Subject: subject, Reply: reply, Header: header, Data: []byte(body)})
	if err != nil {
		f.t.Fatalf("Publish(%q) = %v", subject, err)
	}
}

// ask sends a request and returns the one answer to it.
func (f *foreigner) ask(subject, body string, header transport.Header) transport.Message {
	f.t.Helper()
	f.publish(subject, "_INBOX.me.1", body, header)
	m := <-f.inbox
	equal(f.t, "the subject of the answer to "+subject, m.Subject, "_INBOX.me.1")
	f.silence()
	return m
}

// silence fails the test when something else comes.
func (f *foreigner) silence() {
	f.t.Helper()
	pass(2 * time.Second) // accepted frames, pings and the like would come by then
	synctest.Wait()
	select {
	case m := <-f.inbox:
		f.t.Errorf("a foreign caller received %+v, want nothing", m)
	default:
	}
}

// decoded reads a JSON answer.
func decoded[T any](t *testing.T, m transport.Message) (v T) {
	t.Helper()
	if err := json.Unmarshal(m.Data, &v); err != nil {
		t.Errorf("the answer %q does not decode: %v", m.Data, err)
	}
	return v
}

// greet is a task with an input of several fields.
var greet = actor.NewTarget[greeting, string]("greet")

type greeting struct {
	Name  string `json:"name" msgpack:"name"`
	Times int    `json:"times" msgpack:"times"`
}

// tired is an error with something to tell.
type tired struct{ Hours int }

func (e *tired) Error() string { return "too tired" }

func greeter(ctx context.Context, in greeting) (string, error) {
	switch in.Name {
	case "":
		return "", errors.New("nobody to greet")
	case "nap":
		return "", &tired{Hours: in.Times}
	case "slow":
		pass(time.Second)
	}
	return strings.Repeat("hello, "+in.Name+actor.Metadata(ctx, "tenant")+" ", max(1, in.Times)), nil
}

// TestForeignCaller: who speaks JSON and request-reply gets exactly one
// answer.
func TestForeignCaller(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		start(t, b, actor.Config{Errors: []actor.ErrorType{actor.TypedError[*tired]("tired")}}, actor.Implement(greet, greeter))
		f := newForeigner(t, b)
		msgpack, err := codec.Msgpack.Marshal(greeting{Name: "gopher"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, body string
			header     transport.Header
			want       string
			wantHeader transport.Header
		}{
			{
				name: "JSON", body: `{"name":"gopher","times":2}`,
				want:       `"hello, gopher hello, gopher "`,
				wantHeader: transport.Header{"Content-Type": {"application/json"}},
			},
			{
				name: "a slow handler", body: `{"name":"slow"}`,
				want:       `"hello, slow "`,
				wantHeader: transport.Header{"Content-Type": {"application/json"}},
			},
			{
				name: "a content type with parameters", body: `{"name":"gopher"}`, header: transport.Header{"Content-Type": {"Application/JSON; charset=utf-8"}},
				want:       `"hello, gopher "`,
				wantHeader: transport.Header{"Content-Type": {"application/json"}},
			},
			{
				name: "msgpack", body: string(msgpack), header: transport.Header{"Content-Type": {"application/msgpack"}},
				want:       "\xaehello, gopher ",
				wantHeader: transport.Header{"Content-Type": {"application/msgpack"}},
			},
			{
				name: "metadata, and headers that mean nothing", body: `{"name":"gopher"}`,
				header:     transport.Header{"At-Meta-tenant": {" of acme"[1:]}, "At-Tell": {"yes"}, "At-Progress": {"yes"}, "At-Attempt": {"-7"}, "Nats-Msg-Id": {"1"}},
				want:       `"hello, gopherof acme "`,
				wantHeader: transport.Header{"Content-Type": {"application/json"}},
			},
			{
				name: "no body", body: "",
				want:       "nobody to greet",
				wantHeader: transport.Header{"At-Error": {"failed"}, "At-Executed": {"yes"}},
			},
			{
				name: "a typed error", body: `{"name":"nap","times":8}`,
				want: `{"Hours":8}`,
				wantHeader: transport.Header{
					"At-Error": {"failed"}, "At-Executed": {"yes"}, "At-Error-Cause": {"tired"}, "At-Error-Message": {"too%20tired"},
					"Content-Type": {"application/json"},
				},
			},
		} {
			m := f.ask("at.default.task.greet", c.body, c.header)
			if string(m.Data) != c.want {
				t.Errorf("%s: the answer = %q, want %q", c.name, m.Data, c.want)
			}
			if diff := cmp.Diff(c.wantHeader, m.Header); diff != "" {
				t.Errorf("%s: the answer's headers differ (-want, +got):\n%s", c.name, diff)
			}
		}
	})
}

// TestForeignCallerBadInput: what does not parse is refused, not executed.
func TestForeignCallerBadInput(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		start(t, b, actor.Config{}, actor.Implement(greet, greeter))
		f := newForeigner(t, b)
		for name, c := range map[string]struct {
			body   string
			header transport.Header
		}{
			"no JSON":           {body: "hello"},
			"half of it":        {body: `{"name":`},
			"trailing bytes":    {body: `{"name":"gopher"}}`},
			"another type":      {body: `[1,2]`},
			"nested deeply":     {body: strings.Repeat("[", 100_000)},
			"msgpack as JSON":   {body: "\x81\xa4name\xa6gopher"},
			"a msgpack bomb":    {body: "\xdd\xff\xff\xff\xff", header: transport.Header{"Content-Type": {"application/msgpack"}}},
			"an unknown codec":  {body: `{}`, header: transport.Header{"Content-Type": {"application/x-gob"}}},
			"a mangled type":    {body: `{}`, header: transport.Header{"Content-Type": {";;;"}}},
			"a type of 10 KB":   {body: `{}`, header: transport.Header{"Content-Type": {strings.Repeat("x", 10_000)}}},
			"JSON said msgpack": {body: `{"name":"gopher"}`, header: transport.Header{"Content-Type": {"application/msgpack"}}},
		} {
			m := f.ask("at.default.task.greet", c.body, c.header)
			equal(t, name+": At-Error", m.Header.Get("At-Error"), "bad_input")
			equal(t, name+": At-Executed", m.Header.Get("At-Executed"), "no")
			if len(m.Data) == 0 || len(m.Data) > 1000 {
				t.Errorf("%s: the answer = %q, want a few words", name, m.Data)
			}
		}
	})
}

// TestConfusedDeputy: a node publishes to inboxes and to return addresses of
// its own namespace, and nowhere else that a message names.
func TestConfusedDeputy(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		worker := start(t, b, actor.Config{}, actor.Handle("void", func(context.Context, []byte) ([]byte, error) { return nil, nil }), actor.Handle("echo", echo))
		f := newForeigner(t, b)
		seen := make(chan string, 1000)
		for _, pattern := range []string{"$JS.>", "$SYS.>", "$KV.>", "$SRV.>", "at.other.>", "at.default.task.victim", "_inbox.>", "_INBOXES.>", "svc.>", "at.default.reply.any.x.>"} {
			if _, err := f.conn.Subscribe(pattern, "", func(m *transport.Message) { seen <- m.Subject }); err != nil {
				t.Fatalf("Subscribe(%q) = %v", pattern, err)
			}
		}
		before := dropped(t, f, worker)
		replies := []string{
			"$JS.API.STREAM.DELETE.X",
			"$SYS.REQ.SERVER.PING",
			"$KV.bucket.key",
			"$SRV.PING",
			"at.default.task.victim",
			"at.other.task.victim",
			"at.other.reply.any.n1.c1.-.0",
			"at.default.reply.any.x",
			"at.default.reply.any.x.c1",
			"at.default.reply.any.x.c1.-",
			"at.default.reply.any.x.c1.-.0.$JS",
			"at.default.reply.any.x.c1.NEVER.0",
			"at.default.reply.any.x.c1.-.zero",
			"at.default.node.all.drain",
			"_INBOX",
			"_inbox.me.1",
			"_INBOXES.me.1",
			"svc.db",
			"",
		}
		subjects := []string{"at.default.task.void", "at.default.task.echo", "at.default.node." + worker.ID() + ".task.void", "at.default.node." + worker.ID() + ".task.unknown"}
		for _, reply := range replies {
			for _, subject := range subjects {
				f.publish(subject, reply, "x", nil)
			}
		}
		pass(time.Second)
		synctest.Wait()
		close(seen)
		for subject := range seen {
			t.Errorf("the worker published to %q, want nothing", subject)
		}
		f.silence()
		equal(t, "messages dropped", dropped(t, f, worker)-before, uint64(len(replies)*len(subjects)))

		for _, verb := range []string{"ping", "info", "ps", "stack", "awaits"} {
			before := dropped(t, f, worker)
			f.publish("at.default.node."+worker.ID()+"."+verb, "$JS.API.STREAM.DELETE.X", "", nil)
			pass(time.Second)
			equal(t, verb+": messages dropped", dropped(t, f, worker)-before, 1)
		}
	})
}

// TestWildcardReplies: a reply that is a pattern does not get past a broker
// that checks, nor past a node whose broker does not.
func TestWildcardReplies(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		conn := &forgingConn{Conn: connect(t, b), handlers: make(map[string]func(*transport.Message))}
		worker, err := actor.Start(t.Context(), conn, actor.Config{})
		if err != nil {
			t.Fatalf("Start() = %v", err)
		}
		defer worker.Close()
		if err := worker.Serve(actor.Handle("echo", echo)); err != nil {
			t.Fatalf("Serve() = %v", err)
		}
		f := newForeigner(t, b)
		before := dropped(t, f, worker)
		replies := []string{"_INBOX.*", "_INBOX.>", "_INBOX.me.>", "_INBOX..1", "_INBOX.me.", "_INBOX.me 1", "_INBOX.\r\nPUB x 0\r\n", "at.default.reply.any.*.c.-.0", "at.default.reply.any.n.>.-.0"}
		for _, reply := range replies {
			conn.handlers["at.default.task.echo"](&transport.Message{Subject: "at.default.task.echo", Reply: reply, Data: []byte("x")})
		}
		f.silence()
		equal(t, "messages dropped", dropped(t, f, worker)-before, uint64(len(replies)))
	})
}

// forgingConn lets a test hand messages to a node that no broker of ours
// carries.
type forgingConn struct {
	transport.Conn
	handlers map[string]func(*transport.Message)
}

func (c *forgingConn) Subscribe(subject, group string, handler func(*transport.Message)) (transport.Subscription, error) {
	c.handlers[subject] = handler
	return c.Conn.Subscribe(subject, group, handler)
}

// dropped asks a node how many messages it has dropped.
func dropped(t *testing.T, f *foreigner, n *actor.Node) uint64 {
	t.Helper()
	return decoded[actor.NodeInfo](t, f.ask("at.default.node."+n.ID()+".info", "", nil)).Dropped
}
