package main

import (
	"context"
	"errors"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// The tasks, as any program declares its own.
var (
	echoTask = atask.Declare[Payload, Payload]("echo", atask.Timeout(callTimeout))
	oneTask  = atask.Declare[int, int]("one", atask.Timeout(callTimeout))
	fibTask  = atask.Declare[int, int]("fib", atask.Timeout(callTimeout))
)

// one is the work of a call in a fan-out.
func one(n int) int { return n + 1 }

func fib(ctx context.Context, n int) (int, error) {
	if n < 2 {
		return n, nil
	}
	v, err := atask.All(ctx, fibTask.Start(ctx, n-1), fibTask.Start(ctx, n-2))
	if err != nil {
		return 0, err
	}
	return v[0] + v[1], nil
}

// served are the tasks with what carries them out.
func served() []actor.Servable {
	return []actor.Servable{
		echoTask.With(func(_ context.Context, p Payload) (Payload, error) { return echo(p), nil }),
		oneTask.With(func(_ context.Context, n int) (int, error) { return one(n), nil }),
		fibTask.With(fib),
	}
}

// startNode starts a node for a process of this kind: each kind has a
// namespace of its own.
func startNode(ctx context.Context, kind, url string, cfg actor.Config) (*actor.Node, error) {
	conn, err := connectNode(ctx, kind, url)
	if err != nil {
		return nil, err
	}
	cfg.Namespace = kind
	return actor.Start(ctx, conn, cfg)
}

// closeNode ends a node that nobody calls any more. What it leaves behind has
// no bearing on what was measured.
func closeNode(n *actor.Node) error {
	if err := n.Close(); err != nil && !errors.Is(err, actor.ErrStuck) {
		return err
	}
	return nil
}

// tasks is the caller's side.
type tasks struct{ node *actor.Node }

func (t tasks) context(ctx context.Context) context.Context { return t.node.Context(ctx) }

func (t tasks) close() error { return closeNode(t.node) }

func (t tasks) echo(ctx context.Context, p *Payload) (Payload, error) {
	return echoTask.Await(ctx, *p)
}

func (t tasks) fib(ctx context.Context, n int) (int, error) { return fibTask.Await(ctx, n) }

func (t tasks) fan(ctx context.Context, ins []int) ([]int, error) { return oneTask.Map(ctx, ins) }
