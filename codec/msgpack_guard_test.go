package codec

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func newTestGuard() *msgpackGuard {
	return &msgpackGuard{keys: keyset{seed: maphash.MakeSeed()}}
}

func TestMsgpackGuard(t *testing.T) {
	t.Parallel()
	nested := func(prefix string, n int, last string) string { return strings.Repeat(prefix, n) + last }
	keys := func(n int, key func(i int) string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "de%04x", n)
		for i := range n {
			b.WriteString(key(i) + "c0")
		}
		return b.String()
	}
	number := func(i int) string { return fmt.Sprintf("cd%04x", i) }
	text := func(i int) string { return fmt.Sprintf("a4%x", fmt.Sprintf("%04x", i)) }
	tests := []struct {
		name, body string // the body in hexadecimal
		want       string // part of the error, empty for none
	}{
		{"nil", "c0", ""},
		{"empty", "", "ends early"},
		{"reserved", "c1", "0xc1"},
		{"reserved inside", "9201c1", "0xc1"},
		{"array bomb", "ddffffffff", "4294967295"},
		{"map bomb", "dfffffffff", "4294967295"},
		{"bin bomb", "c6ffffffff", "4294967295"},
		{"str bomb", "dbffffffff", "4294967295"},
		{"ext bomb", "c9ffffffff05", "4294967295"},
		{"array16 bombs", nested("dcffff", 300, ""), "array of 65535"},
		{"two arrays share what is left", "92 93 c0c0c0 91", "but only"},
		{"inner array takes what the outer needs", "93 92 c0c0 c0", "array of 2"},
		{"header cut", "cd01", "ends early"},
		{"ext header cut", "c701", "ends early"},
		{"fixext without type", "d4", "ends early"},
		{"fixext cut", "d400", "1 bytes, but only 0"},
		{"str cut", "a261", "2 bytes, but only 1"},
		{"array cut", "92c0", "but only"},
		{"extra", "0101", "extra bytes"},
		{"extra after an array", "9001", "extra bytes"},
		{"depth 64", nested("91", 64, "c0"), ""},
		{"depth 65", nested("91", 65, "c0"), "deeper than 64"},
		{"map depth 64", nested("81a161", 64, "c0"), ""},
		{"map depth 65", nested("81a161", 65, "c0"), "deeper than 64"},
		{"empty array at depth 65", nested("91", 64, "90"), "deeper than 64"},
		{"bad UTF-8", "a1ff", "UTF-8"},
		{"bad UTF-8 in a long string", "aaff616161616161616161", "UTF-8"},
		{"bad UTF-8 at the end of a long string", "aa616161616161616161c3", "UTF-8"},
		{"surrogate in UTF-8", "a3eda080", "UTF-8"},
		{"UTF-8", "a4f09f9880", ""},
		{"any bytes in bin", "c402ffff", ""},
		{"bad UTF-8 key", "81a1ff01", "UTF-8"},
		{"nil key", "81c001", "a nil as a map key"},
		{"array key", "819001", "an array as a map key"},
		{"map key", "818001", "a map as a map key"},
		{"ext key", "81d4000001", "an extension as a map key"},
		{"scalar keys", "86 01c0 ffc0 c2c0 ca00000000c0 a161c0 c40161c0", ""},
		{"str twice", "82a16101a16102", "second time"},
		{"str twice in two widths", "82a16101d9016102", "second time"},
		{"str and bin", "82a16101c4016102", ""},
		{"bin twice", "82c4016101c5000161c0", "second time"},
		{"int twice in two widths", "820101cd000102", "second time"},
		{"negative int twice", "82ff01d3ffffffffffffffff02", "second time"},
		{"int and its complement", "82ff01cfffffffffffffffff02", ""},
		{"float twice", "82ca3f80000001cb3ff000000000000002", "second time"},
		{"bool twice", "82c201c202", "second time"},
		{"same key in two maps", "9281a1610181a16101", ""},
		{"same key inside", "81a16181a16101", ""},
		{"twice after an inner map", "82a16181a16201a16102", "second time"},
		{"many keys", keys(1000, number), ""},
		{"many strings", keys(1000, text), ""},
		{"last of many twice", keys(1000, func(i int) string { return number(min(i, 998)) }), "second time"},
		{"first of many twice", keys(1000, func(i int) string { return text(i % 999) }), "second time"},
		{"17th of 17 twice", keys(17, func(i int) string { return text(i % 16) }), "second time"},
		{"many keys inside many keys", "de0011" + strings.Join(func() (s []string) {
			for i := range 17 {
				s = append(s, text(i)+keys(40, text))
			}
			return s
		}(), ""), ""},
		{"letter case tells keys apart", "82a16101a14102", ""},
	}
	for _, tt := range tests {
		body, err := hex.DecodeString(strings.ReplaceAll(tt.body, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		err = newTestGuard().check(body)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: check(%.60s) = %v, want %q", tt.name, tt.body, err, tt.want)
		}
		if got := reference(body); got != (err == nil) {
			t.Errorf("%s: check(%.60s) = %v, but the reference says %v", tt.name, tt.body, err, got)
		}
	}
}

