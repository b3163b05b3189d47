package codec_test

import (
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/codec"
)

// unhex returns the bytes that s, in hexadecimal with spaces, stands for.
func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatalf("hex %q: %v", s, err)
	}
	return b
}

// A number fits its target exactly or is refused, wherever the target is.
func TestMsgpackNumbers(t *testing.T) {
	t.Parallel()
	const refused = "refused"
	tests := []struct {
		body string // in hexadecimal
		want any    // of the target's type, or refused for a value of like
		like any
	}{
		{"05", int8(5), nil},
		{"cc 05", int8(5), nil},
		{"cd 0005", int8(5), nil},
		{"ce 00000005", int8(5), nil},
		{"cf 0000000000000005", int8(5), nil},
		{"d0 05", uint8(5), nil},
		{"d1 0005", uint64(5), nil},
		{"d2 00000005", int16(5), nil},
		{"d3 0000000000000005", uint32(5), nil},
		{"d3 ffffffffffffffff", int8(-1), nil},
		{"ff", int64(-1), nil},
		{"7f", int8(127), nil},
		{"cc 80", refused, int8(0)},
		{"d0 80", int8(-128), nil},
		{"d1 ff7f", refused, int8(0)},
		{"cd 012c", refused, int8(0)},
		{"cd 012c", refused, uint8(0)},
		{"ff", refused, uint8(0)},
		{"ff", refused, uint32(0)},
		{"ff", refused, uint64(0)},
		{"ff", refused, uintptr(0)},
		{"cd ffff", uint16(math.MaxUint16), nil},
		{"cd ffff", refused, int16(0)},
		{"ce ffffffff", refused, int32(0)},
		{"cf ffffffffffffffff", refused, int64(0)},
		{"cf ffffffffffffffff", refused, int(0)},
		{"cf ffffffffffffffff", refused, time.Duration(0)},
		{"cf ffffffffffffffff", uint64(math.MaxUint64), nil},
		{"d3 8000000000000000", int64(math.MinInt64), nil},

		// floats that are integers
		{"cb 4014000000000000", int(5), nil},
		{"cb 4014000000000000", uint8(5), nil},
		{"ca 40a00000", int8(5), nil},
		{"cb c014000000000000", int8(-5), nil},
		{"cb 8000000000000000", int8(0), nil}, // -0
		{"cb 4340000000000000", int64(1 << 53), nil},
		{"cb c3e0000000000000", int64(math.MinInt64), nil},
		{"cb 43e0000000000000", refused, int64(0)}, // 2^63
		{"cb 43e0000000000000", uint64(1 << 63), nil},
		{"cb 43f0000000000000", refused, uint64(0)}, // 2^64
		{"cb 4072c00000000000", refused, int8(0)},   // 300
		{"cb c014000000000000", refused, uint8(0)},
		{"cb 3ff8000000000000", refused, int(0)}, // 1.5
		{"ca 3fc00000", refused, uint(0)},
		{"cb 7ff8000000000001", refused, int64(0)}, // NaN
		{"cb 7ff0000000000000", refused, int64(0)}, // Inf
		{"cb 7ff0000000000000", refused, uint64(0)},

		// floats
		{"05", float64(5), nil},
		{"ff", float32(-1), nil},
		{"cf 0020000000000000", float64(1 << 53), nil},
		{"cf 0020000000000001", refused, float64(0)}, // 2^53+1
		{"cf ffffffffffffffff", refused, float64(0)},
		{"d3 ffdfffffffffffff", refused, float64(0)}, // -(2^53+1)
		{"ce 01000000", float32(1 << 24), nil},
		{"ce 01000001", refused, float32(0)}, // 2^24+1
		{"ca 3fc00000", float64(1.5), nil},
		{"cb 3ff8000000000000", float32(1.5), nil},
		{"cb 3fb999999999999a", float32(0.1), nil},
		{"cb 7e37e43c8800759c", refused, float32(0)}, // 1e300
		{"cb 7ff0000000000000", float32(math.Inf(1)), nil},
		{"cb fff0000000000000", math.Inf(-1), nil},

		// other kinds
		{"c3", refused, int(0)},
		{"a1 31", refused, int(0)},
		{"90", refused, int(0)},
		{"01", refused, false},
		{"01", refused, ""},
		{"c4 01 61", "a", nil},
		{"c4 01 ff", refused, ""},
		{"a1 61", []byte("a"), nil},
		{"93 01 cc ff 00", []byte{1, 255, 0}, nil},
		{"93 01 cc ff 00", [3]byte{1, 255, 0}, nil},
		{"92 01 cd 0100", refused, []byte(nil)},
		{"92 01 02", refused, [3]byte{}},
		{"c4 02 0102", refused, [3]byte{}},
		{"92 0102", refused, [1]int{}},
		{"91 01", refused, [2]int{}},
		{"80", refused, []int(nil)},
		{"90", refused, map[string]int(nil)},
		{"90", refused, struct{}{}},
		{"c7 02 05 0102", refused, 0},
		{"c7 02 05 0102", refused, time.Time{}},
		{"d6 ff 00000000", refused, 0},
		{"b4 323032362d30312d30325430333a30343a30355a", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), nil},
		{"c7 05 ff 0000000000", refused, time.Time{}},
		{"c7 0c ff 3b9aca00 0000000000000000", refused, time.Time{}}, // 10^9 ns
		{"c7 0c ff 00000000 7fffffffffffffff", refused, time.Time{}},
		{"c7 0c ff 00000000 8000000000000000", time.Unix(math.MinInt64, 0).UTC(), nil},
		{"81 a1 31 02", map[int]int{1: 2}, nil},
		{"81 a2 2d31 02", map[int8]int{-1: 2}, nil},
		{"81 a3 333030 02", refused, map[int8]int(nil)},
		{"81 a2 2d31 02", refused, map[uint8]int(nil)},
		{"81 a1 78 02", refused, map[int]int(nil)},
		{"82 01 02 a1 31 03", refused, map[int]int(nil)},                   // 1 and "1"
		{"82 01 02 cb 3ff0000000000000 03", refused, map[int]int(nil)},     // 1 and 1.0
		{"82 01 02 cb 3ff0000000000000 03", refused, map[float64]int(nil)}, // the same
		{"82 a1 61 02 c4 01 61 03", refused, map[string]int(nil)},          // "a" as string and as bytes
		{"82 01 02 a1 31 03", map[any]int{int64(1): 2, "1": 3}, nil},
		{"81 c4 01 61 03", refused, map[any]int(nil)},
		{"81 c3 03", map[bool]int{true: 3}, nil},
		{"81 90 01", refused, map[any]int(nil)},
	}
	for _, tt := range tests {
		body, typ := unhex(t, tt.body), reflect.TypeOf(tt.want)
		if tt.want == refused && tt.like != nil {
			typ = reflect.TypeOf(tt.like)
		}
		wrappings := []struct {
			prefix string
			typ    reflect.Type
			get    func(reflect.Value) reflect.Value
		}{
			{"", typ, func(v reflect.Value) reflect.Value { return v }},
			{"91", reflect.SliceOf(typ), func(v reflect.Value) reflect.Value { return v.Index(0) }},
			{"91", reflect.ArrayOf(1, typ), func(v reflect.Value) reflect.Value { return v.Index(0) }},
			{"81 a1 6b", reflect.MapOf(reflect.TypeFor[string](), typ), func(v reflect.Value) reflect.Value { return v.MapIndex(reflect.ValueOf("k")) }},
			{"81 a1 46", reflect.StructOf([]reflect.StructField{{Name: "F", Type: typ}}), func(v reflect.Value) reflect.Value { return v.Field(0) }},
			{"", reflect.PointerTo(typ), func(v reflect.Value) reflect.Value { return v.Elem() }},
		}
		for _, w := range wrappings {
			v := reflect.New(w.typ)
			err := codec.Msgpack.Unmarshal(append(unhex(t, w.prefix), body...), v.Interface())
			if tt.want == refused && tt.like != nil {
				if err == nil {
					t.Errorf("Unmarshal(%s %s, *%v) = %v, want an error", w.prefix, tt.body, w.typ, v.Elem())
				}
				continue
			}
			if err != nil {
				t.Errorf("Unmarshal(%s %s, *%v) = %v, want %v", w.prefix, tt.body, w.typ, err, tt.want)
			} else if got := w.get(v.Elem()).Interface(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Unmarshal(%s %s, *%v) = %v, want %v", w.prefix, tt.body, w.typ, got, tt.want)
			}
		}
	}
}

