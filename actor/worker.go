package actor

import (
	"runtime"
	"sync"
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
)

// worker executes the calls that a node serves: it admits them to the mailbox
// and starts them as slots become free.
type worker struct {
	n      *Node
	local  int     // executing calls below which a call of our own stays here
	own    *origin // of the calls that this node makes itself
	frames frameSubjects

	mu       sync.Mutex // guards what follows, and executions as their type says; taken before calls.mu and Node.mu
	services map[string]*service
	kinds    map[string]*hosted
	box      mailbox
	near     nearby
	blocked  int // waiting outside the mailbox for their task's limit
	suspects int // waiting outside the mailbox for their caller's word
	aside    int // bytes of those two
	slots    slots
	inHand   int // waiting, running or parked
	first    *execution
	last     *execution
	byKey    map[string]*execution // those from other nodes
	asked    map[string]instant    // keys asked about before they arrived
	callers  map[string]*caller
	idle     []*runner
	calling  bool // a runner was called for what waits, and has not looked yet
	wheel    wheel
	sweeper  *sweeper
	draining bool // calls of our own stay here, since we have left the queue groups
	refusing bool // calls of others are sent elsewhere
	closed   bool
	quiet    chan struct{} // closed when nothing is in hand any more; nil unless draining
	thaw     thaw
}

// acceptAfter is how long a call may be in hand before its caller is told who
// has it. Most calls are over sooner and cost no frame.
const acceptAfter = 20 * time.Millisecond

func newWorker(n *Node) *worker {
	w := &worker{
		n:        n,
		own:      &origin{caller: n.id, codec: n.cfg.Codec},
		slots:    slots{total: n.cfg.Slots},
		near:     nearby{hope: mostHope},
		local:    min(runtime.GOMAXPROCS(0), n.cfg.Slots),
		services: make(map[string]*service),
		kinds:    make(map[string]*hosted),
		byKey:    make(map[string]*execution),
		asked:    make(map[string]instant),
		callers:  make(map[string]*caller),
	}
	w.thaw.init(w)
	w.sweeper = newSweeper(n.clock, w.sweep)
	return w
}

// enterLocked counts an execution as in hand.
func (w *worker) enterLocked(ex *execution) {
	ex.prev = w.last
	if w.last != nil {
		w.last.next = ex
	} else {
		w.first = ex
	}
	w.last = ex
	w.inHand++
	if ex.key != "" {
		w.byKey[ex.key] = ex
	}
	if ex.entity != nil && ex.entity.at != nil {
		ex.entity.at.holdLocked()
	}
}

// leaveLocked takes an execution out of everything: it has ended.
func (w *worker) leaveLocked(ex *execution) {
	ex.state = ended
	ex.over.Store(true)
	if ex.prev != nil {
		ex.prev.next = ex.next
	} else {
		w.first = ex.next
	}
	if ex.next != nil {
		ex.next.prev = ex.prev
	} else {
		w.last = ex.prev
	}
	ex.prev, ex.next = nil, nil
	if ex.key != "" {
		delete(w.byKey, ex.key)
	}
	if ex.entity != nil && ex.entity.at != nil {
		w.letGoLocked(ex.entity.at)
	}
	w.wheel.clear(&ex.alarm)
	if ex.accepted && !ex.tell { // acceptLocked counted no other
		w.callerLeftLocked(ex.caller)
	}
	if w.inHand--; w.inHand == 0 && w.quiet != nil {
		close(w.quiet)
		w.quiet = nil
	}
}

// queueLocked puts an execution where it waits for a slot.
func (w *worker) queueLocked(ex *execution) {
	ex.state = waiting
	if ex.entity == nil || ex.entity.at == nil || !w.lineUpLocked(ex) {
		w.box.push(ex)
	}
}

// withdrawLocked takes an execution that waits from wherever it does. Until
// leaveLocked it stays in hand.
func (w *worker) withdrawLocked(ex *execution) {
	switch {
	case ex.lined:
		w.stepOutLocked(ex)
	case ex.suspect:
		w.clearLocked(ex)
	case ex.blocked:
		w.unblockLocked(ex)
	case ex.near:
		w.unnearLocked(ex)
	default:
		w.box.remove(ex)
		if ex.entity != nil && ex.entity.at != nil {
			w.nextTurnLocked(ex.entity.at)
		}
	}
	ex.state = ended
	// It may have been the one that its task's limit had let through.
	w.readmitLocked(ex.service)
	w.fillLocked()
}

// blockLocked lets an execution wait for its task's limit.
func (w *worker) blockLocked(ex *execution) {
	ex.blocked = true
	ex.service.blocked.push(ex)
	w.blocked++
	w.aside += ex.size
}

func (w *worker) unblockLocked(ex *execution) {
	ex.blocked = false
	ex.service.blocked.remove(ex)
	w.blocked--
	w.aside -= ex.size
}

// suspectLocked lets an execution wait for its caller's word.
func (w *worker) suspectLocked(ex *execution) {
	ex.state, ex.suspect = waiting, true
	w.suspects++
	w.aside += ex.size
}

func (w *worker) clearLocked(ex *execution) {
	ex.suspect = false
	w.suspects--
	w.aside -= ex.size
}

// readmitLocked lets the next call of a task with a limit wait in the mailbox
// again, if there is room for it.
func (w *worker) readmitLocked(s *service) {
	if s.blocked.count > 0 && !s.full() {
		ex := s.blocked.turn(w.fairLocked())
		w.unblockLocked(ex)
		w.box.push(ex)
	}
}

