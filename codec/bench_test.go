package codec_test

import (
	"testing"

	"github.com/atasks-io/atasks/codec"
)

// small is a struct whose msgpack body takes about 100 bytes.
type small struct {
	ID       string   `json:"id"`
	Customer string   `json:"customer"`
	Amount   int64    `json:"amount"`
	Currency string   `json:"currency"`
	Priority uint8    `json:"priority"`
	Rush     bool     `json:"rush"`
	Rate     float64  `json:"rate"`
	Tags     []string `json:"tags"`
}

func smallValue() *small {
	return &small{"ord-0000417", "cust-93", 125000, "EUR", 3, true, 0.075, []string{"new", "web"}}
}

func BenchmarkMarshal(b *testing.B) {
	benchmarks := func(b *testing.B, c codec.Codec) {
		b.Helper()
		v := smallValue()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Marshal(v); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("msgpack", func(b *testing.B) { benchmarks(b, codec.Msgpack) })
	b.Run("json", func(b *testing.B) { benchmarks(b, codec.JSON) })
}

func BenchmarkUnmarshal(b *testing.B) {
	benchmarks := func(b *testing.B, c codec.Codec) {
		b.Helper()
		body, err := c.Marshal(smallValue())
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var v small
			if err := c.Unmarshal(body, &v); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("msgpack", func(b *testing.B) { benchmarks(b, codec.Msgpack) })
	b.Run("json", func(b *testing.B) { benchmarks(b, codec.JSON) })
}

func BenchmarkUnmarshalAny(b *testing.B) {
	benchmarks := func(b *testing.B, c codec.Codec) {
		b.Helper()
		body, err := c.Marshal(smallValue())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := c.Unmarshal(body, &v); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("msgpack", func(b *testing.B) { benchmarks(b, codec.Msgpack) })
	b.Run("json", func(b *testing.B) { benchmarks(b, codec.JSON) })
}
