package codec_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/codec"
)

type level int // marshals as text, though it is a number

func (l level) MarshalText() ([]byte, error) { return []byte{'L', '0' + byte(l)}, nil }

func (l *level) UnmarshalText(b []byte) error {
	*l = level(b[1] - '0')
	return nil
}

type base struct {
	ID  int64 `json:"id"`
	Tag string
}

type Exported struct{ Shown string }

type tree struct {
	Value int
	Left  *tree           `json:"left,omitempty"`
	Right *tree           `json:"right,omitempty"`
	Index map[string]tree `json:"index,omitempty"`
}

type everything struct {
	base
	*Exported
	Bool     bool
	Small    int8
	Big      int64
	Unsigned uint64
	F32      float32
	F64      float64
	Text     string
	Bytes    []byte
	Hash     [4]byte
	Pair     [2]int
	List     []string
	Nested   [][]int
	Map      map[string]int
	ByInt    map[int16]string
	ByUint   map[uint8]bool
	ByText   map[textID]int
	Ptr      *int
	PtrPtr   **string
	Any      any
	When     time.Time
	Took     time.Duration
	Level    level
	Tree     tree
	Empty    struct{}
	Skipped  string `json:"-"`
	Named    string `json:"other_name"`
}

func full() everything {
	n, s := 7, "deep"
	p := &s
	return everything{
		base: base{1<<53 + 1, "promoted"}, Exported: &Exported{"yes"},
		Bool: true, Small: -128, Big: math.MinInt64, Unsigned: math.MaxUint64, F32: math.MaxFloat32, F64: math.SmallestNonzeroFloat64,
		Text: "héllo \u2028 <&> \x00 \U0001f600", Bytes: []byte{0, 255}, Hash: [4]byte{1, 2, 3, 4}, Pair: [2]int{-1, 1},
		List: []string{"", "a"}, Nested: [][]int{nil, {}, {1}}, Map: map[string]int{"": 0, "b": 2, "a": 1},
		ByInt: map[int16]string{-300: "x", 300: "y"}, ByUint: map[uint8]bool{255: true}, ByText: map[textID]int{{"k"}: 1},
		Ptr: &n, PtrPtr: &p,
		Any:  map[string]any{"list": []any{nil, true, int64(-5), uint64(math.MaxUint64), 1.5, "s"}, "none": map[string]any{}},
		When: time.Date(2026, 11, 23, 1, 2, 3, 123456789, time.UTC), Took: time.Duration(math.MaxInt64),
		Level: 3, Tree: tree{1, &tree{Value: 2}, nil, map[string]tree{"x": {Value: 3}}}, Named: "n",
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("https://example.org/a%20b?q=1#f")
	if err != nil {
		t.Fatal(err)
	}
	huge, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	one := 1
	values := []any{
		true, false, 0, -1, 1, int8(-128), int16(-32768), int32(math.MinInt32), int64(math.MinInt64), int64(math.MaxInt64),
		int64(1<<53 + 1), uint8(255), uint16(65535), uint32(math.MaxUint32), uint64(math.MaxUint64), uint(1), uintptr(9),
		31, 32, 127, 128, -32, -33, -129, 65536, int64(1 << 32),
		float32(0.1), 0.1, 1e300, math.MaxFloat64, math.Copysign(0, -1), float32(math.SmallestNonzeroFloat32),
		"", "a", "\x00", "\ufffd", string(make([]byte, 31)), string(make([]byte, 32)), string(make([]byte, 256)), string(make([]byte, 70000)),
		[]byte(nil),
		[]byte{},
		[]byte{1},
		make([]byte, 256), make([]byte, 70000),
		[0]byte{},
		[3]byte{1, 2, 3},
		[2]string{"a", "b"},
		[0]int{},
		[]int(nil),
		[]int{},
		[]int{1, -1},
		make([]int, 15), make([]int, 16), make([]int16, 70000),
		[]struct{}{{}, {}},
		[]*int{nil, &one},
		[]any(nil),
		[]any{},
		[]bool{true},
		[]level{1, 2},
		[][]byte{nil, {}, {1}},
		map[string]int(nil),
		map[string]int{},
		map[string]int{"a": 1},
		map[bool]int(nil),
		map[int64]int{math.MinInt64: 1},
		map[uint64]string{math.MaxUint64: ""},
		map[level]string{2: "x"},
		map[netip.Addr]int{netip.MustParseAddr("::1"): 1},
		map[string]any{"a": nil},
		map[string]map[string][]int{"a": {"b": {1}}},
		(*int)(nil), &one,
		struct{}{},
		tree{Value: 1},
		everything{},
		full(), new(everything), time.Duration(-1),
		netip.MustParseAddr("10.0.0.1"), netip.MustParsePrefix("10.0.0.0/8"),
		netip.Addr{},
		net.IPv4(1, 2, 3, 4), *huge, huge, *u, u,
		textID{"x"},
		[]big.Int{*huge},
		struct{ A, B big.Int }{*huge, *big.NewInt(1)},
	}
	both(t, func(t *testing.T, c codec.Codec) {
		for _, in := range values {
			if k := reflect.TypeOf(in).Kind(); c == codec.JSON && k == reflect.Map && reflect.TypeOf(in).Key().Kind() == reflect.Bool {
				continue // JSON has no boolean keys
			}
			body := marshal(t, c, in)
			out := reflect.New(reflect.TypeOf(in))
			if err := c.Unmarshal(body, out.Interface()); err != nil {
				t.Errorf("Unmarshal(%.200q, *%T) = %v", body, in, err)
				continue
			}
			if got := out.Elem().Interface(); !reflect.DeepEqual(got, in) {
				t.Errorf("round trip of %T by %.200q = %+v, want %+v", in, body, got, in)
			}
			if again := marshal(t, c, out.Elem().Interface()); string(again) != string(body) {
				t.Errorf("Marshal(%T) = %.200q after a round trip, want %.200q", in, again, body)
			}
		}
	})
}

// What is in an any has no type to go by.
func TestRoundTripAny(t *testing.T) {
	t.Parallel()
	values := []any{
		nil, true, int64(0), int64(255), int64(256), int64(-1), int64(math.MinInt64), int64(math.MaxInt64), uint64(math.MaxInt64 + 1), uint64(math.MaxUint64),
		int64(1<<53 + 1), -int64(1<<53 + 1), 1.5, 1e300, math.Copysign(0, -1), "", "a",
		[]any{},
		map[string]any{},
		[]any{int64(1<<53 + 1), []any{uint64(math.MaxUint64)}, map[string]any{"a": int64(-1)}},
		map[string]any{"a": map[string]any{"b": []any{nil, "c", 2.5, int64(3)}}},
	}
	both(t, func(t *testing.T, c codec.Codec) {
		for _, in := range values {
			var got any
			body := marshal(t, c, in)
			if err := c.Unmarshal(body, &got); err != nil || !reflect.DeepEqual(got, in) {
				t.Errorf("Unmarshal(%q, *any) = %T(%v), %v, want %T(%v)", body, got, got, err, in, in)
			}
		}
		type holder struct {
			Any   any
			List  []any
			Map   map[string]any
			Lists map[string][]any
			Array [1]any
			Ptr   *any
			In    struct{ Any any }
			Other []struct{ Any any }
		}
		n := any(int64(1<<53 + 1))
		in := holder{n, []any{n}, map[string]any{"a": n}, map[string][]any{"b": {n}}, [1]any{n}, &n, struct{ Any any }{n}, []struct{ Any any }{{n}}}
		var got holder
		if err := c.Unmarshal(marshal(t, c, in), &got); err != nil || !reflect.DeepEqual(got, in) {
			t.Errorf("Unmarshal(holder) = %+v, %v, want %+v", got, err, in)
		}
	})
}

func TestTime(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 5*3600+30*60)
	times := []time.Time{
		{},
		time.Unix(0, 0), time.Unix(0, 1), time.Unix(1<<32-1, 0), time.Unix(1<<32, 0), time.Unix(1<<34-1, 999999999), time.Unix(1<<34, 1),
		time.Unix(-1, 999999999), time.Now(), time.Date(2026, 1, 2, 3, 4, 5, 6, east), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	}
	both(t, func(t *testing.T, c codec.Codec) {
		for _, in := range times {
			var got time.Time
			if err := c.Unmarshal(marshal(t, c, in), &got); err != nil || !got.Equal(in) {
				t.Errorf("round trip of %v = %v, %v", in, got, err)
			}
			var ptr struct{ T *time.Time }
			if err := c.Unmarshal(marshal(t, c, struct{ T *time.Time }{&in}), &ptr); err != nil || !ptr.T.Equal(in) {
				t.Errorf("round trip of a pointer to %v = %v, %v", in, ptr.T, err)
			}
		}
	})

	far := time.Unix(1<<60, 5)
	var got any
	if err := codec.Msgpack.Unmarshal(marshal(t, codec.Msgpack, far), &got); err != nil || got != far.UTC() {
		t.Errorf("msgpack round trip of %v by an any = %v, %v, want the same instant in UTC", far, got, err)
	}
	if body, err := codec.JSON.Marshal(far); err == nil {
		t.Errorf("JSON.Marshal(%v) = %s, want an error: RFC 3339 ends with the year 9999", far, body)
	}
}