// drop removes an execution that was withdrawn.
func (w *worker) drop(ex *execution) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaveLocked(ex)
}

// waitingLocked is how many executions wait, anywhere.
func (w *worker) waitingLocked() int {
	return w.box.count + w.near.waiting.count + w.blocked + w.suspects
}

// overfullLocked says whether more waits than may. A single call may, however
// large.
func (w *worker) overfullLocked() bool {
	if mutant.NoBound {
		return false
	}
	n := w.waitingLocked() - w.near.waiting.count // which has a bound of its own
	return n > w.n.cfg.Mailbox || n > 1 && w.box.bytes+w.aside > w.n.cfg.MailboxBytes
}

// shallowestLocked returns the execution to refuse when too much waits.
func (w *worker) shallowestLocked() *execution {
	victim := w.box.shallowest()
	if w.blocked == 0 {
		return victim
	}
	for _, s := range w.services {
		if ex := s.blocked.shallowest(); ex != nil && (victim == nil || ex.depth < victim.depth) {
			victim = ex
		}
	}
	return victim
}

// finish ends an execution and returns the next one for the same goroutine,
// nil when there is none or no slot for it. Then the runner r rests, if it is
// wanted.
func (w *worker) finish(ex *execution, failure string, r *runner) (next *execution, rests bool) {
	now := w.n.clock.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	stats := &ex.service.stats
	stats.calls++
	took := now.sub(ex.started)
	stats.busy += took
	stats.recent.add(took, failure != "", now)
	if w.n.feed.on.Load() {
		w.n.feed.ended(ex, failure, took)
	}
	if failure != "" {
		stats.failures++
		stats.lastError = failure[:min(len(failure), maxLastError)]
	}
	if ex.holds {
		ex.holds = false
		w.giveBackLocked(ex.service, ex.depth)
	}
	if ex.entity != nil && ex.entity.at != nil {
		w.turnOverLocked(ex, failure, now)
	}
	w.leaveLocked(ex)
	return w.nextLocked(r, now)
}

// nextLocked returns what a runner executes next, or lets it rest, if it is
// wanted.
func (w *worker) nextLocked(r *runner, now instant) (next *execution, rests bool) {
	if w.closed {
		return nil, false // what waits was answered for
	}
	if next = w.takeNextLocked(now); next != nil || r == nil || len(w.idle) >= w.slots.total {
		return next, false
	}
	w.idle = append(w.idle, r)
	return nil, true
}

// armLocked sets when an execution is looked at next.
func (w *worker) armLocked(ex *execution, at, now instant) {
	w.wheel.set(&ex.alarm, at, now)
	w.sweeper.rearm(at)
}

// ring looks at an execution whose alarm went off: it has taken long enough
// for its caller to be told who has it, or has progress to show.
func (ex *execution) ring(now instant) {
	w := ex.w
	w.mu.Lock()
	if ex.state == ended || ex.alarm.slot != 0 {
		w.mu.Unlock()
		return
	}
	if !ex.accepted && !ex.foreign && ex.awaiter == nil {
		w.acceptLocked(ex, now)
		w.mu.Unlock()
		w.sendAccepted(ex)
		w.mu.Lock()
	}
	ex.ringReportLocked(now)
}

// sendAccepted tells the caller who has the call.
func (w *worker) sendAccepted(ex *execution) {
	if mutant.NoAccept {
		return
	}
	subject, call := ex.frame(wire.SuffixAccepted)
	if err := w.n.publish(subject, call, nil, []byte(w.n.id)); err != nil {
		w.n.log.Debug("accepted not sent", "task", ex.service.name, "call", ex.id(), "err", err)
	}
}

// sweep rings what is due and returns when to come back.
func (w *worker) sweep(now instant) instant {
	w.mu.Lock()
	due := w.wheel.expire(now)
	w.mu.Unlock()
	for _, r := range due {
		r.ring(now)
	}
	next := w.sendNear(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	return earliest(earliest(next, w.passivateLocked(now)), w.wheel.next())
}

// beginDrain keeps the calls of this node's own handlers here from now on.
func (w *worker) beginDrain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draining = true
	w.keepNearLocked()
}

// refuse takes no more calls from others.
func (w *worker) refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusing = true
}

// listLocked returns all that is in hand.
func (w *worker) listLocked() []*execution {
	list := make([]*execution, 0, w.inHand)
	for ex := w.first; ex != nil; ex = ex.next {
		list = append(list, ex)
	}
	return list
}

// cancelAll cancels what is in hand and returns it.
func (w *worker) cancelAll(cause error) []*execution {
	w.mu.Lock()
	list := w.listLocked()
	w.mu.Unlock()
	for _, ex := range list {
		ex.mu.Lock()
		if ex.cause == nil {
			ex.stopped = cause
		}
		ex.mu.Unlock()
		ex.cancel(cause)
	}
	return list
}

// close stops the runners. Handlers that have not returned are answered for:
// their calls are lost.
func (w *worker) close() {
	w.mu.Lock()
	w.closed = true
	list := w.listLocked()
	idle := w.idle
	if mutant.Leak {
		idle = nil
	}
	w.idle = nil
	w.mu.Unlock()
	for _, ex := range list {
		ex.fail(wire.CodeWorkerLost, wire.ExecutedUnknown, "node "+w.n.id+" was stopped before the handler returned")
	}
	for _, r := range idle {
		close(r.work)
	}
}
