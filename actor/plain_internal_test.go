package actor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/codec"
)

// Types that a codec leaves as they are.
type (
	plainTitle string
	plainLevel int8
	plainPoint struct {
		X, Y  int32
		Label string
	}
	plainTagged struct {
		ID   uint64 `json:"id" msgpack:"i"`
		Name string `json:"name"`
		On   bool   `msgpack:"on"`
	}
	plainNested struct {
		From, To plainPoint
		Inner    struct{ Deep struct{ Note plainTitle } }
		Level    plainLevel
	}
	plainFloats struct {
		A float32
		B float64
	}
	plainNumbers struct {
		I   int
		I8  int8
		I16 int16
		I32 int32
		I64 int64
		U   uint
		U8  uint8
		U16 uint16
		U32 uint32
		U64 uint64
		D   time.Duration
		M   time.Month
	}
	// plainMethods has methods, but none by which it would encode itself.
	plainMethods struct{ N int }
)

func (plainMethods) String() string  { return "n" }
func (*plainMethods) Validate() bool { return true }

// Types that a codec may change.
type (
	withSlice      struct{ S []int }
	withMap        struct{ M map[string]int }
	withPointer    struct{ P *int }
	withAny        struct{ A any }
	withTime       struct{ T time.Time }
	withArray      struct{ A [2]int }
	withUnexported struct {
		A int
		b int
	}
	withEmbedded  struct{ plainPoint }
	withEmbedded2 struct{ PlainEmbedded }
	PlainEmbedded struct{ Z int }
	withOmitEmpty struct {
		A int `json:"a,omitempty"`
	}
	withSkip struct {
		A int `msgpack:"-"`
	}
	withString struct {
		A int `json:"a,string"`
	}
	withEmptyTag struct {
		A int `json:","` //nolint:staticcheck // what is tested
	}
	withDouble struct {
		A int `json:"b"`
		B int `json:"B" msgpack:"b"`
	}
	// withTaken has a tag that takes another field's name.
	withTaken struct {
		A int
		B int `json:"A"`
	}
	// withOddTag has a tag that encoding/json ignores, so the name is the field's.
	withOddTag struct {
		A int `json:"\\"` //nolint:staticcheck // what is tested
		B int `json:"A"`
	}
	withComplex struct{ C complex128 }
	withFunc    struct{ F func() }
	withUintptr struct{ U uintptr }
	withText    int
	withJSON    struct{ A int }
	withMsgpack struct{ A string }
	withBinary  string
	withAppend  int
	withNested  struct{ Inner struct{ T withText } }
	withNumber  struct{ N json.Number }
)

func (withText) MarshalText() ([]byte, error)          { return []byte("x"), nil }
func (*withJSON) UnmarshalJSON([]byte) error           { return nil }
func (*withMsgpack) DecodeMsgpack(any) error           { return nil }
func (withBinary) MarshalBinary() ([]byte, error)      { return nil, nil }
func (withAppend) AppendText(b []byte) ([]byte, error) { return b, nil }

// plainCase is a type together with what is to be known of it.
type plainCase struct {
	typ   reflect.Type
	plain bool
}

func plainOf[T any](plain bool) plainCase { return plainCase{reflect.TypeFor[T](), plain} }

// again sends a value through a codec and back.
func again(c codec.Codec, v any) (any, error) {
	body, err := c.Marshal(v)
	if err != nil {
		return nil, err
	}
	back := reflect.New(reflect.TypeOf(v))
	err = c.Unmarshal(body, back.Interface())
	return back.Elem().Interface(), err
}

