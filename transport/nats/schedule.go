package nats

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// The headers of a schedule, see ADR-51 of NATS.
const (
	scheduleHeader      = "Nats-Schedule"
	targetHeader        = "Nats-Schedule-Target"
	nextHeader          = "Nats-Schedule-Next"
	schedulerHeader     = "Nats-Scheduler"
	expectSubjectHeader = "Nats-Expected-Last-Subject-Sequence-Subject"
	purgeNext           = "purge"
)

// scheduler is a store whose stream takes schedules. One is a message on a
// subject of its own, below that of its key. Were it the same subject for all
// schedules of a key, then one that is set while the one before comes due could
// be lost: the server stores the record and purges the subject of the schedule
// that it came from, whatever is there by then.
type scheduler struct{ *store }

var _ transport.Scheduler = scheduler{}

// scheduled returns the subject of a schedule of key, or with "*" the pattern
// of all.
func (s *store) scheduled(key, id string) string {
	return "at-schedule." + s.config.Name + "." + key + "." + id
}

// schedules is the pattern of all schedules of the store.
func (s *store) schedules() string { return "at-schedule." + s.config.Name + ".>" }

// Schedule implements transport.Scheduler.
func (s scheduler) Schedule(ctx context.Context, key string, value []byte, at time.Time) error {
	err := s.check(key)
	if limit := int(s.conn.payload.Load()); err == nil && len(value)+transport.ScheduleOverhead > limit {
		err = fmt.Errorf("%w: a value of %d bytes, at most %d", transport.ErrTooLarge, len(value), limit-transport.ScheduleOverhead)
	}
	if err == nil {
		err = s.replace(ctx, key, nil, func(old *message) *nats.Msg {
			m := &nats.Msg{Subject: s.scheduled(key, rand.Text()[:10]), Data: value, Header: nats.Header{
				scheduleHeader: []string{"@at " + dueTime(at)},
				targetHeader:   []string{s.subject(key)},
			}}
			if old != nil && !old.marker {
				m.Header[nextHeader] = []string{purgeNext}
				m.Header[schedulerHeader] = []string{old.subject}
			}
			return m
		})
	}
	if err != nil {
		return s.explain("schedule", key, err)
	}
	return nil
}

// Unschedule implements transport.Scheduler.
func (s scheduler) Unschedule(ctx context.Context, key string) error {
	err := s.check(key)
	var old *message
	if err == nil {
		old, err = s.read(ctx, query{LastFor: s.scheduled(key, "*")})
	}
	if err == nil {
		err = s.replace(ctx, key, old, func(old *message) *nats.Msg {
			if old == nil || old.marker {
				return nil
			}
			return &nats.Msg{Subject: old.subject, Header: nats.Header{
				operationHeader: []string{purged},
				ttlHeader:       []string{strconv.Itoa(int(transport.MinTTL / time.Second))},
			}}
		})
	}
	if err != nil {
		return s.explain("unschedule", key, err)
	}
	return nil
}

// replace writes what next makes of the newest message that key has among the
// schedules, for which old is the first guess, nil for none. Next may return
// nil when there is nothing to do. It compares all schedules of the key at once,
// so of several who set one at the same time one is left.
func (s scheduler) replace(ctx context.Context, key string, old *message, next func(old *message) *nats.Msg) error {
	all := s.scheduled(key, "*")
	for tries := 1; ; tries++ { // another may come between, one may come due, a marker may go
		m := next(old)
		if m == nil {
			return nil
		}
		m.Header[expectSubjectHeader] = []string{all}
		var last transport.Revision
		if old != nil {
			last = old.revision
		}
		_, err := s.write(ctx, m, last)
		if !errors.Is(err, transport.ErrConflict) || tries == 8 {
			return err
		}
		if old, err = s.read(ctx, query{LastFor: all}); err != nil {
			return err
		}
	}
}

// dueTime returns at as the server reads it, who counts nanoseconds since 1970
// in 64 bits and takes the zero time for no schedule.
func dueTime(at time.Time) string {
	first, last := time.Unix(1, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	if at.Before(first) {
		at = first
	}
	if at.After(last) {
		at = last
	}
	return at.UTC().Format(time.RFC3339Nano)
}
