package transport

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckSubject(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", MaxSubject)
	for _, tt := range []struct {
		subject          string
		literal, pattern bool
	}{
		{"a", true, true},
		{"a.b.c", true, true},
		{"at.ns.task.a-b_C", true, true},
		{"é.ü", true, true},
		{long, true, true},
		{"*", false, true},
		{">", false, true},
		{"a.*.b", false, true},
		{"a.>", false, true},
		{"é.*", false, true},
		{"a.>.b", false, false},
		{"a*", false, false},
		{"a.b>", false, false},
		{"", false, false},
		{".", false, false},
		{".a", false, false},
		{"a.", false, false},
		{"a..b", false, false},
		{"a b", false, false},
		{"a\tb", false, false},
		{"a\r\nPUB b 0", false, false},
		{"a\x00", false, false},
		{"a\x7f", false, false},
		{"a\xff", false, false},
		{long + "a", false, false},
	} {
		for _, pattern := range []bool{false, true} {
			want := tt.literal
			if pattern {
				want = tt.pattern
			}
			err := CheckSubject(tt.subject, pattern)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrSubject) {
				t.Errorf("CheckSubject(%.20q, %v) = %v, want ok = %v", tt.subject, pattern, err, want)
			}
		}
	}
}

func TestCheckHeader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key, value string
		ok         bool
	}{
		{"At-Meta-k.1", "v", true},
		{"traceparent", "00-4bf92f-00", true},
		{"k", "", true},
		{"k", "ünïcode, with spaces; inside", true},
		{"", "v", false},
		{"a b", "v", false},
		{"a:b", "v", false},
		{"a\r\nb", "v", false},
		{"é", "v", false},
		{"a/b", "v", false},
		{"k", " v", false},
		{"k", "v\t", false},
		{"k", "v\nw", false},
		{"k", "v\x00w", false},
		{"k", "\xff", false},
	} {
		err := CheckHeader(Header{tt.key: {tt.value}})
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrHeader) {
			t.Errorf("CheckHeader(%q: %q) = %v, want ok = %v", tt.key, tt.value, err, tt.ok)
		}
	}
	if err := CheckHeader(nil); err != nil {
		t.Errorf("CheckHeader(nil) = %v, want nil", err)
	}
}

func BenchmarkCheckSubject(b *testing.B) {
	s := "at.default.reply.any.Kd83nd93nfk3.1f83ja83hf.2s.3"
	for b.Loop() {
		if err := CheckSubject(s, false); err != nil {
			b.Fatal(err)
		}
	}
}
