package codec

import (
	"errors"
	"reflect"
)

// structShape is a struct: a map from the names of its fields.
type structShape struct {
	fields []structField
	byName map[string]int
	varies bool // which fields are written depends on the value
}

type structField struct {
	field
	shape  shape
	key    []byte // the name as it is written
	varies bool   // whether it is written depends on the value
}

func (s *structShape) encode(e *encoder, v reflect.Value) error {
	if err := e.enter(); err != nil {
		return err
	}
	e.dict(s.count(v))
	for i := range s.fields {
		f := &s.fields[i]
		fv, ok := f.in(v)
		if !ok {
			continue
		}
		e.buf = append(e.buf, f.key...)
		if err := f.shape.encode(e, fv); err != nil {
			return withinField(err, f.name)
		}
	}
	e.leave()
	return nil
}

// count returns how many fields of the struct v are written.
func (s *structShape) count(v reflect.Value) int {
	n := len(s.fields)
	if s.varies {
		for i := range s.fields {
			if _, ok := s.fields[i].in(v); !ok {
				n--
			}
		}
	}
	return n
}

// in returns the field of the struct v, or false when it is not to be written.
func (f *structField) in(v reflect.Value) (reflect.Value, bool) {
	if !f.varies {
		return v.Field(f.index[0]), true
	}
	v, ok := fieldIn(v, f.index, false)
	return v, ok && !f.omitted(v)
}

// decode passes over what it has no field for: the other side may be newer.
func (s *structShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	switch t.kind {
	case kindNil:
		return nil
	case kindMap:
	default:
		return d.mismatch(t, v.Type())
	}
	expect := 0
	for range int(t.num) {
		k := d.next()
		var name []byte
		if k.kind == kindStr || k.kind == kindBin {
			name = d.bytes(k)
		}
		i, ok := s.find(name, expect)
		if !ok || k.kind != kindStr {
			d.skip()
			continue
		}
		expect = i + 1
		f := &s.fields[i]
		if err := s.decodeField(d, f, v); err != nil {
			return withinField(err, f.name)
		}
	}
	return nil
}

// find returns the index of the field name. It looks at expect first, since
// fields mostly come in the order of their declaration.
func (s *structShape) find(name []byte, expect int) (int, bool) {
	if expect < len(s.fields) && s.fields[expect].name == string(name) {
		return expect, true
	}
	i, ok := s.byName[string(name)]
	return i, ok
}

func (s *structShape) decodeField(d *decoder, f *structField, v reflect.Value) error {
	if len(f.index) == 1 {
		return f.shape.decode(d, v.Field(f.index[0]))
	}
	if d.peek() == kindNil {
		d.next() // a nil makes no embedded struct
		return nil
	}
	fv, ok := fieldIn(v, f.index, true)
	if !ok {
		return errors.New("an embedded pointer to an unexported struct is nil")
	}
	return f.shape.decode(d, fv)
}
