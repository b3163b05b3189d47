package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"
)

// load makes calls, each goroutine the next one when it has the answer to the
// last.
type load struct {
	operator operator
	// latencies are those of the last run, in nanoseconds, by goroutine. They
	// keep their room from run to run, so that recording allocates little.
	latencies [][]uint32
}

// job says what is called, and how.
type job struct {
	Op       string
	Size     int
	InFlight int
	Time     time.Duration // how long, or …
	Calls    int64         // … how many, and no latencies then
}

// loaded is what came of a run.
type loaded struct {
	Calls   int64
	Took    time.Duration
	Mallocs uint64 // in the caller
}

// checks is how many calls of an operation are looked at with care.
const checks = 20

// check makes some calls and looks at their answers with care.
func (l *load) check(ctx context.Context, j job) (any, error) {
	op, err := l.operator.operation(ctx, j.Op, j.Size)
	if err != nil {
		return nil, err
	}
	call := op(true)
	for range checks {
		if err := call(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// run makes the calls, and ends at the first that fails.
func (l *load) run(ctx context.Context, j job) (loaded, error) {
	op, err := l.operator.operation(ctx, j.Op, j.Size)
	if err != nil {
		return loaded{}, err
	}
	for len(l.latencies) < j.InFlight {
		l.latencies = append(l.latencies, nil)
	}
	l.latencies = l.latencies[:j.InFlight]
	runs := make([]stretch, j.InFlight)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	var all sync.WaitGroup
	for i := range runs {
		r := &runs[i]
		all.Go(func() {
			if j.Calls > 0 {
				r.count(op(false), share(j.Calls, j.InFlight, i))
				return
			}
			l.latencies[i] = r.until(op(false), begun.Add(j.Time), l.latencies[i][:0])
		})
	}
	all.Wait()
	result := loaded{Took: time.Since(begun)}
	runtime.ReadMemStats(&after)
	result.Mallocs = after.Mallocs - before.Mallocs
	var errs []error
	for _, r := range runs {
		result.Calls += r.calls
		if r.err != nil {
			errs = append(errs, r.err)
		}
	}
	if len(errs) > 0 {
		return loaded{}, fmt.Errorf("%d of %d goroutines failed, the first with: %w", len(errs), len(runs), errs[0])
	}
	return result, nil
}

// share is what goroutine i of n makes of all calls.
func share(calls int64, n, i int) int64 {
	return calls*int64(i+1)/int64(n) - calls*int64(i)/int64(n)
}

// stretch is what one goroutine did.
type stretch struct {
	calls int64
	err   error
}

// until makes calls until the time has come, and appends what each took. The
// clock is read once a call: where one ends the next begins.
func (s *stretch) until(c call, end time.Time, took []uint32) []uint32 {
	for last := time.Now(); last.Before(end); {
		if s.err = c(); s.err != nil {
			break
		}
		now := time.Now()
		took = append(took, uint32(min(now.Sub(last), math.MaxUint32)))
		last = now
	}
	s.calls = int64(len(took))
	return took
}

// count makes that many calls.
func (s *stretch) count(c call, calls int64) {
	for ; s.calls < calls; s.calls++ {
		if s.err = c(); s.err != nil {
			return
		}
	}
}

// quantiles are latencies that a part of the calls did not exceed.
type quantiles struct{ P50, P99 time.Duration }

// quantiles returns those of the last run.
func (l *load) quantiles(context.Context, struct{}) (quantiles, error) {
	all := slices.Concat(l.latencies...)
	if len(all) == 0 {
		return quantiles{}, errors.New("the last run has recorded no latencies")
	}
	slices.Sort(all)
	at := func(q float64) time.Duration { return time.Duration(all[int(q*float64(len(all)-1))]) }
	return quantiles{at(0.5), at(0.99)}, nil
}
