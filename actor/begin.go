package actor

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// begin sends the call or ends it with what is wrong. awaited says that the
// one who begins it will await it under the same context, and cancel it there.
func (c *call) begin(ctx context.Context, t *Target, in any, opts []CallOption, awaited bool) {
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
	if ctx != context.Context(c.parent) && ctx.Done() != nil { // Done last: on a handler's own context it costs
		c.ctx = ctx // not the handler's own, whose end reaches its calls without help
	}
	if len(c.n.cfg.OnCall) > 0 && o.outer == nil && !o.later {
		c.beginWrapped(ctx, &o)
	} else if err := c.adopt(&o); err != nil {
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
	if o.err != nil {
		return c.failure(codeBadOption, wire.ExecutedNo, o.err.Error())
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
	if role := c.target.role; role != "" && o.outer == nil {
		n, known := c.n.linked(role)
		if n == nil {
			return c.failure(codeNoLink, wire.ExecutedNo, fmt.Sprintf("node knows no namespace as %q: %s; link a node of it with node.Link(other, actor.As(%q))", role, known, role))
		}
		c.n = n
	}
	if ex, ok := ctx.Value(executionKey{}).(*execution); ok && (ctx == context.Context(ex) || ctx.Done() != nil) && !ex.over.Load() {
		c.parent = ex // otherwise the context outlives the handler: a new root
		c.depth = int32(ex.depth + 1)
	}
	if int(c.depth) > c.n.cfg.MaxDepth {
		return c.failure(wire.CodeTooDeep, wire.ExecutedNo, fmt.Sprintf("depth %d is over Config.MaxDepth of %d: %s", c.depth, c.n.cfg.MaxDepth, endSooner))
	}
	c.tell = o.tell
	if o.onProgress != nil {
		c.progress = &progressFeed{fn: o.onProgress, spawn: c.n.spawn, log: c.n.log}
	}
	c.begun = c.n.clock.now()
	if timeout := cmp.Or(o.timeout, c.target.timeout); timeout > 0 {
		c.limit = c.begun.add(timeout)
	}
	c.deadline = c.limit
	if d, ok := ctx.Deadline(); ok {
		c.deadline = earliest(c.limit, c.n.clock.instant(d))
	}
	if c.to != nil {
		if err := c.checkAsk(); err != nil {
			return err
		}
	}
	meta, _ := ctx.Value(metadataKey{}).(metadata)
	return c.setHeader(meta, o)
}

// endSooner is what to do about calls that nest too deep.
const endSooner = "end the recursion sooner, or raise it"

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
	if o.reminder != "" {
		c.set(wire.HeaderReminder, o.reminder) // its input is in the protocol's own codec
	} else if ct := c.n.contentType; ct != "" {
		c.set(wire.HeaderContentType, ct)
	}
	return c.setChain()
}

// with returns a copy of headers that has one more.
func with(h transport.Header, key, value string) transport.Header {
	if h = h.Clone(); h == nil {
		h = transport.Header{}
	}
	h.Set(key, value)
	return h
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
func (c *call) adopt(o *callOptions) error {
	c.n.calls.number(c, o)
	if err := c.n.open(c, o.outer != nil); err != nil {
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

// number gives the call its identity. The first that middleware makes for a
// call is that call, to whoever sees either.
func (t *calls) number(c *call, o *callOptions) {
	c.attempt = 1
	if o.outer != nil && !o.again {
		c.seq, c.salt = o.outer.seq, o.outer.salt
		return
	}
	c.seq, c.salt = t.seq.Add(1), newSalt()
}

// dispatch sends the call on its way.
func (c *call) dispatch() {
	c.route(c.begun)
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
func (c *call) route(now instant) {
	if c.to != nil {
		c.routeAsk(now)
	} else if !c.n.worker.tryLocal(c, now) {
		c.send()
	}
}

// send encodes the call and sends it.
func (c *call) send() {
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
		if body, err = marshal(c.n.cfg.Codec, c.in); err != nil {
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

// ownLocked makes the encoded input the call's own. From here on the one who
// made the call may get its error, and change the bytes, while they are sent.
func (c *call) ownLocked() {
	if c.borrowed {
		c.body, c.borrowed = bytes.Clone(c.body), false
	}
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
