package actor

import (
	"context"
	"sync"
)

// ending tells those who wait for a call that it has ended. There is no channel
// until somebody asks for one: most calls are awaited by one goroutine, and of
// those in flight there may be very many.
type ending struct {
	mu       sync.Mutex // guards what follows
	over     bool
	watchers *watcher      // told when the call ends, the last first
	done     chan struct{} // nil until it is asked for
}

// watcher has somebody told once when a call ends.
type watcher struct {
	to   told
	next *watcher
}

// told is told that a call has ended, on the goroutine that ends it. It must
// return soon and must not block.
type told interface{ callEnded() }

// toldFunc is a function that is told.
type toldFunc func()

func (f toldFunc) callEnded() { f() }

// isOver says whether the call has ended. What was written before is seen.
func (e *ending) isOver() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.over
}

// end tells everybody. It is called once.
func (e *ending) end() {
	e.mu.Lock()
	e.over = true
	w := e.watchers
	e.watchers = nil
	if e.done != nil {
		close(e.done)
	}
	e.mu.Unlock()
	for w != nil {
		next := w.next // who is told may use w for something else
		w.to.callEnded()
		w = next
	}
}

// channel is closed when the call ends.
func (e *ending) channel() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done == nil {
		e.done = make(chan struct{})
		if e.over {
			close(e.done)
		}
	}
	return e.done
}

// onDone runs fn when the call ends; at once when it has.
func (e *ending) onDone(fn func()) *watcher {
	w := &watcher{to: toldFunc(fn)}
	if !e.watch(w) {
		fn()
	}
	return w
}

// watch has w told when the call ends; false when it has.
func (e *ending) watch(w *watcher) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return false
	}
	w.next, e.watchers = e.watchers, w
	return true
}

// unwatch takes a watcher back; false when it was told, or taken back before.
func (e *ending) unwatch(w *watcher) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for at := &e.watchers; *at != nil; at = &(*at).next {
		if *at == w {
			*at = w.next
			return true
		}
	}
	return false
}

// parking is a watcher that wakes a goroutine. It is used again and again.
type parking struct {
	watcher
	woken chan struct{}
}

func newParking() *parking {
	p := &parking{woken: make(chan struct{}, 1)}
	p.to = p
	return p
}

func (p *parking) callEnded() { p.woken <- struct{}{} }

// await waits under the context that the call was begun with.
func (c *call) await(ctx context.Context) {
	if !c.park(ctx) {
		c.contextEnded(ctx)
		c.park(context.Background())
	}
}

// wait waits under any context, whose end leaves the call alone.
func (c *call) wait(ctx context.Context) error {
	if c.park(ctx) {
		return nil
	}
	return c.contextError(ctx, "while its result was awaited")
}

// endsWith says whether the end of ctx is the end of the call: that of a
// handler's own context reaches its calls by itself, but for those that were
// begun under another one. To ask for its Done would make a context of the
// standard library.
func (c *call) endsWith(ctx context.Context) bool {
	return c.parent != nil && c.ctx == nil && ctx == context.Context(c.parent)
}

// park waits until the call has ended; false when ctx has ended first.
func (c *call) park(ctx context.Context) bool {
	if c.isOver() { // not left to chance: a call that failed at once may have no node
		return true
	}
	p := c.n.parkings.Get().(*parking)
	defer c.n.parkings.Put(p)
	if !c.watch(&p.watcher) {
		return true
	}
	var end <-chan struct{}
	if !c.endsWith(ctx) {
		end = ctx.Done()
	}
	select {
	case <-p.woken:
		return true
	case <-end:
		if c.unwatch(&p.watcher) {
			return false
		}
		<-p.woken
		return true
	}
}