// byMethod says itself what is zero, through its pointer.
type byMethod struct{ N int }

func (b *byMethod) IsZero() bool { return b.N == 7 }

// Selfish embeds itself, which ends nowhere if it is followed.
type Selfish struct {
	*Selfish
	Self int
}

// The tag that a struct has for one codec must serve the other.
func TestFieldNames(t *testing.T) {
	t.Parallel()
	type inner struct {
		A int `json:"a"`
		C int
	}
	type other struct{ C, D int }
	type first struct {
		Both int `json:"both"`
		Lost int
	}
	type second struct {
		Both    int
		Renamed int `json:"Both"`
		Lost    int
	}
	type named struct {
		inner
		*other
		first
		second
		*Selfish
		Tagged inner `json:"tagged"`
		A      int   `json:"A2"`
		Odd    int   `json:"odd key! "`
		//lint:ignore SA5008 encoding/json ignores such a name, and so must msgpack
		Bad int `json:"bad\"key"`
		//lint:ignore SA5008 this is how a field is called "-"
		Dash     int        `json:"-,"`
		Skip     int        `json:"-"`
		Zero     int        `json:"zero,omitempty"`
		Never    int        `json:",omitempty"`
		Time     time.Time  `json:"time,omitzero"`
		ZeroAny  any        `json:"zero_any,omitzero"`
		ZeroPtr  *time.Time `json:"zero_ptr,omitzero"`
		ZeroBy   byMethod   `json:"zero_by,omitzero"`
		Quoted   int        `json:"quoted,string"`
		hidden   int
		Unicode  int   `json:"größe"`
		Nothing  []int `json:"nothing,omitempty"`
		Nobody   *int  `json:"nobody,omitempty"`
		Anything any   `json:"anything,omitempty"`
	}
	for _, v := range []named{{}, {Selfish: &Selfish{Self: 1}, second: second{Renamed: 1, Both: 2, Lost: 3}}, {ZeroAny: time.Time{}, ZeroPtr: &time.Time{}, ZeroBy: byMethod{7}}, {other: &other{1, 2}, hidden: 1, Zero: 1, Never: 1, Time: time.Unix(1, 0), Nothing: []int{1}}} {
		fields := func(c codec.Codec) map[string]string {
			var m map[string]any
			if err := c.Unmarshal(marshal(t, c, v), &m); err != nil {
				t.Fatalf("Unmarshal(named) = %v", err)
			}
			texts := make(map[string]string)
			for k, x := range m {
				if texts[k] = fmt.Sprint(x); k == "time" || k == "zero_any" {
					texts[k] = "some time" // a string in JSON
				}
			}
			return texts
		}
		if diff := cmp.Diff(fields(codec.JSON), fields(codec.Msgpack)); diff != "" {
			t.Errorf("fields differ (-JSON +msgpack):\n%s", diff)
		}
	}

	type tags struct {
		A int `json:"a" msgpack:"x"`
		B int `json:"b,omitempty" msgpack:",omitempty"`
		C int `json:"c" msgpack:"-"`
		D int `json:"-" msgpack:"d"`
	}
	var got map[string]int
	if err := codec.Msgpack.Unmarshal(marshal(t, codec.Msgpack, tags{1, 2, 3, 4}), &got); err != nil {
		t.Fatalf("Unmarshal(tags) = %v", err)
	}
	if diff := cmp.Diff(map[string]int{"x": 1, "b": 2, "d": 4}, got); diff != "" {
		t.Errorf("msgpack tags (-want +got):\n%s", diff)
	}
}

