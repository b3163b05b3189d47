package actor

import (
	"fmt"
	"slices"
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
)

// caller is a node that awaits calls which this node has accepted. Only
// callers ping; one that has stopped is gone, and its calls are cancelled.
type caller struct {
	w     *worker
	node  string
	alarm alarm

	// Guarded by w.mu.
	count int     // accepted calls
	seen  instant // its last ping
}

// callerCheck is how often a caller is looked at, at least five times before it
// counts as lost.
func (w *worker) callerCheck() time.Duration { return min(time.Second, w.n.cfg.CallerLostAfter/5) }

// acceptLocked notes that the caller is told who has the call, and from then
// on expects its pings.
func (w *worker) acceptLocked(ex *execution, now instant) {
	ex.accepted = true
	if ex.tell {
		return // nobody waits, so nobody pings
	}
	k := w.callers[ex.caller]
	if k == nil {
		k = &caller{w: w, node: ex.caller, seen: now}
		k.alarm.owner = k
		w.callers[ex.caller] = k
		at := now.add(w.callerCheck())
		w.wheel.set(&k.alarm, at, now)
		w.sweeper.rearm(at)
	}
	k.count++
}

// callerLeftLocked notes that an accepted call of the caller has ended.
func (w *worker) callerLeftLocked(node string) {
	k := w.callers[node]
	if k == nil {
		return
	}
	if k.count--; k.count == 0 {
		w.wheel.clear(&k.alarm)
		delete(w.callers, node)
	}
}

// ring cancels the calls of a caller that has been silent for too long.
func (k *caller) ring(now instant) {
	w := k.w
	limit := w.n.cfg.CallerLostAfter
	silence := w.n.calls.silence(k, now)
	w.mu.Lock()
	if k.count == 0 || k.alarm.slot != 0 {
		w.mu.Unlock()
		return
	}
	w.wheel.set(&k.alarm, now.add(w.callerCheck()), now)
	var lost []*execution
	if silence >= limit {
		for ex := w.first; ex != nil; ex = ex.next {
			if ex.caller == k.node && ex.accepted && !ex.tell && !ex.hasEnded() {
				lost = append(lost, ex)
			}
		}
	}
	w.mu.Unlock()
	if len(lost) == 0 {
		return
	}
	w.n.log.Warn("caller lost", "caller", k.node, "calls", len(lost), "silent", silence)
	cause := fmt.Errorf("%w: node %s has not asked for its calls for %v", ErrCallerLost, k.node, silence.Round(100*time.Millisecond))
	for _, ex := range lost {
		ex.cancel(cause)
	}
}

// silence returns for how long a caller has been silent without our fault.
func (t *calls) silence(k *caller, now instant) time.Duration {
	k.w.mu.Lock()
	seen := k.seen
	k.w.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut {
		return 0
	}
	t.health.watchLocked(now)
	return t.health.silenceLocked(seen, now)
}

// heardFrom notes a ping of a caller, and returns which of the calls that it
// named are not in hand.
func (w *worker) heardFrom(node string, calls string, now instant) (unknown []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.callers[node]; k != nil {
		k.seen = now
	}
	wire.ParseCalls(calls, func(token string) {
		if key := node + "." + token; w.byKey[key] == nil && !w.n.backlog.has(key) {
			unknown = wire.AppendCalls(unknown, token)
		}
	})
	return unknown
}

// askedLife is how long a question about a call that is not here is
// remembered. The call may be behind it, in a queue of a starved process.
const askedLife = 2 * time.Second

// maxAsked bounds the questions that are remembered.
const maxAsked = 4 * pingNames

// askedBy tells a caller again which of the calls that it asks all nodes about
// are here.
func (w *worker) askedBy(node string, calls string, now instant) {
	var here []*execution
	w.mu.Lock()
	for key, at := range w.asked {
		if now.sub(at) > askedLife {
			delete(w.asked, key)
		}
	}
	wire.ParseCalls(calls, func(token string) {
		key := node + "." + token
		ex := w.byKey[key]
		if ex == nil {
			if len(w.asked) < maxAsked {
				w.asked[key] = now
			}
			return
		}
		if !ex.accepted {
			w.acceptLocked(ex, now)
		}
		here = append(here, ex)
	})
	w.mu.Unlock()
	for _, ex := range here {
		w.sendAccepted(ex)
	}
}

// cancelled ends the calls that nobody awaits any more.
func (w *worker) cancelled(body []byte) {
	if mutant.NoCancel {
		return
	}
	c := wire.ParseCancel(body)
	var found []*execution
	w.mu.Lock()
	for _, key := range slices.Compact(c.Keys) {
		if ex := w.byKey[key]; ex != nil {
			found = append(found, ex)
		}
	}
	w.mu.Unlock()
	for _, ex := range found {
		reason := c.Reason
		if reason == "" {
			reason = "cancelled by its awaiter"
		}
		ex.cancelFor(reason)
	}
}
