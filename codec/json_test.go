package codec_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/atasks-io/atasks/codec"
)

// manyKeys returns an object with n keys, made by key.
func manyKeys(n int, key func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"` + key(i) + `":0`)
	}
	return "{" + b.String()[1:] + "}"
}

func TestJSONBody(t *testing.T) {
	t.Parallel()
	type fields struct {
		ID   int `json:"id"`
		Kind string
		Map  map[string]int
		In   *fields
		Any  any
	}
	hex := func(i int) string {
		return "k" + string(rune('a'+i/676%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i%26))
	}
	tests := []struct {
		name, body string
		to         any
		want       string // part of the error, empty for none
	}{
		{"object", `{"id":1,"Kind":"x"}`, new(fields), ""},
		{"spaces", " \t\r\n{ \"id\" : 1 , \"Map\" : { } } \n", new(fields), ""},
		{"case folded", `{"ID":1,"kInD":"x"}`, new(fields), ""},
		{"empty", "", new(fields), "ends early"},
		{"empty into any", "", new(any), "ends early"},
		{"only spaces", "  ", new(any), "ends early"},
		{"truncated", `{"id":`, new(fields), "ends early"},
		{"truncated into any", `{"id":`, new(any), "ends early"},
		{"truncated string", `{"id`, new(any), "ends in a string"},
		{"extra", `{} x`, new(fields), "extra bytes"},
		{"extra value", `1 2`, new(any), "extra bytes"},
		{"extra bracket", `{}}`, new(any), "extra bytes"},
		{"extra NUL", "1\x00", new(any), "extra bytes"},
		{"comma", `[1,]`, new(any), "invalid character"},
		{"wrong bracket", `[1}`, new(any), "invalid character"},
		{"only a bracket", `}`, new(any), "without its opening"},
		{"comment", `{} // x`, new(any), "extra bytes"},
		{"single quotes", `{'a':1}`, new(any), "invalid character"},
		{"NaN", `NaN`, new(float64), "\"NaN\" is not a value"},
		{"Infinity", `[Infinity]`, new(any), "invalid character"},
		{"two words", `truefalse`, new(any), "is not a value"},
		{"leading zero", `01`, new(any), "is not a value"},
		{"NaN in a list", `[NaN]`, new(any), "invalid character"},
		{"hex number", `0x10`, new(any), "is not a value"},
		{"byte order mark", "\ufeff{}", new(any), "byte order mark"},
		{"bad UTF-8", "\"\xff\"", new(string), "UTF-8"},
		{"bad UTF-8 in a skipped field", "{\"no\":\"\xff\"}", new(fields), "UTF-8 (byte 7)"},
		{"high surrogate", `"\ud800"`, new(string), "surrogate"},
		{"high surrogate and text", `"\ud800x"`, new(string), "surrogate"},
		{"high surrogate twice", `"\ud800\ud800"`, new(string), "surrogate"},
		{"low surrogate", `"\udc00"`, new(string), "surrogate"},
		{"low surrogate in a key", `{"\uDC00":1}`, new(any), "surrogate"},
		{"pair", `"\ud83d\ude00"`, new(string), ""},
		{"bad escape", `"\u12g4"`, new(string), "hexadecimal"},
		{"escape cut", `"\u12`, new(string), "hexadecimal"},
		{"backslash at the end", `"\`, new(string), "ends in a string"},
		{"unknown escape", `"\x"`, new(string), "invalid character"},
		{"NUL escape", `"\u0000"`, new(string), ""},
		{"escaped quote", `["\"","\\",{"\"":1}]`, new(any), ""},
		{"depth 64", strings.Repeat("[", 64) + strings.Repeat("]", 64), new(any), ""},
		{"depth 65", strings.Repeat("[", 65) + strings.Repeat("]", 65), new(any), "deeper than 64"},
		{"depth 10001", strings.Repeat(`{"a":`, 10001), new(any), "deeper than 64"},
		{"skipped depth 65", `{"no":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", new(fields), "deeper than 64"},
		{"key twice", `{"a":1,"a":2}`, new(any), "second time"},
		{"key twice in a struct", `{"id":1,"id":2}`, new(fields), "second time"},
		{"key twice in a skipped field", `{"no":{"a":1,"a":2}}`, new(fields), "second time"},
		{"key twice by escape", `{"a":1,"\u0061":2}`, new(any), "second time"},
		{"key twice by escapes", `{"\u0061\n":1,"\u0061\u000a":2}`, new(any), "second time"},
		{"key twice by a pair", "{\"\U0001f600\":1,\"\\ud83d\\ude00\":2}", new(any), "second time"},
		{"key twice inside", `[{"b":[]},{"a":{"c":1},"b":2,"a":3}]`, new(any), "second time"},
		{"key as a value", `{"a":"a","b":["a","a"]}`, new(any), ""},
		{"key again inside", `{"a":{"a":{"a":1}}}`, new(any), ""},
		{"many keys", manyKeys(1000, hex), new(map[string]int), ""},
		{"many keys, one twice", manyKeys(1000, func(i int) string { return hex(i % 999) }), new(map[string]int), "second time"},
		{"two keys for a field", `{"id":1,"ID":2}`, new(fields), `"ID" means the field id of codec_test.fields for the second time (byte 8)`},
		{"two keys for a field inside", `{"In":{"id":1,"Id":2}}`, new(fields), "In: the key"},
		{"two keys for a field in a list", `[{},{"id":1,"Id":2}]`, new([]fields), "[1]: the key"},
		{"two keys for a field in a map", `{"x":{"id":1,"Id":2}}`, new(map[string]*fields), `["x"]: the key`},
		{"two keys for a field by escape", `{"id":1,"\u0049d":2}`, new(fields), "second time"},
		{"two keys for a field by the Kelvin sign", "{\"kind\":\"a\",\"\u212aind\":\"b\"}", new(fields), "second time"},
		{"two keys for a field by the Kelvin sign, escaped", `{"kind":"a","\u212aind":"b"}`, new(fields), "second time"},
		{"two keys for a field among many", `{"id":1,` + manyKeys(30, hex)[1:len(manyKeys(30, hex))-1] + `,"ID":2}`, new(fields), "second time"},
		{"letter case in a map", `{"a":1,"A":2}`, new(map[string]int), ""},
		{"letter case in a map of a struct", `{"Map":{"a":1,"A":2},"Any":{"b":1,"B":2}}`, new(fields), ""},
		{"letter case in a skipped field", `{"no":{"a":1,"A":2}}`, new(fields), ""},
		{"integer keys", `{"1":1,"-2":2}`, new(map[int]int), ""},
		{"one integer key twice", `{"1":1,"01":2}`, new(map[int]int), "the same int"},
		{"one address twice", `{"::1":1,"0::1":2}`, new(map[netip.Addr]int), "the same netip.Addr"},
		{"key too large", `{"300":1}`, new(map[int8]int), `key "300" does not fit int8`},
		{"negative key", `{"-1":1}`, new(map[uint]int), "does not fit uint"},
		{"array too long", `[1,2,3]`, new([2]int), "does not fit [2]int"},
		{"array too short", `{"Any":[1]}`, new(struct{ Any [2]int }), "Any: an array of 1 does not fit"},
		{"array for an object", `[1]`, new(fields), "array does not fit"},
		{"null for an object", `null`, new(fields), ""},
		{"string for an object", `"x"`, new(fields), "string does not fit"},
		{"object for an array", `{}`, new([]int), "object does not fit"},
		{"too large for int8", `300`, new(int8), "300 does not fit int8"},
		{"negative for uint32", `{"a":{"b":[-1]}}`, new(struct{ A struct{ B []uint32 } }), "-1 does not fit uint32"},
		{"fraction for int", `1.5`, new(int), "1.5 does not fit int"},
		{"exponent for int", `1e2`, new(int), "1e2 does not fit int"},
		{"too large for int64", `[9223372036854775808]`, new([]int64), "does not fit int64"},
		{"too large for uint64", `18446744073709551616`, new(uint64), "does not fit uint64"},
		{"too large for float32", `1e39`, new(float32), "does not fit float32"},
		{"too large for float64", `1e400`, new(float64), "does not fit float64"},
		{"too large for float64 in any", `{"a":[1e400]}`, new(any), `["a"][0]: the number 1e400 does not fit float64`},
		{"bad base64", `"!"`, new([]byte), "base64"},
		{"array for bytes", `[1,255]`, new([]byte), ""},
		{"number as a string", `"1"`, new(int), "string does not fit int"},
		{"a struct that hides its fields", `{"User":{}}`, new(url.URL), "User: object does not fit url.Userinfo"},
		{"json.Number", `{"a":1e400}`, new(map[string]json.Number), ""},
	}
	for _, tt := range tests {
		to := reflect.New(reflect.TypeOf(tt.to).Elem()).Interface()
		err := codec.JSON.Unmarshal([]byte(tt.body), to)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: Unmarshal(%.80s, %T) = %v, want %q", tt.name, tt.body, to, err, tt.want)
		}
	}
}

func TestJSONAny(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string
		want any
	}{
		{"9007199254740993", int64(9007199254740993)},
		{"-9223372036854775808", int64(math.MinInt64)},
		{"9223372036854775808", uint64(1 << 63)},
		{"18446744073709551615", uint64(math.MaxUint64)},
		{"18446744073709551616", float64(1 << 64)},
		{"-9223372036854775809", -float64(1 << 63)},
		{"1.0", 1.0},
		{"1e2", 100.0},
		{"-0", math.Copysign(0, -1)},
		{"0", int64(0)},
		{`"1"`, "1"},
		{`[1,{"a":2.5}]`, []any{int64(1), map[string]any{"a": 2.5}}},
	} {
		var got any
		if err := codec.JSON.Unmarshal([]byte(tt.body), &got); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Unmarshal(%s, *any) = %T(%v), %v, want %T(%v)", tt.body, got, got, err, tt.want, tt.want)
		}
		if f, ok := tt.want.(float64); ok && math.Signbit(f) != math.Signbit(got.(float64)) {
			t.Errorf("Unmarshal(%s, *any) = %v, want the sign of %v", tt.body, got, tt.want)
		}
	}
}

// marshaler marshals as the JSON that it holds.
type marshaler string

func (m marshaler) MarshalJSON() ([]byte, error) { return []byte(m), nil }

func (m *marshaler) UnmarshalJSON(b []byte) error {
	*m = marshaler(b)
	return nil
}

// What encoding/json would leave out without a word is an error, and so is what
// another node would refuse.
func TestJSONMarshal(t *testing.T) {
	t.Parallel()
	deep := any(1)
	for range 65 {
		deep = []any{deep}
	}
	withUser := url.URL{Scheme: "http", User: url.UserPassword("u", "p"), Host: "h"}
	tests := []struct {
		name string
		v    any
		want string // the body, or part of the error where err
		err  bool
	}{
		{"no HTML escapes", "<&>", `"<&>"`, false},
		{"replacement character", "\ufffd", `"` + "\ufffd" + `"`, false},
		{"escape as text", `\ufffd`, `"\\ufffd"`, false},
		{"escape from a marshaler", marshaler(`"\ufffd"`), `"\ufffd"`, false},
		{"bad UTF-8", "\xff", "not UTF-8", true},
		{"bad UTF-8 inside", map[string]any{"a": []string{"", "\xff"}}, `["a"][1]: a string that is not UTF-8`, true},
		{"bad UTF-8 key", map[string]int{"\xff": 1}, "not UTF-8", true},
		{"bad UTF-8 text", textID{"\xff"}, "not UTF-8", true},
		{"NaN", []float64{0, math.NaN()}, "[1]: JSON has no NaN", true},
		{"Inf", map[string]any{"a": math.Inf(-1)}, `["a"]: JSON has no -Inf`, true},
		{"deep", deep, "deeper than 64", true},
		{"deep from a marshaler", marshaler(strings.Repeat("[", 65) + strings.Repeat("]", 65)), "deeper than 64", true},
		{"key twice from a marshaler", json.RawMessage(`{"a":1,"a":2}`), "second time", true},
		{"key twice from text keys", map[netip.Addr]int{netip.MustParseAddr("::1"): 1}, `{"::1":1}`, false},
		{"half a pair from a marshaler", marshaler(`"\ud800"`), "surrogate", true},
		{"broken marshaler", marshaler(`{`), "JSON", true},
		{"empty objects", []any{struct{}{}, map[string]int{}}, `[{},{}]`, false},
		{"an error in an any", map[string]any{"err": errors.New("x")}, `["err"]: errors.errorString has no exported field`, true},
		{"URL", url.URL{Host: "h"}, `{"Scheme":"","Opaque":"","User":null,"Host":"h","Path":"","Fragment":"","RawQuery":"","RawPath":"","RawFragment":"","ForceQuery":false,"OmitHost":false}`, false},
		{"URL with a user", withUser, "User: url.Userinfo has no exported field", true},
		{"big.Int by value", *big.NewInt(5), "5", false},
		{"big.Int by value in an any", []any{*big.NewInt(5)}, "[0]: big.Int values marshal only through pointers", true},
		{"big.Int by value in a map", map[string]big.Int{}, "use map[string]*big.Int", true},
		{"channel", struct{ C chan int }{}, "C: chan int values have no encoding", true},
		{"function", map[string]any{"f": func() {}}, `["f"]: func() values have no encoding`, true},
		{"complex", complex(1, 2), "complex128 values have no encoding", true},
		{"nil", nil, "null", false},
	}
	for _, tt := range tests {
		body, err := codec.JSON.Marshal(tt.v)
		switch {
		case tt.err && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: Marshal(%v) = %s, %v, want an error with %q", tt.name, tt.v, body, err, tt.want)
		case !tt.err && (err != nil || string(body) != tt.want):
			t.Errorf("%s: Marshal(%v) = %s, %v, want %s", tt.name, tt.v, body, err, tt.want)
		}
	}
}
