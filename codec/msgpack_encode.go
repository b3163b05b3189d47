package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
)

// maxHops is how many pointers and interfaces may lead to each other before a
// value is taken for one that holds itself. Arrays and maps end at MaxDepth;
// this is for the pointer that points to itself.
const maxHops = 1000

// encoder writes one value. It is used by one goroutine at a time.
type encoder struct {
	shapes *shapes
	buf    []byte

	depth, hops int
	entries     []entry // of the maps that are being written, innermost last
	scratch     []byte  // for putting entries in order
}

// reset makes e ready for the next value.
func (e *encoder) reset() {
	e.depth, e.hops = 0, 0
	e.buf, e.entries, e.scratch = e.buf[:0], e.entries[:0], e.scratch[:0]
	if cap(e.buf) > keepScratch {
		e.buf = nil
	}
	if cap(e.scratch) > keepScratch {
		e.scratch = nil
	}
	if cap(e.entries) > keepScratch/32 {
		e.entries = nil
	}
}

// value appends v. The cases that are named are those that need no reflection;
// they write the same as the shapes of their types.
func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, 0xc0)
	case bool:
		e.bool(v)
	case int:
		e.int(int64(v))
	case int64:
		e.int(v)
	case uint64:
		e.uint(v)
	case float64:
		e.float64(v)
	case string:
		return e.text(v)
	case []byte:
		e.bytes(v)
	case time.Time:
		return e.time(v)
	default:
		r := reflect.ValueOf(v)
		return e.shapes.of(r.Type()).encode(e, r)
	}
	return nil
}

// enter opens an array or a map; leave closes it.
func (e *encoder) enter() error {
	if e.depth == MaxDepth {
		return fmt.Errorf("nested deeper than %d, or holding itself", MaxDepth)
	}
	e.depth++
	return nil
}

func (e *encoder) leave() { e.depth-- }

// hop follows a pointer or an interface; land is back from it.
func (e *encoder) hop() error {
	if e.hops == maxHops {
		return errors.New("a pointer that leads to itself")
	}
	e.hops++
	return nil
}

func (e *encoder) land() { e.hops-- }

func (e *encoder) null() { e.buf = append(e.buf, 0xc0) }

func (e *encoder) bool(b bool) {
	if b {
		e.buf = append(e.buf, 0xc3)
	} else {
		e.buf = append(e.buf, 0xc2)
	}
}

// uint appends n in the shortest form. All integers >= 0 are written alike,
// whatever their Go type, so that equal map keys are equal bytes.
func (e *encoder) uint(n uint64) {
	switch {
	case n <= 0x7f:
		e.buf = append(e.buf, byte(n))
	case n <= math.MaxUint8:
		e.buf = append(e.buf, 0xcc, byte(n))
	case n <= math.MaxUint16:
		e.buf = binary.BigEndian.AppendUint16(append(e.buf, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, 0xce), uint32(n))
	default:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xcf), n)
	}
}

func (e *encoder) int(n int64) {
	switch {
	case n >= 0:
		e.uint(uint64(n))
	case n >= -32:
		e.buf = append(e.buf, byte(n))
	case n >= math.MinInt8:
		e.buf = append(e.buf, 0xd0, byte(n))
	case n >= math.MinInt16:
		e.buf = binary.BigEndian.AppendUint16(append(e.buf, 0xd1), uint16(n))
	case n >= math.MinInt32:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, 0xd2), uint32(n))
	default:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xd3), uint64(n))
	}
}

func (e *encoder) float32(f float32) {
	e.buf = binary.BigEndian.AppendUint32(append(e.buf, 0xca), math.Float32bits(f))
}

func (e *encoder) float64(f float64) {
	e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xcb), math.Float64bits(f))
}

func (e *encoder) text(s string) error {
	if err := checkUTF8(s); err != nil {
		return err
	}
	e.buf = appendText(e.buf, s)
	return nil
}

// appendText appends the string s, which is UTF-8.
func appendText(b []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		b = append(b, 0xa0|byte(n))
	case n <= math.MaxUint8:
		b = append(b, 0xd9, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(n))
	}
	return append(b, s...)
}

// bytes appends b as binary data, or nil, which the format tells from empty.
func (e *encoder) bytes(b []byte) {
	if b == nil {
		e.null()
		return
	}
	e.bin(len(b))
	e.buf = append(e.buf, b...)
}

// bin, list and dict append the header of n bytes, elements or entries.
func (e *encoder) bin(n int) {
	switch {
	case n <= math.MaxUint8:
		e.buf = append(e.buf, 0xc4, byte(n))
	case n <= math.MaxUint16:
		e.buf = binary.BigEndian.AppendUint16(append(e.buf, 0xc5), uint16(n))
	default:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, 0xc6), uint32(n))
	}
}

func (e *encoder) list(n int) { e.header(n, 0x90, 0xdc) }

func (e *encoder) dict(n int) { e.header(n, 0x80, 0xde) }

func (e *encoder) header(n int, short, long byte) {
	switch {
	case n < 16:
		e.buf = append(e.buf, short|byte(n))
	case n <= math.MaxUint16:
		e.buf = binary.BigEndian.AppendUint16(append(e.buf, long), uint16(n))
	default:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, long+1), uint32(n))
	}
}
