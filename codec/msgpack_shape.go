package codec

import (
	"encoding"
	"fmt"
	"reflect"
	"time"
)

// shapeBuilder builds the shapes of a type and of all it is made of. Shapes
// of types that refer to others are entered before those are built, which is
// what ends the recursion in a type that refers to itself.
type shapeBuilder map[reflect.Type]shape

func (b shapeBuilder) build(t reflect.Type) shape {
	if s, ok := b[t]; ok {
		return s
	}
	if t == reflect.TypeFor[time.Time]() {
		return timeShape{}
	}
	if s, ok := methodsOf(t); ok {
		return s
	}
	switch t.Kind() {
	case reflect.Bool:
		return boolShape{}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intShape{}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return uintShape{}
	case reflect.Float32, reflect.Float64:
		return floatShape{}
	case reflect.String:
		return stringShape{}
	case reflect.Interface:
		return anyShape{}
	case reflect.Pointer:
		if endless(t) {
			break
		}
		s := &pointerShape{}
		b[t] = s
		s.elem = b.build(t.Elem())
		return s
	case reflect.Slice:
		if b.isByte(t.Elem()) {
			return bytesShape{}
		}
		s := &sliceShape{}
		b[t] = s
		s.elem = b.build(t.Elem())
		return s
	case reflect.Array:
		if b.isByte(t.Elem()) {
			return byteArrayShape{}
		}
		s := &arrayShape{}
		b[t] = s
		s.elem = b.build(t.Elem())
		return s
	case reflect.Map:
		s := &mapShape{}
		b[t] = s
		s.key, s.elem = b.key(t.Key()), b.build(t.Elem())
		return s
	case reflect.Struct:
		s := &structShape{}
		b[t] = s
		b[t] = b.fill(s, t)
		return b[t]
	}
	return refusal{fmt.Errorf("%s values have no encoding", t)}
}

// isByte reports whether values of t make up binary data.
func (b shapeBuilder) isByte(t reflect.Type) bool {
	if t.Kind() != reflect.Uint8 {
		return false
	}
	_, ok := b.build(t).(uintShape)
	return ok
}

// key returns the shape of a map key. What the format or the guard does not
// allow as one is refused here, when the map is first used.
func (b shapeBuilder) key(t reflect.Type) shape {
	switch s := b.build(t).(type) {
	case boolShape, intShape, uintShape, floatShape, stringShape, byteArrayShape, anyShape:
		return s
	case methodShape:
		s.key = true
		return s
	}
	return refusal{fmt.Errorf("%s is no type for map keys; use a string, a number or a type with text methods", t)}
}

// fill completes s, the shape of the struct t, and returns it, or what is to
// take its place.
func (b shapeBuilder) fill(s *structShape, t reflect.Type) shape {
	fields := structFields(t, msgpackTag)
	if err := checkFields(t, fields); err != nil {
		return refusal{err}
	}
	s.byName = make(map[string]int, len(fields))
	for i, f := range fields {
		varies := f.omitEmpty || f.isZero != nil || len(f.index) > 1
		s.fields = append(s.fields, structField{f, b.build(f.typ), appendText(nil, f.name), varies})
		s.byName[f.name] = i
		s.varies = s.varies || varies
	}
	return s
}

// methodsOf returns the shape of a type with marshaling methods of its own.
// Only a pair counts: what one of the two writes, the other must read.
func methodsOf(t reflect.Type) (shape, bool) {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return nil, false // the value inside has them
	}
	p := reflect.PointerTo(t)
	s := methodShape{
		binary: p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) &&
			p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()),
		text: p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) &&
			p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()),
	}
	return s, s.binary || s.text
}

// refusal is the shape of a type that has none.
type refusal struct{ err error }

func (r refusal) encode(*encoder, reflect.Value) error { return r.err }

func (r refusal) decode(d *decoder, _ reflect.Value) error {
	return &fault{offset: d.pos, err: r.err}
}
