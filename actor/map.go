package actor

import (
	"cmp"
	"context"
	"fmt"
)

// Map calls t for every input and returns the results in the order of the
// inputs. At most InFlight(n) calls are under way at once. It blocks until all
// have ended: the first error, in time, cancels the rest and is returned, with
// the index of its input, and the end of ctx ends them all. ins is read until
// Map returns.
func Map[In, Out any](ctx context.Context, t *Target, ins []In, opts ...CallOption) ([]Out, error) {
	futures := make([]*Future[Out], len(ins))
	outs := make([]Out, len(ins))
	err := mapCalls(t, len(ins), opts, func(i int) *call {
		futures[i] = Begin[In, Out](ctx, t, ins[i], opts...)
		return &futures[i].call
	}, func(i int) (err error) {
		outs[i], err = futures[i].result()
		futures[i] = nil
		return err
	})
	if err != nil {
		return nil, err
	}
	return outs, nil
}

// defaultInFlight is how many calls of one Map are under way without InFlight.
const defaultInFlight = 256

// mapCalls makes count calls, as many at once as opts allow. result takes that
// of a call that has ended.
func mapCalls(t *Target, count int, opts []CallOption, begin func(i int) *call, result func(i int) error) error {
	o := collect(opts)
	if o.err != nil {
		return &Error{Code: codeBadOption, Name: t.Name(), Executed: ExecutedNo, Message: o.err.Error()}
	}
	bound := min(count, cmp.Or(o.inFlight, defaultInFlight))
	underWay := make(map[int]*call, bound)
	ended := make(chan int, bound) // room for every call under way: who ends one does not wait
	for begun, done := 0, 0; done < count; done++ {
		for ; begun < count && len(underWay) < bound; begun++ {
			i, c := begun, begin(begun)
			underWay[i] = c
			c.onDone(func() { ended <- i })
		}
		i := <-ended
		delete(underWay, i)
		if err := result(i); err != nil {
			for _, c := range underWay {
				c.cancel(context.Canceled, "cancelled by its awaiter")
			}
			return fmt.Errorf("map input %d: %w", i, err)
		}
	}
	return nil
}
