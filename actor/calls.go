package actor

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
)

// calls is the table of the calls that a node awaits: what its inbox finds
// them by, and what ends those that nobody answers.
type calls struct {
	n   *Node
	seq atomic.Uint64

	mu      sync.Mutex // guards what follows, and the calls as their type says; taken after worker.mu, before Node.mu
	pending map[uint64]*call
	wrapped map[*call]struct{} // those that middleware carries out, by calls in pending
	probes  map[uint64]*probe
	peers   map[string]*peer
	wheel   wheel
	sweeper *sweeper
	cut     bool    // the connection is
	closed  bool    // the node is
	unheard unheard // to ask all nodes about at the end of this sweep
	health  health
	detours map[string]*detour // by worker that fell silent
	lanes   map[laneKey]*lane
	laned   atomic.Int32 // how many there are
}

// A call that nobody has answered is asked about after askFirst. From half of
// that on the node watches itself, whose fault the silence may be.
const (
	askFirst  = 250 * time.Millisecond
	askAgain  = 500 * time.Millisecond
	ghostLife = 10 * time.Second
)

func newCalls(n *Node) *calls {
	t := &calls{
		n:       n,
		pending: make(map[uint64]*call),
		wrapped: make(map[*call]struct{}),
		probes:  make(map[uint64]*probe),
		peers:   make(map[string]*peer),
		detours: make(map[string]*detour),
		lanes:   make(map[laneKey]*lane),
	}
	t.health.init(t)
	t.sweeper = newSweeper(n.clock, t.sweep)
	return t
}

// follow ends the call when the context that it was begun under ends.
func (t *calls) follow(c *call) {
	stop := context.AfterFunc(c.ctx, func() { c.contextEnded(c.ctx) })
	t.mu.Lock()
	over := c.overLocked()
	if !over {
		c.stopCtx = stop
	}
	t.mu.Unlock()
	if over {
		stop()
	}
}

// send enters the call into the table and publishes it, or holds it while the
// connection is cut.
func (t *calls) send(c *call) {
	now := t.n.clock.now()
	budget, inTime := c.remaining(now)
	t.mu.Lock()
	switch {
	case c.state != callNew && c.state != callHeld: // cancelled, or sent by another
		t.mu.Unlock()
		return
	case t.closed:
		t.endLocked(c)
		t.mu.Unlock()
		c.end(c.failure(codeClosed, c.ran(wire.ExecutedNo), ""))
		return
	case !inTime:
		t.endLocked(c)
		t.mu.Unlock()
		c.end(t.deadlineError(c, c.ran(wire.ExecutedNo)))
		return
	}
	t.listLocked(c)
	if t.cut && !mutant.NoHold {
		c.troubleLocked().words = "the connection to the broker is cut"
		t.holdLocked(c, now, 0)
		t.mu.Unlock()
		return
	}
	if c.to != nil && !t.inTurnLocked(c, now) {
		t.mu.Unlock()
		return
	}
	c.state = callSent
	c.asks, c.sent = notWatched, now
	t.armLocked(c, earliest(c.deadline, now.add(askFirst/2)), now)
	c.sends++
	sends, attempt, body := c.sends, c.attempt, c.body
	subject, follows := t.subjectLocked(c), ""
	if c.to != nil {
		follows = c.to.spot.follows
	}
	t.mu.Unlock()

	if err := t.publish(c, subject, follows, body, sends, attempt, budget); err != nil {
		t.publishFailed(c, sends, err)
	} else if c.to != nil {
		t.sentInTurn(c)
	}
}

// again tries a call that was held.
func (t *calls) again(c *call) {
	t.mu.Lock()
	held := c.state == callHeld
	if held {
		c.state = callNew
		c.ownLocked()
	}
	t.mu.Unlock()
	if held {
		c.route(t.n.clock.now())
	}
}

// subjectLocked is where the call goes: to whoever serves the task, or to one
// node by name while another that serves it is silent.
func (t *calls) subjectLocked(c *call) string {
	if c.trouble != nil {
		c.trouble.named = ""
	}
	if c.to == nil && len(t.detours) > 0 {
		if named := t.detourLocked(c.target.name); named != "" {
			c.troubleLocked().named = named
			return wire.NodeTaskSubject(t.n.cfg.Namespace, named, c.target.name)
		}
	}
	return c.subject()
}

