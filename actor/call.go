package actor

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// call is the awaiter's end of one call, the plain core under every Future. It
// is written by begin, then guarded as the groups below say.
type call struct {
	n        *Node
	target   *Target
	to       *addressee      // nil for a task
	parent   *execution      // the call whose handler made this one; nil for a root
	ctx      context.Context // what it was begun under, unless that is its parent's own
	stopCtx  func() bool     // stops following ctx; set under n.calls.mu
	header   transport.Header
	in       any    // the input, until it is encoded
	body     []byte // the input, encoded
	deadline instant
	limit    instant // the deadline without that of the context it was begun under
	begun    instant
	seq      uint64
	salt     uint32
	depth    int32
	tell     bool
	counted  bool // among the node's open calls, for Drain
	freed    bool // its parent's slot, with which nothing has been done yet
	adopted  bool // among its parent's children
	borrowed bool // body is the caller's, for as long as the call is not over; guarded by n.calls.mu once it was held

	// Guarded by n.calls.mu.
	state    callState
	listed   bool    // in n.calls.pending
	attempt  int32   // the number of the attempt under way
	sends    int32   // how often it was sent, refusals included
	sent     instant // when it was last
	asks     int8    // how often all nodes were asked who has it
	missed   int8    // how often the worker said that it does not
	alarm    alarm
	peer     *peer // the worker that accepted it
	peerPrev *call
	peerNext *call
	progress *progressFeed
	trouble  *trouble // nil for a call that has met none

	// Guarded by parent.w.mu.
	prev, next *call

	ending

	// Written once, before the call ends.
	reply  []byte // in this node's codec, since the request was
	out    any    // the result where it never left the process
	err    error
	failed *undecoded // nil when there is none

	local *execution // where this node itself executes it; guarded by n.calls.mu
}

// trouble is what is to be known of a call that did not reach a worker just so.
// Few calls have any.
type trouble struct {
	tries int32   // refusals in a row
	due   instant // when the call is tried again, once the connection is back
	until instant // when the runtime gives up trying again …
	grace instant // … and when while nobody serves the task
	code  string  // of the last refusal
	words string  // of the last refusal, for the deadline's message; of a ghost, why it was cancelled
	named string  // the node that it was sent to by name; empty for whoever serves the task
}

// troubleLocked is the call's trouble, to be written.
func (c *call) troubleLocked() *trouble {
	if c.trouble == nil {
		c.trouble = new(trouble)
	}
	return c.trouble
}

// troublesLocked is the call's trouble, to be read.
func (c *call) troublesLocked() (none trouble) {
	if c.trouble != nil {
		return *c.trouble
	}
	return none
}

// callState says where a call is.
type callState uint8

const (
	callNew      callState = iota
	callHeld               // waits here: for a connection, or to be tried again
	callSent               // published; nobody has answered yet
	callAccepted           // a worker has it
	callLocal              // this node executes it
	callWrapped            // middleware has handed it on, to a call of its own
	callGhost              // over for its awaiter, but a worker may accept it yet
	callEnded
)

// String is the state as ps shows it.
func (s callState) String() string {
	switch s {
	case callHeld:
		return "held"
	case callSent:
		return "sent"
	case callAccepted:
		return "accepted"
	case callLocal:
		return "local"
	default:
		return "ended"
	}
}

// contextEnded ends the call because its context did.
func (c *call) contextEnded(ctx context.Context) {
	if d := c.handlerDeadline(); d == 0 || c.n.clock.now() < d {
		c.n.calls.cancel(c, c.contextError(ctx, "the awaiter's context ended"))
		return
	}
	// The call has the same deadline, and so has its handler, by a clock of
	// its own. Ending it here says the same, sooner.
	cause := context.Cause(ctx)
	if cause == ctx.Err() { //nolint:errorlint // identity is the question
		cause = nil
	}
	c.n.calls.expire(c, cause)
}

