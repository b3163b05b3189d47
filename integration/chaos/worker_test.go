package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// workerRole is a process that serves the tasks.
type workerRole struct {
	URL      string
	Slots    int
	Mailbox  int
	InHand   int
	Spinners int           // goroutines that do nothing but take the processor …
	SpinFor  time.Duration // … for so long
}

// job is the input of every task: what the handler is to do.
type job struct {
	Call     uint64        // its number, for the journals
	Work     time.Duration // how long it takes
	Fail     bool          // returns errOnPurpose in the end
	Levels   int           // it awaits a call that awaits a call …
	Children int           // … or so many at once
	Way      string        // how it awaits them: see ways_test.go
	Padding  []byte
}

// The tasks differ in what may be done with a call that may have run.
var (
	onceTask  = atask.Declare[job, uint64]("once")
	againTask = atask.Declare[job, uint64]("again", atask.Idempotent())
	retryTask = atask.Declare[job, uint64]("retry", atask.Retry(atask.RetryPolicy{MaxAttempts: 3}))
)

var tasksByName = map[string]*atask.Task[job, uint64]{"once": onceTask, "again": againTask, "retry": retryTask}

var errOnPurpose = errors.New("failed on purpose")

// value is the result of a call: whoever gets another was given that of a
// different call.
func value(call uint64) uint64 { return call*0x9e3779b97f4a7c15 + 1 }

// Where the number of a call keeps which one of its level it is, and how deep
// that is, so that the calls that handlers make have numbers of their own.
const (
	siblingShift = 32
	levelShift   = 48
)

func (w *workerRole) play(ctx context.Context, j *journal) error {
	node, err := startNode(ctx, w.URL, actor.Config{Slots: w.Slots, Mailbox: w.Mailbox, InHand: w.InHand, Logger: stderr()})
	if err != nil {
		return err
	}
	defer spin(w.Spinners, w.SpinFor)()
	h := &handlers{j: j}
	if err := node.Serve(h.tasks()...); err != nil {
		return err
	}
	fmt.Println(ready + node.ID())
	return node.Run(ctx)
}

// handlers carry the tasks out and record it.
type handlers struct {
	j  *journal
	mu sync.Mutex // a lock of the user's that is held across an await
}

func (h *handlers) tasks() []actor.Servable {
	var all []actor.Servable
	for _, t := range tasksByName {
		all = append(all, t.With(h.carryOut(t)))
	}
	return all
}

func (h *handlers) carryOut(t *atask.Task[job, uint64]) func(context.Context, job) (uint64, error) {
	return func(ctx context.Context, in job) (uint64, error) {
		info, _ := atask.InfoFrom(ctx)
		h.j.add(didStart, in.Call, info.Attempt, t.Name())
		if err := h.awaitChildren(ctx, t, in); err != nil {
			h.j.add(didFail, in.Call, info.Attempt)
			return 0, err
		}
		if err := work(ctx, in.Work); err != nil {
			h.j.add(didCancelled, in.Call, info.Attempt)
			return 0, err
		}
		if in.Fail {
			h.j.add(didFail, in.Call, info.Attempt)
			return 0, errOnPurpose
		}
		h.j.add(didEnd, in.Call, info.Attempt, value(in.Call))
		return value(in.Call), nil
	}
}

// work takes as long as it is told to, or until ctx ends.
func work(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// spin keeps n goroutines busy for a while; wait returns when they have ended.
func spin(n int, d time.Duration) (wait func()) {
	if n > 0 {
		_ = yield(os.Getpid()) // not to starve whatever else is tested meanwhile
	}
	var over atomic.Bool
	time.AfterFunc(d, func() { over.Store(true) })
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for !over.Load() {
			}
		})
	}
	return all.Wait
}
