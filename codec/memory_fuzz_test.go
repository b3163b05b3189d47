package codec_test

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/codec"
)

// FuzzMemory looks for a value that takes much more memory than it has bytes:
// a body full of it must not make decoding it allocate 32 MiB.
func FuzzMemory(f *testing.F) {
	const limit = 32 << 20
	targets := []func() any{
		func() any { return new(any) },
		func() any { return new([]any) },
		func() any { return new([]large) },
		func() any { return new([]*large) },
		func() any { return new([]map[string]int) },
		func() any { return new([]map[int8]*large) },
		func() any { return new(map[string]large) },
		func() any { return new(map[string]any) },
		func() any { return new([][]string) },
		func() any { return new([]***int) },
		func() any { return new([][8]large) },
		func() any { return new([]time.Time) },
		func() any { return new([]big.Int) },
		func() any { return new([]netip.Addr) },
		func() any { return new([]json.RawMessage) },
		func() any { return new([][]byte) },
	}
	// TestHostileMemory has the worst that is known; these show the form.
	for i, unit := range []string{"\xc0", "\x80", "\x81\xa1a\x01", "\x81\xa1P\x80", "\xa2ab", "\xd6\xff\x00\x00\x00\x01"} {
		f.Add([]byte(unit), true, i == 0, uint8(3*i))
	}
	for i, unit := range []string{"null", "0", "{}", `{"a":1}`, `{"P":{}}`, `"1.1.1.1"`} {
		f.Add([]byte(unit), false, i == 0, uint8(3*i))
	}
	f.Fuzz(func(t *testing.T, unit []byte, msgpack, asMap bool, target uint8) {
		if len(unit) == 0 || len(unit) > 1<<10 {
			return
		}
		c, list, object := codec.JSON, listed, listedMap
		if msgpack {
			c, list, object = codec.Msgpack, packed, packedMap
		}
		fill := list
		if asMap {
			fill = object
		}
		body, to := fill(string(unit)), targets[int(target)%len(targets)]()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.Unmarshal(body, to)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > limit {
			t.Errorf("%s.Unmarshal(%d bytes of %q, %T) allocates %d MiB, want at most %d (error: %v)", c.ContentType(), len(body), unit, to, grown>>20, limit>>20, err)
		}
		if err != nil && strings.Contains(err.Error(), "panic") {
			t.Errorf("Unmarshal(%d bytes of %q, %T) = %v, want no panic", len(body), unit, to, err)
		}
	})
}