// cancel ends the call with an error and its handler's context with it.
func (c *call) cancel(cause error, message string) {
	if c.isOver() {
		return
	}
	e := c.failure(wire.CodeCancelled, wire.ExecutedUnknown, message)
	if cause != context.Canceled { //nolint:errorlint // the bare sentinel adds nothing
		e.cause = cause
		e.Message = because(message, cause)
	}
	c.n.calls.cancel(c, e)
}

// because adds the cause to the message of a cancel. Going down a tree of
// calls it says why the first of them was cancelled, not each one's wording of
// that: a reason that travels must not grow with the depth.
func because(message string, cause error) string {
	why := cause.Error()
	if e, ok := cause.(*Error); ok && e.Code == wire.CodeCancelled { //nolint:errorlint // as it stands, or not at all
		why = e.Message
	}
	if strings.HasPrefix(why, message) {
		return why
	}
	return message + ": " + why
}

// fail ends a call that was not sent. Its context or its parent may end at the
// same time, so this goes by the table as soon as there is one.
func (c *call) fail(err error) {
	if c.n == nil {
		c.end(err)
		return
	}
	c.n.calls.abandon(c, err)
}

// end closes the call with its outcome: c.reply or c.out when err is nil. It
// is called once, by whoever took the call out of the table.
func (c *call) end(err error) {
	c.err = err
	c.ending.end()
	if c.stopCtx != nil {
		c.stopCtx()
	}
	if c.progress != nil {
		c.progress.close()
	}
	if c.counted {
		c.n.closeCall()
	}
	if c.adopted {
		c.parent.release(c)
	}
}

// undecoded is a handler's error whose cause nobody has looked at yet, or a
// result that does not decode.
type undecoded struct {
	once    sync.Once
	failure *wire.Failure
	result  error
}

// outcome is the error that the call ended with; nil when it has a result. The
// cause of a handler's error is decoded here, by the awaiter, since that may
// run code of the user's.
func (c *call) outcome() error {
	if !c.isOver() {
		return nil // nobody asks before
	}
	if e, ok := c.err.(*Error); ok && c.failed != nil { //nolint:errorlint // our own, as it stands
		c.failed.once.Do(func() { e.cause = c.n.errors.cause(c.failed.failure, c.n.cfg.Codec) })
	}
	return c.err
}

// id is the token of the call on the wire, when it is first sent.
func (c *call) id() string {
	if c.seq == 0 {
		return ""
	}
	var b [32]byte
	return string(appendToken(b[:0], c.salt, c.seq, 1))
}

// failure makes an error of the runtime about this call.
func (c *call) failure(code string, executed wire.Executed, message string) *Error {
	e := &Error{Code: code, Message: message, Name: c.target.name, Call: c.id(), Executed: Executed(executed)}
	if c.to != nil {
		e.Key = c.to.key
	}
	return e
}

// contextError makes the error for a context that has ended.
func (c *call) contextError(ctx context.Context, when string) *Error {
	code := wire.CodeCancelled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = wire.CodeDeadline
	}
	e := c.failure(code, wire.ExecutedUnknown, when)
	if c.seq == 0 {
		e.Executed = ExecutedNo
	}
	if cause := context.Cause(ctx); cause != ctx.Err() { //nolint:errorlint // identity is the question
		e.cause = cause
		e.Message += ": " + cause.Error()
	}
	return e
}

// remaining returns how much of the handler's budget is left; ok is false when
// it is too late for the call.
func (c *call) remaining(now instant) (budget time.Duration, ok bool) {
	ok = c.deadline == 0 || c.deadline > now
	if d := c.handlerDeadline(); d != 0 {
		return max(0, d.sub(now)), ok
	}
	return wire.NoBudget, ok
}

// handlerDeadline is when the handler has to be done. Who tells does not wait
// for that: its context bounds the handing over only.
func (c *call) handlerDeadline() instant {
	if c.tell {
		return c.limit
	}
	return c.deadline
}

// newSalt returns the random bits of a call's token: who guesses a sequence
// number has not guessed the token.
func newSalt() uint32 { return rand.Uint32() }
