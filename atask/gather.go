package atask

import (
	"context"
	"errors"
	"iter"

	"github.com/atasks-io/atasks/actor"
)

// All waits for every future and returns the results in their order. The first
// error, in time, cancels the futures that are not done and is returned, and so
// is the end of ctx. Without futures it returns at once.
func All[T any](ctx context.Context, fs ...*Future[T]) ([]T, error) {
	values := make([]T, len(fs))
	for i, r := range AsCompleted(ctx, fs...) {
		if r.Err != nil {
			cancelAll(fs)
			return nil, r.Err
		}
		values[i] = r.Value
	}
	return values, nil
}

// Settle waits for every future and returns each outcome, in their order. It
// cancels nothing. When ctx ends first, the futures that are not done have its
// error as their outcome.
func Settle[T any](ctx context.Context, fs ...*Future[T]) []Result[T] {
	results := make([]Result[T], len(fs))
	for i, f := range fs {
		results[i] = outcome(ctx, f)
	}
	return results
}

// First returns the first success and cancels the rest. When all futures fail
// it returns their errors joined, in order; when ctx ends first, its error, and
// the rest are cancelled. Without futures it fails.
func First[T any](ctx context.Context, fs ...*Future[T]) (T, error) {
	var zero T
	errs := make([]error, len(fs))
	for i, r := range AsCompleted(ctx, fs...) {
		if r.Err == nil {
			cancelAll(fs)
			return r.Value, nil
		}
		if end := ctx.Err(); end != nil && errors.Is(r.Err, end) {
			cancelAll(fs)
			return zero, r.Err
		}
		errs[i] = r.Err
	}
	if len(fs) == 0 {
		return zero, errors.New("atask: wait for the first of no futures: give it one at least")
	}
	return zero, errors.Join(errs...)
}

// AsCompleted yields each future's index and outcome as they finish. When ctx
// ends, the futures that are not done are yielded with its error. Leaving the
// loop cancels nothing.
func AsCompleted[T any](ctx context.Context, fs ...*Future[T]) iter.Seq2[int, Result[T]] {
	return func(yield func(int, Result[T]) bool) {
		for i := range actor.Completions(ctx, fs) {
			if !yield(i, outcome(ctx, fs[i])) {
				return
			}
		}
	}
}

// Join2 waits for two futures of different types. The first error cancels the
// other one and is returned, and so is the end of ctx, which cancels both.
func Join2[A, B any](ctx context.Context, a *Future[A], b *Future[B]) (A, B, error) {
	va, vb, err := join2(ctx, a, b)
	if err != nil {
		cancelAll([]*Future[A]{a})
		cancelAll([]*Future[B]{b})
	}
	return va, vb, err
}

func join2[A, B any](ctx context.Context, a *Future[A], b *Future[B]) (va A, vb B, err error) {
	if a == nil || b == nil {
		return va, vb, errNilFuture
	}
	if bFirst(ctx, a.Done(), b.Done()) {
		if _, err := b.Await(ctx); err != nil {
			return va, vb, err
		}
	}
	if va, err = a.Await(ctx); err == nil {
		vb, err = b.Await(ctx)
	}
	if err != nil {
		var zero A
		va = zero
	}
	return va, vb, err
}

// bFirst waits for either and says whether b is done and a is not.
func bFirst(ctx context.Context, a, b <-chan struct{}) bool {
	select {
	case <-a:
		return false
	case <-ctx.Done():
		return false
	case <-b:
		return true
	}
}

// Map calls the task for every input and returns the results in the order of
// the inputs. At most InFlight(n) calls are under way at once. The first error
// cancels the rest and is returned, with the index of its input.
func (t *Task[In, Out]) Map(ctx context.Context, ins []In, opts ...CallOption) ([]Out, error) {
	return actor.Map[In, Out](ctx, t.target, ins, opts...)
}

var errNilFuture = errors.New("atask: wait for a future that is nil: start its call first")

func outcome[T any](ctx context.Context, f *Future[T]) Result[T] {
	if f == nil {
		return Result[T]{Err: errNilFuture}
	}
	v, err := f.Await(ctx)
	return Result[T]{Value: v, Err: err}
}

// cancelAll ends the futures that are not done.
func cancelAll[T any](fs []*Future[T]) {
	for _, f := range fs {
		if f != nil {
			f.Cancel()
		}
	}
}
