package actor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// The waits between tries of a call that was not executed.
const (
	firstPause    = 4 * time.Millisecond
	longestPause  = 500 * time.Millisecond
	cutPause      = 50 * time.Millisecond // after a refusal by a connection that is said to be in order
	promptRetries = 8                     // of calls that a draining worker sent back, before they wait too
)

// refusedLocked takes an error frame, or what stands for one: the call is
// tried again where that is safe and can help, otherwise it ends. It unlocks.
func (t *calls) refusedLocked(c *call, f *wire.Failure) {
	now := t.n.clock.now()
	switch {
	case c.state == callGhost:
		t.endLocked(c)
		t.mu.Unlock()
		return
	case c.state != callSent && c.state != callAccepted && c.state != callLocal:
		t.mu.Unlock()
		return
	}
	if c.to != nil {
		t.askRefusedLocked(c, f)
	}
	if f.Code == wire.CodeDeadline && c.deadline != 0 {
		t.expireLocked(c, nil) // the worker's clock was a moment ahead: the same end, in the same words
		return
	}
	if named := c.troublesLocked().named; named != "" && (f.Code == wire.CodeNoWorker || f.Code == wire.CodeDraining) {
		t.closeRoutesLocked(named)
	}
	if wait, again := t.retryLocked(c, f, now); again {
		if c.peer != nil {
			c.peer.removeLocked(c)
		}
		tr := c.troubleLocked()
		tr.code, tr.words = f.Code, textOf(f.Code, f.Message)
		c.local = nil
		if c.to != nil {
			t.joinLaneLocked(c)
		}
		t.listLocked(c)
		t.holdLocked(c, now, wait)
		t.mu.Unlock()
		return
	}
	var node string
	if c.peer != nil {
		node = c.peer.node
	}
	t.endLocked(c)
	t.mu.Unlock()
	if f.Code == wire.CodeFailed && f.Cause != "" {
		c.failed = &undecoded{failure: f}
	}
	c.end(t.errorOf(c, f, node))
}

// holdLocked keeps the call here for a while. Without a wait it is held until
// the connection is back.
func (t *calls) holdLocked(c *call, now instant, wait time.Duration) {
	c.state = callHeld
	tr := c.troubleLocked()
	if tr.until == 0 {
		tr.until = now.add(t.n.cfg.Patience)
	}
	at := tr.until
	tr.due = now.add(wait)
	if wait > 0 {
		at = tr.due
	}
	t.armLocked(c, earliest(c.deadline, at), now)
}

// retryLocked decides whether a call is tried again, and after how long. What
// was not executed may be; what was, or may have been, only by the task's own
// declaration.
func (t *calls) retryLocked(c *call, f *wire.Failure, now instant) (wait time.Duration, again bool) {
	if t.closed {
		return 0, false
	}
	switch f.Code {
	case wire.CodeBadInput, wire.CodeTooDeep, wire.CodeTooLarge, wire.CodeDisconnected,
		wire.CodeDeadline, wire.CodeCancelled, wire.CodePanicked, wire.CodeCycle, codeDenied, codeClosed, codeBadName:
		return 0, false
	case wire.CodeNoWorker:
		if mutant.NoGrace {
			return 0, false
		}
		if c.to != nil && c.to.node != "" {
			// The owner is gone, which says nothing of others; when there are
			// none, that is said before the message is sent.
			return t.pauseLocked(c, now, wire.CodeBusy)
		}
		return t.pauseLocked(c, now, f.Code)
	case wire.CodeDraining, wire.CodeMoved:
		tr := c.troubleLocked()
		if tr.tries < promptRetries {
			t.untilLocked(c, now)
			tr.tries++
			return time.Nanosecond, true
		}
	case wire.CodeWorkerLost, wire.CodeConflict, wire.CodeUnsaved:
		if int(c.attempt) >= c.target.maxAttempts() && !(mutant.SendTwice && c.attempt == 1) {
			return 0, false
		}
		c.attempt++
		if len(t.detours) > 0 {
			return detourSearch, true
		}
		return time.Nanosecond, true
	case wire.CodeFailed:
		p := c.target.retry
		if p == nil || f.Permanent || int(c.attempt) >= p.MaxAttempts {
			return 0, false
		}
		wait = p.wait(int(c.attempt), rand.Float64())
		c.attempt++
		tr := c.troubleLocked()
		tr.tries, tr.until = 0, now.add(wait+t.n.cfg.Patience)
		return max(wait, time.Nanosecond), true
	default:
		if f.Executed != wire.ExecutedNo {
			return 0, false
		}
	}
	return t.pauseLocked(c, now, f.Code)
}

