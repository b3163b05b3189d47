package actor

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// activation is an entity in its owner's memory. It has no goroutine: a message
// whose turn it is goes to the worker's mailbox like any call, and the next one
// follows when it has been executed.
type activation struct {
	kind *hosted
	key  string
	self seat // of messages that nobody's entities wait on

	// Of the message whose turn it is.
	state     any        // a *S; nil until it is made
	committed []byte     // of state that is not copied by assignment, its encoding; also of what was claimed, until it is decoded
	own       *ownership // nil for a volatile entity
	reminders []reminder // that it has set

	epoch atomic.Uint64 // as it was claimed, for those who look in

	// Guarded by worker.mu.
	queue      fifo // messages that wait for their turn, the first first
	waiting    int
	held       int  // messages that wait or are executed
	shared     int  // executed together, since they only read …
	alone      bool // … or one is, that may change the state
	ready      bool // the state was made
	deleted    bool
	used       instant
	timers     *timers // nil while it never had one
	panics     int     // in a row
	until      instant // messages are refused until then, after these
	prev, next *activation
	linked     bool      // among the idle of its kind
	done       [4]uint64 // the messages of other nodes that were executed last, hashed
}

// seat is what an execution has to do with entities: the one that it is a
// message to, and those that wait on it.
type seat struct {
	kind     *hosted // nil for a call of a task
	key      string
	at       *activation
	chain    string // the entities that wait on it, it not included
	reminder string // that the message is; its ID
	after    string // the message of the same caller that it is to follow, as a key of worker.byKey
}

// link is the chain of the calls that the execution makes.
func (s *seat) link() string {
	if s.kind == nil {
		return s.chain
	}
	return wire.AppendLink(s.chain, s.kind.name, s.key)
}

// stateOf returns the state of an entity, making it first if need be.
func stateOf[S any](ctx context.Context, ex *execution, a *activation) (*S, error) {
	if s, ok := a.state.(*S); ok && a.owned() {
		return s, nil
	}
	state, err := a.makeState(ctx, ex)
	if err != nil {
		return nil, err
	}
	s, ok := state.(*S)
	if !ok {
		return nil, fmt.Errorf("state of %s is a %T", a.kind.name, state)
	}
	return s, nil
}

// makeState makes the state: of what was committed, or anew.
func (a *activation) makeState(ctx context.Context, ex *execution) (state any, err error) {
	if !a.owned() {
		if ex.shares { // others read what is in memory right now
			return nil, refusal(wire.CodeBusy, wire.ExecutedNo, "%s has to be claimed anew", a.describe())
		}
		ex.withoutSlot(func() { err = a.kind.keeper.claim(ex, a) })
		if err != nil {
			return nil, err
		}
	}
	shape := len(a.kind.upgrades)
	if a.own != nil {
		shape = a.own.shape
	}
	if a.committed != nil {
		if state, err = a.kind.restore(a.committed, shape); err != nil {
			return nil, fmt.Errorf("the state of %s does not decode: %w", a.describe(), err)
		}
		if a.own != nil && a.kind.plain {
			a.committed = nil // a copy is all that a method needs to be undone
		}
	} else {
		if state = a.kind.zero(); a.kind.begin != nil {
			if state, err = a.kind.begin(ctx, a.key); err != nil {
				return nil, err
			}
		}
		if !a.kind.plain {
			if a.committed, err = a.encode(state); err != nil {
				return nil, err
			}
			if a.own != nil {
				a.own.shape = len(a.kind.upgrades)
			}
		}
	}
	a.state = state
	return state, nil
}

// encode returns the encoding of a state, for messages that fail later and for
// the store.
func (a *activation) encode(state any) ([]byte, error) {
	body, err := stateCodec().Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("the state of %s does not encode: %w", a.describe(), err)
	}
	return body, nil
}

// The waits after a message has panicked the second time in a row, and on.
const (
	firstBackoff   = 100 * time.Millisecond
	longestBackoff = 10 * time.Second
)

// startsLocked says whether it is the turn of a message that has just come, or
// that is the first of those that wait.
func (a *activation) startsLocked(ex *execution) bool {
	if a.alone {
		return false
	}
	return a.shared == 0 || ex.service.readOnly && a.ready && a.owned()
}

// beginLocked makes it the message's turn.
func (a *activation) beginLocked(ex *execution) {
	if a.shared > 0 || ex.service.readOnly && a.ready && a.owned() {
		a.shared++
		ex.shares = true
	} else {
		a.alone = true
	}
}

