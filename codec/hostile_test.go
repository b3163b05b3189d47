package codec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/codec"
)

// large is a struct that takes much more than the byte or two of a nil.
type large struct {
	A, B, C, D string
	E          [8]int64
	P          *large
}

// packed returns a msgpack array of units, as long as a body may be.
func packed(unit string) []byte {
	n := (hostileSize - 5) / len(unit)
	return append(binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n)), strings.Repeat(unit, n)...)
}

// packedMap returns a msgpack map from different strings to value.
func packedMap(value string) []byte {
	var b []byte
	n := 0
	for ; len(b) < hostileSize-20; n++ {
		key := fmt.Sprintf("%x", n)
		b = append(append(append(b, 0xa0|byte(len(key))), key...), value...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0xdf}, uint32(n)), b...)
}

// listed returns a JSON array of units.
func listed(unit string) []byte {
	n := (hostileSize - 2) / (len(unit) + 1)
	return []byte("[" + strings.TrimSuffix(strings.Repeat(unit+",", n), ",") + "]")
}

// listedMap returns a JSON object from different strings to value.
func listedMap(value string) []byte {
	b := []byte("{")
	for n := 0; len(b) < hostileSize-20; n++ {
		b = fmt.Appendf(b, `"%x":%s,`, n, value)
	}
	b[len(b)-1] = '}'
	return b
}

// No body of a mebibyte may make decoding it allocate 32 MiB, whether it is
// refused or not. The worst that was found before there were limits is beside
// each.
func TestHostileMemory(t *testing.T) {
	const limit = 32 << 20
	type targets []any
	tests := []struct {
		name string
		c    codec.Codec
		body []byte
		to   targets
	}{
		{"array bomb", codec.Msgpack, unhex(t, "ddffffffff"), targets{new(any), new([]int64), new(struct{ A []int64 })}}, // the process
		{"map bomb", codec.Msgpack, unhex(t, "dfffffffff"), targets{new(any), new(map[string]string)}},                   // the process
		{"str bomb", codec.Msgpack, unhex(t, "dbffffffff"), targets{new(any), new(string)}},
		{"bin bomb", codec.Msgpack, unhex(t, "c6ffffffff"), targets{new(any), new([]byte)}},
		{"array bombs", codec.Msgpack, bytes.Repeat([]byte{0xdc, 0xff, 0xff}, 30000), targets{new(any)}}, // the process
		{"deep", codec.Msgpack, bytes.Repeat([]byte{0x91}, hostileSize), targets{new(any), new(struct{})}},
		{"deep maps", codec.Msgpack, bytes.Repeat([]byte("\x81\xa1c"), hostileSize/3), targets{new(any)}},
		{"nils", codec.Msgpack, packed("\xc0"), targets{new(any), new([]large), new([]*large), new([]struct{}), new([][]int)}}, // 130 MiB
		{"zeros", codec.Msgpack, packed("\x00"), targets{new(any), new([]int64), new([]***int)}},
		{"empty maps", codec.Msgpack, packed("\x80"), targets{new(any), new([]large), new([]*large), new([]map[string]int)}},
		{"empty arrays", codec.Msgpack, packed("\x90"), targets{new(any), new([][]string)}},
		{"small maps", codec.Msgpack, packed("\x81\xa1a\x01"), targets{new(any), new([]map[string]int), new([]map[int]int)}},
		{"small maps of pointers", codec.Msgpack, packed("\x81\xa1P\x80"), targets{new([]large), new([]*large)}},
		{"strings", codec.Msgpack, packed("\xa2ab"), targets{new(any), new([]string), new([]big.Int)}},
		{"floats", codec.Msgpack, packed("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x01"), targets{new(any)}},
		{"a large map", codec.Msgpack, packedMap("\x01"), targets{new(any), new(map[string]int), new(map[string]large), new(struct{})}},
		{"a large map of maps", codec.Msgpack, packedMap("\x80"), targets{new(any)}},

		{"deep", codec.JSON, bytes.Repeat([]byte("["), hostileSize), targets{new(any), new(struct{})}},
		{"nulls", codec.JSON, listed("null"), targets{new(any), new([]large), new([]*large)}}, // 130 MiB
		{"zeros", codec.JSON, listed("0"), targets{new(any), new([]int64), new([]struct{}), new([]netip.Addr), new([]string)}},
		{"empty objects", codec.JSON, listed("{}"), targets{new(any), new([]large), new([]map[string]int), new([]int8)}},
		{"empty arrays", codec.JSON, listed("[]"), targets{new(any), new([][]string), new([][2]int)}},
		{"small objects", codec.JSON, listed(`{"a":1}`), targets{new(any), new([]map[string]int), new([]map[int]int)}},
		{"objects of pointers", codec.JSON, listed(`{"P":{}}`), targets{new([]large)}},
		{"strings", codec.JSON, listed(`""`), targets{new(any), new([]string), new([]int)}},
		{"floats", codec.JSON, listed("1e1"), targets{new(any), new([]int), new([]float32)}},
		{"raw", codec.JSON, listed("1"), targets{new([]json.RawMessage)}},
		{"a large object", codec.JSON, listedMap("1"), targets{new(any), new(map[string]int), new(map[string]large), new(struct{})}},
		{"one escape after another", codec.JSON, []byte(`{"` + strings.Repeat(`\n`, hostileSize/2-6) + `":1}`), targets{new(any)}},
	}
	for _, tt := range tests {
		for _, to := range tt.to {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := tt.c.Unmarshal(tt.body, to)
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > limit {
				t.Errorf("%s: %s.Unmarshal(%d bytes, %T) allocates %d MiB, want at most 32 (error: %v)", tt.name, tt.c.ContentType(), len(tt.body), to, grown>>20, err)
			}
			if err != nil && strings.Contains(err.Error(), "panic") {
				t.Errorf("%s: Unmarshal(%d bytes, %T) = %v, want no panic", tt.name, len(tt.body), to, err)
			}
		}
	}
}