// Of a body that is cut anywhere nothing may be left that passes.
func TestMsgpackGuardTruncated(t *testing.T) {
	t.Parallel()
	body, err := Msgpack.Marshal(map[string]any{
		"str": strings.Repeat("x", 300), "bin": make([]byte, 300), "list": []any{1, -1, int64(1 << 40), 1.5, nil, true},
		"map": map[string]int{"a": 300, "b": -300},
	})
	if err != nil {
		t.Fatal(err)
	}
	g := newTestGuard()
	if err := g.check(body); err != nil {
		t.Fatalf("check(%x) = %v", body, err)
	}
	for n := range body {
		if err := g.check(body[:n]); err == nil {
			t.Errorf("check(first %d of %d bytes) = nil, want an error", n, len(body))
		}
	}
	for i := range body {
		for bit := range 8 {
			flipped := bytes.Clone(body)
			flipped[i] ^= 1 << bit
			if err := g.check(flipped); (err == nil) != reference(flipped) {
				t.Errorf("check(bit %d of byte %d flipped) = %v, but the reference says %v", bit, i, err, err != nil)
			}
		}
	}
}

func TestMsgpackGuardAllocations(t *testing.T) {
	body, err := Msgpack.Marshal(map[string]any{"a": 1, "b": "text", "c": []any{map[string]any{"d": 1.5}}})
	if err != nil {
		t.Fatal(err)
	}
	g := newTestGuard()
	if n := testing.AllocsPerRun(100, func() { _ = g.check(body) }); n != 0 {
		t.Errorf("check(small body) makes %v allocations, want 0", n)
	}
}

// reference says whether the guard is to pass b. It is written for being
// obviously right.
func reference(b []byte) bool {
	end, ok := referenceValue(b, 0, 0)
	return ok && end == len(b)
}

func referenceValue(b []byte, i, depth int) (end int, ok bool) {
	t, j := next(b, i)
	switch t.kind {
	case kindTruncated, kindReserved:
		return 0, false
	case kindStr, kindBin, kindExt:
		if t.num > uint64(len(b)-j) {
			return 0, false
		}
		end := j + int(t.num)
		return end, t.kind != kindStr || utf8.Valid(b[j:end])
	case kindArray, kindMap:
		if depth == MaxDepth {
			return 0, false
		}
		seen := make(map[string]bool)
		for range t.num {
			if t.kind == kindMap {
				var key string
				if key, j, ok = referenceKey(b, j); !ok || seen[key] {
					return 0, false
				}
				seen[key] = true
			}
			if j, ok = referenceValue(b, j, depth+1); !ok {
				return 0, false
			}
		}
	}
	return j, true
}

func referenceKey(b []byte, i int) (key string, end int, ok bool) {
	t, from := next(b, i)
	end, ok = referenceValue(b, i, MaxDepth)
	if !ok {
		return "", 0, false
	}
	switch t.kind {
	case kindStr, kindBin:
		return fmt.Sprintf("%v %q", t.kind, b[from:end]), end, true
	case kindUint:
		return fmt.Sprint(t.num), end, true
	case kindInt:
		return fmt.Sprint(int64(t.num)), end, true
	case kindFloat32:
		return fmt.Sprintf("float %x", math.Float64bits(float64(math.Float32frombits(uint32(t.num))))), end, true
	case kindFloat64:
		return fmt.Sprintf("float %x", t.num), end, true
	case kindBool:
		return fmt.Sprint(t.num != 0), end, true
	}
	return "", 0, false
}

func BenchmarkGuard(b *testing.B) {
	v := map[string]any{
		"id": "ord-0000417", "customer": "cust-93", "amount": 125000, "currency": "EUR",
		"priority": 3, "rush": true, "rate": 0.075, "tags": []string{"new", "web"},
	}
	b.Run("msgpack", func(b *testing.B) {
		body, err := Msgpack.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		g := newTestGuard()
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if err := g.check(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		body, err := JSON.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		g := &jsonGuard{keys: keyset{seed: maphash.MakeSeed()}}
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if err := g.check(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
