package codec

import (
	"math"
	"unicode/utf8"
)

// msgpackGuard looks through a body once before anything is decoded from it.
// It neither recurses nor, for maps of the usual size, allocates.
type msgpackGuard struct {
	levels [MaxDepth]level
	keys   keyset
}

// level is an open array or map.
type level struct {
	left    int // values still to come, keys included
	isMap   bool
	entries openMap
}

// check returns nil when b is exactly one well-formed value: nested at most
// MaxDepth deep, with declared lengths that b has the bytes for, strings that
// are UTF-8, and maps with different keys that are strings, binary data or
// scalars. The decoder relies on all of it. g.keys is to be released afterwards.
func (g *msgpackGuard) check(b []byte) error {
	if len(b) > MaxBody {
		return faultAt(len(b), "the body has more than %d bytes", MaxBody)
	}
	g.keys.reset(b, false)

	top := level{left: 1} // the innermost open level; g.levels holds those around it
	depth, i := 0, 0
	missing := uint64(1) // values still to come on all levels; each takes a byte or more
	for {
		if top.left == 0 {
			if depth == 0 {
				break
			}
			if top.isMap {
				g.keys.close(top.entries)
			}
			depth--
			top = g.levels[depth]
			continue
		}
		isKey := top.isMap && top.left&1 == 0
		top.left--
		missing--

		start := i
		t, end := next(b, i)
		i = end
		switch t.kind {
		case kindTruncated:
			return faultAt(len(b), "the body ends early")
		case kindReserved:
			return faultAt(start, "the reserved byte 0xc1")
		case kindStr, kindBin, kindExt:
			if t.num > uint64(len(b)-i) {
				return faultAt(start, "%s of %d bytes, but only %d are left", t.kind, t.num, len(b)-i)
			}
			i += int(t.num)
			if t.kind == kindStr && !validText(b, end, int(t.num)) {
				return faultAt(end, "a string that is not UTF-8")
			}
		case kindArray, kindMap:
			if isKey {
				return faultAt(start, "%s as a map key", t.kind)
			}
			values := t.num
			if t.kind == kindMap {
				values *= 2
			}
			missing += values
			if missing > uint64(len(b)-i) {
				return faultAt(start, "%s of %d, but only %d bytes are left", t.kind, t.num, len(b)-i)
			}
			if depth == MaxDepth {
				return faultAt(start, "nested deeper than %d", MaxDepth)
			}
			g.levels[depth] = top
			depth++
			top = level{left: int(values), isMap: t.kind == kindMap, entries: g.keys.open()}
			continue
		}
		if isKey {
			if err := g.key(top.entries, t, start, end, i); err != nil {
				return err
			}
		}
	}
	if i != len(b) {
		return faultAt(i, "extra bytes after the value")
	}
	return nil
}

// key checks the map key t, which begins at start and has its bytes, if it is
// of a kind that has, in from..to.
func (g *msgpackGuard) key(m openMap, t token, start, from, to int) error {
	var twice bool
	switch t.kind {
	case kindStr:
		twice = g.keys.addText(m, strKey, from, to-from)
	case kindBin:
		twice = g.keys.addText(m, binKey, from, to-from)
	case kindUint:
		twice = g.keys.addNumber(m, uintKey, t.num)
	case kindInt:
		twice = g.keys.addNumber(m, intKey, t.num)
	case kindBool:
		twice = g.keys.addNumber(m, boolKey, t.num)
	case kindFloat32:
		f := float64(math.Float32frombits(uint32(t.num)))
		twice = g.keys.addNumber(m, floatKey, math.Float64bits(f))
	case kindFloat64:
		twice = g.keys.addNumber(m, floatKey, t.num)
	default:
		return faultAt(start, "%s as a map key", t.kind)
	}
	if twice {
		return faultAt(start, "a map key for the second time")
	}
	return nil
}

// validText reports whether b[i:i+n] is UTF-8. Most strings are short and
// ASCII: seeing that here takes half the time of utf8.Valid.
func validText(b []byte, i, n int) bool {
	const high = 0x8080808080808080
	all := word(b, i, n)
	for j := 8; j < n; j += 8 {
		all |= word(b, i+min(j, n-8), 8)
	}
	return all&high == 0 || utf8.Valid(b[i:i+n])
}