// listLocked enters the call into the table.
func (t *calls) listLocked(c *call) {
	if !c.listed {
		c.listed = true
		t.pending[c.seq] = c
	}
}

// armLocked sets when the call is looked at next; never for never.
func (t *calls) armLocked(c *call, at, now instant) {
	if at == 0 {
		t.wheel.clear(&c.alarm)
		return
	}
	t.wheel.set(&c.alarm, at, now)
	t.sweeper.rearm(at)
}

// endLocked takes the call out of everything. The caller then calls c.end,
// without the lock. It must not be called twice for a call.
func (t *calls) endLocked(c *call) {
	c.state = callEnded
	t.forgetLocked(c)
}

func (t *calls) forgetLocked(c *call) {
	if c.listed {
		c.listed = false
		delete(t.pending, c.seq)
	}
	if c.to != nil {
		t.leaveLaneLocked(c)
	}
	delete(t.wrapped, c)
	t.wheel.clear(&c.alarm)
	if c.peer != nil {
		c.peer.removeLocked(c)
	}
}

// overLocked says whether the call has ended for its awaiter.
func (c *call) overLocked() bool { return c.state == callEnded || c.state == callGhost }

// executedLocked is what can be said of a call that ends here and now.
func (c *call) executedLocked() wire.Executed {
	if c.state == callHeld || c.state == callNew {
		return c.ran(wire.ExecutedNo)
	}
	return wire.ExecutedUnknown
}

// ran is what can be said of the call as a whole, given what is known of its
// last attempt: an earlier one may have run.
func (c *call) ran(last wire.Executed) wire.Executed {
	if c.attempt > 1 && last == wire.ExecutedNo {
		return wire.ExecutedUnknown
	}
	return last
}

// cancel ends the call with err and tells whoever executes it, now or when it
// turns out who does.
func (t *calls) cancel(c *call, err *Error) {
	t.mu.Lock()
	if c.overLocked() {
		t.mu.Unlock()
		return
	}
	state, local := c.state, c.local
	err.Executed = Executed(c.executedLocked())
	var node string
	if c.peer != nil {
		node = c.peer.node
	}
	if state == callSent {
		c.troubleLocked().words = err.Message
		t.ghostLocked(c)
	} else {
		t.endLocked(c)
	}
	sends := c.sends
	t.mu.Unlock()

	switch {
	case state == callLocal:
		local.cancelFor(err.Message)
	case state == callAccepted:
		t.sendCancel(c, node, sends, err.Message)
	}
	c.end(err)
}

// abandon ends the call with err and tells nobody: whoever executes it knows
// by itself.
func (t *calls) abandon(c *call, err error) {
	t.mu.Lock()
	if c.overLocked() {
		t.mu.Unlock()
		return
	}
	t.endLocked(c)
	t.mu.Unlock()
	c.end(err)
}

// ghostLocked keeps the call in the table for the late accept that a cancel
// must follow.
func (t *calls) ghostLocked(c *call) {
	c.state = callGhost
	if c.to != nil {
		t.leaveLaneLocked(c)
	}
	now := t.n.clock.now()
	t.armLocked(c, now.add(ghostLife), now)
}

// sendCancel tells a worker that nobody awaits the call any more.
func (t *calls) sendCancel(c *call, node string, sends int32, reason string) {
	key := append([]byte(t.n.id), '.')
	key = c.appendToken(key, sends)
	body := wire.AppendCancel(nil, wire.Cancel{Keys: []string{string(key)}, Reason: reason})
	err := t.n.publish(wire.NodeSubject(t.n.cfg.Namespace, node, wire.VerbCancel), "", nil, body)
	if err != nil {
		t.n.log.Debug("cancel not sent", "task", c.target.name, "call", c.id(), "node", node, "err", err)
	}
}

