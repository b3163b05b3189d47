package actor

import "math/bits"

// mailbox keeps the executions that wait for a slot. Deeper calls go first,
// because parked callers wait for them: a tree of calls is walked depth-first
// and needs memory for its depth, not its width. Every eighth pick is the
// oldest, so that shallow calls do not starve. All operations are O(1) but for
// a scan of one word per 64 depths. Its owner guards it.
type mailbox struct {
	depths []fifo // by depth
	filled []uint64
	oldest fifo
	count  int
	bytes  int
	picks  uint
}

// fairPick is how often the oldest goes first.
const fairPick = 8

// maxMaxDepth bounds Config.MaxDepth, and with it the scan.
const maxMaxDepth = 1 << 14

// The two lists that a waiting execution is in.
const (
	byDepth = iota
	byAge
	listKinds
)

// links are an execution's places in the lists.
type links [listKinds]struct{ prev, next *execution }

// fifo is a list of executions in the order of their arrival.
type fifo struct{ head, tail *execution }

func (l *fifo) push(ex *execution, kind int) {
	ex.links[kind].prev, ex.links[kind].next = l.tail, nil
	if l.tail != nil {
		l.tail.links[kind].next = ex
	} else {
		l.head = ex
	}
	l.tail = ex
}

func (l *fifo) remove(ex *execution, kind int) {
	at := &ex.links[kind]
	if at.prev != nil {
		at.prev.links[kind].next = at.next
	} else {
		l.head = at.next
	}
	if at.next != nil {
		at.next.links[kind].prev = at.prev
	} else {
		l.tail = at.prev
	}
	at.prev, at.next = nil, nil
}

// push adds an execution.
func (b *mailbox) push(ex *execution) {
	d := ex.depth
	if d >= len(b.depths) {
		b.depths = append(b.depths, make([]fifo, d+1-len(b.depths))...)
		b.filled = append(b.filled, make([]uint64, len(b.depths)/64+1-len(b.filled))...)
	}
	b.depths[d].push(ex, byDepth)
	b.filled[d/64] |= 1 << (d % 64)
	b.oldest.push(ex, byAge)
	b.count++
	b.bytes += ex.size
}

// remove takes out an execution that is in the mailbox.
func (b *mailbox) remove(ex *execution) {
	l := &b.depths[ex.depth]
	l.remove(ex, byDepth)
	if l.head == nil {
		b.filled[ex.depth/64] &^= 1 << (ex.depth % 64)
	}
	b.oldest.remove(ex, byAge)
	b.count--
	b.bytes -= ex.size
}

// pick takes out the execution whose turn it is; nil when there is none. When
// it is not to be fair, that is always a deepest one.
func (b *mailbox) pick(fair bool) *execution {
	if b.count == 0 {
		return nil
	}
	ex := b.turn(fair)
	b.remove(ex)
	return ex
}

// turn says whose turn it is, in a mailbox that is not empty, and counts that
// as a pick.
func (b *mailbox) turn(fair bool) *execution {
	oldest := b.isFairTurn(fair)
	if b.picks++; oldest {
		return b.oldest.head
	}
	return b.depths[b.deepest()].head
}

// isFairTurn says whether the next pick is that of the oldest.
func (b *mailbox) isFairTurn(fair bool) bool { return fair && (b.picks+1)%fairPick == 0 }

// pickDeeper takes out the oldest of the deepest executions, if that is deeper
// than the given depth; nil when there is none.
func (b *mailbox) pickDeeper(than int) *execution {
	if b.count == 0 || b.deepest() <= than {
		return nil
	}
	ex := b.depths[b.deepest()].head
	b.remove(ex)
	return ex
}

func (b *mailbox) deepest() int {
	for i := len(b.filled) - 1; i >= 0; i-- {
		if w := b.filled[i]; w != 0 {
			return i*64 + 63 - bits.LeadingZeros64(w)
		}
	}
	return 0
}

// shallowest returns, without taking it out, the newest execution of the
// least depth: the one to refuse when the mailbox is full.
func (b *mailbox) shallowest() *execution {
	for i, w := range b.filled {
		if w != 0 {
			return b.depths[i*64+bits.TrailingZeros64(w)].tail
		}
	}
	return nil
}
