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
	others     metric = "other CPU" // cores that were busy with something else
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

// contender is what is measured in alternation with others.
type contender struct {
	name string
	crew *crew
	job  job
}

// contenders are the kinds of a fleet that do the same.
func (f *fleet) contenders(j job, kinds ...string) []contender {
	var list []contender
	for _, kind := range kinds {
		list = append(list, contender{kind, f.members[kind], j})
	}
	return list
}

// alternate measures every contender in turn, as often as there are to be
// pairs. The answers are checked before.
func (b *bench) alternate(ctx context.Context, list []contender) (samples, error) {
	list = b.chosen(list)
	for i := range list {
		list[i].job.Time = b.time
		if err := list[i].crew.caller.ask(ctx, "check", list[i].job, nil); err != nil {
			return nil, err
		}
	}
	all := make(samples)
	for range b.pairs {
		for _, c := range list {
			s, err := b.sample(ctx, c.crew, c.job)
			if err != nil {
				return nil, err
			}
			all[c.name] = append(all[c.name], s)
		}
	}
	return all, nil
}

// chosen are the contenders that were asked for, or all where none of them is
// among these.
func (b *bench) chosen(list []contender) []contender {
	some := slices.DeleteFunc(slices.Clone(list), func(c contender) bool { return !slices.Contains(b.kinds, c.name) })
	if len(some) == 0 {
		return list
	}
	return some
}

// sample measures once, after a short warm-up.
func (b *bench) sample(ctx context.Context, c *crew, j job) (sample, error) {
	warmUp := j
	warmUp.Time = j.Time / 5
	if err := c.caller.ask(ctx, "load", warmUp, nil); err != nil {
		return nil, err
	}
	before, err := b.usage(c)
	if err != nil {
		return nil, err
	}
	var l loaded
	if err := c.caller.ask(ctx, "load", j, &l); err != nil {
		return nil, err
	}
	after, err := b.usage(c)
	if err != nil {
		return nil, err
	}
	var q quantiles
	if err := c.caller.ask(ctx, "quantiles", struct{}{}, &q); err != nil {
		return nil, err
	}
	if l.Calls == 0 {
		return nil, fmt.Errorf("no call ended within %v", j.Time)
	}
	calls := float64(l.Calls)
	return sample{
		throughput: calls / l.Took.Seconds(),
		middle:     micros(q.P50),
		tail:       micros(q.P99),
		cpu:        micros(after.crew-before.crew) / calls,
		mallocs:    float64(l.Mallocs) / calls,
		others:     max(0, (after.rest-before.rest).Seconds()/l.Took.Seconds()),
	}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
