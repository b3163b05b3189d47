package actor

import (
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// thaw notices that this process was frozen, by a clock that jumped. What it
// had received until then, and what the broker kept for it meanwhile, may have
// been given up by its callers, so they are asked before any of it starts.
type thaw struct {
	w     *worker
	alarm alarm

	// Guarded by w.mu.
	beat      instant  // when the clock was last looked at; never while nothing is served
	until     instant  // calls that arrive before then are asked about
	answersBy instant  // when those that nobody has vouched for are dropped; never before they were asked about
	probes    []*probe // guarded by the calls' lock
}

const (
	thawBeat  = 200 * time.Millisecond
	thawJump  = 500 * time.Millisecond
	thawGrace = 250 * time.Millisecond // for what the broker kept to come in
	thawWait  = 3 * time.Second        // for the callers' answers
)

func (h *thaw) init(w *worker) {
	h.w = w
	h.alarm.owner = h
}

// watchLocked begins to look at the clock: something is served.
func (h *thaw) watchLocked(now instant) {
	if h.beat == 0 {
		h.beat = now
		h.armLocked(now)
	}
}

// armLocked sets when the clock is looked at next, at the latest.
func (h *thaw) armLocked(now instant) {
	at := earliest(now.add(thawBeat), h.answersBy)
	if now < h.until {
		at = earliest(at, h.until)
	}
	h.w.wheel.set(&h.alarm, at, now)
	h.w.sweeper.rearm(at)
}

// suspiciousLocked says whether a call that arrives now is asked about.
func (h *thaw) suspiciousLocked(now instant) bool {
	h.noticeLocked(now)
	return now < h.until
}

// noticeLocked compares the clock with when it was last looked at. After a
// freeze nothing that waits may start before its caller was asked.
func (h *thaw) noticeLocked(now instant) {
	jumped := h.beat != 0 && now.sub(h.beat) > thawBeat+thawJump
	if h.beat != 0 {
		h.beat = now
	}
	if !jumped {
		return
	}
	w := h.w
	h.until, h.answersBy = now.add(thawGrace), 0
	for ex := w.box.oldest.head; ex != nil; ex = w.box.oldest.head {
		w.box.remove(ex)
		w.suspectLocked(ex)
	}
	for _, s := range w.services {
		for ex := s.blocked.oldest.head; ex != nil; ex = s.blocked.oldest.head {
			w.unblockLocked(ex)
			w.suspectLocked(ex)
		}
	}
	h.armLocked(now)
}

// ring looks at the clock again, and once a thaw's grace is over asks the
// callers.
func (h *thaw) ring(now instant) {
	w := h.w
	w.mu.Lock()
	h.noticeLocked(now)
	var ask map[string][]string
	var dropped []*execution
	asked := h.answersBy != 0
	switch {
	case now < h.until:
	case w.suspects == 0 && !asked:
	case !asked:
		if ask = h.suspectsLocked(); len(ask) > 0 {
			h.answersBy = now.add(thawWait)
		}
	case now >= h.answersBy || w.suspects == 0:
		h.answersBy = 0
		for ex := w.first; ex != nil; ex = ex.next {
			if ex.suspect {
				dropped = append(dropped, ex)
			}
		}
		for _, ex := range dropped {
			w.withdrawLocked(ex)
		}
	}
	over := asked && h.answersBy == 0
	h.armLocked(now)
	w.mu.Unlock()
	for node, tokens := range ask {
		h.ask(node, tokens)
	}
	w.dropSuspects(dropped)
	if over {
		w.n.calls.forget(h)
	}
}

// suspectsLocked lists the suspects by caller. Those whose callers cannot be
// asked start.
func (h *thaw) suspectsLocked() map[string][]string {
	byCaller := make(map[string][]string)
	for ex := h.w.first; ex != nil; ex = ex.next {
		switch {
		case !ex.suspect:
		case ex.foreign || ex.tell || ex.awaiter != nil:
			h.w.trustLocked(ex)
		default:
			byCaller[ex.caller] = append(byCaller[ex.caller], ex.token)
		}
	}
	return byCaller
}

// ask asks a caller which of the calls it still awaits.
func (h *thaw) ask(node string, tokens []string) {
	t := h.w.n.calls
	t.mu.Lock()
	p, reply := t.probeLocked(func(frame wire.Frame, m *transport.Message) {
		if frame == wire.FrameResult {
			h.trust(node, tokens, string(m.Data))
		}
	})
	h.probes = append(h.probes, p)
	t.mu.Unlock()
	subject := wire.NodeSubject(h.w.n.cfg.Namespace, node, wire.VerbAwaits)
	if err := h.w.n.publish(subject, reply, nil, wire.AppendCalls(nil, tokens...)); err != nil {
		h.w.n.log.Debug("could not ask a caller", "node", node, "err", err)
	}
}

// forget takes the questions out of the table.
func (t *calls) forget(h *thaw) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range h.probes {
		t.unprobeLocked(p)
	}
	h.probes = nil
}

// trust lets the calls start that their caller still awaits, and drops the
// others that it was asked about.
func (h *thaw) trust(node string, asked []string, awaited string) {
	w := h.w
	var dropped []*execution
	w.mu.Lock()
	wire.ParseCalls(awaited, func(token string) {
		if ex := w.byKey[node+"."+token]; ex != nil && ex.suspect {
			w.trustLocked(ex)
		}
	})
	for _, token := range asked {
		if ex := w.byKey[node+"."+token]; ex != nil && ex.suspect {
			w.withdrawLocked(ex)
			dropped = append(dropped, ex)
		}
	}
	w.mu.Unlock()
	w.dropSuspects(dropped)
}

// dropSuspects answers for calls that will not start.
func (w *worker) dropSuspects(dropped []*execution) {
	if len(dropped) > 0 {
		w.n.log.Warn("calls dropped: this node was frozen, and their callers do not say that they still await them", "calls", len(dropped))
	}
	for _, ex := range dropped {
		// It never started, so a caller that does await it may try again.
		ex.fail(wire.CodeBusy, wire.ExecutedNo, "node "+w.n.id+" was frozen")
		w.drop(ex)
	}
}

func (w *worker) trustLocked(ex *execution) {
	w.clearLocked(ex)
	w.queueLocked(ex)
	w.fillLocked()
}

// stillAwaited returns those of the named calls that this node awaits.
func (t *calls) stillAwaited(tokens string) (awaited []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wire.ParseCalls(tokens, func(token string) {
		salt, seq, sending, ok := parseToken(token)
		c := t.pending[seq]
		if ok && c != nil && c.salt == salt && int(c.sends) == sending && !c.overLocked() {
			awaited = wire.AppendCalls(awaited, token)
		}
	})
	return awaited
}
