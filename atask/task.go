package atask

import (
	"context"

	"github.com/atasks-io/atasks/actor"
)

// Task is a named function from In to Out: the contract that callers and
// workers share. It is an immutable value that belongs to no node; declare it
// once, as a package variable.
type Task[In, Out any] struct{ target *actor.Target }

// Declare returns a task. It registers nothing and never fails: Serve and
// Await report a name that does not fit (1 to 8 tokens of letters, digits, '_'
// and '-', joined by dots, at most 200 bytes) or options that make no sense.
func Declare[In, Out any](name string, opts ...TaskOption) *Task[In, Out] {
	return &Task[In, Out]{actor.NewTarget[In, Out](name, opts...)}
}

// Defined is a task together with its implementation.
type Defined[In, Out any] struct {
	*Task[In, Out]
	Servable
}

// Name returns the name that the task was defined with.
func (d *Defined[In, Out]) Name() string { return d.Task.Name() }

// Define declares a task and implements it, for tasks whose function does not
// mention the task itself: Go refuses that as an initialization cycle, so a
// recursive task is declared with [Declare] and implemented with [Task.With].
func Define[In, Out any](name string, fn func(context.Context, In) (Out, error), opts ...TaskOption) *Defined[In, Out] {
	t := Declare[In, Out](name, opts...)
	return &Defined[In, Out]{Task: t, Servable: t.With(fn)}
}

// Name returns the name that the task was declared with.
func (t *Task[In, Out]) Name() string { return t.target.Name() }

// With joins the task and the function that carries it out, for Serve. fn runs
// for many calls at once, each on its own goroutine; its context carries the
// node, the call, the remaining time and a cause when it ends.
func (t *Task[In, Out]) With(fn func(context.Context, In) (Out, error), opts ...ServeOption) Servable {
	return actor.Implement(t.target, fn, opts...)
}

// Await calls the task and waits for the result. ctx carries the node (see
// actor.Node.Context; a handler's context does); when it ends, the call is
// cancelled. Errors are of type [*Error].
func (t *Task[In, Out]) Await(ctx context.Context, in In, opts ...CallOption) (Out, error) {
	return actor.Ask[In, Out](ctx, t.target, in, opts...)
}

// Start calls the task and returns at once. Whatever goes wrong is what the
// future's Await returns. The call ends when ctx does, and, begun in a handler,
// when the handler returns; context.WithoutCancel detaches it from both.
func (t *Task[In, Out]) Start(ctx context.Context, in In, opts ...CallOption) *Future[Out] {
	return actor.Begin[In, Out](ctx, t.target, in, opts...)
}

// Tell calls the task and returns when a worker has taken the call; nobody
// waits for the result, and the end of ctx no longer cancels it. A call that
// was taken is lost with its worker: it is not durable.
func (t *Task[In, Out]) Tell(ctx context.Context, in In, opts ...CallOption) error {
	return actor.Tell(ctx, t.target, in, opts...)
}
