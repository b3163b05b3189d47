package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// shortly is when schedules come due that have to be looked at before.
const shortly = 600 * time.Millisecond

func scheduleCases() []testCase {
	return []testCase{
		{"become records when they are due, and not before", schedulesDue},
		{"come due at once when their time has passed", schedulesPast},
		{"are replaced by the next one of their key", schedulesReplaced},
		{"are called off", schedulesCalledOff},
		{"replace the record that is there", schedulesOverRecord},
		{"can be set again after they came due", schedulesAgain},
		{"of one key by many leave one", schedulesRivals},
		{"of many keys come due at one time", schedulesMany},
		{"are not lost when the one before comes due in that moment", schedulesResetWhenDue},
		{"outlive the connection that set them", schedulesOutlive},
		{"have keys and values within limits", schedulesLimits},
		{"fail when closed, or without time", schedulesClosed},
		{"belong to stores that were opened for them", schedulesUnasked},
	}
}

func schedulesDue(f *fixture) {
	_, s := f.schedules()
	_, other := f.schedules()
	all := other.arrivals(f.prefix)
	start := time.Now()
	dues := map[string]time.Time{}
	for i := range 20 { // at any part of a second
		key := f.subject(fmt.Sprint("k.", i))
		dues[key] = start.Add(shortly + time.Duration(i)*33*time.Millisecond + time.Duration(i)*777*time.Microsecond)
		s.set(key, key, dues[key])
	}
	if records, _ := s.list(f.prefix); len(records) > 0 && time.Since(start) < shortly {
		f.Errorf("List() before anything is due = %v, want nothing", records)
	}
	for len(dues) > 0 {
		a := wait(f, all, "%d records", len(dues))
		due, ok := dues[a.entry.Key]
		switch {
		case !ok:
			f.Fatalf("%q was stored twice, or never set", a.entry.Key)
		case a.at.Before(due):
			f.Errorf("%q was stored %v early", a.entry.Key, due.Sub(a.at))
		case string(a.entry.Value) != a.entry.Key:
			f.Errorf("the value of %q = %q, want its key", a.entry.Key, a.entry.Value)
		}
		delete(dues, a.entry.Key)
		other.expect(a.entry.Key, a.entry.Key, a.entry.Revision)
		other.remove(a.entry.Key, a.entry.Revision)
	}
	s.set(f.subject("last"), "x", time.Now())
	other.expectArrival(all, f.subject("last"), "x") // and nothing a second time
}

