package codec

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
)

const (
	// fewKeys is up to how many keys of a map are compared one by one. Beyond
	// that they are hashed, with a seed, so that nobody can choose keys that
	// make the comparison quadratic.
	fewKeys = 16

	// keepScratch is up to how many bytes a buffer may have to be kept for the
	// next body. One large body must not hold its memory for good.
	keepScratch = 64 << 10
)

// keyKind tells keys apart that have the same bytes.
type keyKind uint32

const (
	strKey keyKind = iota << 29
	binKey
	intKey // negative
	uintKey
	floatKey
	boolKey
)

// key is a map key: of a string or bytes, where they are; of a number, the
// number. It holds no pointer, so that a pooled keyset keeps no body alive.
type key struct {
	sum  uint64 // the number, or a digest that equal strings share, letter case aside
	off  uint32
	size uint32 // in bytes, with the keyKind in the top bits
}

func (k key) kind() keyKind { return keyKind(k.size &^ (1<<29 - 1)) }

// openMap is where a map's keys begin in a keyset.
type openMap struct{ keys, table int }

// keyset finds equal keys in the maps of one body. Maps are opened and closed
// like brackets, and keys are added to the innermost one only, so that one
// stack of keys and one of hash tables serve them all.
type keyset struct {
	seed  maphash.Seed
	text  []byte // what the offsets of keys refer to
	more  []byte // what offsets beyond text refer to: keys that are not in the body as they are
	keys  []key
	table []uint32 // of each map with many keys a hash table: indices into keys, plus 1

	fold    bool // also look for string keys that differ in letter case only
	suspect bool // there are such keys, or there may be
}

// reset prepares s for a body whose string keys are in text.
func (s *keyset) reset(text []byte, fold bool) {
	s.text, s.fold, s.suspect = text, fold, false
	s.keys, s.table, s.more = s.keys[:0], s.table[:0], s.more[:0]
}

// release lets go of the body and of large buffers.
func (s *keyset) release() {
	s.text = nil
	if cap(s.keys)*16 > keepScratch {
		s.keys = nil
	}
	if cap(s.table)*4 > keepScratch {
		s.table = nil
	}
	if cap(s.more) > keepScratch {
		s.more = nil
	}
}

// memory returns about how much s has allocated since it was last released.
func (s *keyset) memory() int64 {
	return 2 * int64(16*cap(s.keys)+4*cap(s.table)+cap(s.more))
}

func (s *keyset) open() openMap { return openMap{len(s.keys), len(s.table)} }

func (s *keyset) close(m openMap) { s.keys, s.table = s.keys[:m.keys], s.table[:m.table] }

// addText adds the string or bytes text[off:off+size] and reports whether m,
// the innermost map, has it already.
func (s *keyset) addText(m openMap, k keyKind, off, size int) bool {
	return s.add(m, key{digest(s.text, off, size), uint32(off), uint32(size) | uint32(k)})
}

// addMore adds the string key that s.more ends with, from its byte off on.
func (s *keyset) addMore(m openMap, off int) bool {
	size := len(s.more) - off
	return s.add(m, key{digest(s.more, off, size), uint32(len(s.text) + off), uint32(size) | uint32(strKey)})
}

// addNumber adds a key that is no string.
func (s *keyset) addNumber(m openMap, k keyKind, bits uint64) bool {
	return s.add(m, key{sum: bits, size: uint32(k)})
}

func (s *keyset) add(m openMap, k key) bool {
	own := s.keys[m.keys:]
	if len(own) < fewKeys {
		for i := range own {
			if own[i].sum == k.sum && own[i].size == k.size && s.equal(own[i], k) {
				return true
			}
		}
		s.push(k)
		return false
	}
	s.suspect = true // looking for letter case here would need a second table
	if size := len(s.table) - m.table; len(own) >= size/4*3 {
		s.grow(m)
	}
	at := s.slot(m, k)
	if *at != 0 {
		return true
	}
	s.push(k)
	*at = uint32(len(s.keys))
	return false
}

// push appends k. It doubles the stack when it is full: append would leave
// behind several times its size as garbage.
func (s *keyset) push(k key) {
	if len(s.keys) == cap(s.keys) {
		s.keys = slices.Grow(s.keys, max(len(s.keys), fewKeys))
	}
	s.keys = append(s.keys, k)
}

// grow gives m, the innermost map, a table with room for twice its keys.
func (s *keyset) grow(m openMap) {
	size := 4 * fewKeys
	for size < 2*(len(s.keys)-m.keys) {
		size *= 2
	}
	s.table = slices.Grow(s.table[:m.table], size)[:m.table+size]
	clear(s.table[m.table:])
	for i := m.keys; i < len(s.keys); i++ {
		*s.slot(m, s.keys[i]) = uint32(i + 1)
	}
}

// slot returns where the table of m has k, or the empty place for it.
func (s *keyset) slot(m openMap, k key) *uint32 {
	table := s.table[m.table:]
	mask := uint64(len(table) - 1)
	for i := s.hash(k) & mask; ; i = (i + 1) & mask {
		at := table[i]
		if at == 0 || s.keys[at-1].size == k.size && s.keys[at-1].sum == k.sum && s.equal(s.keys[at-1], k) {
			return &table[i]
		}
	}
}

func (s *keyset) hash(k key) uint64 {
	if k.kind() > binKey {
		return maphash.Comparable(s.seed, k.sum)
	}
	return maphash.Bytes(s.seed, s.bytes(k))
}

// equal compares two keys of the same sum and size.
func (s *keyset) equal(a, b key) bool {
	if a.kind() > binKey {
		return true
	}
	x, y := s.bytes(a), s.bytes(b)
	if string(x) == string(y) {
		return true
	}
	// In equal length only ASCII letters fold: whoever sets fold looks for
	// other letters itself.
	s.suspect = s.suspect || s.fold && foldEqual(x, y)
	return false
}

func (s *keyset) bytes(k key) []byte {
	text, off := s.text, int(k.off)
	if off >= len(text) {
		text, off = s.more, off-len(text)
	}
	return text[off : off+int(k.size&(1<<29-1))]
}

// digest returns a number that tells most strings b[i:i+n] of the same length
// apart, but not by letter case.
func digest(b []byte, i, n int) uint64 {
	const lower = 0x2020202020202020
	sum := word(b, i, n) | lower
	if n > 8 {
		sum ^= bits.RotateLeft64(word(b, i+n-8, 8)|lower, 31)
	}
	return sum
}

// word returns the first bytes of b[i:i+n], up to eight, as a number.
func word(b []byte, i, n int) uint64 {
	if len(b)-i >= 8 { // also where n is less: one load is faster than several
		w := binary.LittleEndian.Uint64(b[i:])
		if n < 8 {
			w &= 1<<(8*n) - 1
		}
		return w
	}
	var w uint64
	for j := n - 1; j >= 0; j-- {
		w = w<<8 | uint64(b[i+j])
	}
	return w
}

// foldEqual reports whether a and b, of the same length, differ in the case of
// ASCII letters only.
func foldEqual(a, b []byte) bool {
	for i := range a {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}
