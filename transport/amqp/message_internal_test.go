package amqp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/transport"
)

func TestKeysOfHashes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ subject, key, binding string }{
		{"a.b", "a.b", "a.b"},
		{"a#.#b", "a#.#b", "a#.#b"},
		{"#", "##", "##"},
		{"a.#.##", "a.##.###", "a.##.###"},
		{">", ">", "*.#"},
		{"a.*.>", "a.*.>", "a.*.*.#"},
		{"#.>", "##.>", "##.*.#"},
	} {
		if got := toKey(tt.subject); got != tt.key {
			t.Errorf("toKey(%q) = %q, want %q", tt.subject, got, tt.key)
		}
		if got := toBinding(tt.subject); got != tt.binding {
			t.Errorf("toBinding(%q) = %q, want %q", tt.subject, got, tt.binding)
		}
	}
}

func TestGroupNamesDiffer(t *testing.T) {
	t.Parallel()
	n := names{"atasks"}
	long := strings.Repeat("x", 300)
	seen := map[string]string{}
	for _, g := range [][2]string{{"a.b", "c"}, {"b", "a.c"}, {"b", "c.a"}, {"c", "b.a"}, {long, "a"}, {"a", long}, {long, long}, {long + ".a", "a"}} {
		name := n.group(g[0], g[1])
		if other, ok := seen[name]; ok || len(name) > maxShort {
			t.Errorf("the queue of %.20q is %.40q, which is that of %q or too long", g, name, other)
		}
		seen[name] = g[0] + " " + g[1]
	}
	if got, want := n.group("at.default.task.fib", "at"), "atasks.group.at.at.default.task.fib"; got != want {
		t.Errorf("group() = %q, want %q: people look for it", got, want)
	}
}

// FuzzNames checks that what becomes of a subject at the broker can be turned
// back, and that patterns match as the seam says.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"a", "#", "##.#", "a.#.b", "é.☃#"} {
		f.Add(s, ">")
		f.Add(s, s)
		f.Add(s, "*.#.>")
	}
	f.Fuzz(func(t *testing.T, subject, pattern string) {
		if transport.CheckSubject(subject, false) != nil || transport.CheckSubject(pattern, true) != nil {
			return
		}
		key := toKey(subject)
		if got := fromKey(key); got != subject {
			t.Errorf("fromKey(toKey(%q)) = %q", subject, got)
		}
		want := matches(pattern, subject)
		if got := topicMatch(strings.Split(toBinding(pattern), "."), strings.Split(key, ".")); got != want {
			t.Errorf("a topic exchange matches %q with %q: %v, want %v", toBinding(pattern), key, got, want)
		}
		if got := headersMatch(longBinding(pattern), longRoute(subject)); got != want {
			t.Errorf("a headers exchange matches %q with %q: %v, want %v", pattern, subject, got, want)
		}
	})
}

// topicMatch is what a topic exchange does.
func topicMatch(binding, key []string) bool {
	switch {
	case len(binding) == 0:
		return len(key) == 0
	case binding[0] == "#":
		return topicMatch(binding[1:], key) || len(key) > 0 && topicMatch(binding, key[1:])
	case len(key) == 0:
		return false
	default:
		return (binding[0] == "*" || binding[0] == key[0]) && topicMatch(binding[1:], key[1:])
	}
}

// headersMatch is what a headers exchange does.
func headersMatch(binding, fields map[string]any) bool {
	for k, want := range binding {
		got, ok := fields[k]
		if !strings.HasPrefix(k, "x-") && (!ok || want != nil && got != want) {
			return false
		}
	}
	return true
}

// FuzzForeign checks that a client gets its own correlation ID back, whatever
// it and its address hold.
func FuzzForeign(f *testing.F) {
	f.Add("g1h2AA5yZXBseUA2OTU2NDQ5NAAAC/IAAAAAY0JVug==.RJP6LTgdYb+1cfFcKb3BCw==", "7")
	f.Add("x.~x", "")
	f.Add("x", "\x00 . >")
	f.Fuzz(func(t *testing.T, address, id string) {
		address = namedQueue + address
		if len(address) > maxShort || len(id) > maxShort || strings.Contains(address, correlation) {
			return
		}
		gotAddress, gotID := parseForeign(foreignReply(address, id))
		if gotAddress != address || gotID != id {
			t.Errorf("parseForeign(foreignReply(%q, %q)) = %q, %q", address, id, gotAddress, gotID)
		}
	})
}

// What other clients and the broker put into a message does no harm.
func TestFromDelivery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		d    amqp.Delivery
		want transport.Message
	}{
		{
			"another client's",
			amqp.Delivery{
				RoutingKey: "at.default.task.fib", ReplyTo: "amq.gen-x", CorrelationId: "7", ContentType: "application/json", Body: []byte("10"),
				Headers: amqp.Table{"n": int32(1), "s": "text", "a": []any{"1", int64(2), "3"}, "x-death": []any{amqp.Table{}}, "~s": int32(1), "CC": []any{"x"}},
			},
			transport.Message{
				Subject: "at.default.task.fib", Reply: "amq.gen-x.~Nw", Data: []byte("10"),
				Header: transport.Header{"s": {"text"}, "a": {"1", "3"}, "Content-Type": {"application/json"}},
			},
		},
		{
			"an escaped field",
			amqp.Delivery{RoutingKey: "a", Headers: amqp.Table{"~CC": "1", "~x-y": "2", "~~z": "3", "~plain": "4"}},
			transport.Message{Subject: "a", Header: transport.Header{"CC": {"1"}, "x-y": {"2"}, "~z": {"3"}}},
		},
		{
			"one that comes again",
			amqp.Delivery{RoutingKey: "a.##", Redelivered: true, ReplyTo: "elsewhere"},
			transport.Message{Subject: "a.#", Redelivered: true, Reply: "elsewhere"},
		},
		{
			"one that nobody took",
			amqp.Delivery{RoutingKey: "a", Type: nobodyThere, Body: []byte("x"), Redelivered: true},
			transport.Message{Subject: "a", Status: transport.NoResponders},
		},
	} {
		if diff := cmp.Diff(tt.want, fromDelivery(&tt.d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestParseAddressesHidesSecrets(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		"", ",", "host", "nats://u:hunter2@host", "amqp://u:hunter2@", "amqp://u:%zzhunter2@host", "amqp://u:hunter2@host:99999",
		"amqp://u:hunter2@host/a/b", "amqp://u:hunter2@host?heartbeat=1", "amqp://u:hun,ter2@host", "amqp://u:p/hunter2@host",
		"amqp://u:p#hunter2@host", "amqp://u:p?hunter2@host", "amqp://host/%zz", "amqp://a,hunter2@host",
	} {
		_, err := parseAddresses(list)
		if err == nil || strings.Contains(err.Error(), "hun") || strings.Contains(err.Error(), "ter2") || !strings.Contains(err.Error(), "want amqp://") {
			t.Errorf("parseAddresses(%q) = %v, want an error without the password that says what is wanted", list, err)
		}
	}
	all, err := parseAddresses("amqp://joe:p%2Fw@a, amqps://b:1/ns%2Fone ,amqp://[::1]/")
	want := []address{
		{host: "a", port: "5672", user: "joe", password: "p/w"},
		{host: "b", port: "1", secure: true, vhost: "ns/one"},
		{host: "::1", port: "5672"},
	}
	if diff := cmp.Diff(want, all, cmp.AllowUnexported(address{})); diff != "" || err != nil {
		t.Errorf("parseAddresses() = %v (-want +got):\n%s", err, diff)
	}
}
