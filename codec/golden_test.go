package codec_test

import (
	"flag"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/codec"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What is written is on the wire and in stores: it must not change unnoticed.
func TestGolden(t *testing.T) {
	t.Parallel()
	type item struct {
		Name  string `json:"name"`
		Count int    `json:"count,omitempty"`
	}
	values := []struct {
		name string
		v    any
	}{
		{"nil", nil},
		{"bools", []bool{false, true}},
		{"integers", []int64{0, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64}},
		{"negative integers", []int64{-1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt64}},
		{"largest unsigned", uint64(math.MaxUint64)},
		{"beyond 2^53", 1<<53 + 1},
		{"floats", []float64{0, math.Copysign(0, -1), 1, 1.5, math.MaxFloat64}},
		{"float32", float32(0.1)},
		{"strings", []string{"", "a", "é", "<&>", "\x00", strings.Repeat("x", 32)}},
		{"bytes", [][]byte{nil, {}, {0, 255}}},
		{"byte array", [3]byte{1, 2, 3}},
		{"lists", [][]int{nil, {}, {1}, make([]int, 16)}},
		{"map", map[string]int{"b": 1, "a": 2, "": 3, "aa": 4, strings.Repeat("a", 32): 5}},
		{"integer keys", map[int]string{300: "c", -1: "a", 2: "b"}},
		{"text keys", map[netip.Addr]bool{netip.MustParseAddr("10.0.0.2"): true, netip.MustParseAddr("10.0.0.1"): false}},
		{"struct", item{"bolt", 3}},
		{"omitted", item{"nut", 0}},
		{"structs", []*item{{"a", 1}, nil}},
		{"any", map[string]any{"n": nil, "i": -1, "l": []any{"x", 1.5}, "m": map[string]any{}}},
		{"empty struct", struct{}{}},
		{"duration", 1500 * time.Millisecond},
		{"time in seconds", time.Unix(1700000000, 0).UTC()},
		{"time in nanoseconds", time.Unix(1700000000, 123456789).UTC()},
		{"zero time", time.Time{}},
		{"binary marshaler", netip.MustParseAddr("10.0.0.1")},
		{"text marshaler", big.NewInt(-12)},
	}
	const file = "testdata/golden.txt"
	var b strings.Builder
	b.WriteString("# What the codecs write, msgpack in hexadecimal. To write it anew after a change\n# that is meant: go test ./codec -run Golden -update\n")
	for _, v := range values {
		fmt.Fprintf(&b, "msgpack %s: %x\n", v.name, marshal(t, codec.Msgpack, v.v))
		fmt.Fprintf(&b, "json %s: %s\n", v.name, marshal(t, codec.JSON, v.v))
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
