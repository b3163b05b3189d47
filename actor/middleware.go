package actor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/atasks-io/atasks/internal/wire"
)

// Call is what middleware sees of a call. On the worker's side In is set
// before, Out after the handler; on the caller's side likewise, around the
// whole await. In and Out have the types that the task declares, or are []byte
// for untyped calls; middleware may replace them by values of the same type. On
// both sides In is a copy of what the caller gave, as the codec carries it,
// and the middleware's own.
type Call struct {
	Info Info
	// Header is the call's metadata, "traceparent", "tracestate" and "baggage"
	// among it. What middleware sets here before it calls next travels with
	// the call on the caller's side, and reaches the handler and its calls on
	// the worker's.
	Header  map[string]string
	In, Out any
}

// Handler handles a call, or hands it on.
type Handler func(ctx context.Context, c *Call) error

// Middleware wraps a Handler: logging, authorization, tracing. To refuse a
// call it returns an error without calling next; the awaiter gets that error
// as if the handler had returned it. It may be called concurrently.
type Middleware func(next Handler) Handler

// wrap puts middleware around h, the first outermost.
func wrap(m []Middleware, h Handler) Handler {
	for _, w := range slices.Backward(m) {
		if h = w(h); h == nil { // else the call would go past all that is outside of it
			h = func(context.Context, *Call) error { return errNilHandler }
		}
	}
	return h
}

var errNilHandler = errors.New("middleware returned a nil Handler: to let calls pass it returns next")

// headerOf returns metadata as middleware sees it.
func headerOf(m metadata) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(map[string]string(m))
}

// withHeader returns a context that carries what middleware left.
func withHeader(ctx context.Context, header map[string]string) context.Context {
	if m, _ := ctx.Value(metadataKey{}).(metadata); len(m) == 0 && len(header) == 0 {
		return ctx
	}
	return context.WithValue(ctx, metadataKey{}, metadata(maps.Clone(header)))
}

// beginWrapped makes the call through the node's OnCall middleware. The chain
// waits for the result, so it needs a goroutine, which a node without
// middleware does not.
func (c *call) beginWrapped(ctx context.Context, o *callOptions) {
	in, err := c.snapshot()
	if err == nil {
		err = c.adopt(o)
	}
	if err != nil {
		c.fail(err)
		return
	}
	ctx = c.n.calls.wrap(ctx, c)
	meta, _ := ctx.Value(metadataKey{}).(metadata)
	for k, v := range o.meta {
		meta = meta.with(k, v)
	}
	rec := &Call{
		Info:   Info{ID: c.id(), Task: c.target.name, Namespace: c.n.cfg.Namespace, Caller: c.n.id, Depth: int(c.depth), Attempt: 1},
		Header: headerOf(meta),
		In:     in,
	}
	if c.to != nil {
		rec.Info.Key = c.to.key
	}
	inner := *o
	inner.node, inner.outer, inner.meta = c.n, c, nil
	var called atomic.Bool
	chain := wrap(c.n.cfg.OnCall, func(ctx context.Context, rec *Call) error {
		made := inner
		if made.again = called.Swap(true); !made.again {
			c.n.calls.handOn(c)
		}
		return c.callInner(withHeader(ctx, rec.Header), rec, made)
	})
	run := func() {
		var err error = c.failure(wire.CodePanicked, wire.ExecutedUnknown, "middleware called runtime.Goexit")
		defer func() { c.n.calls.settleWrapped(c, rec.Out, err) }()
		err = c.contain(func() error { return c.wrappedError(chain(ctx, rec), called.Load()) })
	}
	if !c.n.spawn(run) {
		c.n.calls.settleWrapped(c, nil, c.failure(codeClosed, wire.ExecutedNo, "start another node"))
	}
	c.passOn()
}

// snapshot returns the input as middleware gets it: a copy, since the chain
// runs on another goroutine, and who began the call may change what it gave as
// soon as Begin has returned.
func (c *call) snapshot() (any, error) {
	given := c.in
	c.in = nil
	if body, ok := given.(rawBody); ok {
		return bytes.Clone(body), nil
	}
	if given == nil || c.target.in != nil {
		return given, nil // assigning it has copied it
	}
	body, err := marshal(c.n.cfg.Codec, given)
	if err != nil {
		return nil, c.failure(wire.CodeBadInput, wire.ExecutedNo, fmt.Sprintf("the input does not encode: %v", err))
	}
	var in any
	err = c.contain(func() (err error) {
		in, err = c.target.copied(c.n.cfg.Codec, body)
		return err
	})
	if err != nil {
		return nil, c.failure(wire.CodeBadInput, wire.ExecutedNo, fmt.Sprintf("the input does not decode for middleware: %v", err))
	}
	return in, nil
}

// wrap lists the call, so that it ends with its node, and returns the context
// of the middleware around it. That ends with the call, and the call ends at
// its deadline even if the middleware does not.
func (t *calls) wrap(ctx context.Context, c *call) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	c.onDone(cancel)
	if c.deadline != 0 {
		ctx, cancel = context.WithDeadline(ctx, t.n.clock.time(c.deadline))
		c.onDone(cancel)
	}
	t.mu.Lock()
	closed := t.closed
	if !closed && !c.overLocked() {
		t.wrapped[c] = struct{}{}
		t.armLocked(c, c.deadline, c.begun)
	}
	t.mu.Unlock()
	if closed {
		t.abandon(c, c.failure(codeClosed, wire.ExecutedNo, "start another node"))
	}
	return ctx
}

// allLocked yields every call that this node awaits.
func (t *calls) allLocked(yield func(*call) bool) {
	for _, c := range t.pending {
		if !yield(c) {
			return
		}
	}
	for c := range t.wrapped {
		if !yield(c) {
			return
		}
	}
}

// handOn notes that the middleware around a call has called next: from here on
// it may be executed.
func (t *calls) handOn(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !c.overLocked() {
		c.state = callWrapped
	}
}

// wrappedError makes what middleware returned the error of a call. called says
// whether it handed the call on.
func (c *call) wrappedError(err error, called bool) error {
	if err == nil {
		return nil
	}
	if _, ours := err.(*Error); ours { //nolint:errorlint // one that middleware wrapped has more to say
		return err
	}
	e := c.failure(wire.CodeFailed, wire.ExecutedNo, err.Error())
	e.cause, e.permanent = err, isPermanent(err)
	if called {
		e.Executed = ExecutedUnknown
	}
	if inner, ok := errors.AsType[*Error](err); ok {
		e.Executed, e.Node = inner.Executed, inner.Node
	}
	return e
}

// contain calls fn, which is not ours, and turns its panic into an error.
func (c *call) contain(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = c.failure(wire.CodePanicked, wire.ExecutedUnknown, fmt.Sprint(r))
		}
	}()
	return fn()
}

// callInner makes the call proper, below the middleware.
func (c *call) callInner(ctx context.Context, rec *Call, o callOptions) error {
	in := rec.In
	if body, ok := in.([]byte); ok && c.target.untyped {
		in = rawBody(body)
	}
	inner := &call{borrowed: c.target.untyped} // from the middleware, which goes on when it ends
	if c.to != nil {
		inner.to = &addressee{key: c.to.key}
	}
	inner.begin(ctx, c.target, in, []CallOption{func(p *callOptions) { *p = o }}, true)
	inner.await(ctx)
	if err := inner.outcome(); err != nil {
		return err
	}
	out, err := c.target.decoded(inner)
	rec.Out = out
	return err
}