// ring looks at a call whose alarm went off.
func (c *call) ring(now instant) {
	t := c.n.calls
	t.mu.Lock()
	if c.state == callEnded || c.alarm.slot != 0 { // over, or set anew meanwhile
		t.mu.Unlock()
		return
	}
	switch {
	case c.state == callGhost:
		t.endLocked(c)
		t.mu.Unlock()
	case mutant.NoSweep && c.deadline != 0 && now >= c.deadline:
		t.mu.Unlock()
	case c.deadline != 0 && now >= c.deadline:
		t.expireLocked(c, nil)
	case c.state == callHeld && t.cut && now < c.trouble.until:
		t.armLocked(c, earliest(c.deadline, c.trouble.until), now)
		t.mu.Unlock()
	case c.state == callHeld && t.cut:
		t.endLocked(c)
		t.mu.Unlock()
		c.end(t.disconnected(c))
	case c.state == callHeld:
		t.mu.Unlock()
		t.n.spawn(func() { t.again(c) })
	case c.state == callSent:
		t.unheardLocked(c, now)
	default:
		t.armLocked(c, c.deadline, now)
		t.mu.Unlock()
	}
}

// expireLocked ends a call whose deadline has passed, and unlocks. Its handler
// knows by itself. cause is what ended the awaiter's context, where that says
// more.
func (t *calls) expireLocked(c *call, cause error) {
	local, executed := c.local, c.executedLocked()
	t.endLocked(c)
	t.mu.Unlock()
	e := t.deadlineError(c, executed)
	if cause != nil {
		e.cause = cause
		e.Message += ": " + cause.Error()
	}
	c.end(e)
	if local != nil {
		local.expire()
	}
}

// expire ends a call whose awaiter's context has reached its deadline.
func (t *calls) expire(c *call, cause error) {
	t.mu.Lock()
	if c.overLocked() {
		t.mu.Unlock()
		return
	}
	t.expireLocked(c, cause)
}

// deadlineError is how a call ends that took too long.
func (t *calls) deadlineError(c *call, executed wire.Executed) *Error {
	within := c.deadline.sub(c.begun)
	if within > 100*time.Millisecond {
		within = within.Round(10 * time.Millisecond)
	}
	message := "no result within " + within.Round(time.Millisecond).String()
	t.mu.Lock()
	if words := c.troublesLocked().words; words != "" {
		message += "; before that: " + words
	}
	t.mu.Unlock()
	return c.failure(wire.CodeDeadline, executed, message)
}

// sweep rings what is due and returns when to come back.
func (t *calls) sweep(now instant) instant {
	t.mu.Lock()
	due := t.wheel.expire(now)
	t.mu.Unlock()
	for _, r := range due {
		r.ring(now)
	}
	t.askAll()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wheel.next()
}

// cutOff takes note that the connection is cut.
func (t *calls) cutOff() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut = true
}

// restored takes note that the connection is back. sendHeld must follow.
func (t *calls) restored() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut = false
	t.health.restoredLocked(t.n.clock.now())
	t.endDetoursLocked()
}

// sendHeld sends what was held while the connection was cut, in the order of
// the calls. Those that wait for another reason go on waiting.
func (t *calls) sendHeld() {
	now := t.n.clock.now()
	t.mu.Lock()
	var held []*call
	for _, c := range t.pending {
		if c.state == callHeld && c.trouble.due <= now {
			held = append(held, c)
		}
	}
	t.mu.Unlock()
	sortBySeq(held)
	for _, c := range held {
		t.again(c)
	}
}

// close ends every call that is left.
func (t *calls) close(message string) {
	t.mu.Lock()
	t.closed = true
	var left []*call
	for c := range t.allLocked {
		if c.state == callGhost {
			t.endLocked(c)
			continue
		}
		left = append(left, c)
	}
	executed := make([]wire.Executed, len(left))
	for i, c := range left {
		executed[i] = c.executedLocked()
		t.endLocked(c)
	}
	t.mu.Unlock()
	for i, c := range left {
		c.end(c.failure(codeClosed, executed[i], message))
	}
}

// denied ends the calls that the broker does not permit this node to send.
func (t *calls) denied(subject string) {
	t.mu.Lock()
	var refused []*call
	for _, c := range t.pending {
		if c.state == callSent && c.subject() == subject {
			refused = append(refused, c)
		}
	}
	t.mu.Unlock()
	for _, c := range refused {
		t.mu.Lock()
		t.refusedLocked(c, &wire.Failure{
			Code: codeDenied, Executed: wire.ExecutedNo,
			Message: "the broker does not let this node publish on " + subject + ": grant it in the broker's permissions",
		})
	}
}

func sortBySeq(list []*call) {
	slices.SortFunc(list, func(a, b *call) int { return cmp.Compare(a.seq, b.seq) })
}
