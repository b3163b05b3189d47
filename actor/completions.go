package actor

import (
	"context"
	"iter"
)

// Completions yields the indexes of futures as they finish; a future that is
// nil has finished. When ctx ends, the indexes of those that have not follow.
// Leaving the loop cancels nothing. It is what package atask gathers with.
func Completions[T any](ctx context.Context, fs []*Future[T]) iter.Seq[int] {
	return func(yield func(int) bool) {
		g := newGathering(len(fs))
		defer g.leave()
		for i, f := range fs {
			if f == nil {
				g.finished <- i
			} else {
				g.watch(i, &f.call)
			}
		}
		end := g.endOf(ctx)
		for range fs {
			if !yield(g.next(end)) {
				return
			}
		}
	}
}

// gathering waits for several calls.
type gathering struct {
	members  []gathered
	finished chan int // room for all: who ends a call does not wait
}

// gathered is a call among several.
type gathered struct {
	watcher
	g       *gathering
	c       *call // nil when nobody is to be told any more
	index   int
	yielded bool
}

func newGathering(n int) *gathering {
	return &gathering{members: make([]gathered, n), finished: make(chan int, n)}
}

func (m *gathered) callEnded() { m.g.finished <- m.index }

// watch has the end of c told as that of the member i.
func (g *gathering) watch(i int, c *call) {
	m := &g.members[i]
	m.g, m.c, m.index, m.to = g, c, i, m
	if !c.watch(&m.watcher) {
		m.c = nil
		g.finished <- i
	}
}

// endOf is what says that ctx has ended; nil where that ends all the calls, or
// never happens.
func (g *gathering) endOf(ctx context.Context) <-chan struct{} {
	for i := range g.members {
		if c := g.members[i].c; c != nil && !c.endsWith(ctx) {
			return ctx.Done()
		}
	}
	return nil
}

// next waits for the next member to finish, or to be left at the end.
func (g *gathering) next(end <-chan struct{}) int {
	for {
		var i int
		select {
		case i = <-g.finished:
			g.members[i].c = nil
		case <-end:
			for g.members[i].yielded {
				i++
			}
		}
		if m := &g.members[i]; !m.yielded { // otherwise it has finished after the end
			m.yielded = true
			return i
		}
	}
}

// leave lets nobody be told any more.
func (g *gathering) leave() {
	for i := range g.members {
		if m := &g.members[i]; m.c != nil {
			m.c.unwatch(&m.watcher)
		}
	}
}
