package actor

import (
	"context"
	"errors"
	"fmt"
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

	// Guarded by n.calls.mu.
	state     callState
	listed    bool    // in n.calls.pending
	attempt   int32   // the number of the attempt under way
	sends     int32   // how often it was sent, refusals included
	tries     int32   // refusals in a row
	asks      int8    // how often all nodes were asked who has it
	missed    int8    // how often the worker said that it does not
	due       instant // when it is tried again, once the connection is back
	until     instant // when the runtime gives up trying again …
	grace     instant // … and when while nobody serves the task
	alarm     alarm
	peer      *peer // the worker that accepted it
	peerPrev  *call
	peerNext  *call
	progress  *progressFeed
	lastCode  string // of the last refusal
	named     string // the node that it was sent to by name; empty for whoever serves the task
	lastWords string // of the last refusal, for the deadline's message; of a ghost, why it was cancelled

	// Guarded by parent.w.mu.
	prev, next *call

	watching sync.Mutex // guards watchers
	watchers []func()   // run when the call ends

	// Written once, before done is closed.
	done  chan struct{}
	reply []byte // in this node's codec, since the request was
	out   any    // the result where it never left the process
	err   error

	local *execution // where this node itself executes it; guarded by n.calls.mu
}

// callState says where a call is.
type callState uint8

const (
	callNew      callState = iota
	callHeld               // waits here: for a connection, or to be tried again
	callSent               // published; nobody has answered yet
	callAccepted           // a worker has it
	callLocal              // this node executes it
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

// begin sends the call or ends it with what is wrong. awaited says that the
// one who begins it will await it under the same context, and cancel it there.
func (c *call) begin(ctx context.Context, t *Target, in any, opts []CallOption, awaited bool) {
	c.done = make(chan struct{})
	c.target, c.in = declared(t), in
	c.alarm.owner = c
	var o callOptions
	if len(opts) > 0 {
		o = collect(opts)
	}
	if err := c.resolve(ctx, &o); err != nil {
		c.fail(err)
		return
	}
	if ctx.Done() != nil && ctx != context.Context(c.parent) {
		c.ctx = ctx // not the handler's own, whose end reaches its calls without help
	}
	if len(c.n.cfg.OnCall) > 0 && !o.wrapped {
		c.beginWrapped(ctx, &o)
	} else if err := c.adopt(); err != nil {
		c.fail(err)
	} else {
		c.dispatch()
	}
	if c.ctx != nil && !awaited {
		c.n.calls.follow(c)
	}
}

// collect applies options out of line, so that a call without any allocates
// nothing for them.
func collect(opts []CallOption) callOptions {
	var o callOptions
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// resolve finds out who calls what, through which node and until when.
func (c *call) resolve(ctx context.Context, o *callOptions) error {
	if code, err := c.target.fault(); err != nil {
		return c.failure(code, wire.ExecutedNo, err.Error())
	}
	if c.n = o.node; c.n == nil {
		c.n, _ = ctx.Value(nodeKey{}).(*Node)
	}
	if c.n == nil {
		return c.failure(codeNoNode, wire.ExecutedNo, "call it under node.Context(ctx), in a handler, or with Via(node)")
	}
	if ctx.Err() != nil {
		return c.contextError(ctx, "before the call was sent")
	}
	if o.err != nil {
		return c.failure(codeBadOption, wire.ExecutedNo, o.err.Error())
	}
	if role := c.target.role; role != "" {
		n, known := c.n.linked(role)
		if n == nil {
			return c.failure(codeNoLink, wire.ExecutedNo, fmt.Sprintf("node knows no namespace as %q: %s; link a node of it with node.Link(other, actor.As(%q))", role, known, role))
		}
		c.n = n
	}
	if ex, ok := ctx.Value(executionKey{}).(*execution); ok && ctx.Done() != nil && !ex.over() {
		c.parent = ex // otherwise the context outlives the handler: a new root
		c.depth = int32(ex.depth + 1)
	}
	if int(c.depth) > c.n.cfg.MaxDepth {
		return c.failure(wire.CodeTooDeep, wire.ExecutedNo, fmt.Sprintf("depth %d is over Config.MaxDepth of %d: %s", c.depth, c.n.cfg.MaxDepth, endSooner))
	}
	c.tell = o.tell
	if o.onProgress != nil {
		c.progress = &progressFeed{fn: o.onProgress, spawn: c.n.spawn}
	}
	c.begun = c.n.clock.now()
	if timeout := cmpOr(o.timeout, c.target.timeout); timeout > 0 {
		c.limit = c.begun.add(timeout)
	}
	c.deadline = c.limit
	if d, ok := ctx.Deadline(); ok {
		c.deadline = earliest(c.limit, c.n.clock.instant(d))
	}
	meta, _ := ctx.Value(metadataKey{}).(metadata)
	return c.setHeader(meta, o)
}

// endSooner is what to do about calls that nest too deep.
const endSooner = "end the recursion sooner, or raise it"

// cmpOr returns a, or b where a is zero.
func cmpOr(a, b time.Duration) time.Duration {
	if a != 0 {
		return a
	}
	return b
}

// setHeader makes the headers of the call, none when there is nothing to say.
func (c *call) setHeader(meta metadata, o *callOptions) error {
	for k, v := range o.meta {
		meta = meta.with(k, v)
	}
	for k, v := range meta {
		if err := wire.CheckMeta(k, v); err != nil {
			return c.failure(wire.CodeBadInput, wire.ExecutedNo, err.Error())
		}
		c.set(wire.MetaHeader(k), v)
	}
	if c.tell {
		c.set(wire.HeaderTell, "yes")
	}
	if c.progress != nil {
		c.set(wire.HeaderProgress, "yes")
	}
	if ct := c.n.contentType; ct != "" {
		c.set(wire.HeaderContentType, ct)
	}
	return nil
}

func (c *call) set(key, value string) {
	if c.header == nil {
		c.header = transport.Header{}
	}
	c.header.Set(key, value)
}

// adopt numbers the call, counts it among those that Drain waits for and makes
// it a child of its parent. The parent may cancel it from that moment on, so
// that comes last.
func (c *call) adopt() error {
	c.n.calls.number(c)
	if err := c.n.open(c); err != nil {
		return err
	}
	c.counted = true
	if c.parent == nil || c.parent.adopt(c) {
		return nil
	}
	if c.ctx == nil || c.ctx.Err() != nil {
		return c.failure(wire.CodeCancelled, wire.ExecutedNo, "the handler that makes it has ended")
	}
	c.parent, c.depth = nil, 0 // begun under a context that outlives the handler's: a new root
	return nil
}

// dispatch sends the call on its way.
func (c *call) dispatch() {
	c.route()
	c.passOn()
}

// passOn lets others have the slot of the parent, which the call has not
// taken.
func (c *call) passOn() {
	if c.freed {
		c.freed = false
		c.parent.w.fill()
	}
}

// route executes the call here where that is as good, or sends it.
func (c *call) route() {
	if c.n.worker.tryLocal(c) {
		return
	}
	if err := c.encode(); err != nil {
		c.fail(err)
		return
	}
	c.n.calls.send(c)
}

// encode turns the input into bytes, once.
func (c *call) encode() error {
	if c.in == nil {
		return nil
	}
	body, ok := c.in.(rawBody)
	if !ok {
		var err error
		if body, err = c.n.cfg.Codec.Marshal(c.in); err != nil {
			return c.failure(wire.CodeBadInput, wire.ExecutedNo, fmt.Sprintf("the input does not encode: %v", err))
		}
	}
	size, limit := len(body)+headerSize(c.header), c.n.maxPayload()
	if limit > 0 && size > limit {
		return c.failure(wire.CodeTooLarge, wire.ExecutedNo, tooLargeMessage("input", size, limit))
	}
	c.body, c.in = body, nil
	return nil
}

// headerSize is what headers take of a message's size, as NATS counts it.
func headerSize(h transport.Header) int {
	if len(h) == 0 {
		return 0
	}
	size := len("NATS/1.0\r\n\r\n")
	for k, vs := range h {
		for _, v := range vs {
			size += len(k) + len(v) + len(": \r\n")
		}
	}
	return size
}

// tooLargeMessage says what is too large and what to do.
func tooLargeMessage(what string, size, limit int) string {
	return fmt.Sprintf("the %s has %d bytes, the broker carries %d in a message: send a reference to it, or raise the broker's limit", what, size, limit)
}

// rawBody is an input that is encoded already.
type rawBody []byte

// await waits under the context that the call was begun with.
func (c *call) await(ctx context.Context) {
	if ctx == context.Context(c.parent) {
		<-c.done // the handler's end reaches its calls by itself
		return
	}
	select {
	case <-c.done: // not left to chance: a call that failed at once may have no node
		return
	default:
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		c.contextEnded(ctx)
		<-c.done
	}
}

// wait waits under any context, whose end leaves the call alone.
func (c *call) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return c.contextError(ctx, "while its result was awaited")
	}
}

