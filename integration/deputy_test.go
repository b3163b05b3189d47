package integration

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// spy notes where a worker publishes to: every message on the server that
// neither the attacker nor an honest client has sent.
type spy struct {
	mu   sync.Mutex
	seen map[published]int
}

// attackerHeader marks what the attacker sends.
const attackerHeader = "X-Attacker"

func (s *spy) take(m *nats.Msg) {
	if m.Header.Get(attackerHeader) != "" || strings.HasPrefix(m.Reply, goodInbox) || strings.HasPrefix(m.Subject, goodInbox) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[published{m.Subject, m.Reply}]++
}

// published returns what went where, and how often.
func (s *spy) published() map[published]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.seen)
}

// way is a message that a worker answers, were it asked by an honest client.
type way struct{ subject, header, body string }

func ways(node string) []way {
	const json = "Content-Type: application/json\r\n"
	direct := "at.default.node." + node + "."
	return []way{
		{"at.default.task.void", json, ""},
		{"at.default.task.echo", json, `{"seq":1}`}, // the body that deletes a message
		{"at.default.task.fail", json, "1"},
		{"at.default.task.any", json, "no JSON"},
		{"at.default.task.any", "Content-Type: x", ""},
		{"at.default.task.slow", json + "At-Progress: yes\r\n", "1"},
		{"at.default.task.void", json + "At-Tell: yes\r\n", ""},
		{direct + "task.echo", json, `{"seq":1}`},
		{direct + "task.unknown", json, ""},
		{direct + "ping", "", ""},
		{direct + "info", "", ""},
		{direct + "ps", "", ""},
		{direct + "stack", "", ""},
		{direct + "awaits", "", ""},
		{direct + "cancel", "", ""},
		{"at.default.node.all.ping", "", ""},
		{"at.default.node.all.info", "", ""},
		{"at.default.node.all.ps", "", ""},
		{"$SRV.PING", "", ""},
		{"$SRV.INFO.atasks-default", "", ""},
		{"$SRV.STATS.atasks-default." + node, "", ""},
	}
}

// forbidden are reply subjects that no worker may publish to.
func forbidden(node string) []string {
	return []string{
		"$JS.API.STREAM.DELETE.ORDERS",
		"$JS.API.STREAM.PURGE.ORDERS",
		"$JS.API.STREAM.MSG.DELETE.ORDERS",
		"$JS.ACK.ORDERS.C.1.1.1.1.0",
		"$KV.settings.key",
		"$SYS.REQ.SERVER.PING",
		"$SRV.PING",
		"orders.new",
		"at.default.task.void",
		"at.default.task.one",
		"at.other.task.one",
		"at.other.reply.any.n1.c1.-.0",
		"at.other.node.all.drain",
		"at.default.node.all.drain",
		"at.default.node." + node + ".drain",
		"at.default.node." + node + ".task.one",
		"at.default.event.x",
		"at.default.reply",
		"at.default.reply.any." + node,
		"at.default.reply.any." + node + ".c1",
		"at.default.reply.any." + node + ".c1.-",
		"at.default.reply.any." + node + ".>",
		"at.default.reply.*.n1.c1.-.0",
		"at.default.reply.any.n1.c1.-.0.*",
		"at.default.reply.any.n1.c1.-.0.$JS",
		"_INBOX",
		"_INBOX.>",
		"_INBOX.*",
		"_INBOX.victim.>",
		"_INBOX..x",
		"_INBOX.x.",
		"_inbox.x",
		"_INBOXES.x",
		"_R_",
		">",
		"*",
		"x",
	}
}

