package main

import (
	"testing"
	"unicode/utf8"
)

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "net/http", "\xff", `"`, `"a"`, `"\xff"`, "a\"b", "\x00\n", "größe", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := Text(s).MarshalText()
		if err != nil || !utf8.Valid(b) {
			t.Fatalf("Text(%q).MarshalText() = %q, %v, want UTF-8", s, b, err)
		}
		var got Text
		if err := got.UnmarshalText(b); err != nil || string(got) != s {
			t.Errorf("UnmarshalText(%q) = %q, %v, want %q", b, got, err, s)
		}
		_ = got.UnmarshalText([]byte(s)) // what others send must not panic
	})
}

func TestTextRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{`"`, `"a`, `"\q"`, `"a"b`} {
		var got Text
		if err := got.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("UnmarshalText(%q) = %q, want an error", s, got)
		}
	}
}
