package actor

import (
	"context"
	"errors"
	"fmt"

	"github.com/atasks-io/atasks/internal/mutant"
	"github.com/atasks-io/atasks/internal/wire"
)

// KindMethod is a method of a kind: a typed message to an entity, and its
// answer. It is an immutable value that belongs to no node.
type KindMethod[In, Out, S any] struct{ target *Target }

// methodDecl says which method of which kind a target is.
type methodDecl struct {
	kind     *kindDecl
	name     string
	readOnly bool
	stale    bool
}

// MethodOption is an option of a method: [ReadOnly], or one that tasks have
// too, such as [Timeout], [Idempotent] or [InNamespace].
type MethodOption = TargetOption

// ReadOnly says that the method leaves the state alone. Such methods of one
// entity may run together.
func ReadOnly() MethodOption {
	return func(t *Target) {
		if t.method == nil {
			t.optionErr = join(t.optionErr, errors.New("ReadOnly(): want a method of a kind"))
			return
		}
		t.method.readOnly = true
	}
}

// Stale lets a method that is [ReadOnly] answer without proof that its node
// still owns the entity, which saves a round trip to the store. While a node
// that was cut off or frozen has not noticed that another one took the entity
// over, such an answer may be older than one that somebody else had before.
func Stale() MethodOption {
	return func(t *Target) {
		if t.method == nil {
			t.optionErr = join(t.optionErr, errors.New("Stale(): want a method of a kind"))
			return
		}
		t.method.stale = true
	}
}

// Method declares a method of a kind. name is 1 to 64 letters, digits, '_' and
// '-', and does not begin with '-'. Like Declare it never fails: Serve and Ask
// report what does not fit.
func Method[In, Out, S any](k *Kind[S], name string, opts ...MethodOption) *KindMethod[In, Out, S] {
	d := k.declared()
	t := NewTarget[In, Out](d.name + "." + name)
	t.method = &methodDecl{kind: d, name: name}
	t.nameErr, t.optionErr = d.nameErr, d.optErr
	if t.nameErr == nil {
		t.nameErr = wire.CheckToken("method", name)
	}
	if t.nameErr == nil && name[0] == '-' {
		t.nameErr = fmt.Errorf("method %q begins with '-', as only those of the library do", name)
	}
	for _, o := range opts {
		if o != nil {
			o(t)
		}
	}
	if t.method.stale && !t.method.readOnly {
		t.optionErr = join(t.optionErr, errors.New("Stale(): what a method saves is never stale: want ReadOnly, too"))
	}
	return &KindMethod[In, Out, S]{t}
}

// Name returns the name that the method was declared with.
func (m *KindMethod[In, Out, S]) Name() string {
	if t := m.declared(); t.method != nil {
		return t.method.name
	}
	return ""
}

func (m *KindMethod[In, Out, S]) declared() *Target {
	if m == nil || m.target == nil {
		return &Target{nameErr: errors.New("the zero value of a method has none: make it with Method")}
	}
	return m.target
}

// Ask sends a message to the entity behind key and waits for the answer. It
// blocks until that is there or ctx ends, which cancels the message. ctx
// carries the node, as that of a handler does. A message that the entity would
// have to answer while it waits for this very answer fails at once with
// ErrCycle. Errors are of type [*Error].
func (m *KindMethod[In, Out, S]) Ask(ctx context.Context, key string, in In, opts ...CallOption) (Out, error) {
	return ask[Out](ctx, m.declared(), key, in, opts)
}

// Start sends a message to the entity behind key and returns at once. Whatever
// goes wrong is what the future's Await returns. Messages that a node begins one
// after the other for one key are executed in that order, also when one has to
// be tried again, unless the node has OnCall middleware. A message is cancelled
// when ctx ends, and, begun in a handler, when the handler returns.
func (m *KindMethod[In, Out, S]) Start(ctx context.Context, key string, in In, opts ...CallOption) *Future[Out] {
	a := &asking[Out]{to: addressee{key: key}}
	a.future.call.to = &a.to
	a.future.call.begin(ctx, m.declared(), in, opts, false)
	return &a.future
}

