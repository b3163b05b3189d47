//go:build !race

package codec_test

// Under the race detector a sync.Pool drops what it is given now and then.

import (
	"testing"

	"github.com/atasks-io/atasks/codec"
)

// The body codec is on the path of every call: what it allocates is a promise.
func TestAllocations(t *testing.T) {
	v := smallValue()
	for _, tt := range []struct {
		c                  codec.Codec
		marshal, unmarshal float64
	}{
		{codec.Msgpack, 1, 7}, // the body; the struct, four strings in it, the list, its strings being shared
		{codec.JSON, 1, 15},
	} {
		body := marshal(t, tt.c, v)
		if got := testing.AllocsPerRun(200, func() { _, _ = tt.c.Marshal(v) }); got > tt.marshal {
			t.Errorf("%s.Marshal(small) makes %v allocations, want at most %v", tt.c.ContentType(), got, tt.marshal)
		}
		if got := testing.AllocsPerRun(200, func() { _ = tt.c.Unmarshal(body, new(small)) }); got > tt.unmarshal {
			t.Errorf("%s.Unmarshal(small) makes %v allocations, want at most %v", tt.c.ContentType(), got, tt.unmarshal)
		}
	}
}