func plainCases() []plainCase {
	return []plainCase{
		plainOf[bool](true), plainOf[int](true), plainOf[int64](true), plainOf[uint8](true), plainOf[uint64](true),
		plainOf[float32](true), plainOf[float64](true), plainOf[string](true), plainOf[plainTitle](true), plainOf[plainLevel](true),
		plainOf[struct{}](true), plainOf[plainPoint](true), plainOf[plainTagged](true), plainOf[plainNested](true),
		plainOf[plainFloats](true), plainOf[plainNumbers](true), plainOf[plainMethods](true), plainOf[time.Duration](true),
		{nested(codec.MaxDepth), true},

		plainOf[[]byte](false), plainOf[[]int](false), plainOf[[4]byte](false), plainOf[[2]int](false), plainOf[map[string]int](false),
		plainOf[*int](false), plainOf[any](false), plainOf[error](false), plainOf[time.Time](false), plainOf[chan int](false),
		plainOf[func()](false), plainOf[complex64](false), plainOf[uintptr](false), plainOf[rawBody](false),
		plainOf[withSlice](false), plainOf[withMap](false), plainOf[withPointer](false), plainOf[withAny](false),
		plainOf[withTime](false), plainOf[withArray](false), plainOf[withUnexported](false), plainOf[withEmbedded](false),
		plainOf[withEmbedded2](false), plainOf[withOmitEmpty](false), plainOf[withSkip](false), plainOf[withString](false),
		plainOf[withEmptyTag](false), plainOf[withDouble](false), plainOf[withTaken](false),
		plainOf[withOddTag](false), plainOf[withComplex](false), plainOf[withFunc](false), plainOf[withUintptr](false),
		plainOf[withText](false), plainOf[withJSON](false), plainOf[withMsgpack](false), plainOf[withBinary](false),
		plainOf[withAppend](false), plainOf[withNested](false), plainOf[withNumber](false), plainOf[json.Number](false),
		{nested(codec.MaxDepth + 1), false},
		{jsonClash(), false},
	}
}

// nested is a struct in a struct, so many deep.
func nested(depth int) reflect.Type {
	t := reflect.TypeFor[int]()
	for range depth {
		t = reflect.StructOf([]reflect.StructField{{Name: "A", Type: t}})
	}
	return t
}

