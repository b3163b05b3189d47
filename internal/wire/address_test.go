package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

const century = 100 * 365 * 24 * time.Hour

// sample is the address that examples use.
var sample = wire.Address{Namespace: "default", Group: "any", Node: "n1", Call: "c7", Budget: 5 * time.Second, Depth: 3}

func TestAddress(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("t", wire.MaxToken)
	for _, tt := range []struct {
		address wire.Address
		want    string // what travels
		back    wire.Address
	}{
		{sample, "at.default.reply.any.n1.c7.3uw.3", sample},
		{
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: wire.NoBudget},
			"at.a.reply.b.c.d.-.0",
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: wire.NoBudget},
		},
		{
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: -time.Hour},
			"at.a.reply.b.c.d.-.0",
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: wire.NoBudget},
		},
		{
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: 0},
			"at.a.reply.b.c.d.0.0",
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: 0},
		},
		{
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: 1},
			"at.a.reply.b.c.d.1.0",
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: time.Millisecond},
		},
		{
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: 1<<63 - 1, Depth: 999_999_999},
			"at.a.reply.b.c.d.148qs0lc0.999999999",
			wire.Address{Namespace: "a", Group: "b", Node: "c", Call: "d", Budget: century, Depth: 999_999_999},
		},
		{
			wire.Address{Namespace: token, Group: token, Node: token, Call: token, Budget: time.Second},
			"at." + token + ".reply." + token + "." + token + "." + token + ".rs.0",
			wire.Address{Namespace: token, Group: token, Node: token, Call: token, Budget: time.Second},
		},
	} {
		s := tt.address.String()
		if s != tt.want {
			t.Errorf("%+v.String() = %q, want %q", tt.address, s, tt.want)
		}
		tt.back.Inbox = wire.InboxPrefix(tt.back.Namespace, tt.back.Group, tt.back.Node)
		got, key, ok := wire.ParseAddress(tt.address.Namespace, s)
		if d := cmp.Diff(tt.back, got); d != "" || !ok || key != tt.back.Key() {
			t.Errorf("ParseAddress(%q) = key %q, %v, want key %q; address (-want +got):\n%s", s, key, ok, tt.back.Key(), d)
		}
	}
}

