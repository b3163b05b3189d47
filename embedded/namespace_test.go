package embedded

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestNamespacesLogin(t *testing.T) {
	t.Parallel()
	s := run(t, Config{Listen: "127.0.0.1:0", Namespaces: []Namespace{
		{Name: "a", Password: "pa"},
		{Name: "b", User: "bob", Password: hashed},
		{Name: "inside"},
	}})
	pass(t, dial(t, s.URL(), nats.UserInfo("a", "pa")), dialLocal(t, s, "a"))
	pass(t, dial(t, s.URL(), nats.UserInfo("bob", "secret")), dialLocal(t, s, "b"))
	for _, l := range []login{{"a", "secret"}, {"bob", "pa"}, {"b", "secret"}, {"inside", ""}, {"", ""}, {"$SYS", ""}, {"default", "default"}} {
		nc, err := nats.Connect(s.URL(), nats.UserInfo(l.user, l.password))
		if err == nil {
			nc.Close()
		}
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("Connect(%+v) = %v, want %v", l, err, nats.ErrAuthorization)
		}
	}
}

// Names that the server's configuration language could misread.
func TestNamespaceNames(t *testing.T) {
	t.Parallel()
	var all []Namespace
	for _, name := range []string{"include", "true", "123", "-", "_", "1k", "G", "SYS", "enabled", strings.Repeat("x", 64)} {
		all = append(all, Namespace{Name: name})
	}
	s := run(t, Config{Namespaces: all})
	for _, n := range all {
		nc := dialLocal(t, s, n.Name)
		pass(t, nc, nc)
		js := streams(t, nc)
		if _, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Storage: jetstream.MemoryStorage}); err != nil {
			t.Errorf("CreateStream() in %q = %v, want nil", n.Name, err)
		}
	}
}

func TestNamespaceShares(t *testing.T) {
	t.Parallel()
	s := run(t, Config{MaxMemory: 300_000, Namespaces: []Namespace{{Name: "a", MaxMemory: 200_000}, {Name: "b"}}})
	fill := func(namespace string) int {
		js := streams(t, dialLocal(t, s, namespace))
		if _, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Storage: jetstream.MemoryStorage}); err != nil {
			t.Fatalf("CreateStream() = %v, want nil", err)
		}
		for n := range 1000 {
			if _, err := js.Publish(within(t), "s", make([]byte, 1000)); err != nil {
				return n
			}
		}
		return 1000
	}
	if got := fill("a"); got < 150 || got > 200 {
		t.Errorf("a stored %d kB, want about 200", got)
	}
	if got := fill("b"); got < 75 || got > 100 {
		t.Errorf("b stored %d kB beside a full neighbour, want about 100", got)
	}
}

// A client of one namespace that tries all it can sees nothing of another,
// and nothing of its doing arrives there.
func TestHostileNamespace(t *testing.T) {
	t.Parallel()
	s := run(t, Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), SyncInterval: time.Minute, Namespaces: []Namespace{
		{Name: "victim", User: "victim-user", Password: "victim-password"},
		{Name: "hostile", Password: "p"},
	}})
	victim, hostile := dialLocal(t, s, "victim"), dial(t, s.URL(), nats.UserInfo("hostile", "p"))
	vjs, hjs := streams(t, victim), streams(t, hostile)
	if _, err := vjs.CreateStream(within(t), jetstream.StreamConfig{Name: "V", Subjects: []string{"victim.stored"}}); err != nil {
		t.Fatalf("CreateStream() = %v, want nil", err)
	}
	atVictim, _ := listenEverywhere(t, victim)
	atHostile, deafen := listenEverywhere(t, hostile)
	if _, err := vjs.Publish(within(t), "victim.stored", []byte("mine")); err != nil {
		t.Fatalf("Publish() = %v, want nil", err)
	}

	inject(t, hostile, hjs)
	// What was injected arrives at home, so each was a real attempt.
	arrived := map[string]bool{}
	for ctx := within(t); len(arrived) < len(injections); {
		select {
		case m := <-atHostile:
			if strings.Contains(string(m.Data), "mine") {
				t.Errorf("hostile received %q %q of the victim", m.Subject, m.Data)
			}
			if m.Sub.Subject != ">" {
				arrived[m.Sub.Subject] = true
			}
		case <-ctx.Done():
			t.Fatalf("in the namespace of their maker arrived only %v, want all of %q", arrived, injections)
		}
	}
	deafen() // else nobody would ever be told that nobody responds
	pry(t, hostile, hjs)

	if err := victim.Publish("fence", nil); err != nil {
		t.Fatalf("Publish() = %v, want nil", err)
	}
	for m := range atVictim {
		if m.Subject == "fence" {
			break
		}
		if string(m.Data) != "mine" && m.Sub.Subject != ">" || strings.Contains(string(m.Data), "evil") {
			t.Errorf("victim received %q %q, which is not its own", m.Subject, m.Data)
		}
	}
	if names, err := streamNames(t, vjs); err != nil || fmt.Sprint(names) != "[V]" {
		t.Errorf("streams of the victim = %v, %v, want [V]", names, err)
	}
	if v, err := vjs.Stream(within(t), "V"); err != nil || v.CachedInfo().State.Msgs != 1 {
		t.Errorf("Stream(V) = %v, %v, want one with one message", v, err)
	}
}

// injections are the subjects of the victim to which inject sends, to each in
// another way.
var injections = []string{"victim.plain", "victim.stored", "victim.push", "victim.republish", "victim.puback", "victim.trace"}

