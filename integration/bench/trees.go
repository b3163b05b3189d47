package main

import (
	"context"
	"slices"
)

// treeTitle is the table of what makes many calls in one.
const treeTitle = "Trees of calls"

// fanSections are fan-outs from a caller to one worker.
func fanSections() []section {
	return []section{{
		name: "fanout/100",
		measure: func(ctx context.Context, b *bench, name string) error {
			return b.with(ctx, name, 1, awaitKinds(), func(f *fleet) error {
				return b.tree(ctx, f, name, job{Op: "fan", Size: 100, InFlight: 1}, kindHand, kindHandOwn, kindTasks)
			})
		},
	}}
}

// fibSections are fib of some number, whose handlers call fib in turn: between
// two workers, with and without calls that stay in the process.
func fibSections() []section {
	var list []section
	for _, s := range []struct {
		name  string
		n     int
		kinds []string
	}{
		{"fib/15/remote", 15, []string{kindHand, kindHandOwn, kindRemote}},
		{"fib/15/local-first", 15, []string{kindHandOwn, kindTasks}},
		{"fib/18", 18, []string{kindHandOwn, kindRemote, kindTasks}},
	} {
		list = append(list, section{
			name: s.name,
			measure: func(ctx context.Context, b *bench, name string) error {
				all := []string{kindHand, kindHandOwn, kindRemote, kindTasks}
				return b.with(ctx, name, 2, all, func(f *fleet) error {
					return b.tree(ctx, f, name, job{Op: "fib", Size: s.n, InFlight: 1}, s.kinds...)
				})
			},
		})
	}
	return list
}

// tree measures one operation that makes many calls, one after the other.
func (b *bench) tree(ctx context.Context, f *fleet, name string, j job, kinds ...string) error {
	s, err := b.alternate(ctx, f.contenders(j, kinds...))
	if err != nil {
		return err
	}
	b.addCalls(treeTitle, name, slices.Clone(kinds), s)
	return nil
}
