package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// metric names what a sample holds.
type metric string

// The metrics of calls.
const (
	throughput metric = "ops/s"
	middle     metric = "p50 µs"
	tail       metric = "p99 µs"
	cpu        metric = "CPU µs"
	mallocs    metric = "allocs"
)

// sample is what one measurement found.
type sample map[metric]float64

// samples are the measurements of each kind. Those with the same index were
// taken one right after the other.
type samples map[string][]sample

// spread is what several measurements came to.
type spread struct{ Median, Min, Max float64 }

func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n == 0 {
		return spread{}
	}
	return spread{(v[(n-1)/2] + v[n/2]) / 2, v[0], v[n-1]}
}

// of is the spread of one kind's metric.
func (s samples) of(kind string, m metric) spread {
	var values []float64
	for _, one := range s[kind] {
		values = append(values, one[m])
	}
	return spreadOf(values)
}

// ratio is the spread of one kind's metric in units of another's, pair by
// pair.
func (s samples) ratio(kind, to string, m metric) spread {
	var values []float64
	for i := range min(len(s[kind]), len(s[to])) {
		values = append(values, s[kind][i][m]/s[to][i][m])
	}
	return spreadOf(values)
}

// alternate measures the operation with every kind of the fleet in turn, as
// often as there are to be pairs. The answers are checked before.
func (b *bench) alternate(ctx context.Context, f *fleet, t task) (samples, error) {
	t.Time = b.time
	for _, kind := range f.kinds {
		if err := f.members[kind].caller.ask(ctx, "check", t, nil); err != nil {
			return nil, err
		}
	}
	all := make(samples)
	for range b.pairs {
		for _, kind := range f.kinds {
			s, err := b.sample(ctx, f.members[kind], t)
			if err != nil {
				return nil, err
			}
			all[kind] = append(all[kind], s)
		}
	}
	return all, nil
}

// sample measures once, after a short warm-up.
func (b *bench) sample(ctx context.Context, c *crew, t task) (sample, error) {
	warmUp := t
	warmUp.Time = t.Time / 5
	if err := c.caller.ask(ctx, "load", warmUp, nil); err != nil {
		return nil, err
	}
	involved := slices.Concat([]*process{b.server, c.caller}, c.workers)
	before, err := cpuTime(involved...)
	if err != nil {
		return nil, err
	}
	var l loaded
	if err := c.caller.ask(ctx, "load", t, &l); err != nil {
		return nil, err
	}
	after, err := cpuTime(involved...)
	if err != nil {
		return nil, err
	}
	var q quantiles
	if err := c.caller.ask(ctx, "quantiles", struct{}{}, &q); err != nil {
		return nil, err
	}
	if l.Calls == 0 {
		return nil, fmt.Errorf("no call ended within %v", t.Time)
	}
	calls := float64(l.Calls)
	return sample{
		throughput: calls / l.Took.Seconds(),
		middle:     micros(q.P50),
		tail:       micros(q.P99),
		cpu:        micros(after-before) / calls,
		mallocs:    float64(l.Mallocs) / calls,
	}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
