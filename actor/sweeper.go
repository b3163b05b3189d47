package actor

import (
	"math"
	"sync/atomic"
	"time"
)

// sweeper is the one goroutine that ends what is overdue on a node. It sleeps
// until the earliest alarm.
type sweeper struct {
	n     *Node
	armed atomic.Int64 // when it wakes next
	wake  chan struct{}
}

func newSweeper(n *Node) *sweeper {
	s := &sweeper{n: n, wake: make(chan struct{}, 1)}
	s.armed.Store(math.MaxInt64)
	return s
}

// rearm makes sure that the sweeper is awake at that moment. It never blocks.
func (s *sweeper) rearm(at instant) {
	if int64(at) >= s.armed.Load() {
		return
	}
	s.armed.Store(int64(at))
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// activeNap is the longest sleep while calls come and go. Without it a node
// that makes one short call after the other would wake the sweeper for each.
const activeNap = 16 * time.Millisecond

// run sweeps until the node stops.
func (s *sweeper) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		active := true
		select {
		case <-s.n.stop:
			return
		case <-s.wake:
		case <-timer.C:
			active = false
		}
		// Alarms that are set from here on must wake us again.
		s.armed.Store(math.MaxInt64)
		now := s.n.clock.now()
		next := earliest(s.n.calls.sweep(now), s.n.worker.sweep(now))
		if active {
			next = earliest(next, now.add(activeNap))
		}
		if next == 0 {
			timer.Stop()
			continue
		}
		s.lower(next)
		timer.Reset(next.sub(s.n.clock.now()))
	}
}

// lower notes when the sweeper wakes, unless it was asked for sooner.
func (s *sweeper) lower(at instant) {
	for {
		armed := s.armed.Load()
		if int64(at) >= armed || s.armed.CompareAndSwap(armed, int64(at)) {
			return
		}
	}
}
