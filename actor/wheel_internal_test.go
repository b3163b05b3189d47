package actor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// bell is a ringer that knows its number.
type bell struct {
	alarm alarm
	id    int
	armed bool
	at    instant // the earliest moment at which it may ring
}

func (*bell) ring(instant) {}

func newBells(n int) []*bell {
	bells := make([]*bell, n)
	for i := range bells {
		bells[i] = &bell{id: i}
		bells[i].alarm.owner = bells[i]
	}
	return bells
}

// checkRung compares what expire returned with what was armed.
func checkRung(t *testing.T, seed uint64, due []ringer, bells []*bell, now instant) {
	t.Helper()
	for _, r := range due {
		b := r.(*bell)
		if !b.armed {
			t.Fatalf("seed %d: expire(%v) rang bell %d, which is not armed", seed, now, b.id)
		}
		if b.at > now {
			t.Fatalf("seed %d: expire(%v) rang bell %d, due at %v", seed, now, b.id, b.at)
		}
		b.armed = false
	}
	for _, b := range bells {
		if (b.alarm.slot != 0) != b.armed {
			t.Fatalf("seed %d: after expire(%v) bell %d has slot %d, armed = %v", seed, now, b.id, b.alarm.slot, b.armed)
		}
		if b.armed && now.sub(b.at) > wheelTick {
			t.Fatalf("seed %d: expire(%v) left bell %d, due at %v", seed, now, b.id, b.at)
		}
	}
}

func TestWheelAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		random := rand.New(rand.NewPCG(seed, 1))
		var w wheel
		bells := newBells(40)
		now := instant(random.Int64N(int64(time.Hour)))
		for range 400 {
			b := bells[random.IntN(len(bells))]
			switch random.IntN(6) {
			case 0, 1, 2: // as far as six turns ahead, and somewhat into the past
				at := now.add(time.Duration(random.Int64N(int64(3100*time.Millisecond))) - 100*time.Millisecond)
				w.set(&b.alarm, at, now)
				b.armed, b.at = true, max(at, now)
			case 3:
				w.clear(&b.alarm)
				b.armed = false
			default:
				now = now.add(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
				if random.IntN(20) == 0 {
					now = now.add(time.Duration(random.Int64N(int64(5 * time.Second))))
				}
				checkRung(t, seed, w.expire(now), bells, now)
			}
		}
		armed := slices.ContainsFunc(bells, func(b *bell) bool { return b.armed })
		if (w.next() != 0) != armed {
			t.Fatalf("seed %d: next() = %v while armed = %v", seed, w.next(), armed)
		}
	}
}

// TestWheelFollowedByItsNext drives a wheel as the sweeper does.
func TestWheelFollowedByItsNext(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 2))
		var w wheel
		now := instant(1 + random.Int64N(int64(time.Hour)))
		bells := newBells(60)
		for _, b := range bells {
			b.at = now.add(time.Duration(random.Int64N(int64(4 * time.Second))))
			b.armed = true
			w.set(&b.alarm, b.at, now)
		}
		for rounds := 0; w.next() != 0; rounds++ {
			if rounds > 2000 {
				t.Fatalf("seed %d: next() does not come to an end", seed)
			}
			if w.next() <= now {
				t.Fatalf("seed %d: after expire(%v) next() = %v, want later", seed, now, w.next())
			}
			now = w.next()
			due := w.expire(now)
			for _, r := range due {
				if late := now.sub(r.(*bell).at); late > wheelTick {
					t.Fatalf("seed %d: bell %d rang %v late, want at most %v", seed, r.(*bell).id, late, wheelTick)
				}
			}
			checkRung(t, seed, due, bells, now)
		}
		if slices.ContainsFunc(bells, func(b *bell) bool { return b.armed }) {
			t.Fatalf("seed %d: next() = 0 with bells armed", seed)
		}
	}
}

func TestWheelMovesAnAlarm(t *testing.T) {
	t.Parallel()
	var w wheel
	b := newBells(1)[0]
	w.set(&b.alarm, instant(time.Second), 1)
	w.set(&b.alarm, instant(100*time.Millisecond), 1)
	if due := w.expire(instant(200 * time.Millisecond)); len(due) != 1 {
		t.Fatalf("expire() rang %d alarms, want 1", len(due))
	}
	if w.next() != 0 || w.filled != 0 {
		t.Errorf("next() = %v, want never", w.next())
	}
	w.clear(&b.alarm) // not armed: nothing happens
}

// TestWheelAtTheEndOfTime keeps an alarm for a deadline in the far future from
// waking the sweeper more often than once in a turn.
func TestWheelAtTheEndOfTime(t *testing.T) {
	t.Parallel()
	var c clock
	c.start = time.Now()
	for _, at := range []instant{
		instant(time.Hour).add(math.MaxInt64),
		c.instant(time.Unix(1<<40, 0)),
		instant(time.Hour).add(time.Duration(math.MaxInt64 - 1)),
	} {
		var w wheel
		b := newBells(1)[0]
		now := instant(time.Hour)
		if at <= now {
			t.Errorf("a moment in the far future is %v, want after %v", at, now)
			continue
		}
		w.set(&b.alarm, at, now)
		if ahead := w.next().sub(now); ahead < 400*time.Millisecond {
			t.Errorf("next() for an alarm at %d is %v ahead, want a turn of the wheel", at, ahead)
		}
		if due := w.expire(now.add(time.Minute)); len(due) != 0 {
			t.Errorf("expire() rang an alarm at %d", at)
		}
	}
}

func TestEarliest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ a, b, want instant }{
		{0, 0, 0}, {0, 5, 5}, {5, 0, 5}, {5, 6, 5}, {6, 5, 5},
	} {
		if got := earliest(tt.a, tt.b); got != tt.want {
			t.Errorf("earliest(%d, %d) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	c := newClock()
	if c.now() <= 0 {
		t.Errorf("now() = %d, want more than 0", c.now())
	}
	if got := c.instant(c.start.Add(-time.Hour)); got != 1 {
		t.Errorf("instant of a time before the start = %d, want 1", got)
	}
	at := c.start.Add(90 * time.Minute)
	if got := c.time(c.instant(at)); !got.Equal(at) {
		t.Errorf("time(instant(%v)) = %v", at, got)
	}
}
