package actor

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/wire"
)

// plainType describes a type whose values a local call may copy by assignment
// instead of through the codec, because both give the same: nothing but
// exported fields of bool, number, string and struct, none omitted, renamed to
// another's name or reshaped by a tag, no custom marshaller.
type plainType struct {
	typ     reflect.Type
	strings [][]int // where the strings are; they may still be too long or not UTF-8
	floats  bool    // JSON refuses some
	size    int     // the most bytes that a codec makes of all the rest
}

// What a codec makes of a field, at most, beside its name and its text.
const plainField = len(`"":-9223372036854775808,{}`)

// plainTypeOf returns nil for a type that must pass the codec.
func plainTypeOf(t reflect.Type) *plainType {
	p := &plainType{typ: t}
	if !p.add(t, nil) {
		return nil
	}
	return p
}

// add looks at a type that path leads to.
func (p *plainType) add(t reflect.Type, path []int) bool {
	if hasMarshaller(t) || t == reflect.TypeFor[json.Number]() {
		return false
	}
	p.size += plainField
	switch t.Kind() {
	case reflect.Bool,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Float32, reflect.Float64:
		p.floats = true
		return true
	case reflect.String:
		p.strings = append(p.strings, path)
		return true
	case reflect.Struct:
		return len(path) < codec.MaxDepth && p.addFields(t, path)
	default: // arrays of bytes, say, take another form in each codec
		return false
	}
}

func (p *plainType) addFields(t reflect.Type, path []int) bool {
	inMsgpack, inJSON := make(map[string]bool), make(map[string]bool)
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Anonymous {
			return false
		}
		// Where there is no msgpack tag the codec reads the one for JSON.
		name, ok := plainName(f.Name, f.Tag.Get("json"))
		if !ok || inJSON[name] {
			return false
		}
		inJSON[name] = true
		if name, ok = plainName(name, f.Tag.Get("msgpack")); !ok || inMsgpack[name] {
			return false
		}
		inMsgpack[name] = true
		p.size += max(len(name), len(f.Name)+len(f.Tag))
		if !p.add(f.Type, append(path[:len(path):len(path)], i)) {
			return false
		}
	}
	return true
}

// plainName returns the name that a tag gives to a field; ok is false for a
// tag that does anything else, or may not give that name after all.
func plainName(name, tag string) (string, bool) {
	switch {
	case tag == "":
		return name, true
	case tag == "-" || wire.CheckToken("tag", tag) != nil:
		return "", false
	default:
		return tag, true
	}
}

// hasMarshaller says whether t has a method by which some codec would encode
// or decode it in its own way.
func hasMarshaller(t reflect.Type) bool {
	if t.Name() == "" {
		return false
	}
	p := reflect.PointerTo(t)
	for i := range p.NumMethod() {
		name := p.Method(i).Name
		for _, prefix := range []string{"Marshal", "Unmarshal", "Encode", "Decode", "Append", "Codec"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
	}
	return false
}

// fits says whether v may be copied by assignment under codec c when messages
// hold at most limit bytes. A value of another type, as middleware may leave
// one, does not.
func (p *plainType) fits(v any, c codec.Codec, limit int) bool {
	if reflect.TypeOf(v) != p.typ || c != codec.Msgpack && (p.floats || c != codec.JSON) {
		return false
	}
	perByte := 1
	if c == codec.JSON {
		perByte = len(`\u0001`)
	}
	size := p.size
	for _, path := range p.strings {
		s := stringAt(v, path)
		if size += perByte * len(s); !utf8.ValidString(s) {
			return false
		}
	}
	return limit == 0 || size <= limit || len(p.strings) == 0
}

// stringAt returns the string in v that path leads to.
func stringAt(v any, path []int) string {
	if s, ok := v.(string); ok {
		return s
	}
	r := reflect.ValueOf(v)
	if len(path) > 0 { // FieldByIndex wants a struct
		r = r.FieldByIndex(path)
	}
	return r.String()
}
