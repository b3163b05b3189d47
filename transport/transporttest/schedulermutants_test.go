package transporttest

import (
	"context"
	"errors"
	"time"

	"github.com/atasks-io/atasks/transport"
)

func schedulerMutants() []mutant {
	return []mutant{
		{name: "stores before it is due", caught: "schedules/become records when they are due, and not before", scheduler: shift(-50 * time.Millisecond)},
		{name: "stores twice", caught: "schedules/become records when they are due, and not before", scheduler: storeTwice},
		{name: "drops what is past", caught: "schedules/come due at once when their time has passed", scheduler: dropPast},
		{name: "keeps the schedule before", caught: "schedules/are replaced by the next one of their key", scheduler: keepAll},
		{name: "calls nothing off", caught: "schedules/are called off", scheduler: callNothingOff},
		{name: "spares the record that is there", caught: "schedules/replace the record that is there", scheduler: spareRecord},
		{name: "removes what came due when it is set again", caught: "schedules/can be set again after they came due", scheduler: removeRecord},
		{name: "keeps all schedules of rivals", caught: "schedules/of one key by many leave one", scheduler: keepAll},
		{name: "loses one of many", caught: "schedules/of many keys come due at one time", scheduler: loseSome},
		{name: "forgets with the connection", caught: "schedules/outlive the connection that set them", scheduler: forgetWithConn},
		{name: "schedules any key", caught: "schedules/have keys and values within limits", scheduler: onScheduleError(transport.ErrKey, nil)},
		{name: "schedules any value", caught: "schedules/have keys and values within limits", scheduler: onScheduleError(transport.ErrTooLarge, nil)},
		{name: "says something else when schedules are closed", caught: "schedules/fail when closed, or without time", scheduler: onScheduleError(transport.ErrClosed, errors.New("something went wrong"))},
		{name: "takes schedules unasked", caught: "schedules/belong to stores that were opened for them", unasked: true},
		{name: "pretends to set in a cut", caught: "schedule outage/sets nothing, and what was set comes due", scheduler: onScheduleError(transport.ErrStoreUnavailable, nil)},
	}
}

// brokenScheduler is a scheduler whose methods may have been replaced.
type brokenScheduler struct {
	*brokenStore
	inner      transport.Scheduler
	schedule   func(ctx context.Context, key string, value []byte, at time.Time) error
	unschedule func(ctx context.Context, key string) error
}

func newBrokenScheduler(b *brokenStore, inner transport.Scheduler, m mutant) *brokenScheduler {
	s := &brokenScheduler{brokenStore: b, inner: inner, unschedule: inner.Unschedule}
	s.schedule = s.innerSchedule
	if m.scheduler != nil {
		m.scheduler(s)
	}
	return s
}

func (s *brokenScheduler) Schedule(ctx context.Context, key string, value []byte, at time.Time) error {
	return s.schedule(ctx, key, value, at)
}

func (s *brokenScheduler) Unschedule(ctx context.Context, key string) error {
	if err := s.reach(); err != nil {
		return err
	}
	return s.unschedule(ctx, key)
}

// innerSchedule is the Schedule that keeps its promises.
func (s *brokenScheduler) innerSchedule(ctx context.Context, key string, value []byte, at time.Time) error {
	if err := s.reach(); err != nil {
		return err
	}
	return s.inner.Schedule(ctx, key, value, at)
}

// later does what a scheduler must not leave to its own process.
func later(ctx context.Context, at time.Time, do func(ctx context.Context)) {
	ctx = context.WithoutCancel(ctx)
	time.AfterFunc(time.Until(at), func() { do(ctx) })
}

func shift(d time.Duration) func(*brokenScheduler) {
	return func(s *brokenScheduler) {
		s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
			return s.innerSchedule(ctx, key, value, at.Add(d))
		}
	}
}

func storeTwice(s *brokenScheduler) {
	s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
		later(ctx, at.Add(100*time.Millisecond), func(ctx context.Context) {
			_, _ = s.innerPut(ctx, key, value, s.current(ctx, key), 0)
		})
		return s.innerSchedule(ctx, key, value, at)
	}
}

func dropPast(s *brokenScheduler) {
	s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
		if time.Since(at) > time.Minute {
			return nil
		}
		return s.innerSchedule(ctx, key, value, at)
	}
}

func keepAll(s *brokenScheduler) {
	s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
		later(ctx, at, func(ctx context.Context) { _ = s.innerSchedule(ctx, key, value, at) })
		return nil
	}
}

func callNothingOff(s *brokenScheduler) {
	s.unschedule = func(context.Context, string) error { return nil }
}

func spareRecord(s *brokenScheduler) {
	s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
		later(ctx, at, func(ctx context.Context) { _, _ = s.innerPut(ctx, key, value, 0, 0) })
		return nil
	}
}

func removeRecord(s *brokenScheduler) {
	s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
		_ = s.del(ctx, key, s.current(ctx, key))
		return s.innerSchedule(ctx, key, value, at)
	}
}

func loseSome(s *brokenScheduler) {
	s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
		if len(key) > 2 && key[len(key)-2:] == ".7" {
			return nil
		}
		return s.innerSchedule(ctx, key, value, at)
	}
}

func forgetWithConn(s *brokenScheduler) {
	s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
		later(ctx, at, func(ctx context.Context) { _ = s.innerSchedule(ctx, key, value, at) }) // fails when closed
		return nil
	}
}

// onScheduleError answers with another error than this one.
func onScheduleError(from, to error) func(*brokenScheduler) {
	return func(s *brokenScheduler) {
		s.schedule = func(ctx context.Context, key string, value []byte, at time.Time) error {
			if err := s.innerSchedule(ctx, key, value, at); !errors.Is(err, from) {
				return err
			}
			return to
		}
	}
}
