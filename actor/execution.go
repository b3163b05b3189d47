package actor

import (
	"context"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// execution is the worker's end of one call, and its handler's context.
type execution struct {
	w       *worker
	service *service
	awaiter *call // in this process; nil when the answer goes by the transport
	*origin
	attempt int32
	tell    bool // nobody waits for the result
	pushes  bool // the awaiter wants progress frames
	depth   int
	size    int    // of the input in bytes
	in      any    // the input where it never left the process …
	body    []byte // … or its encoding
	meta    metadata
	entity  *seat // nil for a call of a task that no entity waits on

	arrived  instant
	deadline instant

	replied  atomic.Bool // or somebody is about to
	over     atomic.Bool // the handler has returned, or never will; set under w.mu
	mothered atomic.Bool // the handler has, or had, calls of its own

	// Guarded by w.mu.
	state      executionState
	holds      bool // a slot
	blocked    bool // waits for its task's limit, outside the mailbox
	near       bool // waits for a processor, outside the mailbox
	suspect    bool // waits for its caller to say that it still awaits the call
	lined      bool // waits for its turn at its entity
	shares     bool // that turn is not its own, but that of all who only read
	accepted   bool // the caller was told who has the call
	started    instant
	links      links
	prev, next *execution // among all in hand
	alarm      alarm
	children   *call   // unfinished calls of the handler
	reported   *report // nil while the handler has not said how far it is

	mu       sync.Mutex       // guards the context's own fields
	cause    error            // why it ended; nil while it has not
	stopped  error            // why this node's drain ended it; nil otherwise
	standard *standardContext // nil until somebody asks for Done
}

// origin says where a call came from and how it is answered. The calls that a
// node makes and executes itself share one, which is never changed.
type origin struct {
	reply   string      // the return address
	key     string      // of the call among all that this node executes from others
	caller  string      // the node that awaits it; empty for a foreign caller
	token   string      // the call's own ID
	codec   codec.Codec // of the input's encoding, and of the reply
	inbox   int32       // how much of reply is the caller's inbox
	foreign bool        // the caller knows nothing of our frames
}

// remoteExecution is an execution for another node, in one piece with its
// origin.
type remoteExecution struct {
	execution
	from origin
}

// executionState says where an execution is.
type executionState uint8

const (
	waiting executionState = iota
	running
	parked // its handler has unfinished calls
	ended
)

// String is the state as ps shows it.
func (s executionState) String() string {
	switch s {
	case waiting:
		return "waiting"
	case running:
		return "running"
	case parked:
		return "parked"
	default:
		return "ended"
	}
}

func (ex *execution) id() string {
	if ex.awaiter != nil {
		return ex.awaiter.id()
	}
	return ex.token
}

func (ex *execution) info() Info {
	i := Info{
		ID:        ex.id(),
		Task:      ex.service.name,
		Namespace: ex.w.n.cfg.Namespace,
		Node:      ex.w.n.id,
		Caller:    ex.caller,
		Depth:     ex.depth,
		Attempt:   int(ex.attempt),
	}
	if ex.entity != nil {
		i.Key = ex.entity.key
	}
	return i
}

// adopt makes c a call of this handler, which gives up its slot with the
// first; false when the handler's context has ended: what ends its calls with it
// may have passed already. The slot is for c first, if it
// stays here, so that a tree of calls is walked depth-first; see worker.fill.
func (ex *execution) adopt(c *call) bool {
	w := ex.w
	ex.mothered.Store(true) // before it is looked at whether the context has ended: see close
	w.mu.Lock()
	defer w.mu.Unlock()
	if ex.state == ended || ex.hasEnded() {
		return false
	}
	c.adopted = true
	c.prev, c.next = nil, ex.children
	if c.next != nil {
		c.next.prev = c
	} else {
		c.freed = w.parkLocked(ex)
	}
	ex.children = c
	return true
}

// release takes c from the handler's calls: it has ended. With the last one
// the handler counts again, without waiting for a slot.
func (ex *execution) release(c *call) {
	w := ex.w
	w.mu.Lock()
	defer w.mu.Unlock()
	ex.dropLocked(c)
	if ex.children == nil && ex.state == parked {
		w.unparkLocked(ex)
	}
}

// dropLocked takes c out of the list; nothing happens when it is not in it.
func (ex *execution) dropLocked(c *call) {
	switch {
	case c.prev != nil:
		c.prev.next = c.next
	case ex.children == c:
		ex.children = c.next
	default:
		return
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}

// cancelFor cancels the execution for a reason of its awaiter's. The reason
// comes as text also where it never left the process.
func (ex *execution) cancelFor(reason string) {
	ex.cancel(&Error{Code: wire.CodeCancelled, Message: reason, Name: ex.service.name, Call: ex.id(), Node: ex.w.n.id})
}

// cancel ends the handler's context and the calls that it made under it. An
// execution that still waits never starts.
func (ex *execution) cancel(cause error) {
	w := ex.w
	w.mu.Lock()
	started := ex.state != waiting
	if !started {
		w.withdrawLocked(ex)
	}
	w.mu.Unlock()
	ex.endContext(cause)
	if !started {
		ex.fail(wire.CodeCancelled, wire.ExecutedNo, "cancelled before it started")
		w.drop(ex)
		return
	}
	ex.endChildren(cause, "the handler that awaits it was cancelled")
}

// expire ends an execution whose budget has run out for its awaiter. A handler
// that runs has seen it by its own context.
func (ex *execution) expire() {
	w := ex.w
	w.mu.Lock()
	if ex.state != waiting {
		w.mu.Unlock()
		return
	}
	w.withdrawLocked(ex)
	w.mu.Unlock()
	ex.endContext(context.DeadlineExceeded)
	w.drop(ex)
}

// endChildren ends the handler's calls, except those begun under a context
// that has not ended with the handler's: they are roots of their own.
func (ex *execution) endChildren(cause error, message string) {
	w := ex.w
	w.mu.Lock()
	var children []*call
	for c := ex.children; c != nil; c = c.next {
		children = append(children, c)
	}
	w.mu.Unlock()
	for _, c := range children {
		if c.ctx != nil && c.ctx.Err() == nil {
			w.mu.Lock()
			ex.dropLocked(c)
			w.mu.Unlock()
			continue
		}
		c.cancel(cause, message)
	}
}

// input returns the encoded input.
func (ex *execution) input() ([]byte, error) {
	if ex.in == nil {
		return ex.body, nil
	}
	if raw, ok := ex.in.(rawBody); ok {
		return raw, nil
	}
	return ex.codec.Marshal(ex.in)
}

// succeed answers the call with its result: out where the awaiter may have it
// as it is, otherwise body.
func (ex *execution) succeed(out any, body []byte) {
	if !ex.answers() {
		return
	}
	if c := ex.awaiter; c != nil {
		c.n.calls.settleLocal(c, out, body, nil)
		return
	}
	if ex.tell {
		return
	}
	var header transport.Header
	if ex.foreign {
		header = transport.Header{}
		header.Set(wire.HeaderContentType, ex.codec.ContentType())
	}
	subject, call := ex.frame(wire.SuffixResult)
	if err := ex.w.n.backlog.answer(ex.answerKey(), subject, call, header, body); err != nil {
		ex.publishFailure(publishFailure(err, wire.ExecutedYes))
	}
}

// fail answers the call with an error of the runtime.
func (ex *execution) fail(code string, executed wire.Executed, message string) {
	ex.refuse(&wire.Failure{Code: code, Executed: executed, Message: message})
}

// refuse answers the call with a failure.
func (ex *execution) refuse(f *wire.Failure) {
	if !ex.answers() {
		return
	}
	f = ex.fitting(f)
	if c := ex.awaiter; c != nil {
		c.n.calls.settleLocal(c, nil, nil, asSent(f))
		return
	}
	if ex.tell && (ex.accepted || ex.reply == "") {
		return // it was taken; nobody waits for more
	}
	ex.publishFailure(f)
}

// fitting leaves out a typed error that no message carries; its text stays.
func (ex *execution) fitting(f *wire.Failure) *wire.Failure {
	const surelyFits = 64 << 10 // the headers
	limit := ex.w.n.maxPayload()
	if f.Detail == nil || limit == 0 || len(f.Detail)+surelyFits <= limit {
		return f
	}
	if header, body := f.Encode(); headerSize(header)+len(body) <= limit {
		return f
	}
	cut := *f
	cut.Cause, cut.Detail = "", nil
	return &cut
}

// asSent returns a failure as it would arrive. Nearly all arrive as they are.
func asSent(f *wire.Failure) *wire.Failure {
	const surelyFits = 16 << 10
	if len(f.Message) <= surelyFits && utf8.ValidString(f.Message) {
		return f
	}
	return wire.ParseFailure(f.Encode())
}

func (ex *execution) publishFailure(f *wire.Failure) {
	header, body := f.Encode()
	if ex.foreign && f.Detail != nil {
		header.Set(wire.HeaderContentType, ex.codec.ContentType())
	}
	subject, call := ex.frame(wire.SuffixError)
	if err := ex.w.n.backlog.answer(ex.answerKey(), subject, call, header, body); err != nil {
		ex.w.n.log.Warn("answer not sent", "task", ex.service.name, "call", ex.id(), "code", f.Code, "err", err)
	}
}

// frame is where a frame of this call goes, and what its reply field holds. A
// foreign caller hears one message, on its own address.
func (ex *execution) frame(suffix string) (subject, call string) {
	if ex.foreign {
		return ex.reply, ""
	}
	return ex.w.frames.subject(ex.reply[:ex.inbox], suffix), ex.token
}

// answerKey identifies the call towards its caller; empty for a foreign one.
func (ex *execution) answerKey() string {
	if ex.foreign {
		return ""
	}
	return ex.key
}

// answers says whether this is the first answer to the call.
func (ex *execution) answers() bool { return ex.replied.CompareAndSwap(false, true) }