// TestDeputy: a caller cannot have a worker publish where callers' answers do
// not belong, whatever it names as the reply, and whatever it calls.
func TestDeputy(t *testing.T) {
	t.Parallel()
	v := newVictim(t, 1<<20)
	streams, err := v.nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streams.AddStream(&nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, Storage: nats.MemoryStorage}); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Publish("orders.1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	settings, err := streams.CreateKeyValue(&nats.KeyValueConfig{Bucket: "settings", Storage: nats.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := settings.Put("key", []byte("kept")); err != nil {
		t.Fatal(err)
	}

	s := &spy{seen: make(map[published]int)}
	listening, err := v.nc.Subscribe(">", s.take)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	before, sent := v.dropped(t), uint64(0)
	all := len(ways(v.node)) * len(forbidden(v.node))
	for _, reply := range forbidden(v.node) {
		for _, w := range ways(v.node) {
			refusal := v.raw.send(t, w.subject, reply, []byte(attackerHeader+": 1\r\n"+strings.TrimSuffix(w.header, "\r\n")), []byte(w.body))
			if refusal == "" { // the server itself keeps some from being a reply
				sent++
			}
		}
		// The inspector takes 256 questions at a time, and drops what is more.
		v.awaitDropped(t, before+sent, reply)
	}
	if int(sent) < all*9/10 {
		t.Errorf("only %d of %d messages have reached the worker", sent, all)
	}
	v.good(t)
	if got := v.dropped(t) - before; got != sent {
		t.Errorf("the worker has dropped %d messages, want %d", got, sent)
	}
	if err := v.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := s.published(); len(got) > 0 {
		t.Errorf("the worker has published to %v, want nothing", got)
	}

	v.deputes(t, s)

	if err := listening.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	info, err := streams.StreamInfo("ORDERS")
	if err != nil || info.State.Msgs != 1 {
		t.Errorf("the stream is %+v, %v, want it with its message", info, err)
	}
	if e, err := settings.Get("key"); err != nil || string(e.Value()) != "kept" {
		t.Errorf("the key is %v, %v, want what it was", e, err)
	}
}

// awaitDropped waits until the worker has dropped so many messages.
func (v *victim) awaitDropped(t *testing.T, want uint64, reply string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); v.dropped(t) < want; {
		if time.Now().After(deadline) {
			t.Fatalf("reply %q: the worker has dropped %d messages, want %d", reply, v.dropped(t), want)
		}
	}
}

// deputes sends the same with replies that are answered, and wants the answers
// exactly there: one to a client, frames to an address of the protocol.
func (v *victim) deputes(t *testing.T, s *spy) {
	t.Helper()
	clients := map[string]int{"_INBOX.someone.1": 0, "_INBOX.a.b.c.d": 0}
	addresses := make(map[string]bool)
	send := func(w way, to string) {
		if refusal := v.raw.send(t, w.subject, to, []byte(attackerHeader+": 1\r\n"+strings.TrimSuffix(w.header, "\r\n")), []byte(w.body)); refusal != "" {
			t.Fatalf("the server refuses the reply %q: %s", to, refusal)
		}
	}
	for i, w := range ways(v.node) {
		for to := range clients {
			send(w, to)
			clients[to]++
		}
		for _, to := range []string{"at.default.reply.any.n1.c%d.-.0", "at.default.reply.other.n9.c%d.9ix.3.later"} {
			to = fmt.Sprintf(to, i)
			send(w, to)
			addresses[to] = true
		}
	}
	var missing []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		missing = missing[:0]
		seen := s.published()
		for to, n := range clients {
			if seen[published{subject: to}] < n {
				missing = append(missing, to)
			}
		}
		for to := range addresses {
			if seen[frameFor(to, ".ok")]+seen[frameFor(to, ".err")]+seen[frameFor(to, ".acc")] == 0 {
				missing = append(missing, to)
			}
		}
		if len(missing) == 0 {
			break
		}
		v.good(t)
	}
	if len(missing) > 0 {
		t.Errorf("no answers at %q", missing)
	}
	frames := make(map[published]bool)
	for to := range addresses {
		for _, token := range []string{".ok", ".err", ".acc", ".pro"} {
			frames[frameFor(to, token)] = true
		}
	}
	for p, n := range s.published() {
		want := clients[p.subject]
		if !frames[p] && (n != want || p.reply != "") && !strings.Contains(p.subject, v.node) { // it pings itself
			t.Errorf("the worker has published to %q, %d times, want %d", p, n, want)
		}
	}
}