// Tell sends a message to the entity behind key and returns when its owner has
// taken it. Nobody waits for the answer, and the end of ctx no longer cancels
// it. It is not durable: the message is lost with its owner.
func (m *KindMethod[In, Out, S]) Tell(ctx context.Context, key string, in In, opts ...CallOption) error {
	c := &call{to: &addressee{key: key}}
	c.begin(ctx, m.declared(), in, append(opts[:len(opts):len(opts)], func(o *callOptions) { o.tell = true }), true)
	c.await(ctx)
	return c.outcome()
}

// asking is a call to an entity in one piece with its address.
type asking[T any] struct {
	future Future[T]
	to     addressee
}

// ask sends a message and waits for the answer.
func ask[Out any](ctx context.Context, t *Target, key string, in any, opts []CallOption) (Out, error) {
	a := &asking[Out]{to: addressee{key: key}}
	a.future.call.to = &a.to
	a.future.call.begin(ctx, t, in, opts, true)
	a.future.call.await(ctx)
	a.future.take()
	return a.future.value, a.future.failure()
}

// With joins the method and its function: a method of *S, as in
// (*Cart).Add. The function has the state to itself until it returns, unless
// the method is ReadOnly, and may await tasks and ask other entities meanwhile.
// When it returns an error or panics, the state is as it was. It must not keep
// the pointer.
func (m *KindMethod[In, Out, S]) With(fn func(*S, context.Context, In) (Out, error)) Impl[S] {
	t := m.declared()
	return Impl[S]{func(k *kindImplementation) {
		switch {
		case t.nameErr != nil || t.optionErr != nil:
			code, err := t.fault()
			k.errs = append(k.errs, fmt.Errorf("method %q: %w: %w", t.name, sentinel(code), err))
			return
		case fn == nil:
			k.errs = append(k.errs, fmt.Errorf("method %q has no function: give With one", t.method.name))
			return
		case t.method.kind != k.kindDecl:
			k.errs = append(k.errs, fmt.Errorf("method %q is of kind %q", t.method.name, t.method.kind.name))
			return
		case k.methods[t.method.name] != nil:
			k.errs = append(k.errs, fmt.Errorf("method %q: %w: a name stands for one function", t.method.name, ErrDuplicate))
			return
		}
		k.methods[t.method.name] = &implementation{
			name:     t.name,
			in:       t.in,
			out:      t.out,
			readOnly: t.method.readOnly,
			stale:    t.method.stale,
			direct: func(ex *execution) (any, error) {
				in, err := inputOf[In](ex)
				if err != nil {
					return nil, err
				}
				return deliver(ex, ex, fn, in)
			},
			decode: func(ex *execution) (any, error) { return result(inputOf[In](ex)) },
			apply: func(ctx context.Context, in any) (any, error) {
				v, ok := in.(In)
				if !ok && in != nil {
					return nil, badInput{fmt.Errorf("middleware left a %T as the input", in)}
				}
				ex, _ := ctx.Value(executionKey{}).(*execution)
				return deliver(ctx, ex, fn, v)
			},
		}
	}}
}

