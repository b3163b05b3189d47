package actor

import "time"

// nearby keeps calls that a node makes and serves while all processors here are
// busy. They wait near these for a moment: many handlers are over, or await calls
// of their own, long before a call could have reached another node. What has
// waited for nearWait is sent after all: of a tree, the subtrees that are begun
// last. Where calls wait and none of them starts, the handlers are not of that
// kind, and calls are sent at once, but for one now and then. Its owner guards
// it.
type nearby struct {
	waiting mailbox
	started instant // when one was last started
	hope    int     // how many may wait; below one, none
}

const (
	nearWait   = 500 * time.Microsecond
	mostHope   = 128
	nearMissed = 16  // hope that a wait in vain costs
	nearGiveUp = 256 // calls that are sent at once when there is none left
)

// worthwhile says whether another call should wait.
func (n *nearby) worthwhile() bool {
	if n.hope <= 0 {
		n.hope++
		return false
	}
	return n.waiting.count < n.hope
}

// starts notes that one is started.
func (n *nearby) starts(now instant) {
	n.started = now
	n.hope = min(n.hope+1, mostHope)
}

// inVain notes that one has waited since it came, and none was started.
func (n *nearby) inVain() {
	if n.hope -= nearMissed; n.hope <= 0 {
		n.hope = -nearGiveUp
	}
}

// nearLocked lets an execution of our own call wait for a processor.
func (w *worker) nearLocked(ex *execution) {
	ex.state, ex.near = waiting, true
	w.near.waiting.push(ex)
	if w.near.waiting.count == 1 {
		w.sweeper.rearm(ex.arrived.add(nearWait))
	}
}

// unnearLocked takes an execution out of those that wait near.
func (w *worker) unnearLocked(ex *execution) {
	ex.near = false
	w.near.waiting.remove(ex)
}

// nearFirstLocked returns the execution that waits near, if it is the next to
// start: a processor is free, or it comes before what waits in the mailbox for
// a slot. One whose task's limit is reached is not; another node may have room.
func (w *worker) nearFirstLocked() *execution {
	near := &w.near.waiting
	if near.count == 0 {
		return nil
	}
	ex := near.depths[near.deepest()].head
	switch {
	case ex.service.full():
		return nil
	case w.box.count == 0 && w.slots.taken < w.local:
		return ex
	case w.box.count == 0 || !w.slots.free() || w.box.isFairTurn(w.fairLocked()):
		return nil
	}
	// Deeper ones first, else in the order in which they came.
	first := w.box.depths[w.box.deepest()].head
	if ex.depth > first.depth || ex.depth == first.depth && ex.arrived < first.arrived {
		return ex
	}
	return nil
}

// takeNearLocked takes out the execution that nearFirstLocked has returned.
func (w *worker) takeNearLocked(ex *execution, now instant) {
	w.unnearLocked(ex)
	w.near.starts(now)
	w.box.picks++ // the mailbox has its turns all the same
}

// sendNear sends those that have waited near for too long, and returns when to
// look again; never when none waits. While others are started here it sends
// the oldest, a part of them at a time.
func (w *worker) sendNear(now instant) (next instant) {
	var late []*call
	w.mu.Lock()
	some := w.near.waiting.count/8 + 1
	for ex := w.near.waiting.oldest.head; ex != nil; ex = w.near.waiting.oldest.head {
		moves := w.near.started > ex.arrived
		if next = ex.arrived.add(nearWait); next > now {
			break
		} else if moves && some == 0 {
			next = now.add(nearWait)
			break
		}
		next = 0
		if moves {
			some--
		} else {
			w.near.inVain()
		}
		w.unnearLocked(ex)
		w.leaveLocked(ex)
		if w.n.calls.unsettle(ex.awaiter, ex) {
			late = append(late, ex.awaiter)
		}
	}
	w.mu.Unlock()
	for _, c := range late {
		c.send()
	}
	return next
}

// unsettle makes a call one again that has not been sent, if ex was to execute
// it; false when it is over.
func (t *calls) unsettle(c *call, ex *execution) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.state != callLocal || c.local != ex {
		return false
	}
	c.state, c.local = callNew, nil
	c.ownLocked()
	return true
}

// keepNearLocked lets those that wait near wait for a slot instead, however
// long.
func (w *worker) keepNearLocked() {
	for ex := w.near.waiting.oldest.head; ex != nil; ex = w.near.waiting.oldest.head {
		w.unnearLocked(ex)
		w.queueLocked(ex)
	}
	w.fillLocked()
}
