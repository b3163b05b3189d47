package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/internal/wire"
)

const reasonMost = 1024

func parseCalls(body string) []string {
	var calls []string
	wire.ParseCalls(body, func(c string) { calls = append(calls, c) })
	return calls
}

func TestCalls(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("t", wire.MaxToken)
	for _, calls := range [][]string{
		nil,
		{"c7"},
		{"c7", "c8-2", "c9"},
		{"n1.c7", "n1.c8"},
		{token, token + "." + token},
	} {
		body := string(wire.AppendCalls(nil, calls...))
		if want := strings.Join(calls, " "); body != want {
			t.Errorf("AppendCalls(%q) = %q, want %q", calls, body, want)
		}
		if d := cmp.Diff(calls, parseCalls(body)); d != "" {
			t.Errorf("ParseCalls(%q) (-want +got):\n%s", body, d)
		}
	}
	if got := string(wire.AppendCalls([]byte("a"), "b")); got != "a b" {
		t.Errorf("AppendCalls(%q, %q) = %q, want %q", "a", "b", got, "a b")
	}
}

func TestParseCallsSkips(t *testing.T) {
	t.Parallel()
	body := " a  b. .c d.e.f d..e n.c " + strings.Repeat("x", wire.MaxToken+1) + " z "
	if d := cmp.Diff([]string{"a", "n.c", "z"}, parseCalls(body)); d != "" {
		t.Errorf("ParseCalls(%q) (-want +got):\n%s", body, d)
	}
	for what, token := range badTokens {
		if strings.Contains(token, " ") {
			continue
		}
		for _, entry := range []string{token, "n." + token, token + ".c", "n.c." + token} {
			if got := parseCalls(entry); got != nil {
				t.Errorf("%s: ParseCalls(%q) gave %q, want nothing", what, clip(entry), got)
			}
		}
	}
}

// A body of a megabyte must not cost tens of them.
func TestParseCallsIsBounded(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("a ", wire.MaxCalls+1)
	if n := len(parseCalls(body)); n != wire.MaxCalls {
		t.Errorf("ParseCalls of %d entries gave %d, want %d", wire.MaxCalls+1, n, wire.MaxCalls)
	}
	if n := len(wire.ParseCancel([]byte(body)).Keys); n != wire.MaxCalls {
		t.Errorf("ParseCancel of %d keys gave %d, want %d", wire.MaxCalls+1, n, wire.MaxCalls)
	}
	if n := len(parseCalls(strings.Repeat(" ", wire.MaxCalls) + "a")); n != 0 {
		t.Errorf("ParseCalls of %d spaces and an entry gave %d, want 0", wire.MaxCalls, n)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cancel wire.Cancel
		body   string
		back   wire.Cancel
	}{
		{wire.Cancel{Keys: []string{"n1.c7"}, Reason: "not needed"}, "n1.c7\nnot needed", wire.Cancel{Keys: []string{"n1.c7"}, Reason: "not needed"}},
		{wire.Cancel{Keys: []string{"n1.c7", "n1.c8"}}, "n1.c7 n1.c8\n", wire.Cancel{Keys: []string{"n1.c7", "n1.c8"}}},
		{wire.Cancel{Reason: "nobody"}, "\nnobody", wire.Cancel{Reason: "nobody"}},
		{wire.Cancel{}, "\n", wire.Cancel{}},
		{wire.Cancel{Keys: []string{"a.b"}, Reason: "two\nlines"}, "a.b\ntwo\nlines", wire.Cancel{Keys: []string{"a.b"}, Reason: "two\nlines"}},
		{wire.Cancel{Reason: "a\xffb"}, "\na\ufffdb", wire.Cancel{Reason: "a\ufffdb"}},
		{
			wire.Cancel{Reason: strings.Repeat("r", reasonMost+1)},
			"\n" + strings.Repeat("r", reasonMost),
			wire.Cancel{Reason: strings.Repeat("r", reasonMost)},
		},
	} {
		body := wire.AppendCancel(nil, tt.cancel)
		if string(body) != tt.body {
			t.Errorf("AppendCancel(%+v) = %q, want %q", tt.cancel, body, tt.body)
		}
		if d := cmp.Diff(tt.back, wire.ParseCancel(body)); d != "" {
			t.Errorf("ParseCancel(%q) (-want +got):\n%s", body, d)
		}
	}
}

func TestParseCancelForeign(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]wire.Cancel{
		"":                                {},
		"n1.c7":                           {Keys: []string{"n1.c7"}},
		"n1.c7 ??? n1.c8":                 {Keys: []string{"n1.c7", "n1.c8"}},
		"n1.c7\xff\n\xfe":                 {Reason: "\ufffd"},
		"n1.c7\r\nbecause":                {Reason: "because"}, // a key holds no carriage return
		"\n" + strings.Repeat("r", 1<<20): {Reason: strings.Repeat("r", reasonMost)},
	} {
		if d := cmp.Diff(want, wire.ParseCancel([]byte(body))); d != "" {
			t.Errorf("ParseCancel(%q) (-want +got):\n%s", clip(body), d)
		}
	}
}

func FuzzParseCalls(f *testing.F) {
	for _, s := range []string{"", " ", "a", "a b-2 n1.c1", "a.b.c", ".a", "a.", "a  b", "a\nb", "\xff", strings.Repeat("x", wire.MaxToken+1), strings.Repeat("a ", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		calls := parseCalls(body)
		if most := strings.Count(body, " ") + 1; len(calls) > most || len(calls) > wire.MaxCalls {
			t.Errorf("ParseCalls(%q) gives %d entries, want at most %d", body, len(calls), min(most, wire.MaxCalls))
		}
		for _, c := range calls {
			tokens := strings.Split(c, ".")
			for _, token := range tokens {
				if err := wire.CheckToken("call", token); err != nil || len(tokens) > 2 {
					t.Errorf("ParseCalls(%q) gives %q: %v", body, c, err)
				}
			}
		}
		if d := cmp.Diff(calls, parseCalls(string(wire.AppendCalls(nil, calls...)))); d != "" {
			t.Errorf("ParseCalls(AppendCalls(%q)) (-want +got):\n%s", calls, d)
		}
	})
}

func FuzzParseCancel(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		c := wire.ParseCancel(body)
		if len(c.Reason) > reasonMost || !utf8.ValidString(c.Reason) {
			t.Errorf("ParseCancel(%q) = a reason of %d bytes, want valid UTF-8 of at most %d", body, len(c.Reason), reasonMost)
		}
		for _, key := range c.Keys {
			for token := range strings.SplitSeq(key, ".") {
				if err := wire.CheckToken("call", token); err != nil {
					t.Errorf("ParseCancel(%q) = key %q: %v", body, key, err)
				}
			}
		}
		if d := cmp.Diff(c, wire.ParseCancel(wire.AppendCancel(nil, c))); d != "" {
			t.Errorf("ParseCancel(AppendCancel(%+v)) (-want +got):\n%s", c, d)
		}
	})
}