// Fields that only the other side knows are passed over, whatever they hold.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, c codec.Codec) {
		newer := map[string]any{"id": 7, "list": []any{1, map[string]any{"a": []any{}}}, "map": map[string]any{"x": nil}, "f": 1.5, "z": "s", "b": []byte{1}}
		var got struct {
			ID   int `json:"id"`
			Kept string
		}
		got.Kept = "as it was"
		if err := c.Unmarshal(marshal(t, c, newer), &got); err != nil || got.ID != 7 || got.Kept != "as it was" {
			t.Errorf("Unmarshal(newer) = %+v, %v, want ID 7 and Kept as it was", got, err)
		}
	})
}

// A null leaves what has no nil as it is.
func TestNull(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, c codec.Codec) {
		body := marshal(t, c, nil)
		for _, v := range []any{1, "a", true, 1.5, uint8(3), [2]int{1, 2}, [2]byte{1, 2}, textID{"x"}, tree{Value: 1}, time.Unix(1, 0).UTC(), json.Number("1")} {
			p := reflect.New(reflect.TypeOf(v))
			p.Elem().Set(reflect.ValueOf(v))
			if err := c.Unmarshal(body, p.Interface()); err != nil || !reflect.DeepEqual(p.Elem().Interface(), v) {
				t.Errorf("Unmarshal(null, %v) = %v, %v, want it unchanged", v, p.Elem(), err)
			}
		}
		for _, v := range []any{[]int{1}, map[string]int{"a": 1}, new(int), []byte{1}} {
			p := reflect.New(reflect.TypeOf(v))
			p.Elem().Set(reflect.ValueOf(v))
			if err := c.Unmarshal(body, p.Interface()); err != nil || !p.Elem().IsNil() {
				t.Errorf("Unmarshal(null, %v) = %v, %v, want nil", v, p.Elem(), err)
			}
		}
	})
}