func schedulesPast(f *fixture) {
	_, s := f.schedules()
	all := s.arrivals(f.prefix)
	for i, at := range []time.Time{time.Now(), time.Now().Add(-time.Hour), {}, time.Unix(0, 0), time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		key := f.subject(fmt.Sprint(i))
		s.set(key, fmt.Sprint(at), at)
		s.expectArrival(all, key, fmt.Sprint(at))
	}
	far := f.subject("far")
	for _, at := range []time.Time{time.Now().AddDate(90, 0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		s.set(far, "far", at)
	}
	s.set(f.subject("last"), "x", time.Now())
	s.expectArrival(all, f.subject("last"), "x")
	s.drop(far)
}

func schedulesReplaced(f *fixture) {
	_, s := f.schedules()
	now := s.arrivals(f.subject("now"))
	s.set(f.subject("now.a"), "old", time.Now().Add(time.Hour))
	s.set(f.subject("now.a"), "new", time.Now())
	s.expectArrival(now, f.subject("now.a"), "new")
	var later, twice string
	var all <-chan arrival
	f.inTime(func(prefix string, start time.Time) {
		all = s.arrivals(prefix)
		later, twice = prefix+".later", prefix+".twice"
		s.set(later, "old", start.Add(shortly))
		s.set(twice, "old", start.Add(shortly))
		s.set(twice, "old", start.Add(time.Hour))
		s.set(twice, "older", start.Add(time.Hour))
		s.set(later, "new", start.Add(2*shortly))
		s.set(twice, "new", start.Add(2*shortly+100*time.Millisecond))
	})
	s.expectArrival(all, later, "new")
	s.expectArrival(all, twice, "new")
}

func schedulesCalledOff(f *fixture) {
	_, s := f.schedules()
	s.drop(f.subject("a")) // which is not there
	var a, b, last string
	var all <-chan arrival
	f.inTime(func(prefix string, start time.Time) {
		all = s.arrivals(prefix)
		a, b, last = prefix+".a", prefix+".b", prefix+".last"
		s.set(a, "x", start.Add(shortly))
		s.set(b, "x", start.Add(shortly))
		s.drop(a)
		s.drop(a)
		s.drop(b)
		s.set(b, "again", start.Add(2*shortly))
	})
	s.expectArrival(all, b, "again")
	s.drop(b)
	s.set(last, "x", time.Now())
	s.expectArrival(all, last, "x")
}

// inTime does what has to be done before something is due shortly after start,
// again and again, each time with another prefix of keys, until it was fast
// enough to tell something.
func (f *fixture) inTime(do func(prefix string, start time.Time)) {
	f.Helper()
	n := 0
	f.eventually("the machine to have time", func() bool {
		n++
		start := time.Now()
		do(f.subject(fmt.Sprint("t", n)), start)
		return time.Since(start) < shortly
	})
}

func schedulesOverRecord(f *fixture) {
	_, s := f.schedules()
	key := f.subject("a")
	rev := s.put(key, "before", 0)
	all := s.arrivals(f.prefix)
	s.expectArrival(all, key, "before")
	s.set(key, "due", time.Now())
	a := s.expectArrival(all, key, "due")
	s.expectConflict(key, rev)
	s.remove(key, a.entry.Revision)
	s.expectNone(key)
	s.set(key, "again", time.Now()) // over what is left of the deletion
	a = s.expectArrival(all, key, "again")
	s.put(key, "after", a.entry.Revision)
	s.expectArrival(all, key, "after")
}

// What came due and was not taken yet stays when the schedule is set again or
// called off, until the new one replaces it.
func schedulesAgain(f *fixture) {
	_, s := f.schedules()
	key := f.subject("a")
	all := s.arrivals(f.prefix)
	s.set(key, "first", time.Now())
	first := s.expectArrival(all, key, "first")
	s.set(key, "called off", time.Now().Add(time.Hour))
	s.expect(key, "first", first.entry.Revision)
	s.drop(key)
	s.expect(key, "first", first.entry.Revision)
	s.set(key, "second", time.Now())
	second := s.expectArrival(all, key, "second")
	s.expectConflict(key, first.entry.Revision)
	s.remove(key, second.entry.Revision)
	s.expectNone(key)
}

func schedulesRivals(f *fixture) {
	_, s := f.schedules()
	var rivals []*schedules
	for range 6 {
		_, r := f.schedules()
		rivals = append(rivals, r)
	}
	var key, last string
	var all <-chan arrival
	var due time.Time
	f.inTime(func(prefix string, start time.Time) {
		all = s.arrivals(prefix)
		key, last, due = prefix+".a", prefix+".last", start.Add(shortly)
		var done sync.WaitGroup
		for i, r := range rivals {
			done.Go(func() {
				for n := range 4 {
					err := r.Schedule(f.ctx, key, fmt.Appendf(nil, "%d.%d", i, n), due.Add(time.Duration(n)*time.Millisecond))
					if err != nil && !errors.Is(err, transport.ErrConflict) {
						f.Errorf("Schedule() beside others = %v, want nil or ErrConflict", err)
					}
				}
			})
		}
		done.Wait()
	})
	s.set(last, "x", due.Add(300*time.Millisecond))
	if a := wait(f, all, "the record"); a.entry.Key != key || a.at.Before(due) {
		f.Fatalf("the first record is %q, %v after it was due, want %q", a.entry.Key, a.at.Sub(due), key)
	}
	s.expectArrival(all, last, "x") // one is left, so one came due
}

func schedulesMany(f *fixture) {
	f = f.patient(3)
	_, s := f.schedules()
	all := s.arrivals(f.prefix)
	const workers, each = 16, 32
	due := time.Now().Add(shortly)
	var setting sync.WaitGroup
	for w := range workers {
		setting.Go(func() {
			for n := range each {
				key := f.subject(fmt.Sprint(w, ".", n))
				if err := s.Schedule(f.ctx, key, []byte(key), due); err != nil {
					f.Errorf("Schedule(%q) = %v, want nil", key, err)
				}
			}
		})
	}
	setting.Wait()
	seen := map[string]bool{}
	for len(seen) < workers*each {
		a := wait(f, all, "record %d of %d", len(seen)+1, workers*each)
		if a.at.Before(due) || seen[a.entry.Key] || string(a.entry.Value) != a.entry.Key {
			f.Fatalf("%q with %q was stored %v after it was due, seen before: %v", a.entry.Key, a.entry.Value, a.at.Sub(due), seen[a.entry.Key])
		}
		seen[a.entry.Key] = true
	}
	s.set(f.subject("last"), "x", time.Now())
	s.expectArrival(all, f.subject("last"), "x")
}

func schedulesResetWhenDue(f *fixture) {
	f = f.patient(3)
	_, s := f.schedules()
	all := s.arrivals(f.prefix)
	const workers, each = 64, 16
	due := time.Now().Add(shortly)
	again := due.Add(shortly)
	var setting sync.WaitGroup
	for w := range workers {
		setting.Go(func() {
			set := func(value string, at time.Time) {
				for n := range each {
					key := f.subject(fmt.Sprint(w, ".", n))
					if err := s.Schedule(f.ctx, key, []byte(value), at); err != nil {
						f.Errorf("Schedule(%q) = %v, want nil", key, err)
					}
				}
			}
			set("first", due)
			select { // so that some come before, some after, and some in between
			case <-time.After(time.Until(due.Add(-10 * time.Millisecond))):
			case <-f.ctx.Done():
			}
			set("second", again)
		})
	}
	setting.Wait()
	done := map[string]bool{}
	for len(done) < workers*each {
		a := wait(f, all, "the second record of %d keys", workers*each-len(done))
		switch {
		case done[a.entry.Key]:
			f.Fatalf("%q was stored as %q after the second", a.entry.Key, a.entry.Value)
		case string(a.entry.Value) == "second":
			done[a.entry.Key] = true
		}
	}
}

func schedulesOutlive(f *fixture) {
	c, s := f.schedules()
	s.set(f.subject("a"), "x", time.Now().Add(shortly))
	if err := c.Close(); err != nil {
		f.Errorf("Close() = %v, want nil", err)
	}
	_, other := f.schedules()
	other.expectArrival(other.arrivals(f.prefix), f.subject("a"), "x")
}

func schedulesLimits(f *fixture) {
	c, s := f.schedules()
	for _, key := range []string{"", ".", "a..b", "a.*", "a.>", "ä", strings.Repeat("k", transport.MaxKey+1)} {
		if err := s.Schedule(f.ctx, key, nil, time.Now()); !errors.Is(err, transport.ErrKey) {
			f.Errorf("Schedule(%.80q) = %v, want ErrKey", key, err)
		}
		if err := s.Unschedule(f.ctx, key); !errors.Is(err, transport.ErrKey) {
			f.Errorf("Unschedule(%.80q) = %v, want ErrKey", key, err)
		}
	}
	all := s.arrivals(f.prefix)
	long := f.subject("")
	long += strings.Repeat("k", transport.MaxKey-len(long))
	size := 100_000
	if limit := c.Features().MaxPayload; limit > 0 {
		size = limit - transport.ScheduleOverhead
		if err := s.Schedule(f.ctx, long, make([]byte, limit), time.Now()); !errors.Is(err, transport.ErrTooLarge) {
			f.Errorf("Schedule() of %d bytes, where a message has at most %d = %v, want ErrTooLarge", limit, limit, err)
		}
	}
	s.set(long, "x", time.Now().Add(time.Hour))
	value := []byte(strings.Repeat("v", size))
	if err := s.Schedule(f.ctx, long, value, time.Now()); err != nil {
		f.Fatalf("Schedule() of %d bytes = %v, want nil", size, err)
	}
	copy(value, "changed") // it belongs to the caller again
	s.expectArrival(all, long, strings.Repeat("v", size))
	// A key and one below it have schedules of their own.
	s.set(f.subject("a"), "a", time.Now().Add(time.Hour))
	s.set(f.subject("a.b"), "b", time.Now())
	s.expectArrival(all, f.subject("a.b"), "b")
	s.drop(f.subject("a.b"))
	s.set(f.subject("a"), "", time.Now())
	s.expectArrival(all, f.subject("a"), "")
}

func (s *schedules) attempts(key string) []attempt {
	return []attempt{
		{"Schedule", func(ctx context.Context) error { return s.Schedule(ctx, key, []byte("attempted"), time.Now()) }},
		{"Unschedule", func(ctx context.Context) error { return s.Unschedule(ctx, key) }},
	}
}

func schedulesClosed(f *fixture) {
	_, s := f.schedules()
	ended, cancel := context.WithCancel(f.ctx)
	cancel()
	for _, a := range s.attempts(f.subject("a")) {
		if err := a.do(ended); !errors.Is(err, transport.ErrStoreUnavailable) || !errors.Is(err, context.Canceled) {
			f.Errorf("%s() with a context that has ended = %v, want ErrStoreUnavailable and the cause", a.name, err)
		}
	}
	if err := s.Close(); err != nil {
		f.Errorf("Close() = %v, want nil", err)
	}
	for _, a := range s.attempts(f.subject("a")) {
		if err := a.do(f.ctx); !errors.Is(err, transport.ErrClosed) {
			f.Errorf("%s() when closed = %v, want ErrClosed", a.name, err)
		}
	}
	_, other := f.schedules()
	all := other.arrivals(f.prefix)
	other.set(f.subject("last"), "x", time.Now())
	other.expectArrival(all, f.subject("last"), "x")
}

func schedulesUnasked(f *fixture) {
	_, s := f.storer()
	f.schedules()
	st, err := s.OpenStore(f.ctx, transport.StoreConfig{Name: schedulesName})
	if err != nil {
		f.Fatalf("OpenStore() = %v, want nil", err)
	}
	if _, ok := st.(transport.Scheduler); ok {
		f.Errorf("OpenStore() without Schedules = a transport.Scheduler, want none")
	}
}

func scheduleOutageCases() []testCase {
	return []testCase{
		{"sets nothing, and what was set comes due", scheduleOutage},
	}
}

func scheduleOutage(f *fixture) {
	f = f.patient(3)
	c, s := f.schedules()
	all := s.arrivals(f.prefix)
	s.set(f.subject("before"), "x", time.Now().Add(shortly))
	f.cut(c)
	for _, a := range s.attempts(f.subject("meanwhile")) {
		f.within(a.name+" during a cut", func() {
			if err := a.do(f.ctx); !errors.Is(err, transport.ErrStoreUnavailable) {
				f.Errorf("%s() during a cut = %v, want ErrStoreUnavailable", a.name, err)
			}
		})
	}
	f.heal(c)
	s.expectArrival(all, f.subject("before"), "x")
	s.set(f.subject("after"), "x", time.Now())
	s.expectArrival(all, f.subject("after"), "x")
}