// untilLocked sets until when a call that is refused is tried again: to its
// deadline, without one for as long as the node is patient.
func (t *calls) untilLocked(c *call, now instant) {
	tr := c.troubleLocked()
	if tr.until != 0 && tr.tries != 0 {
		return
	}
	tr.until = now.add(t.n.cfg.Patience)
	if c.deadline != 0 {
		tr.until = c.deadline.add(time.Hour) // the deadline ends it
	}
}

// pauseLocked returns the next wait of a call that was refused, twice as long
// each time, a random part of it left out so that callers do not come back
// together.
func (t *calls) pauseLocked(c *call, now instant, code string) (time.Duration, bool) {
	t.untilLocked(c, now)
	tr := c.trouble
	left := tr.until.sub(now)
	if code == wire.CodeNoWorker {
		if tr.tries == 0 || tr.code != code {
			// Also when a busy or draining worker was the last. After a reconnect
			// the workers may be still on their way back.
			tr.grace = max(now.add(t.n.cfg.Grace), t.health.excused)
		}
		left = min(left, tr.grace.sub(now))
	}
	if left <= 0 {
		return 0, false
	}
	wait := min(firstPause<<min(tr.tries, 10), longestPause)
	tr.tries++
	wait -= time.Duration(rand.Int64N(int64(wait)/2 + 1))
	return min(wait, left), true
}

// errorOf makes the awaiter's error of what ended the call.
func (t *calls) errorOf(c *call, f *wire.Failure, node string) *Error {
	e := c.failure(f.Code, c.ran(f.Executed), f.Message)
	e.Node, e.permanent = node, f.Permanent
	if mutant.Untrue && f.Code == wire.CodeWorkerLost {
		e.Executed = ExecutedNo
	}
	if f.Code == wire.CodeWorkerLost && c.target.maxAttempts() == 1 && !c.target.untyped {
		e.Message += "; declare it Idempotent if it may run again"
	}
	return e
}

// disconnected is how a call ends that waited for the connection in vain.
func (t *calls) disconnected(c *call) *Error {
	what := "the call was not sent"
	if c.attempt > 1 {
		what = "the call was not sent again"
	}
	return c.failure(wire.CodeDisconnected, c.ran(wire.ExecutedNo),
		fmt.Sprintf("the connection to the broker did not come back within %v; %s", t.n.cfg.Patience, what))
}

// publishFailed ends a call that the transport would not take. When that is
// because the connection is cut, which we are about to hear, the call is held.
func (t *calls) publishFailed(c *call, sends int32, err error) {
	now := t.n.clock.now()
	t.mu.Lock()
	if c.sends != sends { // it has been sent again meanwhile
		t.mu.Unlock()
		return
	}
	until := c.troublesLocked().until
	if errors.Is(err, transport.ErrDisconnected) && !mutant.NoHold && c.state == callSent && (until == 0 || now < until) {
		c.troubleLocked().words = err.Error()
		t.holdLocked(c, now, cutPause)
		t.mu.Unlock()
		return
	}
	t.refusedLocked(c, publishFailure(err, wire.ExecutedNo))
}
