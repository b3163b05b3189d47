package actor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
)

// runner is a goroutine that executes calls one after the other. It is kept:
// a fresh goroutine would spend a third of a small call's time growing its
// stack.
type runner struct{ work chan *execution }

// dispatchLocked hands a started execution to a runner; with nil it calls one
// to look what waits.
func (w *worker) dispatchLocked(ex *execution) {
	if n := len(w.idle); n > 0 {
		r := w.idle[n-1]
		w.idle[n-1] = nil
		w.idle = w.idle[:n-1]
		r.work <- ex // never blocks: an idle runner's channel is empty and holds one
		return
	}
	r := &runner{work: make(chan *execution, 1)}
	if !w.n.spawn(func() { w.loop(r, ex) }) && ex != nil {
		// The node is closed; close answers for what is in hand.
		w.n.log.Warn("call not started: node closed", "task", ex.service.name, "call", ex.id())
	}
}

// loop executes ex, or looks what waits, and then what comes after it.
func (w *worker) loop(r *runner, ex *execution) {
	done := false
	defer func() {
		if !done { // runtime.Goexit ends this goroutine; the next call needs another
			w.replace(ex)
		}
	}()
	for {
		var rests bool
		if ex == nil {
			ex, rests = w.look(r)
		} else {
			failure := w.run(ex)
			ex, rests = w.finish(ex, failure, r)
		}
		if rests {
			var open bool
			if ex, open = <-r.work; !open {
				break
			}
		} else if ex == nil {
			break
		}
	}
	done = true
}

// look takes what waits, for a runner that was called.
func (w *worker) look(r *runner) (next *execution, rests bool) {
	now := w.n.clock.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calling = false
	return w.nextLocked(r, now)
}

// replace finishes the execution whose handler called runtime.Goexit, and
// starts another goroutine for the next.
func (w *worker) replace(ex *execution) {
	next, _ := w.finish(ex, failedByGoexit, nil)
	if next == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dispatchLocked(next)
}

// What went wrong with handlers that did not return.
const (
	failedByPanic  = "panicked"
	failedByGoexit = "runtime.Goexit"
)

// run executes one call and answers it. It returns what went wrong, for the
// statistics. A handler that calls runtime.Goexit does not let it return.
func (w *worker) run(ex *execution) (failure string) {
	if ex.deadline != 0 && w.n.clock.now() >= ex.deadline {
		ex.endContext(context.DeadlineExceeded)
		ex.fail(wire.CodeDeadline, wire.ExecutedNo, "the budget ran out before a slot was free")
		return wire.CodeDeadline
	}
	if w.n.feed.on.Load() {
		w.n.feed.started(ex)
	}
	returned := false
	defer func() {
		if returned || mutant.NoRecover {
			return
		}
		failure = failedByPanic
		message := "the handler called runtime.Goexit"
		if r := recover(); r != nil {
			message = fmt.Sprint(r)
			w.n.log.Error("handler panicked", "task", ex.service.name, "call", ex.id(), "panic", message, "stack", string(debug.Stack()))
		} else {
			w.n.log.Error("handler called runtime.Goexit", "task", ex.service.name, "call", ex.id())
		}
		ex.close()
		ex.fail(wire.CodePanicked, wire.ExecutedYes, message)
	}()
	out, err := ex.service.invoke(ex)
	ex.close()
	failure = ex.answer(out, err)
	returned = true
	return failure
}

// close ends the handler's context and the calls it left behind.
func (ex *execution) close() {
	if ex.pushes {
		ex.flushProgress()
	}
	ex.endContext(context.Canceled)
	// From here on adopt refuses: who has come in before has left a note.
	if ex.mothered.Load() {
		ex.endChildren(context.Canceled, "its handler returned without awaiting it")
	}
}

// answer sends what the handler returned.
func (ex *execution) answer(out any, err error) (failure string) {
	w := ex.w
	if err != nil {
		f := ex.failureOf(err)
		ex.refuse(f)
		return f.Message
	}
	limit := w.n.maxPayload()
	if ex.passes(out, limit) {
		ex.succeed(out, nil)
		return ""
	}
	body, ok := out.(rawBody)
	if ok && ex.awaiter != nil {
		body = bytes.Clone(body) // the handler may keep and change it
	}
	if !ok {
		if body, err = ex.codec.Marshal(out); err != nil {
			ex.fail(wire.CodeFailed, wire.ExecutedYes, "the result does not encode: "+err.Error())
			return "result does not encode"
		}
	}
	if limit > 0 && len(body) > limit {
		ex.fail(wire.CodeTooLarge, wire.ExecutedYes, tooLargeMessage("result", len(body), limit))
		return wire.CodeTooLarge
	}
	ex.succeed(nil, body)
	return ""
}

// passes says whether the awaiter may have a result without the codec.
func (ex *execution) passes(out any, limit int) bool {
	return ex.awaiter != nil && ex.awaiter.target.out != nil && ex.service.out != nil && ex.service.out.fits(out, ex.codec, limit)
}

// failureOf turns a handler's error into what travels.
func (ex *execution) failureOf(err error) *wire.Failure {
	if bad, ok := err.(badInput); ok { //nolint:errorlint // a handler may wrap one of its own calls'
		return &wire.Failure{Code: wire.CodeBadInput, Executed: wire.ExecutedNo, Message: bad.Error()}
	}
	if r, ok := err.(refused); ok { //nolint:errorlint // likewise
		return r.Failure
	}
	if f := ex.failureOfEnd(err); f != nil {
		return f
	}
	return ex.w.n.errors.failure(err, ex.codec)
}

// failureOfEnd is what a handler's error amounts to that only passes on how
// its context ended, where that was not the caller's doing; nil when it is an
// error of its own.
func (ex *execution) failureOfEnd(err error) *wire.Failure {
	if errors.Is(err, context.DeadlineExceeded) && ex.deadline != 0 && ex.w.n.clock.now() >= ex.deadline {
		return &wire.Failure{Code: wire.CodeDeadline, Executed: wire.ExecutedUnknown, Message: err.Error()}
	}
	ex.mu.Lock()
	cause := ex.stopped
	ex.mu.Unlock()
	if cause == nil || !errors.Is(err, context.Canceled) && !errors.Is(err, cause) {
		return nil
	}
	// A task that may run twice does, elsewhere, which a handler that heeds
	// its context deserves no less than one that does not.
	return &wire.Failure{Code: wire.CodeWorkerLost, Executed: wire.ExecutedUnknown, Message: "node " + ex.w.n.id + " was stopped: " + cause.Error()}
}
