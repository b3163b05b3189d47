package codec

import (
	"bytes"
	"math"
	"reflect"
	"strconv"
)

// anyShape is an interface. What is read into one without methods becomes nil,
// bool, int64, uint64 where int64 is too small, float64, string, []byte,
// time.Time, []any or map[string]any.
type anyShape struct{}

func (anyShape) encode(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.null()
		return nil
	}
	if err := e.hop(); err != nil {
		return err
	}
	err := e.value(v.Interface())
	e.land()
	return err
}

func (anyShape) decode(d *decoder, v reflect.Value) error {
	if v.NumMethod() > 0 {
		if t := d.next(); t.kind != kindNil {
			return d.mismatch(t, v.Type())
		}
		v.SetZero()
		return nil
	}
	x, err := d.any()
	if err != nil {
		return err
	}
	if x == nil {
		v.SetZero()
	} else {
		v.Set(reflect.ValueOf(x))
	}
	return nil
}

// boxed is what an interface takes beside itself, at most, for a value without
// parts.
const boxed = 24

// any returns the value that comes next.
func (d *decoder) any() (any, error) {
	t := d.next()
	switch t.kind {
	case kindNil:
		return nil, nil
	case kindBool:
		return t.num != 0, nil
	case kindUint:
		if t.num <= math.MaxUint8 {
			return int64(t.num), nil // takes no memory
		}
	case kindArray:
		return d.anyList(t)
	case kindMap:
		return d.anyMap(t)
	}
	if err := d.spend(1, boxed); err != nil {
		return nil, err
	}
	switch t.kind {
	case kindUint:
		if t.num > math.MaxInt64 {
			return t.num, nil
		}
		return int64(t.num), nil
	case kindInt:
		return int64(t.num), nil
	case kindFloat32, kindFloat64:
		return float(t), nil
	case kindStr:
		b, err := d.asText(t, "any")
		return string(b), err
	case kindBin:
		b, err := d.asBytes(t, "any")
		return bytes.Clone(b), err
	default:
		return d.anyExt(t)
	}
}

func (d *decoder) anyExt(t token) (any, error) {
	if t.ext != timestamp {
		return nil, d.failf("an extension of type %d does not fit any", t.ext)
	}
	at, err := d.asTime(t)
	return at, err
}

func (d *decoder) anyList(t token) (any, error) {
	n := int(t.num)
	if err := d.spend(n+2, reflect.TypeFor[any]().Size()); err != nil {
		return nil, err
	}
	list := make([]any, n)
	for i := range list {
		x, err := d.any()
		if err != nil {
			return nil, withinIndex(err, i)
		}
		list[i] = x
	}
	return list, nil
}

func (d *decoder) anyMap(t token) (any, error) {
	n, at := int(t.num), d.start
	if err := d.spendMap(n, reflect.TypeFor[string]().Size()+reflect.TypeFor[any]().Size()); err != nil {
		return nil, err
	}
	m := make(map[string]any, n)
	for range n {
		key, err := d.anyKey()
		if err != nil {
			return nil, err
		}
		x, err := d.any()
		if err != nil {
			return nil, withinKey(err, reflect.ValueOf(key))
		}
		m[key] = x
	}
	if len(m) != n {
		d.start = at
		return nil, d.failf("two keys of the map are the same string")
	}
	return m, nil
}

// anyKey returns the map key that comes next as a string. An integer becomes
// its decimal string, as in JSON.
func (d *decoder) anyKey() (string, error) {
	switch t := d.next(); t.kind {
	case kindUint:
		return strconv.FormatUint(t.num, 10), d.spend(1, boxed)
	case kindInt:
		return strconv.FormatInt(int64(t.num), 10), d.spend(1, boxed)
	default:
		b, err := d.asText(t, "a key of map[string]any")
		return string(b), err
	}
}
