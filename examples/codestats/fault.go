package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/atasks-io/atasks/actor"
)

// fault is the death of a worker, as -kill arranges it.
type fault struct {
	victim      *process
	done, total int // files that were counted then, and in all
	waiting     int // calls that the victim had in hand
	running     int
	parked      int // in an await
}

func (f fault) calls() int { return f.waiting + f.running + f.parked }

// String says what happened, for the report.
func (f fault) String() string {
	return fmt.Sprintf("worker %d (pid %d) got SIGKILL after %s of %s files, with %s calls in hand: %d running, %d waiting, %d in an await",
		f.victim.number, f.victim.pid(), group(f.done), group(f.total), group(f.calls()), f.running, f.waiting, f.parked)
}

// askWait is how long the nodes have to say what they execute, at first. It is
// short: a worker is to be killed for what it has in hand now.
const askWait = 10 * time.Millisecond

// strike waits until half of the files are counted and kills the worker that
// has most calls in hand, but not the one with the root call: without it all
// would begin anew, and the report be as exact, but only after twice the time.
// It asks again until there is such a worker, and fails when over is closed
// first.
func (f *fleet) strike(ctx context.Context, node *actor.Node, p *progress, over <-chan struct{}) (fault, error) {
	select {
	case <-p.half:
	case <-over:
		return fault{}, errors.New("no worker was killed: all was counted before half of it was seen; a larger tree leaves more time")
	}
	for {
		calls, err := inHand(ctx, node, over)
		if err != nil {
			return fault{}, fmt.Errorf("no worker was killed: %w; a larger tree leaves more time", err)
		}
		if hit := f.aim(calls); hit.victim != nil {
			hit.done, hit.total = int(p.done.Load()), p.files
			p.log.Info("killing a worker", "worker", hit.victim.number, "calls", hit.calls())
			if err := hit.victim.kill(); err != nil {
				return fault{}, fmt.Errorf("kill worker %d: %w", hit.victim.number, err)
			}
			p.killed.Store(int64(hit.victim.number))
			return hit, nil
		}
	}
}

// inHand returns what the workers have in hand, the root call in any case. On
// a machine with much to do some need longer than others to answer, so it gives
// them more time when the root call is missing.
func inHand(ctx context.Context, node *actor.Node, over <-chan struct{}) ([]actor.CallInfo, error) {
	for wait := askWait; ; wait = min(2*wait, time.Second) {
		calls, err := node.Calls(ctx, wait)
		if err != nil {
			return nil, err
		}
		select {
		case <-over:
			return nil, errors.New("from half way to the end, no answer named a worker with calls in hand beside that of the root call")
		default:
		}
		if slices.ContainsFunc(calls, isRoot) {
			return calls, nil
		}
	}
}

// isRoot says whether a call is the one that this process awaits.
func isRoot(c actor.CallInfo) bool { return c.Depth == 0 }

// aim picks the victim for strike; it has none when nobody has anything in
// hand.
func (f *fleet) aim(calls []actor.CallInfo) fault {
	hits := make([]fault, len(f.processes))
	for i, p := range f.processes {
		hits[i].victim = p
	}
	for _, c := range calls {
		i := slices.IndexFunc(f.processes, func(p *process) bool { return p.node == c.Node })
		switch {
		case i < 0 || hits[i].victim == nil:
		case isRoot(c):
			hits[i] = fault{}
		case c.State == "waiting":
			hits[i].waiting++
		case c.State == "running":
			hits[i].running++
		default:
			hits[i].parked++
		}
	}
	worst := slices.MaxFunc(hits, func(a, b fault) int { return cmp.Compare(a.calls(), b.calls()) })
	if worst.calls() == 0 {
		return fault{}
	}
	return worst
}

// check says whether the fault took place: a worker's death that nobody
// noticed proves nothing.
func (f fault) check(again int) error {
	if again == 0 {
		return fmt.Errorf("%v, but no call had to run again: the fault did not take place", f)
	}
	return nil
}
