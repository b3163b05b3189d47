package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// callerRole is a process that makes calls and records how they end.
type callerRole struct {
	URL      string
	Number   uint64 // of this caller; the numbers of its calls begin with it
	Nodes    int    // connections of its own, each a node; 0 is one
	Seed     uint64
	InFlight int     // calls at once at most
	Rate     float64 // calls a second at most; 0 is as many as end
	Count    int     // calls in all; 0 is until it is told to stop
	Kinds    []kind  // what they are, drawn at random by weight
	Spinners int     // as of a worker
	SpinFor  time.Duration
	Patience time.Duration
}

// kind is a kind of call.
type kind struct {
	Task        string
	Weight      int
	WorkMin     time.Duration
	WorkMax     time.Duration
	Timeout     time.Duration // 0 is a call without a deadline
	CancelAfter time.Duration // 0 is never
	Fail        bool
	Levels      int
	Children    int
	Way         string
	Padding     int // bytes of input beside the job
}

// callerShift is where the number of a call keeps who makes it.
const callerShift = 24

// settleTime is how long a caller that was told to stop waits for its calls.
// One that takes longer hangs.
const settleTime = 30 * time.Second

// load is a caller at work.
type load struct {
	*callerRole
	j     *journal
	nodes []*actor.Node
	next  atomic.Uint64
	open  atomic.Int64
	total int
}

func (c *callerRole) play(ctx context.Context, j *journal) error {
	l := &load{callerRole: c, j: j}
	for _, k := range c.Kinds {
		l.total += k.Weight
	}
	if err := l.connect(ctx); err != nil {
		return err
	}
	defer spin(c.Spinners, c.SpinFor)()
	fmt.Println(ready + l.nodes[0].ID())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(ctx)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		select {
		case <-ended:
		case <-time.After(settleTime):
		}
	}
	j.add(didSettle, 0, 0, l.open.Load())
	if c.Count > 0 {
		<-ctx.Done() // the journal is complete; the test says when it has seen enough
	}
	var closing sync.WaitGroup
	for _, n := range l.nodes {
		closing.Go(func() { _ = n.Close() }) // complains of calls that hang, as the journal does
	}
	closing.Wait()
	return nil
}

// connect starts the nodes, some at a time.
func (l *load) connect(ctx context.Context) error {
	l.nodes = make([]*actor.Node, max(1, l.Nodes))
	errs := make([]error, len(l.nodes))
	const atOnce = 50
	for first := 0; first < len(l.nodes); first += atOnce {
		var group sync.WaitGroup
		for i := first; i < min(first+atOnce, len(l.nodes)); i++ {
			group.Go(func() {
				l.nodes[i], errs[i] = startNode(ctx, l.URL, actor.Config{Patience: l.Patience, Logger: stderr()})
			})
		}
		group.Wait()
	}
	return errors.Join(errs...)
}

// run makes the calls in loops of their own, each through one of the nodes,
// and returns when all have ended.
func (l *load) run(ctx context.Context) {
	var loops sync.WaitGroup
	for i := range l.InFlight {
		loops.Go(func() {
			draw := rand.New(rand.NewPCG(l.Seed, uint64(i)))
			var pace time.Duration
			if l.Rate > 0 {
				pace = time.Duration(float64(l.InFlight) / l.Rate * float64(time.Second))
			}
			begin := time.Now().Add(time.Duration(draw.Int64N(int64(pace) + 1)))
			for work(ctx, time.Until(begin)) == nil && ctx.Err() == nil {
				seq := l.next.Add(1)
				if l.Count > 0 && seq > uint64(l.Count) {
					return
				}
				l.call(i%len(l.nodes), l.Number<<callerShift+seq, l.draw(draw), draw)
				begin = begin.Add(pace)
				if late := time.Now(); begin.Before(late) {
					begin = late
				}
			}
		})
	}
	loops.Wait()
}

func (l *load) draw(r *rand.Rand) kind {
	n := r.IntN(max(1, l.total))
	for _, k := range l.Kinds {
		if n -= k.Weight; n < 0 {
			return k
		}
	}
	return l.Kinds[0]
}

// call makes one call and records its end. The caller's own stop does not end
// it: what was begun is awaited.
func (l *load) call(node int, number uint64, k kind, r *rand.Rand) {
	in := job{
		Call: number, Fail: k.Fail, Levels: k.Levels, Children: k.Children, Way: k.Way, Padding: make([]byte, k.Padding),
		Work: k.WorkMin + time.Duration(r.Int64N(int64(k.WorkMax-k.WorkMin)+1)),
	}
	task := tasksByName[k.Task]
	ctx, cancel := context.WithCancel(l.nodes[node].Context(context.Background()))
	defer cancel()
	l.open.Add(1)
	defer l.open.Add(-1)
	l.j.add(didBegin, number, 0, k.Task, node)
	var opts []atask.CallOption
	begun := time.Now()
	var deadline int64
	if k.Timeout > 0 {
		deadline = l.j.stamp(begun.Add(k.Timeout))
		if number%2 == 0 {
			opts = append(opts, atask.CallTimeout(k.Timeout))
		} else {
			ctx, cancel = context.WithDeadline(ctx, begun.Add(k.Timeout))
			defer cancel()
		}
	}
	if k.CancelAfter > 0 {
		stop := time.AfterFunc(k.CancelAfter, func() {
			l.j.add(didCancel, number, 0)
			cancel()
		})
		defer stop.Stop()
	}
	var got uint64
	var err error
	if number%3 == 0 {
		got, err = task.Start(ctx, in, opts...).Await(ctx)
	} else {
		got, err = task.Await(ctx, in, opts...)
	}
	ended := time.Now()
	code, executed := outcomeOf(err)
	l.j.addAt(ended, didOutcome, number, 0, code, executed, got, l.j.stamp(begun), deadline)
}

// Outcomes beside the codes of the runtime.
const (
	outcomeOK      = "ok"
	outcomeHandler = "handler" // the error that the handler returned
	outcomeOther   = "other"   // none of what a call may end with
)

func outcomeOf(err error) (outcome, executed string) {
	if err == nil {
		return outcomeOK, "yes"
	}
	e, ok := errors.AsType[*atask.Error](err)
	switch {
	case !ok:
		return outcomeOther, "unknown"
	case e.Code == "failed" && ofHandler(err):
		return outcomeHandler, e.Executed.String()
	default:
		return e.Code, e.Executed.String()
	}
}

// ofHandler says whether err is one that our handlers return: their own, or
// that of a call that they made.
func ofHandler(err error) bool {
	for _, own := range []error{errOnPurpose, atask.ErrWorkerLost, atask.ErrNoWorker, atask.ErrBusy, atask.ErrDraining, atask.ErrDisconnected, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}
