package actor

import (
	"math/bits"
	"time"
)

// The wheel turns once every 512 ms. What lies further ahead is put as far
// ahead as it goes and looked at again there.
const (
	wheelTick  = 8 * time.Millisecond
	wheelSlots = 64
)

// ringer is whatever an alarm belongs to.
type ringer interface{ ring(now instant) }

// alarm is one entry of a wheel, part of the thing that it wakes, so that
// setting and clearing it allocates nothing. Its owner must be set before use.
type alarm struct {
	owner      ringer
	at         instant
	prev, next *alarm
	slot       int8 // one-based; 0 while not set
}

// wheel keeps alarms by time: a hashed timing wheel (Varghese and Lauck, 1987)
// with one bit a slot. Setting and clearing are O(1). There is one timer for
// all calls of a node instead of one each, which costs an eighth of a call's
// time. A wheel has no lock: its owner guards it.
type wheel struct {
	slots  [wheelSlots]*alarm
	filled uint64
	turned int64 // the last tick whose slot was looked at
}

// set arms a for at, moving it if it was armed.
func (w *wheel) set(a *alarm, at, now instant) {
	w.clear(a)
	if w.filled == 0 {
		w.turned = int64(now) / int64(wheelTick)
	}
	a.at = at
	w.place(a)
}

func (w *wheel) place(a *alarm) {
	tick := (int64(a.at) + int64(wheelTick) - 1) / int64(wheelTick) // up: an alarm is never early
	tick = min(max(tick, w.turned+1), w.turned+wheelSlots-1)
	slot := tick % wheelSlots
	a.slot = int8(slot + 1)
	a.prev, a.next = nil, w.slots[slot]
	if a.next != nil {
		a.next.prev = a
	}
	w.slots[slot] = a
	w.filled |= 1 << slot
}

// clear disarms a; nothing happens if it was not armed.
func (w *wheel) clear(a *alarm) {
	if a.slot == 0 {
		return
	}
	slot := a.slot - 1
	if a.prev != nil {
		a.prev.next = a.next
	} else if w.slots[slot] = a.next; a.next == nil {
		w.filled &^= 1 << slot
	}
	if a.next != nil {
		a.next.prev = a.prev
	}
	a.prev, a.next, a.slot = nil, nil, 0
}

// next is when expire has something to do; never when no alarm is set.
func (w *wheel) next() instant {
	if w.filled == 0 {
		return 0
	}
	from := int((w.turned + 1) % wheelSlots)
	ahead := bits.TrailingZeros64(bits.RotateLeft64(w.filled, -from))
	return instant((w.turned + 1 + int64(ahead)) * int64(wheelTick))
}

// expire disarms the alarms that are due and returns their owners. The owners are rung by the caller, outside its lock.
func (w *wheel) expire(now instant) (due []ringer) {
	for {
		at := w.next()
		if at == 0 || at > now {
			break
		}
		w.turned = int64(at) / int64(wheelTick)
		slot := w.turned % wheelSlots
		list := w.slots[slot]
		w.slots[slot] = nil
		w.filled &^= 1 << slot
		for list != nil {
			a := list
			list = a.next
			a.prev, a.next, a.slot = nil, nil, 0
			if a.at > now {
				w.place(a)
				continue
			}
			due = append(due, a.owner)
		}
	}
	return due
}
