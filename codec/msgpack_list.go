package codec

import "reflect"

// The shapes of lists and of what leads to another value.
type (
	sliceShape   struct{ elem shape }
	arrayShape   struct{ elem shape }
	pointerShape struct{ elem shape }
)

func (s *sliceShape) encode(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.null()
		return nil
	}
	return encodeList(e, s.elem, v)
}

func (s *arrayShape) encode(e *encoder, v reflect.Value) error { return encodeList(e, s.elem, v) }

func encodeList(e *encoder, elem shape, v reflect.Value) error {
	if err := e.enter(); err != nil {
		return err
	}
	n := v.Len()
	e.list(n)
	for i := range n {
		if err := elem.encode(e, v.Index(i)); err != nil {
			return withinIndex(err, i)
		}
	}
	e.leave()
	return nil
}

// decode makes a new slice of the declared length at once: the guard has seen
// that the body has the elements, and their memory is paid for.
func (s *sliceShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	switch t.kind {
	case kindNil:
		v.SetZero()
		return nil
	case kindArray:
	default:
		return d.mismatch(t, v.Type())
	}
	n := int(t.num)
	if err := d.spend(n, v.Type().Elem().Size()); err != nil {
		return err
	}
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return nil
	}
	v.SetZero()
	v.Grow(n)
	v.SetLen(n)
	return decodeList(d, s.elem, v)
}

// decode wants as many elements as the array has: what would be dropped or
// missing would go unnoticed.
func (s *arrayShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	switch {
	case t.kind == kindNil:
		return nil
	case t.kind != kindArray:
		return d.mismatch(t, v.Type())
	case int(t.num) != v.Len():
		return d.failf("an array of %d does not fit %v", t.num, v.Type())
	}
	return decodeList(d, s.elem, v)
}

func decodeList(d *decoder, elem shape, v reflect.Value) error {
	for i := range v.Len() {
		if err := elem.decode(d, v.Index(i)); err != nil {
			return withinIndex(err, i)
		}
	}
	return nil
}

func (s *pointerShape) encode(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.null()
		return nil
	}
	if err := e.hop(); err != nil {
		return err
	}
	err := s.elem.encode(e, v.Elem())
	e.land()
	return err
}

func (s *pointerShape) decode(d *decoder, v reflect.Value) error {
	if d.peek() == kindNil {
		d.next()
		v.SetZero()
		return nil
	}
	if v.IsNil() {
		to := v.Type().Elem()
		if err := d.spend(1, to.Size()); err != nil {
			return err
		}
		v.Set(reflect.New(to))
	}
	return s.elem.decode(d, v.Elem())
}