// Whoever writes an address may write it in more than one way, and may add
// tokens that mean something to a later version.
func TestParseAddressLenient(t *testing.T) {
	t.Parallel()
	want := sample
	want.Inbox = "at.default.reply.any.n1."
	for _, s := range []string{
		"at.default.reply.any.n1.c7.3uw.3",
		"at.default.reply.any.n1.c7.0003uw.003",
		"at.default.reply.any.n1.c7.3uw.3.later",
		"at.default.reply.any.n1.c7.3uw.3.ok",
		"at.default.reply.any.n1.c7.3uw.3.a.b.c",
		"at.default.reply.any.n1.c7.3uw.3." + strings.Repeat("r", wire.MaxName),
	} {
		got, key, ok := wire.ParseAddress("default", s)
		if d := cmp.Diff(want, got); d != "" || !ok || key != "n1.c7" {
			t.Errorf("ParseAddress(%q) = key %q, %v, want key %q; address (-want +got):\n%s", s, key, ok, "n1.c7", d)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	t.Parallel()
	const good = "at.default.reply.any.n1.c7.3uw.3"
	bad := map[string]string{
		"empty":                 "",
		"wildcard":              ">",
		"JetStream":             "$JS.API.STREAM.DELETE.X",
		"system":                "$SYS.REQ.SERVER.PING",
		"key-value":             "$KV.bucket.key",
		"own request subject":   "at.default.task.fib",
		"node subject":          "at.default.node.n1.drain",
		"event subject":         "at.default.event.x",
		"another's inbox":       "_INBOX.abc.def",
		"another namespace":     "at.other.reply.any.n1.c7.3uw.3",
		"namespace as a prefix": "at.default2.reply.any.n1.c7.3uw.3",
		"prefix only":           "at.default.reply.",
		"upper case":            "AT.default.reply.any.n1.c7.3uw.3",
		"leading dot":           "." + good,
		"leading space":         " " + good,
		"trailing dot":          good + ".",
		"trailing space":        good + " ",
		"trailing line break":   good + "\r\n",
		"no depth":              "at.default.reply.any.n1.c7.3uw",
		"no budget":             "at.default.reply.any.n1.c7",
		"no call":               "at.default.reply.any.n1",
		"long reserved":         good + "." + strings.Repeat("r", wire.MaxName+1),
		"many reserved":         good + strings.Repeat(".r", 2000),
	}
	for _, budget := range []string{"", "--", "-1", "+1", "1_0", "3UW", " 1", "1!", "zzzzzzzzzzzzz", "*", ">"} {
		bad["budget "+budget] = "at.default.reply.any.n1.c7." + budget + ".0"
	}
	for _, depth := range []string{"", "-", "-1", "+1", "1_0", "f", " 1", "1000000000", "9223372036854775808", "*", ">"} {
		bad["depth "+depth] = "at.default.reply.any.n1.c7.3uw." + depth
	}
	for what, token := range badTokens {
		bad["group "+what] = "at.default.reply." + token + ".n1.c7.3uw.3"
		bad["node "+what] = "at.default.reply.any." + token + ".c7.3uw.3"
		bad["call "+what] = "at.default.reply.any.n1." + token + ".3uw.3"
		if what != "65 bytes" {
			bad["reserved "+what] = good + "." + token
			bad["inner reserved "+what] = good + "." + token + ".a"
		}
	}
	for what, s := range bad {
		if a, _, ok := wire.ParseAddress("default", s); ok {
			t.Errorf("%s: ParseAddress(%q) = %+v, true, want false", what, clip(s), a)
		}
	}
}

// Not parallel: AllocsPerRun counts the allocations of the whole process.
func TestHotPathAllocatesNothing(t *testing.T) {
	inbox := wire.InboxPrefix("default", "any", "n1")
	address := sample.String()
	frame, short := address+wire.SuffixResult, wire.FrameSubject(inbox, wire.SuffixResult)
	buf := make([]byte, 0, transport.MaxSubject)
	for name, f := range map[string]func(){
		"ParseAddress": func() {
			if _, _, ok := wire.ParseAddress("default", address); !ok {
				t.Errorf("ParseAddress(%q) = false, want true", address)
			}
		},
		"ParseInbox": func() {
			if _, _, _, ok := wire.ParseInbox(inbox, frame, ""); !ok {
				t.Errorf("ParseInbox(%q) = false, want true", frame)
			}
		},
		"ParseInbox, short": func() {
			if _, _, _, ok := wire.ParseInbox(inbox, short, "c7"); !ok {
				t.Errorf("ParseInbox(%q) = false, want true", short)
			}
		},
		"AppendAddress": func() {
			buf = wire.AppendAddress(buf[:0], inbox, "c7", sample.Budget, sample.Depth)
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times, want 0", name, n)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	const ns = "default"
	f.Fuzz(func(t *testing.T, s string) {
		a, key, ok := wire.ParseAddress(ns, s)
		if !ok {
			return
		}
		for _, suffix := range []string{"", wire.SuffixResult, wire.SuffixProgress} {
			if err := transport.CheckSubject(s+suffix, false); err != nil {
				t.Errorf("ParseAddress(%q) = true, but CheckSubject(%q) = %v", s, s+suffix, err)
			}
		}
		for what, token := range map[string]string{"group": a.Group, "node": a.Node, "call": a.Call} {
			if err := wire.CheckToken(what, token); err != nil {
				t.Errorf("ParseAddress(%q) gave %v", s, err)
			}
		}
		if key != a.Key() {
			t.Errorf("ParseAddress(%q) = key %q, want %q", s, key, a.Key())
		}
		again, _, ok := wire.ParseAddress(ns, a.String())
		if d := cmp.Diff(a, again); d != "" || !ok {
			t.Errorf("ParseAddress(%q) = %v, want what %q gave (-want +got):\n%s", a.String(), ok, s, d)
		}
		inbox := wire.InboxPrefix(ns, a.Group, a.Node)
		if a.Inbox != inbox {
			t.Errorf("ParseAddress(%q) = inbox %q, want %q", s, a.Inbox, inbox)
		}
		call, frame, bare, ok := wire.ParseInbox(inbox, s+wire.SuffixError, "")
		if call != a.Call || frame != wire.FrameError || bare || !ok {
			t.Errorf("ParseInbox(%q) = %q, %v, %v, %v, want an error frame for %q", s+wire.SuffixError, call, frame, bare, ok, a.Call)
		}
	})
}
