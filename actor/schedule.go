package actor

import "github.com/atasks-io/atasks/internal/mutant"

// fillLocked has what waits started, as long as there are slots. It calls one
// runner, which calls the next when it has taken something and more waits: of
// many short calls that came at once, a few runners execute one after the other,
// and not each its own.
func (w *worker) fillLocked() {
	if w.calling || !w.startableLocked() {
		return
	}
	w.calling = true
	w.dispatchLocked(nil)
}

// startableLocked says whether something waits that may start.
func (w *worker) startableLocked() bool {
	return w.nearFirstLocked() != nil || w.box.count > 0 && w.slots.freeFor(w.box.deepest())
}

// takeNextLocked takes out what a runner is to execute next, and calls another
// for what is left; nil when nothing can start.
func (w *worker) takeNextLocked(now instant) *execution {
	ex := w.pickLocked(now)
	if ex != nil {
		w.startLocked(ex, now)
		w.fillLocked()
	}
	return ex
}

// startAllLocked starts what waits at once, each on a runner of its own.
func (w *worker) startAllLocked(now instant) {
	for ex := w.pickLocked(now); ex != nil; ex = w.pickLocked(now) {
		w.startLocked(ex, now)
		w.dispatchLocked(ex)
	}
}

// pickLocked takes out the execution that is to start next; nil when none can.
func (w *worker) pickLocked(now instant) *execution {
	w.thaw.noticeLocked(now) // what came before a freeze does not start just so
	for {
		if ex := w.nearFirstLocked(); ex != nil {
			w.takeNearLocked(ex, now)
			return ex
		}
		var ex *execution
		if w.slots.free() {
			ex = w.box.pick(w.fairLocked())
		} else if !mutant.HoldSlot {
			ex = w.box.pickDeeper(w.slots.deepest())
		}
		if ex == nil || !ex.service.full() {
			return ex
		}
		w.blockLocked(ex)
	}
}

// fairLocked says whether shallow calls may go first now and then. Each may
// begin a tree of its own, so with many trees begun they wait.
func (w *worker) fairLocked() bool {
	return w.inHand-w.slots.taken-w.waitingLocked() < w.n.cfg.InHand/16
}

// startLocked gives an execution a slot.
func (w *worker) startLocked(ex *execution, now instant) {
	ex.holds, ex.state, ex.started = true, running, now
	w.takeLocked(ex.service, ex.depth)
}

// takeLocked counts a call of the service that executes.
func (w *worker) takeLocked(s *service, depth int) {
	w.slots.take(depth)
	s.running++
}

// giveBackLocked returns a slot, and lets the next call of a task with a limit
// wait in the mailbox again.
func (w *worker) giveBackLocked(s *service, depth int) {
	w.slots.giveBack(depth)
	s.running--
	w.readmitLocked(s)
}

// parkLocked takes the slot of an execution whose handler begins to await. It
// says whether there was one; then fill must follow.
func (w *worker) parkLocked(ex *execution) (freed bool) {
	if mutant.HoldSlot {
		return false
	}
	if ex.holds {
		ex.holds, freed = false, true
		w.giveBackLocked(ex.service, ex.depth)
	}
	ex.state = parked
	return freed
}

// fill starts what waits, as long as there are slots.
func (w *worker) fill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fillLocked()
}

// unparkLocked counts an execution again whose last call has ended. It does
// not wait: only new calls wait for slots, so awaiting never deadlocks.
func (w *worker) unparkLocked(ex *execution) {
	ex.holds, ex.state = true, running
	w.takeLocked(ex.service, ex.depth)
}
