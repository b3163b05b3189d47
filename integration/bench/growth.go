package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// memorySteps is into how many parts the calls are divided.
const memorySteps = 10

// growth is the resident memory in the last part in units of that in the
// first.
const growth metric = "growth"

// sampleEvery is how often memory is looked at.
const sampleEvery = 100 * time.Millisecond

// measureGrowth makes millions of calls and looks whether memory grows.
func measureGrowth(ctx context.Context, b *bench, name string) error {
	return b.with(ctx, name, 1, awaitKinds(), func(f *fleet) error {
		c := f.members[kindTasks]
		watched := []*process{c.caller, c.workers[0]}
		mean := make([][]float64, len(watched)) // by process and step
		warmUp := job{Op: "echo", Size: 100, InFlight: 256, Time: b.time}
		if err := c.caller.ask(ctx, "load", warmUp, nil); err != nil {
			return err
		}
		begun := time.Now()
		for i := range memorySteps {
			j := job{Op: "echo", Size: 100, InFlight: 256, Calls: share(b.calls, memorySteps, i)}
			found, err := watch(watched, func() error { return c.caller.ask(ctx, "load", j, nil) })
			if err != nil {
				return err
			}
			for k := range watched {
				mean[k] = append(mean[k], found[k])
			}
			b.progress("    part %d of %d: caller %s MiB, worker %s MiB", i+1, memorySteps, number(found[0]), number(found[1]))
		}
		s := make(samples)
		t := b.report.table("Memory over "+thousands(b.calls)+" calls", "process",
			"resident MiB, first tenth", "middle", "last tenth", "last to first")
		for k, p := range watched {
			first, last := mean[k][0], mean[k][memorySteps-1]
			s[p.role] = []sample{{growth: last / first}}
			t.add(p.role, number(first), number(mean[k][memorySteps/2]), number(last), number(last/first))
		}
		t.notes = append(t.notes, fmt.Sprintf("256 in flight, 100 bytes, %s calls a second.",
			number(float64(b.calls)/time.Since(begun).Seconds())))
		b.report.samples[name] = s
		return nil
	})
}

// watch returns the mean resident memory of each process while fn runs, in
// MiB.
func watch(watched []*process, fn func() error) ([]float64, error) {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	sums, looks := make([]float64, len(watched)), 0.0
	var failed error
	for {
		for k, p := range watched {
			resident, err := residentOf(p.pid())
			failed = errors.Join(failed, err)
			sums[k] += float64(resident) / (1 << 20)
		}
		looks++
		select {
		case err := <-done:
			for k := range sums {
				sums[k] /= looks
			}
			return sums, errors.Join(err, failed)
		case <-every.C:
		}
	}
}
