package codec_test

import (
	"fmt"
	"time"

	"github.com/atasks-io/atasks/codec"
)

type Order struct {
	ID    string        `json:"id"`
	Items []Item        `json:"items"`
	Wait  time.Duration `json:"wait,omitempty"`
}

type Item struct {
	Name  string `json:"name"`
	Count uint8  `json:"count"`
}

func Example() {
	in := Order{ID: "o-1", Items: []Item{{"bolt", 3}}}
	for _, c := range []codec.Codec{codec.Msgpack, codec.JSON} {
		body, err := c.Marshal(in)
		if err != nil {
			fmt.Println(err)
			return
		}
		var out Order
		if err := c.Unmarshal(body, &out); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d bytes, %+v\n", c.ContentType(), len(body), out)
	}
	// Output:
	// application/msgpack: 33 bytes, {ID:o-1 Items:[{Name:bolt Count:3}] Wait:0s}
	// application/json: 48 bytes, {ID:o-1 Items:[{Name:bolt Count:3}] Wait:0s}
}

// A number that its target cannot hold is an error, never another number.
func ExampleCodec_overflow() {
	body, err := codec.Msgpack.Marshal(map[string]any{
		"items": []any{map[string]any{"name": "bolt", "count": 300}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var order Order
	fmt.Println(codec.Msgpack.Unmarshal(body, &order))
	// Output:
	// codec: decode msgpack into codec_test.Order: items[0].count: 300 does not fit uint8 (byte 15)
}

// Five bytes that declare an array of four billion elements are refused before
// any memory is set aside for them.
func ExampleCodec_guard() {
	var v any
	fmt.Println(codec.Msgpack.Unmarshal([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, &v))
	// Output:
	// codec: decode msgpack into any: an array of 4294967295, but only 0 bytes are left (byte 0)
}

func ExampleByContentType() {
	c, ok := codec.ByContentType("application/json; charset=utf-8")
	fmt.Println(c == codec.JSON, ok)
	_, ok = codec.ByContentType("text/plain")
	fmt.Println(ok)
	// Output:
	// true true
	// false
}
