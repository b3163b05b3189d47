package main

import (
	"context"

	"github.com/atasks-io/atasks/actor"
)

// Part is the result of a call: the sums, and who did what for them.
type Part struct {
	Stats Stats
	Work  map[string]Work // by the node that did it
}

// Work is what one node did. It travels with the sums, so it counts the calls
// whose results are in them: what a lost worker took with it is in neither.
type Work struct {
	Directories int // calls of CountTree
	Batches     int // calls of CountBatch
	Files       int // in Batches
	Again       int // calls that ran once more because the worker that had them was lost
}

func (w Work) calls() int { return w.Directories + w.Batches }

func (w *Work) add(o Work) {
	w.Directories += o.Directories
	w.Batches += o.Batches
	w.Files += o.Files
	w.Again += o.Again
}

// newPart is the result of the call that runs under ctx, with what that call
// itself did.
func newPart(ctx context.Context, own Work) Part {
	info, _ := actor.InfoFrom(ctx)
	if info.Attempt > 1 {
		own.Again = 1
	}
	return Part{Work: map[string]Work{info.Node: own}}
}

// merge adds o to p, which came from newPart. It changes nothing of o.
func (p *Part) merge(o Part) {
	p.Stats.merge(o.Stats)
	for node, w := range o.Work {
		sum := p.Work[node]
		sum.add(w)
		p.Work[node] = sum
	}
}

// work is the work of all nodes together.
func (p Part) work() Work {
	var sum Work
	for _, w := range p.Work {
		sum.add(w)
	}
	return sum
}

// files is how many files were counted.
func (p Part) files() int { return p.work().Files }