// deliver runs a method on the state of the entity that ex is for. It is the
// only one that does at the time, or one of several that only read.
func deliver[In, Out, S any](ctx context.Context, ex *execution, fn func(*S, context.Context, In) (Out, error), in In) (any, error) {
	a := ex.entity.at
	s, err := stateOf[S](ctx, ex, a)
	if err != nil {
		return nil, err
	}
	if id := ex.entity.reminder; id != "" && (a.own == nil || !a.own.expects(id)) {
		var none Out // it has come before, was taken back or never counted
		return none, nil
	}
	if ex.service.readOnly {
		if a.kind.plain {
			own := *s // what it changes nobody sees
			s = &own
		}
		v, err := fn(s, ctx, in)
		if proof := ex.proven(a); proof != nil {
			return nil, proof
		}
		if err != nil {
			return nil, err
		}
		return v, nil
	}
	if a.kind.plain {
		return deliverPlain(ctx, ex, a, s, fn, in)
	}
	done := false
	defer func() {
		if !done {
			a.state = nil // made again from what was committed
		}
	}()
	v, err := fn(s, ctx, in)
	if err != nil {
		return nil, ex.failed(a, err)
	}
	out, err := ex.encoded(v)
	if err != nil {
		return nil, ex.failed(a, err)
	}
	if err := ex.commit(a, s, out); err != nil {
		return nil, err
	}
	done = true
	return out, nil
}

// deliverPlain does so for state that is copied by assignment.
func deliverPlain[In, Out, S any](ctx context.Context, ex *execution, a *activation, s *S, fn func(*S, context.Context, In) (Out, error), in In) (any, error) {
	before := *s
	done := false
	defer func() {
		if !done {
			*s = before
		}
	}()
	v, err := fn(s, ctx, in)
	if err != nil {
		return nil, ex.failed(a, err)
	}
	out, err := ex.encoded(v)
	if err != nil {
		return nil, ex.failed(a, err)
	}
	if a.own != nil {
		if err := ex.commit(a, s, out); err != nil {
			return nil, err
		}
	}
	done = true
	return out, nil
}

// failed is the error of a method that changed nothing. What it says may come
// from the state, so it is no more free than an answer.
func (ex *execution) failed(a *activation, err error) error {
	if a.own == nil {
		return err
	}
	if proof := ex.proven(a); proof != nil {
		return proof
	}
	return err
}

// commit makes what the state is now count, with out as the answer.
func (ex *execution) commit(a *activation, state, out any) error {
	body, err := a.encode(state)
	if err != nil {
		return err
	}
	if a.own == nil {
		a.committed = body
		return nil
	}
	if mutant.ReplyEarly {
		ex.answer(out, nil)
	}
	ex.withoutSlot(func() { err = a.kind.keeper.save(ex, a, body) })
	return err
}

// forget ends the state of the entity that the execution is for.
func (ex *execution) forget() error {
	a := ex.entity.at
	if a.own != nil {
		var err error
		ex.withoutSlot(func() {
			if !a.owned() {
				err = a.kind.keeper.claim(ex, a)
			}
			if err == nil {
				err = a.kind.keeper.erase(a)
			}
		})
		if err != nil {
			return err
		}
	}
	a.state, a.committed, a.deleted = nil, nil, true
	return nil
}

// encoded returns an answer in the form in which it is sent, so that an
// answer that cannot be is no success: the state does not change either.
func (ex *execution) encoded(out any) (any, error) {
	limit := ex.w.n.maxPayload()
	if ex.passes(out, limit) || ex.service.chain != nil {
		return out, nil
	}
	body, err := ex.codec.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("the answer does not encode: %w", err)
	}
	if limit > 0 && len(body) > limit {
		return nil, fmt.Errorf("%w: %s", ErrTooLarge, tooLargeMessage("answer", len(body), limit))
	}
	return rawBody(body), nil
}

// KeyFrom returns the key of the entity whose method runs under ctx, or that
// the state is made for; ok is false anywhere else.
func KeyFrom(ctx context.Context) (key string, ok bool) {
	if e := entityOf(ctx); e != nil && e.at != nil {
		return e.at.key, true
	}
	return "", false
}

// entityOf returns what the execution that runs under ctx has to do with
// entities; nil when that is nothing.
func entityOf(ctx context.Context) *seat {
	ex, ok := ctx.Value(executionKey{}).(*execution)
	if !ok {
		return nil
	}
	return ex.entity
}
