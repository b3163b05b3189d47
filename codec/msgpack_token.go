package codec

import "encoding/binary"

// kind is what a msgpack value is, whatever width it is written in.
type kind uint8

const (
	kindTruncated kind = iota // the body ends before the value's header does
	kindReserved              // the byte 0xc1
	kindNil
	kindBool
	kindUint // an integer >= 0
	kindInt  // an integer < 0
	kindFloat32
	kindFloat64
	kindStr
	kindBin
	kindExt
	kindArray
	kindMap
)

// String returns the kind with its article, for errors.
func (k kind) String() string {
	switch k {
	case kindNil:
		return "a nil"
	case kindBool:
		return "a boolean"
	case kindUint, kindInt:
		return "an integer"
	case kindFloat32, kindFloat64:
		return "a float"
	case kindStr:
		return "a string"
	case kindBin:
		return "binary data"
	case kindExt:
		return "an extension"
	case kindArray:
		return "an array"
	case kindMap:
		return "a map"
	default:
		return "no value"
	}
}

// token is the header of one msgpack value, with all that a scalar of fixed
// size holds.
type token struct {
	kind kind
	ext  int8   // type of an extension
	num  uint64 // value of a scalar, else declared bytes, elements or entries
}

// next reads the header at b[i:] and returns it with the offset of what
// follows. It is the only place that knows how the format is read: guard,
// decoder and skipping share it. Integers are sign-extended, of a float the
// bits are returned.
func next(b []byte, i int) (token, int) {
	if i >= len(b) {
		return token{}, i
	}
	c := b[i]
	i++
	switch {
	case c <= 0x7f:
		return token{kind: kindUint, num: uint64(c)}, i
	case c <= 0x8f:
		return token{kind: kindMap, num: uint64(c & 0x0f)}, i
	case c <= 0x9f:
		return token{kind: kindArray, num: uint64(c & 0x0f)}, i
	case c <= 0xbf:
		return token{kind: kindStr, num: uint64(c & 0x1f)}, i
	case c >= 0xe0:
		return token{kind: kindInt, num: uint64(int64(int8(c)))}, i
	}

	k, width := layout(c)
	if len(b)-i < width {
		return token{}, i
	}
	t := token{kind: k}
	switch width {
	case 1:
		t.num = uint64(b[i])
	case 2:
		t.num = uint64(binary.BigEndian.Uint16(b[i:]))
	case 4:
		t.num = uint64(binary.BigEndian.Uint32(b[i:]))
	case 8:
		t.num = binary.BigEndian.Uint64(b[i:])
	}
	i += width

	switch k {
	case kindBool:
		t.num = uint64(c & 1)
	case kindInt:
		shift := 64 - 8*width
		t.num = uint64(int64(t.num<<shift) >> shift)
		if int64(t.num) >= 0 {
			t.kind = kindUint
		}
	case kindExt:
		if width == 0 { // 0xd4 to 0xd8: 1, 2, 4, 8 or 16 bytes
			t.num = 1 << (c - 0xd4)
		}
		if i >= len(b) {
			return token{}, i
		}
		t.ext = int8(b[i])
		i++
	}
	return t, i
}

// layout returns the kind of a value that begins with c, 0xc0 to 0xdf, and how
// many bytes of number follow.
func layout(c byte) (k kind, width int) {
	switch c {
	case 0xc0:
		return kindNil, 0
	case 0xc2, 0xc3:
		return kindBool, 0
	case 0xc4, 0xc5, 0xc6:
		return kindBin, 1 << (c - 0xc4)
	case 0xc7, 0xc8, 0xc9:
		return kindExt, 1 << (c - 0xc7)
	case 0xca:
		return kindFloat32, 4
	case 0xcb:
		return kindFloat64, 8
	case 0xcc, 0xcd, 0xce, 0xcf:
		return kindUint, 1 << (c - 0xcc)
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return kindInt, 1 << (c - 0xd0)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return kindExt, 0
	case 0xd9, 0xda, 0xdb:
		return kindStr, 1 << (c - 0xd9)
	case 0xdc, 0xdd:
		return kindArray, 2 << (c - 0xdc)
	case 0xde, 0xdf:
		return kindMap, 2 << (c - 0xde)
	default: // 0xc1
		return kindReserved, 0
	}
}