// listenEverywhere subscribes to everything and to each injection: the server
// sends some things only to those who name the subject. The function that it
// returns ends the subscription to everything.
func listenEverywhere(t *testing.T, nc *nats.Conn) (<-chan *nats.Msg, func()) {
	t.Helper()
	got := make(chan *nats.Msg, 4096) // more than the test sends
	var everything *nats.Subscription
	for _, subject := range append([]string{">"}, injections...) {
		sub, err := nc.ChanSubscribe(subject, got)
		if err != nil {
			t.Fatalf("ChanSubscribe(%q) = %v, want nil", subject, err)
		}
		if subject == ">" {
			everything = sub
		}
	}
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatalf("Flush() = %v, want nil", err)
	}
	return got, func() { _ = everything.Unsubscribe() }
}

// inject makes the server send messages to subjects of the victim.
func inject(t *testing.T, nc *nats.Conn, js jetstream.JetStream) {
	t.Helper()
	try := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s = %v, want nil: it is allowed at home", what, err)
		}
	}
	try("Publish", nc.Publish("victim.plain", []byte("evil")))
	try("Publish", nc.Publish("victim.stored", []byte("evil")))
	_, err := js.CreateStream(within(t), jetstream.StreamConfig{
		Name: "H", Subjects: []string{"h.>"},
		RePublish: &jetstream.RePublish{Source: "h.again", Destination: "victim.republish"},
	})
	try("CreateStream", err)
	_, err = js.CreatePushConsumer(within(t), "H", jetstream.ConsumerConfig{Name: "push", DeliverSubject: "victim.push", FilterSubject: "h.push"})
	try("CreatePushConsumer", err)
	_, err = js.Publish(within(t), "h.push", []byte("evil"))
	try("Publish", err)
	_, err = js.Publish(within(t), "h.again", []byte("evil"))
	try("Publish", err)
	// The server answers where it is told to.
	try("PublishRequest", nc.PublishRequest("h.ack", "victim.puback", []byte("evil")))
	trace := nats.NewMsg("h.trace")
	trace.Header.Set("Nats-Trace-Dest", "victim.trace")
	try("PublishMsg", nc.PublishMsg(trace))
	try("Flush", nc.FlushWithContext(within(t)))
}

// pry asks the server for what it knows of the victim.
func pry(t *testing.T, nc *nats.Conn, js jetstream.JetStream) {
	t.Helper()
	if _, err := js.Stream(within(t), "V"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("Stream(V) of the victim = %v, want %v", err, jetstream.ErrStreamNotFound)
	}
	if err := js.DeleteStream(within(t), "V"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("DeleteStream(V) of the victim = %v, want %v", err, jetstream.ErrStreamNotFound)
	}
	if names, err := streamNames(t, js); err != nil || fmt.Sprint(names) != "[H]" {
		t.Errorf("streams = %v, %v, want [H]", names, err)
	}
	// A copy of a stream of that name, by way of every prefix one could think of.
	for i, prefix := range []string{"", "$JS.API", "$JS.victim.API", "victim.$JS.API"} {
		source := &jetstream.StreamSource{Name: "V"}
		if prefix != "" {
			source.External = &jetstream.ExternalStream{APIPrefix: prefix, DeliverPrefix: "deliver"}
		}
		_, _ = js.CreateStream(within(t), jetstream.StreamConfig{Name: fmt.Sprintf("COPY%d", i), Sources: []*jetstream.StreamSource{source}})
	}
	var asking sync.WaitGroup
	var answers atomic.Int32
	for _, subject := range []string{
		"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.SERVER.PING.JSZ",
		"$SYS.REQ.ACCOUNT.victim.CONNZ", "$SYS.REQ.ACCOUNT.victim.SUBSZ", "$SYS.REQ.ACCOUNT.victim.JSZ", "$SYS.REQ.ACCOUNT.victim.INFO",
		"$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.ACCOUNT.PING.SUBSZ", "$SYS.REQ.ACCOUNT.PING.JSZ", "$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.USER.INFO",
		"$SYS.ACCOUNT.victim.SERVER.CONNS", "$JS.API.SERVER.REMOVE", "$JS.API.ACCOUNT.PURGE.victim", "$JS.API.STREAM.NAMES",
	} {
		asking.Go(func() {
			answer, err := nc.Request(subject, nil, time.Second)
			if err != nil {
				return // what the server does not answer tells nothing
			}
			answers.Add(1)
			for _, secret := range []string{"victim-user", "victim-password", "local-", `"V"`, "victim.stored", `"account":"victim"`} {
				if strings.Contains(string(answer.Data), secret) {
					t.Errorf("Request(%q) = %q, which tells of %q", subject, answer.Data, secret)
				}
			}
		})
	}
	asking.Wait()
	if answers.Load() == 0 {
		t.Error("the server answered no question, want those about the own namespace answered")
	}
	if err := nc.Publish("$SYS.ACCOUNT.victim.CONNECT", []byte("evil")); err != nil {
		t.Errorf("Publish() = %v, want nil: it goes nowhere", err)
	}
	for i := range 4 {
		copied, err := js.Stream(within(t), fmt.Sprintf("COPY%d", i))
		if err == nil && copied.CachedInfo().State.Msgs > 0 {
			t.Errorf("the copy COPY%d holds %d messages of the victim", i, copied.CachedInfo().State.Msgs)
		}
	}
}

func streamNames(t *testing.T, js jetstream.JetStream) ([]string, error) {
	t.Helper()
	lister := js.StreamNames(within(t))
	var names []string
	for n := range lister.Name() {
		names = append(names, n)
	}
	return names, lister.Err()
}
