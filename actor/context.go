package actor

import (
	"context"
	"time"
)

type (
	nodeKey      struct{}
	executionKey struct{}
)

// Context returns a context under which calls go through n, and through the
// nodes linked to it for tasks of their namespaces. In a handler's context it
// changes the node and keeps the call as the parent.
func (n *Node) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, nodeKey{}, n)
}

// NodeFrom returns the node that calls under ctx go through.
func NodeFrom(ctx context.Context) (*Node, bool) {
	n, ok := ctx.Value(nodeKey{}).(*Node)
	return n, ok
}

// Info tells a handler about the call it executes.
type Info struct {
	ID        string // unique in the namespace together with Caller
	Task      string // or kind and method of an entity
	Key       string // of the entity; empty for a task
	Namespace string
	Node      string // the node that executes the call
	Caller    string // the node that awaits it; empty for a caller without our library
	Depth     int    // 0 for a call that no task awaits
	Attempt   int    // 1 for the first
}

// InfoFrom returns what is known of the call whose handler runs under ctx; ok
// is false outside a handler.
func InfoFrom(ctx context.Context) (Info, bool) {
	ex, ok := ctx.Value(executionKey{}).(*execution)
	if !ok {
		return Info{}, false
	}
	return ex.info(), true
}

// An execution is its handler's context. What the context package would need
// a timer and three allocations for is made only when somebody asks for Done.
var _ context.Context = (*execution)(nil)

// Deadline implements context.Context.
func (ex *execution) Deadline() (time.Time, bool) {
	if ex.deadline == 0 {
		return time.Time{}, false
	}
	return ex.w.n.clock.time(ex.deadline), true
}

// Done implements context.Context.
func (ex *execution) Done() <-chan struct{} {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.standardLocked().Done()
}

// Err implements context.Context.
func (ex *execution) Err() error {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	if ex.standard == nil && ex.cause == nil && (ex.deadline == 0 || ex.w.n.clock.now() < ex.deadline) {
		return nil
	}
	return ex.standardLocked().Err()
}

// Value implements context.Context.
func (ex *execution) Value(key any) any {
	switch key.(type) {
	case nodeKey:
		return ex.w.n
	case executionKey:
		return ex
	case metadataKey:
		return ex.meta
	}
	ex.mu.Lock()
	standard := ex.standard
	ex.mu.Unlock()
	if standard == nil {
		return nil
	}
	// The context package looks here for the canceller of its own that Done
	// came from. Finding it, it needs no goroutine for a derived context.
	return standard.Context.Value(key)
}

// String keeps a context that is printed from printing an input.
func (ex *execution) String() string { return "atasks.call(" + ex.id() + ")" }

// standardContext is the context of the standard library behind an execution.
type standardContext struct {
	context.Context
	end context.CancelCauseFunc
}

// standardLocked makes the context of the standard library that stands behind
// this one.
func (ex *execution) standardLocked() context.Context {
	if ex.standard != nil {
		return ex.standard.Context
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	end := cancel
	if ex.deadline != 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, ex.w.n.clock.time(ex.deadline))
		end = func(cause error) {
			cancel(cause)
			stop() // releases the timer
		}
	}
	ex.standard = &standardContext{ctx, end}
	if ex.cause != nil {
		end(ex.cause)
	}
	return ctx
}

// hasEnded says whether the context was ended; the deadline does not count.
func (ex *execution) hasEnded() bool {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.cause != nil
}

// endContext ends the context with a cause; the first cause stays. What hangs
// on the context has been told when it returns.
func (ex *execution) endContext(cause error) {
	ex.mu.Lock()
	if ex.cause == nil {
		ex.cause = cause
	}
	standard := ex.standard
	ex.mu.Unlock()
	if standard != nil {
		standard.end(cause) // runs what others hung on it, so without the lock
	}
}
