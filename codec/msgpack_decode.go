package codec

import (
	"fmt"
	"math"
	"reflect"
	"unicode/utf8"
)

// decoder reads one value from a body that the guard has passed. So it need
// not look for truncation, depth or invalid strings, and its recursion ends. It
// is used by one goroutine at a time.
type decoder struct {
	shapes *shapes
	guard  msgpackGuard
	data   []byte
	pos    int // of what comes next
	start  int // of the last header read
	memory int64
}

// decode stores the value that data holds in what v points to.
func (d *decoder) decode(data []byte, v any) error {
	to, err := target(v)
	if err != nil {
		return err
	}
	err = d.guard.check(data)
	d.data, d.pos, d.memory = data, 0, memoryFor(len(data))-d.guard.keys.memory()
	d.guard.keys.release()
	if err != nil {
		return err
	}
	return d.shapes.of(to.Type()).decode(d, to)
}

// next reads a header.
func (d *decoder) next() token {
	t, end := next(d.data, d.pos)
	d.start, d.pos = d.pos, end
	return t
}

// peek returns the kind of the value that comes next.
func (d *decoder) peek() kind {
	t, _ := next(d.data, d.pos)
	return t.kind
}

// bytes returns the bytes that follow the header t. They are a part of the
// body: whoever keeps them copies them.
func (d *decoder) bytes(t token) []byte {
	b := d.data[d.pos : d.pos+int(t.num)]
	d.pos += len(b)
	return b
}

// skip passes over the value that comes next.
func (d *decoder) skip() {
	for left := 1; left > 0; left-- {
		switch t := d.next(); t.kind {
		case kindStr, kindBin, kindExt:
			d.pos += int(t.num)
		case kindArray:
			left += int(t.num)
		case kindMap:
			left += 2 * int(t.num)
		}
	}
}

// spend is called before n*size bytes are allocated and refuses the body when
// that is more than it may cost.
func (d *decoder) spend(n int, size uintptr) error {
	d.memory -= int64(n) * int64(size+1)
	if d.memory < 0 {
		return d.failf("the body would take more than %d MiB of memory", memoryFor(len(d.data))>>20)
	}
	return nil
}

// failf returns an error about the value whose header was read last.
func (d *decoder) failf(format string, args ...any) error {
	return faultAt(d.start, format, args...)
}

// mismatch returns the error for t where a value of type want is due.
func (d *decoder) mismatch(t token, want any) error {
	return d.failf("%s does not fit %v", describe(t), want)
}

// describe returns t for an error, with its value where that is short.
func describe(t token) string {
	switch t.kind {
	case kindUint:
		return fmt.Sprint(t.num)
	case kindInt:
		return fmt.Sprint(int64(t.num))
	case kindFloat32, kindFloat64:
		return fmt.Sprint(float(t))
	}
	return t.kind.String()
}

// float returns the value of a float.
func float(t token) float64 {
	if t.kind == kindFloat32 {
		return float64(math.Float32frombits(uint32(t.num)))
	}
	return math.Float64frombits(t.num)
}

// whole replaces a float that is exactly an integer by that integer. Others
// write large integers as floats, JavaScript above all.
func whole(t token) token {
	if t.kind != kindFloat32 && t.kind != kindFloat64 {
		return t
	}
	f := float(t)
	switch {
	case f != math.Trunc(f):
	case f >= 0 && f < 1<<64:
		return token{kind: kindUint, num: uint64(f)}
	case f < 0 && f >= -1<<63:
		return token{kind: kindInt, num: uint64(int64(f))}
	}
	return t
}

// asInt returns the integer t, which is not nil, if it fits the kind of v.
func (d *decoder) asInt(t token, v reflect.Value) (int64, error) {
	w := whole(t)
	n := int64(w.num)
	if w.kind == kindInt || w.kind == kindUint && n >= 0 {
		if !v.OverflowInt(n) {
			return n, nil
		}
	}
	return 0, d.mismatch(t, v.Type())
}

// asUint is asInt for unsigned kinds.
func (d *decoder) asUint(t token, v reflect.Value) (uint64, error) {
	w := whole(t)
	if w.kind == kindUint && !v.OverflowUint(w.num) {
		return w.num, nil
	}
	return 0, d.mismatch(t, v.Type())
}

// asFloat returns the number t if the kind of v holds it: an integer exactly, a
// float within its range.
func (d *decoder) asFloat(t token, v reflect.Value) (float64, error) {
	switch t.kind {
	case kindFloat32, kindFloat64:
		f := float(t)
		if math.IsInf(f, 0) || math.IsNaN(f) || !v.OverflowFloat(f) {
			return f, nil
		}
	case kindInt, kindUint:
		f := float64(t.num)
		if t.kind == kindInt {
			f = float64(int64(t.num))
		}
		if v.Kind() == reflect.Float32 {
			f = float64(float32(f))
		}
		if w := whole(token{kind: kindFloat64, num: math.Float64bits(f)}); w == (token{kind: t.kind, num: t.num}) {
			return f, nil
		}
	}
	return 0, d.mismatch(t, v.Type())
}

// asText returns the string t. Binary data will do if it is UTF-8: some
// languages do not tell the two apart.
func (d *decoder) asText(t token, want any) ([]byte, error) {
	if t.kind != kindStr && t.kind != kindBin {
		return nil, d.mismatch(t, want)
	}
	b := d.bytes(t)
	if t.kind == kindBin && !utf8.Valid(b) {
		return nil, d.failf("binary data that is not UTF-8 does not fit %v", want)
	}
	return b, d.spend(1, uintptr(len(b)))
}

// asBytes returns the binary data t. A string will do.
func (d *decoder) asBytes(t token, want any) ([]byte, error) {
	if t.kind != kindStr && t.kind != kindBin {
		return nil, d.mismatch(t, want)
	}
	b := d.bytes(t)
	return b, d.spend(1, uintptr(len(b)))
}