// lineUpLocked lets a message wait for its turn; false when it is its turn.
func (w *worker) lineUpLocked(ex *execution) bool {
	a := ex.entity.at
	if a.queue.head == nil && a.startsLocked(ex) {
		a.beginLocked(ex)
		return false
	}
	ex.lined = true
	a.queue.push(ex, byAge)
	a.waiting++
	a.kind.waiting++
	w.blocked++
	w.aside += ex.size
	return true
}

// stepOutLocked takes a message out of those that wait for their turn.
func (w *worker) stepOutLocked(ex *execution) {
	a := ex.entity.at
	ex.lined = false
	a.queue.remove(ex, byAge)
	a.waiting--
	a.kind.waiting--
	w.blocked--
	w.aside -= ex.size
}

// nextTurnLocked ends a message's turn, and lets those go to the mailbox whose
// turn it is now.
func (w *worker) nextTurnLocked(a *activation) {
	if a.alone {
		a.alone = false
	} else {
		a.shared--
	}
	w.advanceLocked(a)
}

// advanceLocked lets those go to the mailbox whose turn it is.
func (w *worker) advanceLocked(a *activation) {
	for ex := a.queue.head; ex != nil && a.startsLocked(ex); ex = a.queue.head {
		w.stepOutLocked(ex)
		a.beginLocked(ex)
		w.box.push(ex)
	}
}

// turnOverLocked takes note of how a message ended that was executed.
func (w *worker) turnOverLocked(ex *execution, failure string, now instant) {
	a := ex.entity.at
	panicked := failure == failedByPanic || failure == failedByGoexit
	if a.alone {
		a.armTimersLocked(failure == "")
		a.reminders = nil
		if a.own != nil && a.own.lease == 0 {
			a.stopTimersLocked() // it may be another node's by now
		}
	}
	a.noteLocked(ex)
	a.ready = a.state != nil
	switch {
	case panicked:
		if a.panics++; a.panics > 1 {
			a.until = now.add(min(firstBackoff<<min(a.panics-2, 20), longestBackoff))
		}
	default:
		a.panics, a.until = 0, 0
	}
	w.nextTurnLocked(a)
}

// seatLocked finds the activation for a message, or says why this node does
// not take it.
func (w *worker) seatLocked(ex *execution) *wire.Failure {
	s := ex.entity
	n := w.n
	if f := n.members.elsewhere(s.kind.name, s.key, w.draining); f != nil {
		if f.Code == wire.CodeMoved {
			n.members.verify(f.Message)
		}
		return f
	}
	now := ex.arrived
	a := s.kind.activations[s.key]
	if s.after != "" && !w.followsLocked(a, s.after) {
		return busy("the message that was sent before is not here")
	}
	switch {
	case a == nil:
		a = &activation{kind: s.kind, key: s.key}
		a.self = seat{kind: s.kind, key: s.key, at: a}
		if s.kind.keeper != nil {
			a.own = new(ownership)
		}
		s.kind.activations[s.key] = a
		w.crowdedLocked()
	case a.until > now:
		return busy(s.kind.name + " " + strconv.Quote(s.key) + " has panicked " + strconv.Itoa(a.panics) + " times in a row and rests")
	case a.waiting >= s.kind.mailbox:
		return busy("the mailbox of " + s.kind.name + " " + strconv.Quote(s.key) + " is full: ask it less often, or raise its MailboxSize")
	}
	if s.chain == "" && s.reminder == "" {
		ex.entity = &a.self
	} else {
		s.at = a
	}
	return nil
}

func busy(message string) *wire.Failure {
	return &wire.Failure{Code: wire.CodeBusy, Executed: wire.ExecutedNo, Message: message}
}

// holdLocked counts a message that the entity has.
func (a *activation) holdLocked() {
	if a.held++; a.linked {
		a.kind.unlinkLocked(a)
	}
}

// letGoLocked counts a message that is over. With the last one the entity is
// idle, and leaves if it belongs to another node now.
func (w *worker) letGoLocked(a *activation) {
	if a.held--; a.held > 0 {
		return
	}
	a.used = w.n.clock.now()
	if a.deleted && a.state == nil {
		a.stopTimersLocked()
		delete(a.kind.activations, a.key)
		return
	}
	a.deleted = false
	a.kind.linkLocked(a)
	if owner := w.n.members.owner(a.kind.name, a.key); owner != w.n.id && owner != "" {
		a.kind.passivateLocked(a)
	} else {
		w.sweeper.rearm(a.used.add(a.kind.idle))
	}
}

// setChain takes note of the entities that wait on an execution.
func (ex *execution) setChain(h transport.Header) {
	chain := h.Get(wire.HeaderChain)
	switch {
	case chain == "" || len(chain) > maxChain:
	case ex.entity != nil:
		ex.entity.chain = chain
	default:
		ex.entity = &seat{chain: chain}
	}
}
