package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/internal/wire"
)

// gateTask ends when the gate is opened.
var gateTask = atask.Declare[int, int]("gate")

// newGateWorker serves calls that wait until they are let through: in the
// mailbox, or as running handlers where the kind is wide.
func newGateWorker(ctx context.Context, kind, url string) (*member, error) {
	opened := make(chan struct{})
	var once sync.Once
	cfg := actor.Config{Mailbox: 200_000, InHand: 250_000}
	if kind == kindWide {
		cfg.Slots = 20_000
	}
	m, err := newTaskWorker(ctx, kind, url, cfg, []actor.Servable{
		gateTask.With(func(ctx context.Context, n int) (int, error) {
			select {
			case <-opened:
				return one(n), nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}),
	})
	if err != nil {
		return nil, err
	}
	m.verbs["open"] = on(func(context.Context, struct{}) (any, error) {
		once.Do(func() { close(opened) })
		return nil, nil
	})
	return m, nil
}

// gateCaller has many calls at the gate.
type gateCaller struct {
	node    *actor.Node
	nc      *nats.Conn // a foreign client, which asks what runs
	futures []*atask.Future[int]
}

func newGateCaller(ctx context.Context, kind, url string) (*member, error) {
	nc, err := nats.Connect(url, nats.Name(kind))
	if err != nil {
		return nil, err
	}
	node, err := startNode(ctx, kind, url, actor.Config{})
	if err != nil {
		nc.Close()
		return nil, err
	}
	g := &gateCaller{node: node, nc: nc}
	return &member{
		verbs: map[string]verb{"hold": on(g.hold), "release": on(g.release), "ps": on(g.ps)},
		close: func() error {
			nc.Close()
			return closeNode(node)
		},
	}, nil
}

// held is what calls cost that wait.
type held struct {
	Took          time.Duration // until the worker had them all
	Heap, Stacks  int64         // bytes of all calls together
	WorkerHasThem int
}

// gateWait bounds how long calls may take to arrive and to end.
const gateWait = 2 * time.Minute

// hold starts n calls and returns when the worker has them all.
func (g *gateCaller) hold(ctx context.Context, n int) (held, error) {
	g.futures = make([]*atask.Future[int], n) // not the calls' memory
	before, err := measureMemory(ctx, struct{}{})
	if err != nil {
		return held{}, err
	}
	begun := time.Now()
	// Following a context that may end costs each call what the standard library
	// keeps for that.
	calls := g.node.Context(context.WithoutCancel(ctx))
	for i := range g.futures {
		g.futures[i] = gateTask.Start(calls, i)
	}
	var h held
	for settled := false; ; { // once more when all are there: the last may not be known to be accepted yet
		if h.WorkerHasThem, err = g.waiting(ctx); err != nil {
			return held{}, err
		}
		if settled {
			break
		}
		if h.WorkerHasThem == n {
			h.Took, settled = time.Since(begun), true
		}
		if time.Since(begun) > gateWait {
			return held{}, fmt.Errorf("of %d calls the worker has %d after %v", n, h.WorkerHasThem, gateWait)
		}
	}
	after, err := measureMemory(ctx, struct{}{})
	h.Heap, h.Stacks = int64(after.Heap-before.Heap), int64(after.Stacks-before.Stacks)
	return h, err
}

// waiting counts the calls that workers have in hand.
func (g *gateCaller) waiting(ctx context.Context) (int, error) {
	nodes, err := g.node.Nodes(ctx, 200*time.Millisecond)
	sum := 0
	for _, n := range nodes {
		sum += n.Waiting + n.Running + n.Parked
	}
	return sum, err
}

// release awaits all calls, once the gate is open, and returns how long that
// took.
func (g *gateCaller) release(ctx context.Context, _ struct{}) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, gateWait)
	defer cancel()
	begun := time.Now()
	for i, f := range g.futures {
		got, err := f.Await(ctx)
		if err == nil && got != one(i) {
			err = fmt.Errorf("its result is %d, want %d", got, one(i))
		}
		if err != nil {
			return 0, fmt.Errorf("call %d: %w", i, err)
		}
	}
	g.futures = nil
	return time.Since(begun), nil
}

// listing is what it takes to ask a node for its calls.
type listing struct{ FirstPage, AllPages time.Duration }

// ps asks a node for all its calls, page by page, as any client may.
func (g *gateCaller) ps(_ context.Context, node string) (listing, error) {
	var l listing
	begun := time.Now()
	after, seen := "", 0
	for more := true; more; {
		question, err := json.Marshal(map[string]string{"after": after})
		if err != nil {
			return listing{}, err
		}
		m, err := g.nc.Request(wire.NodeSubject(g.node.Namespace(), node, wire.VerbPs), question, callTimeout)
		if err != nil {
			return listing{}, err
		}
		if l.FirstPage == 0 {
			l.FirstPage = time.Since(begun)
		}
		var page struct {
			Executing []struct{ ID string }
			More      bool
		}
		if err := json.Unmarshal(m.Data, &page); err != nil {
			return listing{}, err
		}
		seen += len(page.Executing)
		if more = page.More && len(page.Executing) > 0; more {
			after = page.Executing[len(page.Executing)-1].ID
		}
	}
	l.AllPages = time.Since(begun)
	if seen != len(g.futures) {
		return listing{}, errors.New("ps lists " + number(float64(seen)) + " calls, want " + number(float64(len(g.futures))))
	}
	return l, nil
}
