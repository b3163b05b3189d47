package actor

import "time"

// instant is a moment on a node's monotonic clock: the time since the node
// started. Zero means never.
type instant time.Duration

// forever is as far as instants go: beyond any deadline, and near enough that
// sums with what the runtime adds to it stay in range.
const forever = instant(1 << 62)

// clock reads the monotonic clock. One reading is cheaper than time.Now, and
// an instant is half the size of a time.Time.
type clock struct{ start time.Time }

func newClock() clock { return clock{start: time.Now()} }

// now is never zero.
func (c clock) now() instant { return instant(time.Since(c.start)) + 1 }

// time converts an instant for users.
func (c clock) time(i instant) time.Time { return c.start.Add(time.Duration(i)) }

// instant converts a time for the runtime. A time before the node started
// becomes the earliest instant, not never.
func (c clock) instant(t time.Time) instant {
	return min(max(1, instant(t.Sub(c.start))), forever)
}

// add returns i moved by d, at most to forever: a budget of math.MaxInt64 is
// how many say that there is none.
func (i instant) add(d time.Duration) instant {
	if instant(d) > forever-i {
		return forever
	}
	return i + instant(d)
}

// sub returns the time from j to i.
func (i instant) sub(j instant) time.Duration { return time.Duration(i - j) }

// earliest returns the smaller of two instants of which either may be never.
func earliest(a, b instant) instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
