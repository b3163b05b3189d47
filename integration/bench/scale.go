package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// scaleTitle is the table of what many at once cost.
const scaleTitle = "Many at once"

// The metrics of what is there at once.
const (
	callerBytes metric = "bytes each, caller"
	workerBytes metric = "bytes each, worker"
)

func (b *bench) scale(name, what, value string) {
	b.report.table(scaleTitle, "section", "what", "measured").add(name, what, value)
	b.progress("    %s: %s", what, value)
}

// measureFutures has 100,000 calls in flight.
func measureFutures(ctx context.Context, b *bench, name string) error {
	const n = 100_000
	return b.with(ctx, name, 1, []string{kindGate}, func(f *fleet) error {
		c := f.members[kindGate]
		worker := c.workers[0]
		var before, after memory
		var h held
		var took time.Duration
		for _, step := range []struct {
			p     *process
			verb  string
			args  any
			value any
		}{
			{worker, "memory", struct{}{}, &before},
			{c.caller, "hold", n, &h},
			{worker, "memory", struct{}{}, &after},
			{worker, "open", struct{}{}, nil},
			{c.caller, "release", struct{}{}, &took},
		} {
			if err := step.p.ask(ctx, step.verb, step.args, step.value); err != nil {
				return err
			}
		}
		s := sample{
			callerBytes: float64(h.Heap+h.Stacks) / n,
			workerBytes: float64(int64(after.Heap+after.Stacks)-int64(before.Heap+before.Stacks)) / n,
		}
		b.report.samples[name] = samples{kindTasks: {s}}
		b.scale(name, "bytes for each call, heap and stacks, caller", number(s[callerBytes]))
		b.scale(name, "bytes for each call, heap and stacks, worker", number(s[workerBytes]))
		b.scale(name, "from the first start until the worker has all, ms", millis(h.Took))
		b.scale(name, "from the opening of the gate until all have ended, ms", millis(took))
		return nil
	})
}

// manyServed is what serving many tasks took.
type manyServed struct {
	Took  time.Duration
	Bytes int64
}

// serveMany declares and serves n tasks on a node, and calls the last.
func serveMany(ctx context.Context, node *actor.Node, n int) (manyServed, error) {
	before, err := measureMemory(ctx, struct{}{})
	if err != nil {
		return manyServed{}, err
	}
	list := make([]actor.Servable, n)
	var last *atask.Task[int, int]
	for i := range list {
		last = atask.Declare[int, int](fmt.Sprintf("many.task-%d", i))
		list[i] = last.With(func(_ context.Context, n int) (int, error) { return one(n), nil })
	}
	begun := time.Now()
	if err := node.Serve(list...); err != nil {
		return manyServed{}, err
	}
	r := manyServed{Took: time.Since(begun)}
	clear(list)
	after, err := measureMemory(ctx, struct{}{})
	if err != nil {
		return manyServed{}, err
	}
	r.Bytes = int64(after.Heap+after.Stacks) - int64(before.Heap+before.Stacks)
	got, err := last.Await(node.Context(ctx), n)
	if err == nil && got != one(n) {
		err = fmt.Errorf("the last task returns %d, want %d", got, one(n))
	}
	return r, err
}

// measureServed serves 10,000 tasks on one node.
func measureServed(ctx context.Context, b *bench, name string) error {
	const n = 10_000
	return b.with(ctx, name, 0, []string{kindSolo}, func(f *fleet) error {
		before, err := residentOf(b.server.pid())
		if err != nil {
			return err
		}
		var r manyServed
		if err := f.members[kindSolo].caller.ask(ctx, "serve", n, &r); err != nil {
			return err
		}
		after, err := residentOf(b.server.pid())
		if err != nil {
			return err
		}
		b.scale(name, "Serve until all subscriptions are live, ms", millis(r.Took))
		b.scale(name, "bytes for each task, heap and stacks, worker", number(float64(r.Bytes)/n))
		b.scale(name, "bytes for each task, resident, server", number(float64(after-before)/n))
		return nil
	})
}

// measurePs asks a node for its calls while 10,000 run.
func measurePs(ctx context.Context, b *bench, name string) error {
	const n = 10_000
	return b.with(ctx, name, 1, []string{kindWide}, func(f *fleet) error {
		c := f.members[kindWide]
		worker := c.workers[0]
		var h held
		if err := c.caller.ask(ctx, "hold", n, &h); err != nil {
			return err
		}
		before, err := cpuTime(worker)
		if err != nil {
			return err
		}
		var first, all []float64
		rounds := 4 * b.pairs
		for range rounds {
			var l listing
			if err := c.caller.ask(ctx, "ps", worker.says, &l); err != nil {
				return err
			}
			first, all = append(first, micros(l.FirstPage)/1000), append(all, micros(l.AllPages)/1000)
		}
		after, err := cpuTime(worker)
		if err != nil {
			return err
		}
		b.scale(name, "the first page of 1,000, ms", number(spreadOf(first).Median))
		b.scale(name, "all pages, ms", number(spreadOf(all).Median))
		b.scale(name, "CPU time of the worker for all pages, ms", number(micros(after-before)/1000/float64(rounds)))
		if err := worker.ask(ctx, "open", struct{}{}, nil); err != nil {
			return err
		}
		return c.caller.ask(ctx, "release", struct{}{}, nil)
	})
}

func millis(d time.Duration) string { return number(micros(d) / 1000) }