// Map keys are targets like any other.
func TestMsgpackNumberKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string
		v    any
	}{
		{"81 cd012c 01", new(map[int8]int)},
		{"81 ff 01", new(map[uint]int)},
		{"81 cf ffffffffffffffff 01", new(map[int64]int)},
		{"81 cb 3ff8000000000000 01", new(map[int]int)},
		{"81 cb 7e37e43c8800759c 01", new(map[float32]int)},
		{"91 81 a161 81 cd012c 01", new([]map[string]map[int8]int)},
	} {
		if err := codec.Msgpack.Unmarshal(unhex(t, tt.body), tt.v); err == nil || !strings.Contains(err.Error(), "does not fit") {
			t.Errorf("Unmarshal(%s, %T) = %v, want an error: does not fit", tt.body, tt.v, err)
		}
	}
}

func TestMsgpackAny(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body string
		want any // nil means refused
	}{
		{"05", int64(5)},
		{"cf 0000000000000005", int64(5)},
		{"d0 05", int64(5)},
		{"cf 7fffffffffffffff", int64(math.MaxInt64)},
		{"cf 8000000000000000", uint64(1 << 63)},
		{"ca 3fc00000", 1.5},
		{"cb 4014000000000000", 5.0},
		{"c4 02 61ff", []byte("a\xff")},
		{"c4 00", []byte{}},
		{"d9 01 61", "a"},
		{"d6 ff 00000001", time.Unix(1, 0).UTC()},
		{"81 01 02", map[string]any{"1": int64(2)}},
		{"81 d3 8000000000000000 c3", map[string]any{"-9223372036854775808": true}},
		{"81 c4 01 61 02", map[string]any{"a": int64(2)}},
		{"82 01 02 a1 31 02", nil},
		{"81 c3 02", nil},
		{"81 cb 3ff8000000000000 02", nil},
		{"81 c4 01 ff 02", nil},
		{"c7 01 05 00", nil},
		{"d4 00 00", nil},
	}
	for _, tt := range tests {
		var got any
		err := codec.Msgpack.Unmarshal(unhex(t, tt.body), &got)
		if tt.want == nil && err == nil || tt.want != nil && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Unmarshal(%s, *any) = %T(%v), %v, want %T(%v)", tt.body, got, got, err, tt.want, tt.want)
		}
	}
}
