package transport

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCheckSubject compares the check with one that is written to be obviously
// right.
func FuzzCheckSubject(f *testing.F) {
	for _, s := range []string{"a", "a.b", "a.*", "a.>", ">.a", "a*", "", ".", "a..b", "a b", "é.ü", "a\x00", "a\x7f", "a\xff", "\u2028", strings.Repeat("a", MaxSubject+1)} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, pattern bool) {
		want := len(s) <= MaxSubject && utf8.ValidString(s)
		tokens := strings.Split(s, ".")
		for i, token := range tokens {
			wild := token == "*" || token == ">" && i == len(tokens)-1
			if token == "" || strings.ContainsAny(token, "*>") && !(pattern && wild) {
				want = false
			}
			for _, c := range token {
				want = want && c > ' ' && c != 0x7f
			}
		}
		if err := CheckSubject(s, pattern); (err == nil) != want {
			t.Errorf("CheckSubject(%q, %v) = %v, want nil: %v", s, pattern, err, want)
		}
	})
}

// FuzzCheckHeader writes what passes the check as a broker does, and reads it
// back.
func FuzzCheckHeader(f *testing.F) {
	for _, kv := range [][2]string{{"A", "b"}, {"a-B", ""}, {"A", " b"}, {"A", "b\t"}, {"A", "b\r\nC: d"}, {"A:", "b"}, {"", "b"}, {"A", "\x00"}, {"A", "\xff"}, {"é", "é"}, {"A", ": :"}} {
		f.Add(kv[0], kv[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if CheckHeader(Header{key: {value}}) != nil {
			return
		}
		lines := strings.Split(key+": "+value+"\r\n", "\r\n")
		k, v, found := strings.Cut(lines[0], ":")
		if v = strings.Trim(v, " \t"); len(lines) != 2 || !found || k != key || v != value {
			t.Errorf("CheckHeader(%q: %q) = nil, but it reads back as %q: %q, and %q", key, value, k, v, lines[1:])
		}
		if strings.ContainsAny(key+value, "\n\r\x00") || !utf8.ValidString(key+value) {
			t.Errorf("CheckHeader(%q: %q) = nil", key, value)
		}
	})
}
