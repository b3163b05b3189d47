package codec

import (
	"bytes"
	"encoding"
	"reflect"
)

// The shapes of values without parts. A nil in the body leaves the value as it
// is.
type (
	boolShape      struct{}
	intShape       struct{}
	uintShape      struct{}
	floatShape     struct{}
	stringShape    struct{}
	bytesShape     struct{} // a slice of bytes; may also come as an array of integers
	byteArrayShape struct{} // an array of bytes; the same

	// methodShape is a type that marshals itself. Its binary form is written
	// where it has one, as binary data, else its text, as a string; both are
	// read. A map key is rather written as text, since objects elsewhere have
	// no other keys.
	methodShape struct{ binary, text, key bool }
)

func (boolShape) encode(e *encoder, v reflect.Value) error {
	e.bool(v.Bool())
	return nil
}

func (boolShape) decode(d *decoder, v reflect.Value) error {
	switch t := d.next(); t.kind {
	case kindNil:
	case kindBool:
		v.SetBool(t.num != 0)
	default:
		return d.mismatch(t, v.Type())
	}
	return nil
}

func (intShape) encode(e *encoder, v reflect.Value) error {
	e.int(v.Int())
	return nil
}

func (intShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	if t.kind == kindNil {
		return nil
	}
	n, err := d.asInt(t, v)
	if err == nil {
		v.SetInt(n)
	}
	return err
}

func (uintShape) encode(e *encoder, v reflect.Value) error {
	e.uint(v.Uint())
	return nil
}

func (uintShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	if t.kind == kindNil {
		return nil
	}
	n, err := d.asUint(t, v)
	if err == nil {
		v.SetUint(n)
	}
	return err
}

func (floatShape) encode(e *encoder, v reflect.Value) error {
	if v.Kind() == reflect.Float32 {
		e.float32(float32(v.Float()))
	} else {
		e.float64(v.Float())
	}
	return nil
}

func (floatShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	if t.kind == kindNil {
		return nil
	}
	f, err := d.asFloat(t, v)
	if err == nil {
		v.SetFloat(f)
	}
	return err
}

func (stringShape) encode(e *encoder, v reflect.Value) error { return e.text(v.String()) }

func (stringShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	if t.kind == kindNil {
		return nil
	}
	b, err := d.asText(t, v.Type())
	if err == nil {
		v.SetString(string(b))
	}
	return err
}

func (bytesShape) encode(e *encoder, v reflect.Value) error {
	e.bytes(v.Bytes())
	return nil
}

func (bytesShape) decode(d *decoder, v reflect.Value) error {
	if d.peek() == kindArray {
		return (&sliceShape{uintShape{}}).decode(d, v)
	}
	t := d.next()
	if t.kind == kindNil {
		v.SetZero()
		return nil
	}
	b, err := d.asBytes(t, v.Type())
	if err == nil {
		v.SetBytes(append(make([]byte, 0, len(b)), b...))
	}
	return err
}

func (byteArrayShape) encode(e *encoder, v reflect.Value) error {
	e.bin(v.Len())
	if v.CanAddr() {
		e.buf = append(e.buf, v.Bytes()...)
		return nil
	}
	for i := range v.Len() {
		e.buf = append(e.buf, byte(v.Index(i).Uint()))
	}
	return nil
}

func (byteArrayShape) decode(d *decoder, v reflect.Value) error {
	if d.peek() == kindArray {
		return (&arrayShape{uintShape{}}).decode(d, v)
	}
	t := d.next()
	if t.kind == kindNil {
		return nil
	}
	b, err := d.asBytes(t, v.Type())
	if err != nil {
		return err
	}
	if len(b) != v.Len() {
		return d.failf("%d bytes do not fit %v", len(b), v.Type())
	}
	copy(v.Bytes(), b)
	return nil
}

func (s methodShape) encode(e *encoder, v reflect.Value) error {
	p := pointerTo(v)
	if s.binary && !(s.key && s.text) {
		b, err := p.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return err
		}
		e.bin(len(b))
		e.buf = append(e.buf, b...)
		return nil
	}
	b, err := p.(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return err
	}
	return e.text(string(b))
}

func (s methodShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	if t.kind == kindNil {
		return nil
	}
	b, err := d.asBytes(t, v.Type())
	if err != nil {
		return err
	}
	start := d.start
	b = bytes.Clone(b) // methods that break their contract must not keep a part of the body
	switch p := v.Addr().Interface(); {
	case s.text && (t.kind == kindStr || !s.binary):
		err = p.(encoding.TextUnmarshaler).UnmarshalText(b)
	case s.binary:
		err = p.(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
	}
	if err != nil {
		return &fault{offset: start, err: err}
	}
	return nil
}

// pointerTo returns a pointer to v, or to a copy where v has no address, so
// that methods with pointer receivers are found in any case.
func pointerTo(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p.Interface()
}
