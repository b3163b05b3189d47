package actor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// Servable is what a node can serve: a task with its implementation, or an
// untyped handler. It may be served by any number of nodes.
type Servable interface {
	// Name is what calls name.
	Name() string
	implementation() *implementation
}

// implementation is a named handler, independent of any node.
type implementation struct {
	name     string
	limit    int
	untyped  bool                // bytes in, bytes out
	readOnly bool                // of a method: it leaves the state alone
	stale    bool                // of such a method: it answers without proof
	kind     *kindImplementation // what is served is a kind; nil for a task
	in, out  *plainType          // nil where values must pass the codec
	err      error               // what is wrong with it

	inType, outType reflect.Type // nil where untyped

	// direct decodes the input and runs the handler; decode and apply are the
	// two halves, for the middleware that stands between them.
	direct func(ex *execution) (any, error)
	decode func(ex *execution) (any, error)
	apply  func(ctx context.Context, in any) (any, error)
}

func (i *implementation) implementation() *implementation { return i }

// Name implements Servable.
func (i *implementation) Name() string { return i.name }

// ServeOption is an option of serving.
type ServeOption func(*implementation)

// Limit bounds how many calls of the task execute at once on a node. A call
// that awaits another one does not count.
func Limit(n int) ServeOption {
	return func(i *implementation) {
		i.limit = n
		if n <= 0 {
			i.err = errors.Join(i.err, fmt.Errorf("task %q: %w: Limit(%d): want 1 or more", i.name, ErrBadOption, n))
		}
	}
}

// Implement joins a target and the function that carries it out. It is what
// package atask builds on.
func Implement[In, Out any](t *Target, fn func(context.Context, In) (Out, error), opts ...ServeOption) Servable {
	t = declared(t)
	i := &implementation{
		name: t.name,
		in:   t.in,
		out:  t.out,

		inType:  reflect.TypeFor[In](),
		outType: reflect.TypeFor[Out](),
		direct: func(ex *execution) (any, error) {
			in, err := inputOf[In](ex)
			if err != nil {
				return nil, err
			}
			return result(fn(ex, in))
		},
		decode: func(ex *execution) (any, error) { return result(inputOf[In](ex)) },
		apply: func(ctx context.Context, in any) (any, error) {
			v, ok := in.(In)
			if !ok && in != nil {
				return nil, badInput{fmt.Errorf("middleware left a %T as the input", in)}
			}
			return result(fn(ctx, v))
		},
	}
	if code, err := t.fault(); err != nil {
		i.err = fmt.Errorf("task %q: %w: %w", t.name, sentinel(code), err)
	}
	if fn == nil {
		i.err = errors.Join(i.err, fmt.Errorf("task %q has no function: give With one", t.name))
	}
	return i.with(opts)
}

// Handle names a handler of bytes: the untyped actor under every served task.
// The handler gets the body as it came and its result is sent as it is; an
// empty result is fine. It runs with many calls at once, like a task.
func Handle(name string, h func(ctx context.Context, body []byte) ([]byte, error), opts ...ServeOption) Servable {
	i := &implementation{
		name:    name,
		untyped: true,
		direct: func(ex *execution) (any, error) {
			in, err := ex.input()
			if err != nil {
				return nil, badInput{err}
			}
			return result(raw(h(ex, in)))
		},
		decode: func(ex *execution) (any, error) { return result(ex.input()) },
		apply: func(ctx context.Context, in any) (any, error) {
			body, ok := in.([]byte)
			if !ok && in != nil {
				return nil, badInput{fmt.Errorf("middleware left a %T as the input", in)}
			}
			return result(h(ctx, body))
		},
	}
	if err := wire.CheckName(name); err != nil {
		i.err = fmt.Errorf("task %q: %w: %w", name, ErrBadName, err)
	}
	if h == nil {
		i.err = errors.Join(i.err, fmt.Errorf("task %q has no function: give Handle one", name))
	}
	return i.with(opts)
}

func (i *implementation) with(opts []ServeOption) *implementation {
	for _, o := range opts {
		if o != nil {
			o(i)
		}
	}
	return i
}

// implementationOf returns what is to be served; nil when there is nothing in
// s, which may be a struct that embeds a Servable and has none.
func implementationOf(s Servable) (i *implementation) {
	defer func() {
		if recover() != nil {
			i = nil
		}
	}()
	return s.implementation()
}

// result boxes a handler's result.
func result[T any](v T, err error) (any, error) { return v, err }

// raw marks bytes that are a result already.
func raw(b []byte, err error) (rawBody, error) { return b, err }

// badInput is the error of an input that the handler never saw.
type badInput struct{ error }

func (e badInput) Unwrap() error { return e.error }

// declareAlike is what to do about a value of another type.
const declareAlike = "declare the task alike on both sides"

// inputOf returns the typed input of a call. Nothing at all is the zero value.
func inputOf[In any](ex *execution) (in In, err error) {
	if v, ok := ex.in.(In); ok {
		return v, nil
	}
	body, err := ex.input()
	if err == nil && len(body) > 0 {
		err = ex.codec.Unmarshal(body, &in)
	}
	if err != nil {
		return in, badInput{fmt.Errorf("the input is not what the task takes: %w: %s", err, declareAlike)}
	}
	return in, nil
}

// service is an implementation on a node.
type service struct {
	*implementation
	n     *Node
	chain Handler // the middleware around apply; nil without any
	sub   transport.Subscription

	// Guarded by worker.mu.
	running int     // calls that count against the limit
	blocked mailbox // calls that wait for it
	stats   serviceStats
}

// serviceStats count what a service did.
type serviceStats struct {
	calls, failures uint64
	busy            time.Duration
	lastError       string
	recent          recent
}

// maxLastError bounds what is kept of an error for inspection, in bytes: all
// tasks of a node go into one message.
const maxLastError = 256

func newService(n *Node, i *implementation) *service {
	s := &service{implementation: i, n: n}
	if len(n.cfg.OnServe) > 0 {
		s.chain = wrap(n.cfg.OnServe, func(ctx context.Context, c *Call) error {
			out, err := i.apply(withHeader(ctx, c.Header), c.In)
			c.Out = out
			return err
		})
	}
	return s
}

// full says whether the limit is reached.
func (s *service) full() bool { return s.limit > 0 && s.running >= s.limit }

// invoke runs the handler, within the middleware.
func (s *service) invoke(ex *execution) (any, error) {
	if s.chain == nil {
		return s.direct(ex)
	}
	in, err := s.decode(ex)
	if err != nil {
		return nil, err
	}
	c := &Call{Info: ex.info(), Header: headerOf(ex.meta), In: in}
	if err := s.chain(ex, c); err != nil {
		return nil, err
	}
	if s.untyped {
		body, ok := c.Out.([]byte)
		if !ok && c.Out != nil {
			return nil, fmt.Errorf("middleware left a %T as the result", c.Out)
		}
		return rawBody(body), nil
	}
	return c.Out, nil
}
