package wire_test

import (
	"strings"
	"testing"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// badTokens are tokens that must never get into a subject, in any place.
var badTokens = map[string]string{
	"empty":            "",
	"space":            " ",
	"inner space":      "a b",
	"tab":              "a\tb",
	"star":             "*",
	"star inside":      "a*",
	"greater than":     ">",
	"greater inside":   "a>",
	"line break":       "\r\nPUB x 1",
	"NUL":              "a\x00",
	"DEL":              "a\x7f",
	"escape":           "\x1b]0;a\a",
	"dollar":           "$SYS",
	"slash":            "a/b",
	"colon":            "a:b",
	"plus":             "a+b",
	"equals":           "a=b",
	"percent":          "%2e%2e",
	"right to left":    "a\u202eb",
	"zero width":       "a\u200db",
	"homoglyph":        "f\u0456b",
	"composed":         "caf\u00e9",
	"decomposed":       "cafe\u0301",
	"not UTF-8":        "a\xff",
	"65 bytes":         strings.Repeat("a", 65),
	"5000 bytes":       strings.Repeat("a", 5000),
	"5000 runes":       strings.Repeat("ß", 5000),
	"newline at end":   "a\n",
	"full-width digit": "\uff11",
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"a", "fib", "billing.invoice.send", "A-Z_0-9", "-flag", "_INBOX.x", "task", "all", "CON",
		"a.b.c.d.e.f.g.h",
		strings.Repeat("n", wire.MaxName),
		strings.Repeat("n", 65) + ".x", // only the whole name is bounded
	} {
		if err := wire.CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v, want nil", name, err)
		}
	}
	bad := []string{
		".a", "a.", "a..b", ".", "..", "../..", "$SYS.REQ.SERVER.PING", "$JS.API.INFO", "a.*", "a.>", "a.>.b",
		"a.b.c.d.e.f.g.h.i",
		strings.Repeat("n", wire.MaxName+1),
		strings.Repeat("a.", 1999) + "a",
	}
	for what, token := range badTokens {
		if what != "65 bytes" {
			bad = append(bad, token, "a."+token, token+".a", "a."+token+".b")
		}
	}
	for _, name := range bad {
		err := wire.CheckName(name)
		checkRefusal(t, "CheckName", name, err)
	}
}

func TestCheckToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"a", "default", "A-Z_0-9", "-", "_", strings.Repeat("t", wire.MaxToken)} {
		if err := wire.CheckToken("namespace", token); err != nil {
			t.Errorf("CheckToken(%q) = %v, want nil", token, err)
		}
	}
	for _, token := range badTokens {
		err := wire.CheckToken("namespace", token)
		checkRefusal(t, "CheckToken", token, err)
		if err != nil && !strings.Contains(err.Error(), "namespace") {
			t.Errorf("CheckToken(%q) = %v, want it to say what the token is", clip(token), err)
		}
	}
	for _, token := range []string{"a.b", ".", "a."} {
		checkRefusal(t, "CheckToken", token, wire.CheckToken("group", token))
	}
}

func TestCheckNode(t *testing.T) {
	t.Parallel()
	for id, good := range map[string]bool{
		"n1": true, "ALL": true, "all-1": true, strings.Repeat("x", wire.MaxToken): true,
		"": false, "all": false, "*": false, ">": false, "n1.ping": false, "n 1": false, "é": false, strings.Repeat("x", wire.MaxToken+1): false,
	} {
		if err := wire.CheckNode(id); (err == nil) != good {
			t.Errorf("CheckNode(%q) = %v, want nil: %v", clip(id), err, good)
		}
	}
}

// checkRefusal reports an error that is missing, or whose text would harm a
// terminal or a log.
func checkRefusal(t *testing.T, call, arg string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s(%q) = nil, want an error", call, clip(arg))
		return
	}
	text := err.Error()
	if len(text) > 2048 {
		t.Errorf("%s(%q) = an error of %d bytes, want at most 2048", call, clip(arg), len(text))
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) {
		t.Errorf("%s(%q) = %q, want control characters quoted", call, clip(arg), text)
	}
}

func clip(s string) string { return s[:min(len(s), 60)] }

func FuzzCheckName(f *testing.F) {
	longest := strings.Repeat("x", wire.MaxToken)
	f.Fuzz(func(t *testing.T, name string) {
		if wire.CheckName(name) != nil {
			return
		}
		task := wire.TaskSubject(longest, name)
		if err := transport.CheckSubject(task, false); err != nil {
			t.Errorf("CheckSubject(TaskSubject(%q)) = %v, want nil", name, err)
		}
		direct := wire.NodeTaskSubject(longest, longest, name)
		if err := transport.CheckSubject(direct, false); err != nil {
			t.Errorf("CheckSubject(NodeTaskSubject(%q)) = %v, want nil", name, err)
		}
		if verb, got, ok := wire.ParseNodeSubject(direct); verb != "" || got != name || !ok {
			t.Errorf("ParseNodeSubject(%q) = %q, %q, %v, want %q", direct, verb, got, ok, name)
		}
	})
}

func FuzzCheckNode(f *testing.F) {
	for _, id := range []string{"n1", "all", "", "n.1", "*", ">", "n 1", "\x00", "é"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if wire.CheckNode(id) != nil {
			return
		}
		if id == wire.AllNodes {
			t.Errorf("CheckNode(%q) = nil", id)
		}
		subject := wire.NodeSubject("default", id, wire.VerbPing)
		if verb, task, ok := wire.ParseNodeSubject(subject); verb != wire.VerbPing || task != "" || !ok {
			t.Errorf("ParseNodeSubject(%q) = %q, %q, %v, want a ping", subject, verb, task, ok)
		}
		for _, s := range []string{subject, wire.NodePattern("default", id), wire.InboxPrefix("default", "any", id) + ">"} {
			if err := transport.CheckSubject(s, true); err != nil {
				t.Errorf("CheckNode(%q) = nil, but %v", id, err)
			}
		}
	})
}
