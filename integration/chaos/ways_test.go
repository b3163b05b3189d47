package chaos

import (
	"context"
	"fmt"
	"sync"

	"github.com/atasks-io/atasks/atask"
)

// The ways in which a handler waits for the calls that it makes.
const (
	byAwait   = ""      // one after the other, or Map
	byGroup   = "group" // a goroutine each, as an errgroup has it
	byDone    = "done"  // the futures' channels
	underLock = "lock"  // with a mutex held that the other handlers want
	inBoth    = "both"  // half by Map, half by a goroutine each
)

// awaitChildren makes the calls that the job asks for, of the same task, and
// checks what they return.
func (h *handlers) awaitChildren(ctx context.Context, t *atask.Task[job, uint64], in job) error {
	children := childrenOf(in)
	switch {
	case len(children) == 0:
		return nil
	case in.Way == underLock:
		h.mu.Lock()
		defer h.mu.Unlock()
	}
	switch in.Way {
	case byGroup:
		return awaitInGroup(ctx, t, children)
	case byDone:
		return awaitDone(ctx, t, children)
	case inBoth:
		half := len(children) / 2
		if err := awaitInGroup(ctx, t, children[:half]); err != nil {
			return err
		}
		return awaitAll(ctx, t, children[half:])
	default:
		return awaitAll(ctx, t, children)
	}
}

// childrenOf returns the inputs of the calls that a job's handler makes. Above
// levelShift their numbers count the levels, below it the calls of a level.
func childrenOf(in job) []job {
	n := in.Children
	if in.Levels > 0 && n == 0 {
		n = 1
	}
	children := make([]job, n)
	for i := range children {
		within := in.Call >> siblingShift & (1<<(levelShift-siblingShift) - 1)
		child := job{
			Call: in.Call&(1<<siblingShift-1) | (within*uint64(n)+uint64(i))<<siblingShift | (in.Call>>levelShift+1)<<levelShift,
			Work: in.Work, Way: in.Way,
		}
		if in.Levels > 0 {
			child.Levels = in.Levels - 1
		}
		if child.Levels > 0 {
			child.Children = in.Children
		}
		children[i] = child
	}
	return children
}

func awaitAll(ctx context.Context, t *atask.Task[job, uint64], children []job) error {
	out, err := t.Map(ctx, children, atask.InFlight(len(children)))
	if err != nil {
		return err
	}
	for i, v := range out {
		if err := checkValue(children[i], v); err != nil {
			return err
		}
	}
	return nil
}

func awaitInGroup(ctx context.Context, t *atask.Task[job, uint64], children []job) error {
	errs := make([]error, len(children))
	var group sync.WaitGroup
	for i, child := range children {
		group.Go(func() {
			v, err := t.Await(ctx, child)
			if err == nil {
				err = checkValue(child, v)
			}
			errs[i] = err
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func awaitDone(ctx context.Context, t *atask.Task[job, uint64], children []job) error {
	futures := make([]*atask.Future[uint64], len(children))
	for i, child := range children {
		futures[i] = t.Start(ctx, child)
	}
	for i, f := range futures {
		<-f.Done()
		v, err := f.Await(ctx)
		if err == nil {
			err = checkValue(children[i], v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkValue(in job, got uint64) error {
	if want := value(in.Call); got != want {
		return fmt.Errorf("call %d returned %d, want %d: the result of another", in.Call, got, want)
	}
	return nil
}
