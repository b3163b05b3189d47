package codec

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strconv"
)

// mapShape is a map. Its entries are written in the order of their keys, so
// that the same map gives the same bytes.
type mapShape struct{ key, elem shape }

// entry is where an encoded entry of a map is in the encoder's buffer.
type entry struct{ key, text, value, end int }

func (s *mapShape) encode(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.null()
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	e.dict(v.Len())
	first := len(e.entries)
	key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for it := v.MapRange(); it.Next(); {
		key.SetIterKey(it)
		elem.SetIterValue(it)
		if err := e.entry(s, key, elem); err != nil {
			return withinKey(err, key)
		}
	}
	e.leave()
	return e.sort(first)
}

// entry appends one entry and notes where it is.
func (e *encoder) entry(s *mapShape, key, elem reflect.Value) error {
	at := len(e.buf)
	if err := s.key.encode(e, key); err != nil {
		return err
	}
	t, text := next(e.buf, at)
	if t.kind != kindStr {
		text = at
	}
	switch t.kind {
	case kindNil, kindExt, kindArray, kindMap:
		return errors.New(t.kind.String() + " as a map key")
	}
	i, value := len(e.entries), len(e.buf)
	e.entries = append(e.entries, entry{at, text, value, 0})
	if err := s.elem.encode(e, elem); err != nil {
		return err
	}
	e.entries[i].end = len(e.buf)
	return nil
}

// sort puts the entries from first on, which end the buffer, in order: strings
// by their bytes, other keys by their encoding. It closes their map.
func (e *encoder) sort(first int) error {
	own := e.entries[first:]
	e.entries = e.entries[:first]
	if len(own) < 2 {
		return nil
	}
	start := own[0].key
	slices.SortFunc(own, func(a, b entry) int {
		if c := bytes.Compare(e.buf[a.text:a.value], e.buf[b.text:b.value]); c != 0 {
			return c
		}
		return bytes.Compare(e.buf[a.key:a.text], e.buf[b.key:b.text])
	})
	e.scratch = append(e.scratch[:0], e.buf[start:]...)
	e.buf = e.buf[:start]
	for i, x := range own {
		if i > 0 && bytes.Equal(e.scratch[x.key-start:x.value-start], e.scratch[own[i-1].key-start:own[i-1].value-start]) {
			return errors.New("two keys of a map have the same encoding")
		}
		e.buf = append(e.buf, e.scratch[x.key-start:x.end-start]...)
	}
	return nil
}

func (s *mapShape) decode(d *decoder, v reflect.Value) error {
	t := d.next()
	switch t.kind {
	case kindNil:
		v.SetZero()
		return nil
	case kindMap:
	default:
		return d.mismatch(t, v.Type())
	}
	n, at, typ := int(t.num), d.start, v.Type()
	if err := d.spendMap(n, typ.Key().Size()+typ.Elem().Size()); err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(typ, n)
	if n == 0 {
		v.Set(m)
		return nil
	}
	key, elem := reflect.New(typ.Key()).Elem(), reflect.New(typ.Elem()).Elem()
	for range n {
		key.SetZero()
		elem.SetZero()
		if err := s.decodeKey(d, key); err != nil {
			return err
		}
		if err := s.elem.decode(d, elem); err != nil {
			return withinKey(err, key)
		}
		m.SetMapIndex(key, elem)
	}
	if m.Len() != n {
		d.start = at
		return d.failf("two keys of the map are the same %v", typ.Key())
	}
	v.Set(m)
	return nil
}

// decodeKey stores the key that comes next in v. An integer may come as its
// decimal string: objects in JavaScript have no other keys.
func (s *mapShape) decodeKey(d *decoder, v reflect.Value) error {
	pos := d.pos
	switch t := d.next(); t.kind {
	case kindStr:
		text := string(d.bytes(t))
		switch s.key.(type) {
		case intShape:
			n, err := strconv.ParseInt(text, 10, v.Type().Bits())
			if err != nil {
				return d.failf("the key %.32q does not fit %v", text, v.Type())
			}
			v.SetInt(n)
			return nil
		case uintShape:
			n, err := strconv.ParseUint(text, 10, v.Type().Bits())
			if err != nil {
				return d.failf("the key %.32q does not fit %v", text, v.Type())
			}
			v.SetUint(n)
			return nil
		}
	case kindBin:
		if _, ok := s.key.(anyShape); ok {
			return d.failf("binary data does not fit a key of type %v", v.Type())
		}
	}
	d.pos = pos
	return s.key.decode(d, v)
}

// spendMap is spend for a map with n entries of size bytes. The runtime keeps
// them in groups of eight, of which half may be empty.
func (d *decoder) spendMap(n int, size uintptr) error {
	switch {
	case n == 0:
		return d.spend(1, 48)
	case n <= 8:
		return d.spend(9, size+8)
	}
	return d.spend(2*n+8, size+2)
}
