package codec_test

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/atasks-io/atasks/codec"
)

type (
	ring    struct{ Next *ring }
	pointer *pointer
	forest  []forest
	books   map[string]books
	keyed   struct{ A, B int }
	opaque  struct{ secret int }
	guarded struct {
		sync.Mutex
		n int
	}
)

// Values that no body can hold end in an error that names the type and, where
// there is one, the field; they neither panic nor overflow the stack.
func TestMarshalRefuses(t *testing.T) {
	t.Parallel()
	round := &ring{}
	round.Next = round
	var self any
	self = &self
	list := make([]any, 1)
	list[0] = list
	dict := map[string]any{}
	dict["a"] = dict
	trees := make(forest, 1)
	trees[0] = trees
	shelf := books{}
	shelf["b"] = shelf
	var loop pointer
	loop = &loop
	deep := &ring{}
	for range codec.MaxDepth {
		deep = &ring{deep}
	}
	tests := []struct {
		v    any
		want []string
	}{
		{make(chan int), []string{"chan int"}},
		{struct{ In struct{ F func() } }{}, []string{"In.F", "func()"}},
		{complex64(1), []string{"complex64"}},
		{[]any{1, make(chan int)}, []string{"[1]", "chan int"}},
		{map[string]any{"k": func() {}}, []string{`["k"]`, "func()"}},
		{unsafe.Pointer(nil), []string{"unsafe.Pointer"}},
		{map[keyed]int{{}: 1}, []string{"keyed"}},
		{opaque{1}, []string{"opaque", "no exported field"}},
		{struct{ In *opaque }{&opaque{}}, []string{"In", "opaque", "no exported field"}},
		{struct{ A, B *opaque }{nil, &opaque{}}, []string{"B: codec_test.opaque has no exported field"}},
		{struct{ *opaque }{&opaque{}}, []string{"no exported field"}},
		{&guarded{n: 1}, []string{"guarded", "no exported field"}},
		{struct{ Text string }{"\xff"}, []string{"Text", "not UTF-8"}},
		{round, []string{"*codec_test.ring", "Next"}},
		{&self, []string{"*any"}},
		{list, []string{"[0]"}},
		{dict, []string{`["a"]`}},
		{trees, []string{"forest"}},
		{shelf, []string{"books"}},
		{loop, []string{"pointer"}},
		{deep, []string{"deeper than 64"}},
	}
	both(t, func(t *testing.T, c codec.Codec) {
		for _, tt := range tests {
			body, err := c.Marshal(tt.v)
			if err == nil {
				t.Errorf("Marshal(%T) = %.100q, want an error", tt.v, body)
				continue
			}
			for _, want := range append(tt.want, "codec: encode ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Marshal(%T) = %v, want %q in it", tt.v, err, want)
				}
			}
			if strings.Contains(err.Error(), "panic") || len(err.Error()) > 500 {
				t.Errorf("Marshal(%T) = %v, want a short error without a panic", tt.v, err)
			}
		}
	})
}

func TestUnmarshalRefuses(t *testing.T) {
	t.Parallel()
	var loop pointer
	values := map[string]any{"a": 1}
	both(t, func(t *testing.T, c codec.Codec) {
		for _, v := range []any{
			new(chan int), new(func()), new(complex128), new(unsafe.Pointer), &loop, new(error), new(map[string]chan int),
			new(map[keyed]int), new(struct {
				A func() `json:"a"`
			}),
		} {
			err := c.Unmarshal(marshal(t, c, values), v)
			if err == nil || strings.Contains(err.Error(), "panic") {
				t.Errorf("Unmarshal(%v, %T) = %v, want an error without a panic", values, v, err)
			}
		}
	})
}

// An error says what was decoded, where, and what is wrong.
func TestUnmarshalErrorText(t *testing.T) {
	t.Parallel()
	type item struct {
		Count int8 `json:"count"`
	}
	type order struct {
		Items []item          `json:"items"`
		ByKey map[string]item `json:"by_key"`
	}
	list := map[string]any{"items": []any{map[string]any{"count": 1}, map[string]any{"count": 300}}}
	keyed := map[string]any{"by_key": map[string]any{"a\nb": map[string]any{"count": "x"}}}
	for _, tt := range []struct {
		c    codec.Codec
		v    any
		want string
	}{
		{codec.Msgpack, list, "codec: decode msgpack into codec_test.order: items[1].count: 300 does not fit int8 (byte 23)"},
		{codec.Msgpack, keyed, `codec: decode msgpack into codec_test.order: by_key["a\nb"].count: a string does not fit int8 (byte 20)`},
		{codec.JSON, list, "codec: decode JSON into codec_test.order: items.count: number 300 does not fit int8 (byte 34)"},
	} {
		err := tt.c.Unmarshal(marshal(t, tt.c, tt.v), new(order))
		if err == nil || err.Error() != tt.want {
			t.Errorf("Unmarshal(%v, *order) =\n%v, want\n%v", tt.v, err, tt.want)
		}
	}
}

// Recursive types are fine as long as their values end.
func TestRecursiveTypes(t *testing.T) {
	t.Parallel()
	deep := &ring{}
	for range codec.MaxDepth - 1 {
		deep = &ring{deep}
	}
	both(t, func(t *testing.T, c codec.Codec) {
		for _, in := range []any{deep, forest{{}, {{}}}, books{"a": {"b": nil}}} {
			out := reflect.New(reflect.TypeOf(in))
			if err := c.Unmarshal(marshal(t, c, in), out.Interface()); err != nil || !reflect.DeepEqual(out.Elem().Interface(), in) {
				t.Errorf("round trip of %T = %v, %v", in, out.Elem(), err)
			}
		}
	})
}
