package actor

import (
	"math"
	"sync/atomic"
	"time"
)

// sweeper is the one goroutine that rings the alarms of a wheel. It sleeps
// until the earliest. A node has two: the calls it awaits end in time also when
// what it executes is stuck in a transport that takes nothing.
type sweeper struct {
	sweep func(now instant) (next instant) // rings what is due; says when to come back, never for never
	clock clock
	armed atomic.Int64 // when it wakes next
	wake  chan struct{}
}

func newSweeper(c clock, sweep func(instant) instant) *sweeper {
	s := &sweeper{sweep: sweep, clock: c, wake: make(chan struct{}, 1)}
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

// run sweeps until stop is closed.
func (s *sweeper) run(stop <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		active := true
		select {
		case <-stop:
			return
		case <-s.wake:
		case <-timer.C:
			active = false
		}
		// Alarms that are set from here on must wake us again.
		s.armed.Store(math.MaxInt64)
		now := s.clock.now()
		next := s.sweep(now)
		if active {
			next = earliest(next, now.add(activeNap))
		}
		if next == 0 {
			timer.Stop()
			continue
		}
		s.lower(next)
		timer.Reset(next.sub(s.clock.now()))
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