// contextEnded ends the call because its context did.
func (c *call) contextEnded(ctx context.Context) {
	err := c.contextError(ctx, "the awaiter's context ended")
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		c.n.calls.cancel(c, err)
		return
	}
	// The call has the same deadline, and so has its handler, by a clock of
	// its own. Ending it here says the same, sooner.
	c.n.calls.abandon(c, err)
}

// cancel ends the call with an error and its handler's context with it.
func (c *call) cancel(cause error, message string) {
	select {
	case <-c.done:
		return
	default:
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

// onDone runs fn when the call ends; at once when it has.
func (c *call) onDone(fn func()) {
	c.watching.Lock()
	select {
	case <-c.done:
		c.watching.Unlock()
		fn()
	default:
		c.watchers = append(c.watchers, fn)
		c.watching.Unlock()
	}
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
	c.watching.Lock()
	close(c.done)
	watchers := c.watchers
	c.watchers = nil
	c.watching.Unlock()
	for _, fn := range watchers {
		fn()
	}
	if c.stopCtx != nil {
		c.stopCtx()
	}
	if c.progress != nil {
		c.progress.close()
	}
	if c.counted {
		c.n.closeCall(c)
	}
	if c.adopted {
		c.parent.release(c)
	}
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
	return &Error{Code: code, Message: message, Name: c.target.name, Call: c.id(), Executed: Executed(executed)}
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
