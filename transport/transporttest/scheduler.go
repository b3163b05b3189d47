package transporttest

import (
	"context"
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport"
)

func schedulerTopics() []topic {
	return []topic{
		{name: "schedules", cases: scheduleCases()},
		{name: "schedule outage", cases: scheduleOutageCases(), unless: cannotBeCut, own: true},
	}
}

// RunScheduler checks that the stores of a fabric keep the promises of
// transport.Scheduler. It fails when they are none. It returns as Run does, and
// may be called beside it and RunStore.
func RunScheduler(t *testing.T, open Open) {
	t.Helper()
	runTopics(t, open, schedulerTopics())
}

// schedulesName is that of the store that takes schedules; the one of RunStore
// does not.
const schedulesName = storeName + "-schedules"

// schedules is a scheduler with its owner.
type schedules struct {
	*records
	scheduler transport.Scheduler
}

func (s *schedules) Schedule(ctx context.Context, key string, value []byte, at time.Time) error {
	return s.scheduler.Schedule(ctx, key, value, at)
}

func (s *schedules) Unschedule(ctx context.Context, key string) error {
	return s.scheduler.Unschedule(ctx, key)
}

// schedules opens the store on a connection of its own.
func (f *fixture) schedules() (*link, *schedules) {
	f.Helper()
	c, s := f.storer()
	st, err := s.OpenStore(f.ctx, transport.StoreConfig{Name: schedulesName, Schedules: true})
	if err != nil {
		f.Fatalf("OpenStore(%q, Schedules) = %v, want nil", schedulesName, err)
	}
	sc, ok := st.(transport.Scheduler)
	if !ok {
		f.Fatalf("OpenStore(%q, Schedules) = a %T, want a transport.Scheduler", schedulesName, st)
	}
	return c, &schedules{&records{st, f}, sc}
}

// set schedules what must be taken.
func (s *schedules) set(key, value string, at time.Time) {
	s.f.Helper()
	if err := s.Schedule(s.f.ctx, key, []byte(value), at); err != nil {
		s.f.Fatalf("Schedule(%.80q) = %v, want nil", key, err)
	}
}

// drop calls off what there may be.
func (s *schedules) drop(key string) {
	s.f.Helper()
	if err := s.Unschedule(s.f.ctx, key); err != nil {
		s.f.Fatalf("Unschedule(%.80q) = %v, want nil", key, err)
	}
}

// arrival is a record, and when the watch told of it.
type arrival struct {
	entry transport.Entry
	at    time.Time
}

// arrivals watches what is stored under prefix.
func (s *schedules) arrivals(prefix string) <-chan arrival {
	s.f.Helper()
	all := make(chan arrival, 1<<12) // room for more than any case causes
	synced := make(chan struct{}, 1<<6)
	_, err := s.Watch(prefix, func(c transport.Change) {
		switch c.Kind {
		case transport.Stored:
			all <- arrival{c.Entry, time.Now()}
		case transport.Synced:
			synced <- struct{}{}
		case transport.Deleted:
		}
	})
	if err != nil {
		s.f.Fatalf("Watch(%q) = %v, want nil", prefix, err)
	}
	wait(s.f, synced, "the watch to begin")
	return all
}

// expectArrival waits for the next record, which must be this one.
func (s *schedules) expectArrival(all <-chan arrival, key, value string) arrival {
	s.f.Helper()
	a := wait(s.f, all, "the record of %.80q", key)
	if a.entry.Key != key || string(a.entry.Value) != value {
		s.f.Fatalf("the next record is %.80q %.80q, want %.80q %.80q", a.entry.Key, a.entry.Value, key, value)
	}
	return a
}