// The limits leave room for what is large and honest.
func TestHonestMemory(t *testing.T) {
	t.Parallel()
	type reading struct {
		Sensor string             `json:"sensor"`
		Value  float64            `json:"value"`
		Tags   []string           `json:"tags"`
		More   map[string]float64 `json:"more"`
	}
	const scale = hostileSize >> 16
	readings := make([]reading, 560*scale)
	for i := range readings {
		readings[i] = reading{fmt.Sprintf("sensor-%06d", i), 20.5, []string{"a", "b"}, map[string]float64{"min": 1.5, "max": 30.5}}
	}
	numbers := make([]int64, 7500*scale)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	index := make(map[string]int)
	for i := range 3750 * scale {
		index[fmt.Sprintf("key-%d", i)] = i
	}
	both(t, func(t *testing.T, c codec.Codec) {
		for _, tt := range []struct {
			v  any
			to []any
		}{
			{readings, []any{new([]reading), new(any), new([]map[string]any), new(json.RawMessage)}},
			{numbers, []any{new([]int64), new(any), new([]float64)}},
			{index, []any{new(map[string]int), new(any)}},
			{make([]byte, hostileSize*3/4), []any{new([]byte)}},
			{strings.Repeat("x", hostileSize), []any{new(string), new(any)}},
			{make([]string, 6250*scale), []any{new([]string)}},
		} {
			body := marshal(t, c, tt.v)
			for _, to := range tt.to {
				if _, raw := to.(*json.RawMessage); raw && c == codec.Msgpack {
					continue
				}
				if err := c.Unmarshal(body, to); err != nil {
					t.Errorf("Unmarshal(%d bytes of %T, %T) = %v, want no error", len(body), tt.v, to, err)
				}
			}
		}
	})
}
