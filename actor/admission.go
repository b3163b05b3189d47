package actor

import (
	"strconv"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// receive takes a call from the transport; to is the entity that it is a message
// to, nil for a task. It runs on the subscription's
// goroutine, decodes nothing but the address and the headers, and never
// blocks.
func (w *worker) receive(s *service, m *transport.Message, to *seat) {
	n := w.n
	r := &remoteExecution{
		execution: execution{
			w: w, service: s,
			attempt: 1,
			size:    len(m.Data),
			body:    m.Data,
			arrived: n.clock.now(),
			entity:  to,
		},
		from: origin{reply: m.Reply},
	}
	ex := &r.execution
	ex.origin = &r.from
	ex.alarm.owner = ex
	address, key, native := wire.ParseAddress(n.cfg.Namespace, m.Reply)
	if native {
		ex.key, ex.caller, ex.token, ex.depth = key, address.Node, address.Call, address.Depth
		ex.inbox = int32(len(address.Inbox))
		if address.Budget != wire.NoBudget {
			ex.deadline = ex.arrived.add(address.Budget)
		}
	} else if !w.foreign(ex) {
		n.dropped(m.Subject, "a call with a return address that is neither ours nor a client's inbox")
		return
	}
	if f := w.readHeader(ex, m.Header); f != nil {
		ex.refuse(f)
		return
	}
	if m.Redelivered {
		w.redelivered(ex)
		return
	}
	w.admit(ex)
}

// foreign prepares the execution of a call whose caller knows nothing of us.
// It is answered on the inboxes of the fabric's own clients only, or a caller
// could make this worker publish where the caller itself may not.
func (w *worker) foreign(ex *execution) bool {
	if !w.n.isForeign(ex.reply) && !mutant.ReplyAnywhere {
		return false
	}
	ex.foreign = true
	ex.token = string(appendToken(nil, newSalt(), w.n.calls.seq.Add(1), 1))
	ex.key = ex.token
	return true
}

// maxShown bounds what an answer repeats of what a caller sent.
const maxShown = 100

// readHeader reads what a call says beside its address, and what is wrong
// with it.
func (w *worker) readHeader(ex *execution, h transport.Header) *wire.Failure {
	defaultType := w.n.codecs.native
	if ex.foreign {
		defaultType = w.n.codecs.foreign
	}
	ex.codec = defaultType
	if ex.depth > w.n.cfg.MaxDepth {
		return &wire.Failure{Code: wire.CodeTooDeep, Executed: wire.ExecutedNo, Message: "depth " + strconv.Itoa(ex.depth) + " is over the Config.MaxDepth of node " + w.n.id + ", " + strconv.Itoa(w.n.cfg.MaxDepth) + ": " + endSooner}
	}
	if h == nil {
		return nil
	}
	if ct := h.Get(wire.HeaderContentType); ct != "" {
		c, ok := w.n.codecs.byType(ct)
		if !ok {
			return &wire.Failure{Code: wire.CodeBadInput, Executed: wire.ExecutedNo, Message: "content type " + strconv.Quote(ct[:min(len(ct), maxShown)]) + ": node " + w.n.id + " knows " + w.n.codecs.names() + ": send one of these, or give it that codec, too"}
		}
		ex.codec = c
	}
	if a, err := strconv.ParseUint(h.Get(wire.HeaderAttempt), 10, 31); err == nil && a > 1 {
		ex.attempt = int32(a)
	}
	ex.tell = h.Get(wire.HeaderTell) != "" && !ex.foreign
	ex.pushes = h.Get(wire.HeaderProgress) != "" && !ex.foreign && !ex.tell
	ex.meta = metaOf(h)
	ex.setChain(h)
	if ex.entity != nil && ex.entity.kind != nil {
		ex.entity.reminder = h.Get(wire.HeaderReminder)
	}
	if after := h.Get(wire.HeaderAfter); after != "" && ex.entity != nil && ex.entity.kind != nil && !ex.foreign {
		ex.entity.after = ex.caller + "." + after
	}
	return nil
}

// metaOf returns the metadata among headers; nil when there is none.
func metaOf(h transport.Header) metadata {
	var m metadata
	for k := range h {
		key, ok := wire.MetaKey(k)
		if v := h.Get(k); ok && wire.CheckMeta(key, v) == nil {
			if m == nil {
				m = make(metadata)
			}
			m[key] = v
		}
	}
	return m
}

// admit starts an execution, lets it wait, or refuses it or a shallower one.
func (w *worker) admit(ex *execution) {
	w.mu.Lock()
	if w.byKey[ex.key] != nil {
		w.mu.Unlock()
		w.n.dropped(ex.reply, "a call that is in hand already")
		return
	}
	var victims []*execution
	f := w.boundLocked(ex)
	if f == nil {
		w.enterLocked(ex)
		victims = w.placeLocked(ex)
	}
	told := f == nil && ex.state != ended && w.tellNowLocked(ex)
	w.mu.Unlock()
	if f != nil {
		ex.refuse(f)
	}
	for _, victim := range victims {
		victim.refuse(&wire.Failure{Code: wire.CodeBusy, Executed: wire.ExecutedNo, Message: "the mailbox of node " + w.n.id + " is full: start more workers, or raise its Config.Mailbox"})
		w.drop(victim)
	}
	if told {
		w.sendAccepted(ex)
	}
}

// boundLocked says why a call is not even considered; nil when it is.
func (w *worker) boundLocked(ex *execution) *wire.Failure {
	switch {
	case w.closed || w.refusing:
		return &wire.Failure{Code: wire.CodeDraining, Executed: wire.ExecutedNo, Message: "node " + w.n.id + " is stopping"}
	case w.inHand >= w.n.cfg.InHand && ex.depth == 0:
		return &wire.Failure{Code: wire.CodeBusy, Executed: wire.ExecutedNo, Message: "node " + w.n.id + " has " + strconv.Itoa(w.inHand) + " calls in hand, as many as its Config.InHand allows: start more workers, or raise it"}
	case ex.entity != nil && ex.entity.kind != nil:
		return w.seatLocked(ex)
	default:
		return nil
	}
}

// placeLocked starts an execution that is in hand, or lets it wait. When that
// is too much it returns those to refuse, which no longer wait.
func (w *worker) placeLocked(ex *execution) (victims []*execution) {
	if w.thaw.suspiciousLocked(ex.arrived) {
		w.suspectLocked(ex)
	} else {
		w.queueLocked(ex)
		w.fillLocked()
	}
	if w.overfullLocked() {
		w.startAllLocked(w.n.clock.now()) // what only waits for its runner takes no room from others
	}
	for ex.state == waiting && w.overfullLocked() {
		victim := w.shallowestLocked()
		if victim == nil || victim.depth >= ex.depth || victim.tell || victim.entity != nil && victim.entity.at != nil {
			// Who told has been promised that the call is taken, and messages to
			// an entity keep their order; others try again.
			victim = ex
		}
		w.withdrawLocked(victim)
		victims = append(victims, victim)
	}
	return victims
}

// tellNowLocked sets when the caller is told who has the call, and says
// whether that is at once: for a caller that wants no more than that, and for
// one that has asked before the call was here.
func (w *worker) tellNowLocked(ex *execution) bool {
	if ex.foreign {
		return false
	}
	_, asked := w.asked[ex.key]
	if !ex.tell && !asked {
		w.armLocked(ex, ex.arrived.add(acceptAfter), ex.arrived)
		return false
	}
	delete(w.asked, ex.key)
	w.acceptLocked(ex, ex.arrived)
	return true
}