// jsonClash is a struct with two fields of one name in JSON only. The compiler's
// friends complain of such a type in source.
func jsonClash() reflect.Type {
	return reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x" msgpack:"a"`},
		{Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"x" msgpack:"b"`},
	})
}

func TestPlainTypeOf(t *testing.T) {
	t.Parallel()
	_ = withUnexported{b: 1}.b
	for _, tt := range plainCases() {
		if got := plainTypeOf(tt.typ) != nil; got != tt.plain {
			t.Errorf("plainTypeOf(%v) plain = %v, want %v", tt.typ, got, tt.plain)
		}
	}
}

// TestPlainCopyEqualsRoundTrip checks what plainType promises: a value that
// fits comes out of the codec as it went in.
func TestPlainCopyEqualsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, tt := range plainCases() {
		p := plainTypeOf(tt.typ)
		if p == nil {
			continue
		}
		for _, c := range []codec.Codec{codec.Msgpack, codec.JSON} {
			fitted := 0
			for _, v := range plainValues(tt.typ) {
				if !p.fits(v, c, 1<<20) {
					continue
				}
				fitted++
				got, err := again(c, v)
				if err != nil || !same(got, v) {
					t.Errorf("%s: %v %+v fits and comes back as %+v, %v", c.ContentType(), tt.typ, v, got, err)
					break
				}
			}
			if want := c == codec.Msgpack || !p.floats; (fitted > 0) != want {
				t.Errorf("%s: %d values of %v fit, want some = %v", c.ContentType(), fitted, tt.typ, want)
			}
		}
	}
}

// same compares like ==, except that it looks at the bits of a float.
func same(a, b any) bool {
	return a == b || cmp.Equal(a, b, cmp.Comparer(func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) }),
		cmp.Comparer(func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }))
}

// plainValues returns values of a type: zero, extreme and random ones.
func plainValues(typ reflect.Type) []any {
	values := []any{reflect.Zero(typ).Interface()}
	for _, extreme := range []func(reflect.Value){smallest, largest, oddest} {
		v := reflect.New(typ).Elem()
		fill(v, extreme)
		values = append(values, v.Interface())
	}
	random := rand.New(rand.NewSource(1))
	for range 50 {
		if v, ok := quick.Value(typ, random); ok {
			values = append(values, v.Interface())
		}
	}
	return values
}

func fill(v reflect.Value, leaf func(reflect.Value)) {
	if v.Kind() != reflect.Struct {
		leaf(v)
		return
	}
	for i := range v.NumField() {
		fill(v.Field(i), leaf)
	}
}

func smallest(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("\x00")
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Copysign(0, -1))
	case reflect.Bool:
	default:
		if v.CanInt() {
			v.SetInt(-1 << (v.Type().Bits() - 1))
		}
	}
}

func largest(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("<&>\u2028\"\\\u007f\U0010ffff")
	case reflect.Float32:
		v.SetFloat(math.MaxFloat32)
	case reflect.Float64:
		v.SetFloat(math.MaxFloat64)
	case reflect.Bool:
		v.SetBool(true)
	default:
		if v.CanInt() {
			v.SetInt(1<<(v.Type().Bits()-1) - 1)
		} else {
			v.SetUint(math.MaxUint64 >> (64 - v.Type().Bits()))
		}
	}
}

func oddest(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("not \xff UTF-8")
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Inf(-1))
	}
}

func TestPlainFits(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	half := strings.Repeat("x", limit/2)
	control := strings.Repeat("\x01", limit/2) // six bytes each in JSON
	for _, tt := range []struct {
		name          string
		v             any
		msgpack, json bool
		limit         int
	}{
		{"string", "a", true, true, limit},
		{"named string", plainTitle("a"), true, true, limit},
		{"not UTF-8", "\xff", false, false, limit},
		{"named, not UTF-8", plainTitle("\xff"), false, false, limit},
		{"not UTF-8 in a field", plainPoint{Label: "\xc0\x80"}, false, false, limit},
		{"half the limit", half, true, false, limit},
		{"much to escape", control, true, false, limit},
		{"the limit", half + half, false, false, limit},
		{"two halves", plainNested{From: plainPoint{Label: half}, To: plainPoint{Label: half}}, false, false, limit},
		{"no limit", half + half, true, true, 0},
		{"small limit, no string", 7, true, true, 1},
		{"float", 1.5, true, false, limit},
		{"floats", plainFloats{1, math.NaN()}, true, false, limit},
		{"nothing", struct{}{}, true, true, limit},
	} {
		p := plainTypeOf(reflect.TypeOf(tt.v))
		if p == nil {
			t.Errorf("%s: plainTypeOf(%T) = nil", tt.name, tt.v)
			continue
		}
		for _, c := range []codec.Codec{codec.Msgpack, codec.JSON} {
			want := tt.msgpack
			if c == codec.JSON {
				want = tt.json
			}
			if got := p.fits(tt.v, c, tt.limit); got != want {
				t.Errorf("%s: fits(%s, limit %d) = %v, want %v", tt.name, c.ContentType(), tt.limit, got, want)
			}
		}
		if p.fits(tt.v, otherCodec{codec.Msgpack}, tt.limit) {
			t.Errorf("%s: fits() = true for a codec that nobody knows", tt.name)
		}
	}
}

// TestPlainFitsOnlyItsType covers what middleware leaves in place of an input.
func TestPlainFitsOnlyItsType(t *testing.T) {
	t.Parallel()
	p := plainTypeOf(reflect.TypeFor[plainPoint]())
	for _, v := range []any{1, "a", plainTitle("a"), plainTagged{}, &plainPoint{}, nil, []int{1}} {
		if p.fits(v, codec.Msgpack, 0) {
			t.Errorf("fits(%T) = true for a plainPoint", v)
		}
	}
}

// otherCodec is msgpack under another name.
type otherCodec struct{ codec.Codec }

func (otherCodec) ContentType() string { return "application/x-other" }

func TestCodecsByType(t *testing.T) {
	t.Parallel()
	own := otherCodec{codec.Msgpack}
	c := newCodecs(own)
	for _, tt := range []struct {
		contentType string
		want        codec.Codec
	}{
		{"application/msgpack", codec.Msgpack},
		{"application/json", codec.JSON},
		{"Application/JSON; charset=utf-8", codec.JSON},
		{" application/json ", codec.JSON},
		{"application/json;", codec.JSON},
		{"application/json; charset", codec.JSON}, // parameters do not count, not even bad ones
		{"application/x-other", own},
		{"APPLICATION/X-OTHER; v=1", own},
		{"", nil},
		{";", nil},
		{"text/plain", nil},
		{"application/jsonp", nil},
		{"\x00", nil},
		{strings.Repeat("a", 1<<16), nil},
	} {
		got, ok := c.byType(tt.contentType)
		if ok != (tt.want != nil) || ok && got != tt.want {
			t.Errorf("byType(%.40q) = %v, %v, want %v", tt.contentType, got, ok, tt.want)
		}
	}
	for _, name := range []string{"application/msgpack", "application/json", "application/x-other"} {
		if !strings.Contains(c.names(), name) {
			t.Errorf("names() = %q, want %q in it", c.names(), name)
		}
	}
	if got := newCodecs(codec.JSON).names(); strings.Count(got, "json") != 1 {
		t.Errorf("names() = %q, want JSON once", got)
	}
}

var errPlain = errors.New("plain")

func TestCallsPassPlainValuesBothWays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	type in = plainNested
	target := NewTarget[in, in]("nested")
	name := NewTarget[plainTitle, plainTitle]("name")
	loose := NewTarget[any, any]("nested") // the same task, declared in other words
	serve := []Servable{
		Implement(target, func(_ context.Context, v in) (in, error) { return v, nil }),
		Implement(name, func(_ context.Context, v plainTitle) (plainTitle, error) {
			if v == "fail" {
				return "", errPlain
			}
			return v + "!", nil
		}),
	}
	local := r.node(Config{}, serve...)
	remote := r.node(Config{NoLocal: true, Namespace: "remote"}, serve...)
	v := in{From: plainPoint{X: 1, Label: "a"}, Level: 3}
	for _, n := range []*member{local, remote} {
		if got, err := Ask[in, in](n.under(), target, v); got != v || err != nil {
			t.Errorf("NoLocal = %v: Ask() = %+v, %v, want %+v", n.cfg.NoLocal, got, err, v)
		}
		if got, err := Ask[plainTitle, plainTitle](n.under(), name, "hi"); got != "hi!" || err != nil {
			t.Errorf("NoLocal = %v: Ask() = %q, %v, want hi!", n.cfg.NoLocal, got, err)
		}
	}
	here, err1 := Ask[any, any](local.under(), loose, v)
	there, err2 := Ask[any, any](remote.under(), loose, v)
	if diff := cmp.Diff(fmt.Sprintf("%T %v", there, there), fmt.Sprintf("%T %v", here, here)); err1 != nil || err2 != nil || diff != "" {
		t.Errorf("a caller that takes anything sees where the call ran: %v, %v (-remote +local):\n%s", err1, err2, diff)
	}
	seen := make(map[bool]string)
	for _, n := range []*member{local, remote} {
		if err := n.Serve(Implement(NewTarget[any, string]("look"), func(_ context.Context, v any) (string, error) {
			return fmt.Sprintf("%T %v", v, v), nil
		})); err != nil {
			t.Fatalf("Serve() = %v, want nil", err)
		}
		got, err := Ask[in, string](n.under(), NewTarget[in, string]("look"), v)
		if err != nil {
			t.Errorf("Ask() = %v, want nil", err)
		}
		seen[n.cfg.NoLocal] = got
	}
	if diff := cmp.Diff(seen[true], seen[false]); diff != "" {
		t.Errorf("a handler that takes anything sees where the call came from (-remote +local):\n%s", diff)
	}
}
