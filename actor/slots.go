package actor

import "math/bits"

// slots are the rights to execute calls on a node. Beyond their number, a call
// may start that is deeper than every one that executes here: a shallow
// handler may hold its slot while it waits for something that is not a call,
// for a mutex, say, whose owner awaits this very call. So a tree of calls gets
// on by one call at a time at least, and a node executes at most one call a
// depth more than it has slots.
type slots struct {
	total  int
	taken  int
	depths []int32 // how many hold one, by depth
	filled []uint64
}

// take counts a call of that depth, whether there is a slot for it or not.
func (s *slots) take(depth int) {
	for depth >= len(s.depths) {
		s.depths = append(s.depths, 0)
		if len(s.depths) > 64*len(s.filled) {
			s.filled = append(s.filled, 0)
		}
	}
	s.taken++
	s.depths[depth]++
	s.filled[depth/64] |= 1 << (depth % 64)
}

// giveBack undoes take.
func (s *slots) giveBack(depth int) {
	s.taken--
	if s.depths[depth]--; s.depths[depth] == 0 {
		s.filled[depth/64] &^= 1 << (depth % 64)
	}
}

// free says whether there is a slot for any call.
func (s *slots) free() bool { return s.taken < s.total }

// freeFor says whether a call of that depth may start.
func (s *slots) freeFor(depth int) bool { return s.free() || depth > s.deepest() }

// deepest is the depth of the deepest call that holds a slot, -1 without one.
func (s *slots) deepest() int {
	for i := len(s.filled) - 1; i >= 0; i-- {
		if w := s.filled[i]; w != 0 {
			return i*64 + 63 - bits.LeadingZeros64(w)
		}
	}
	return -1
}
