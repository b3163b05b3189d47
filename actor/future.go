package actor

import (
	"context"
	"fmt"
	"sync"

	"github.com/atasks-io/atasks/internal/wire"
)

// Future is the awaiter's end of a call. All methods may be called from any
// goroutine, any number of times.
//
// A future that its handler does not await is cancelled when the handler
// returns.
type Future[T any] struct {
	call  call
	once  sync.Once
	value T
}

// Result is the outcome of one call among several.
type Result[T any] struct {
	Value T
	Err   error
}

// Begin sends a call to t and returns at once; whatever goes wrong is what the
// future's Await returns. When ctx ends, so does the call. It is what package
// atask builds on.
func Begin[In, Out any](ctx context.Context, t *Target, in In, opts ...CallOption) *Future[Out] {
	f := new(Future[Out])
	f.call.begin(ctx, t, in, opts, false)
	return f
}

// Ask sends a call to t and waits for its result, or until ctx ends, which
// cancels the call.
func Ask[In, Out any](ctx context.Context, t *Target, in In, opts ...CallOption) (Out, error) {
	f := new(Future[Out])
	f.call.begin(ctx, t, in, opts, true)
	f.call.await(ctx)
	f.take()
	return f.value, f.failure()
}

// Tell sends a call to t and returns when a worker has taken it into its
// mailbox. Nobody waits for the result, and the end of ctx does not cancel a
// call that was taken. It is not durable: the call is lost with its worker.
func Tell[In any](ctx context.Context, t *Target, in In, opts ...CallOption) error {
	c := new(call)
	c.begin(ctx, t, in, append(opts[:len(opts):len(opts)], func(o *callOptions) { o.tell = true }), true)
	c.await(ctx)
	return c.outcome()
}

// Await returns the result, waiting for it if need be. When ctx ends first it
// returns an error that matches the end of ctx, and the call goes on: ctx
// bounds the waiting only.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	if err := f.call.wait(ctx); err != nil {
		var zero T
		return zero, err
	}
	return f.result()
}

// Done is closed when the result is there.
func (f *Future[T]) Done() <-chan struct{} { return f.call.channel() }

// OnDone runs fn once the result is there, at once when it is. fn must return
// soon and must not block: it runs on the goroutine that ends the call. It lets
// one goroutine wait for many futures. stop ends the association, as that of
// context.AfterFunc does: it returns true when it kept fn from being run, false
// when fn was started already or stopped before. It does not wait for fn.
func (f *Future[T]) OnDone(fn func()) (stop func() bool) {
	w := f.call.onDone(fn)
	return func() bool { return f.call.unwatch(w) }
}

// ID identifies the call among those of its node. Further attempts of the same
// call append "-2", "-3" and so on. It is empty for a call that was refused
// before it was sent.
func (f *Future[T]) ID() string { return f.call.id() }

// Cancel ends the call with an error that matches context.Canceled, and the
// context of its handler, wherever it runs. Nothing happens when the result is
// already there.
func (f *Future[T]) Cancel() { f.call.cancel(context.Canceled, "cancelled by its awaiter") }

// result decodes the reply of a call that has ended.
func (f *Future[T]) result() (T, error) {
	f.once.Do(f.take)
	return f.value, f.failure()
}

// take decodes it, once.
func (f *Future[T]) take() {
	c := &f.call
	if c.outcome() != nil {
		return
	}
	var ok bool
	if f.value, ok = c.out.(T); ok {
		return // it never left the process
	}
	if err := c.decode(&f.value); err != nil {
		c.failed = &undecoded{result: err} // of a call without an error nobody else looks there
	}
}

// failure is the error of a result that was taken; nil when it has none.
func (f *Future[T]) failure() error {
	c := &f.call
	if c.err == nil && c.failed != nil {
		return c.failed.result
	}
	return c.outcome()
}

// decode stores the result in what into points to. Nothing at all is the zero
// value.
func (c *call) decode(into any) error {
	body, err := c.resultBytes()
	if err == nil && len(body) > 0 {
		err = c.n.cfg.Codec.Unmarshal(body, into)
	}
	if err != nil {
		return c.failure(codeBadResult, wire.ExecutedYes, fmt.Sprintf("the result is not what the task returns: %v: %s", err, declareAlike))
	}
	return nil
}

// resultBytes returns the result as the codec's bytes.
func (c *call) resultBytes() ([]byte, error) {
	if c.out != nil {
		return c.n.cfg.Codec.Marshal(c.out)
	}
	return c.reply, nil
}
